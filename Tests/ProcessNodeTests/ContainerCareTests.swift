import JSON
import KubernetesModel
import Testing

@testable import ProcessNode

/// What probes and hooks a container has, and which are refused.
@Suite struct ContainerCareTests {
    private static func care(_ json: String, isInit: Bool = false) throws -> ContainerCare {
        var container = try JSONValue(parsing: json)
        container["name"] = "c"
        return try ContainerCare(ContainerSpec(container, isInit: isInit))
    }

    @Test func `Figures have the defaults of the API`() throws {
        let probe = try #require(
            try Self.care(#"{"livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 0}}"#).probes[.liveness])
        #expect(probe.timing == ProbeSchedule.Timing())
        #expect(probe.timing.period == .seconds(10) && probe.timeout == .seconds(1) && probe.grace == nil)
        let other = try #require(
            try Self.care(
                """
                {"startupProbe": {"tcpSocket": {"port": 80}, "initialDelaySeconds": 1, "periodSeconds": 2, "timeoutSeconds": 3,
                 "successThreshold": 4, "failureThreshold": 5, "terminationGracePeriodSeconds": 6}}
                """
            ).probes[.startup])
        #expect(
            other
                == ContainerCare.Probe(
                    action: .tcp(host: "127.0.0.1", port: 80),
                    timing: .init(
                        initialDelay: .seconds(1), period: .seconds(2), successThreshold: 4, failureThreshold: 5),
                    timeout: .seconds(3), grace: .seconds(6)))
    }

    @Test(arguments: [
        (#"{"exec": {"command": ["x", "$(A)$(B)$(C)$$(A)"]}}"#, ContainerAction.exec(["x", "one$(C)$(A)"])),
        (#"{"tcpSocket": {"port": "web"}}"#, .tcp(host: "127.0.0.1", port: 8080)),
        (#"{"tcpSocket": {"port": "81", "host": "::1"}}"#, .tcp(host: "::1", port: 81)),
        (
            #"{"tcpSocket": {"port": "other"}}"#,
            .impossible("strconv.Atoi: parsing \"other\": invalid syntax")
        ),
        (
            #"{"httpGet": {"port": 80}}"#,
            .http(.init(isSecure: false, host: "127.0.0.1", port: 80, path: "/", headers: []))
        ),
        (
            #"{"httpGet": {"port": "web", "path": "a?b", "scheme": "HTTPS", "httpHeaders": [{"name": "X", "value": "y"}]}}"#,
            .http(
                .init(
                    isSecure: true, host: "127.0.0.1", port: 8080, path: "/a?b",
                    headers: [.init(name: "X", value: "y")]))
        ),
    ])
    func `Actions are read as a kubelet reads them`(json: String, action: ContainerAction) throws {
        let care = try Self.care(
            """
            {"readinessProbe": \(json), "ports": [{"name": "web", "containerPort": 8080}],
             "env": [{"name": "A", "value": "one"}, {"name": "B", "valueFrom": {}}]}
            """)
        #expect(care.probes[.readiness]?.action == action)
    }

    @Test func `The commands of hooks are taken as they are`() throws {
        let care = try Self.care(
            """
            {"env": [{"name": "A", "value": "one"}],
             "lifecycle": {"postStart": {"exec": {"command": ["echo", "$(A)"]}}, "preStop": {"sleep": {"seconds": 3}}}}
            """)
        #expect(care.postStart == .exec(["echo", "$(A)"]) && care.preStop == .sleep(.seconds(3)))
    }

    @Test func `A probe goes where a port of the pod's own gang is here, and to other hosts as it says`() throws {
        let pod = try NodePod([
            "metadata": ["name": "p", "namespace": "ns", "uid": "u", "labels": ["sluice.dev/gang": "g"]],
            "spec": ["hostname": "a-0", "subdomain": "sub"],
        ])
        let gang = try #require(GangAddresses(pod, ports: GangPorts()))
        var environment = ContainerEnvironment(["MASTER_ADDR": "a-0.sub", "MASTER_PORT": "29500"])
        gang.rewrite(&environment)
        let port = try #require(environment.variables["MASTER_PORT"].flatMap { Int($0) })
        #expect(port != 29500)
        var care = try Self.care(
            """
            {"startupProbe": {"tcpSocket": {"port": 29500}}, "livenessProbe": {"tcpSocket": {"port": 80}},
             "readinessProbe": {"httpGet": {"port": 29500, "host": "elsewhere"}}}
            """)
        let before = care
        care.mapPorts(gang.ownPort)
        #expect(care.probes[.startup]?.action == .tcp(host: "127.0.0.1", port: port))
        #expect(care.probes[.liveness] == before.probes[.liveness])
        #expect(care.probes[.readiness] == before.probes[.readiness])
    }

    @Test(arguments: [
        (
            #"{"livenessProbe": {"grpc": {"port": 1}}}"#, false,
            "livenessProbe with grpc is not honoured by this node, only one of exec, httpGet, tcpSocket"
        ),
        (
            #"{"livenessProbe": {"periodSeconds": 1}}"#, false,
            "livenessProbe with nothing is not honoured by this node, only one of exec, httpGet, tcpSocket"
        ),
        (
            #"{"lifecycle": {"preStop": {"tcpSocket": {"port": 1}}}}"#, false,
            "lifecycle.preStop with tcpSocket is not honoured by this node, only one of exec, httpGet, sleep"
        ),
        (#"{"lifecycle": {"stopSignal": "SIGINT"}}"#, false, "lifecycle.stopSignal is not honoured by this node"),
        (
            #"{"startupProbe": {"exec": {"command": ["true"]}}}"#, true,
            "startupProbe is not for init containers without restartPolicy Always"
        ),
    ])
    func `What is not honoured is refused`(json: String, isInit: Bool, message: String) {
        #expect(
            throws: ContainerProblem(reason: "CreateContainerConfigError", message: "container \"c\": \(message)")
        ) { try Self.care(json, isInit: isInit) }
    }
}

/// What probes make of the status of a pod.
@Suite struct ProbedStatusTests {
    private static func status(_ change: (inout ContainerRecord) -> Void) throws -> JSONValue {
        let spec = ContainerSpec(["name": "main", "image": "busybox:1"], isInit: false)
        var record = ContainerRecord(spec, waiting: "ContainerCreating")
        record.containerID = "process://1"
        change(&record)
        return NodePodStatus(
            generation: 1, restartPolicy: .never, containers: [record], isPrepared: true, isOver: false,
            startTime: Timestamp(seconds: 0)
        ).json(previous: [:], now: Timestamp(seconds: 5))
    }

    // golden/pods/readiness and start-up-probe-then-ready.
    @Test(arguments: [(false, false), (true, false), (true, true)])
    func `A pod is ready when its containers have started and are ready`(isStarted: Bool, isPassing: Bool) throws {
        let status = try Self.status { record in
            record.state = .running(since: Timestamp(seconds: 1))
            (record.isStarted, record.isPassing) = (isStarted, isPassing)
        }
        let container = status["containerStatuses"]?[0]
        #expect(status["phase"] == "Running")
        #expect(container?["started"] == .bool(isStarted) && container?["ready"] == .bool(isPassing))
        for type in ["Ready", "ContainersReady"] {
            let condition = status["conditions"]?.array?.first { $0["type"]?.string == type }
            #expect(condition?["status"] == (isPassing ? "True" : "False"))
            #expect(condition?["reason"] == (isPassing ? nil : "ContainersNotReady"))
            #expect(condition?["message"] == (isPassing ? nil : "containers with unready status: [main]"))
        }
    }
}
