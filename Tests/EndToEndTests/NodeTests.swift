import Foundation
import JSON
import LoopbackTesting
import Testing

/// The process node and its cluster where things go wrong.
@Suite(.serialized) struct NodeTests {
    /// Waits for a program's end, and kills it when that takes too long.
    private func end(of program: Program, within limit: Duration) async -> Int32 {
        let guardian = Task {
            try await Task.sleep(for: limit)
            program.signal(SIGKILL)
        }
        defer { guardian.cancel() }
        return await program.waitForEnd()
    }

    @Test func `sluice up on a port that is taken ends at once with one sentence and exit code 1`() async throws {
        let listener = try LoopbackSocket(backlog: 1)
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let program = try Program(
            Tools.sluice, ["up", "--port", "\(listener.port)", "--kubeconfig", "\(directory)/kubeconfig"],
            directory: directory)
        #expect(await end(of: program, within: .seconds(20)) == 1)
        #expect(
            program.errors.contains(
                "cannot listen on port \(listener.port) of 127.0.0.1: another program listens there"),
            "\(program.errors)")
        #expect(program.errors.split(separator: "\n").count == 1, "\(program.errors)")
    }

    @Test func `Tasks that make their results and logs FIFOs freeze nothing`() async throws {
        let tasks = (0..<6).map { number in
            """
                  - name: t\(number)
                    container:
                      image: busybox:1
                      command:
                        - sh
                        - -c
                        - |
                          log="$(dirname "$SLUICE_RESULTS")/0.log"
                          rm -f "$SLUICE_RESULTS" "$log"
                          mkfifo "$SLUICE_RESULTS" "$log"
            """
        }
        let manifest = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: fifo}
            spec:
              pipelineSpec:
                tasks:
            \(tasks.joined(separator: "\n"))
            """
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try Data(manifest.utf8).write(to: URL(fileURLWithPath: "\(directory)/fifo.yaml"))
        let program = try Program(Tools.sluice, ["run", "\(directory)/fifo.yaml", "--no-sandbox"])
        #expect(await end(of: program, within: .seconds(60)) == 0, "\(program.output)\(program.errors)")
    }

    // MARK: Deadlines, as a kubelet was recorded

    /// What of a status does not depend on the time and the machine.
    private static func essence(_ status: JSONValue) -> JSONValue {
        func container(_ json: JSONValue) -> JSONValue {
            var essence: JSONValue = [:]
            for field in ["name", "ready", "started", "restartCount", "lastState"] { essence[field] = json[field] }
            for (state, content) in json["state"]?.object ?? [:] {
                essence["state"] = .string(state)
                for field in ["exitCode", "reason", "message"] { essence[field] = content[field] }
            }
            return essence
        }
        var essence: JSONValue = [:]
        for field in ["phase", "reason", "message", "qosClass"] { essence[field] = status[field] }
        for field in ["initContainerStatuses", "containerStatuses"] {
            essence[field] = (status[field]?.array).map { .array($0.map(container)) }
        }
        for condition in status["conditions"]?.array ?? [] {
            var rest: JSONValue = [:]
            for field in ["status", "reason", "message"] { rest[field] = condition[field] }
            essence[condition["type"]?.string ?? ""] = rest
        }
        return essence
    }

    private static func recording(_ name: String) throws -> [JSONValue] {
        let path = "\(Tools.repository)/Tests/PipelineEngineTests/Resources/pods/\(name).jsonl"
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { line in
            try #require(try JSONValue(parsing: String(line))["object"])
        }
    }

    private func status(_ name: String, _ cluster: LocalUp) async throws -> JSONValue {
        let text = try await cluster.kubectl("get", "pod", name, "-o", "json")
        return Self.essence(try JSONValue(parsing: text)["status"] ?? [:])
    }

    private static let patch = #"{"spec":{"activeDeadlineSeconds":1}}"#

    /// The recordings, and what the first container has written.
    /// The processes whose arguments hold that text.
    private static func processes(_ text: String) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap(Int32.init).filter { pid in
            FileManager.default.contents(atPath: "/proc/\(pid)/cmdline").map {
                String(decoding: $0, as: UTF8.self).contains(text)
            } ?? false
        }
    }

    @Test(
        .enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"), arguments: [SIGINT, SIGTERM, SIGHUP, SIGKILL])
    func `However sluice up ends, nothing is left of its tasks, and they are asked first`(number: Int32) async throws {
        let cluster = try await LocalUp.start()
        let mark = "77\(Int.random(in: 100_000...999_999)).25"
        let told = cluster.directory + "/told"
        try await cluster.kubectl(
            "apply", "-f", "-",
            input: """
                apiVersion: sluice.dev/v1alpha1
                kind: PipelineRun
                metadata: {name: stubborn}
                spec:
                  pipelineSpec:
                    tasks:
                      - name: polite
                        container: {image: x, command: [sh, -c, "trap 'echo TERM > \(told); exit 1' TERM; sleep \(mark) & wait"]}
                      - name: deaf
                        podTemplate: {spec: {terminationGracePeriodSeconds: 1}}
                        container:
                          image: x
                          command: [sh, -c, "trap '' TERM; setsid sleep \(mark) & (setsid sh -c 'sleep \(mark) & sleep \(mark)' &) ; sleep \(mark)"]
                """)
        // The sh of the first, its sleep; the sh of the second, of its session, and four sleeps.
        for _ in 0..<2_000 where Self.processes(mark).count < 8 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(Self.processes(mark).count >= 8)
        cluster.program.signal(number)
        _ = await end(of: cluster.program, within: .seconds(30))
        for _ in 0..<2_000 where !Self.processes(mark).isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        #expect(Self.processes(mark) == [])
        #expect(FileManager.default.fileExists(atPath: told))
        try? FileManager.default.removeItem(atPath: cluster.directory)
    }

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"), arguments: [SIGINT, SIGKILL])
    func `What ran when sluice up ended runs again after its start, at no cost`(number: Int32) async throws {
        let data = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: data) }
        let started = data + "/started"
        let first = try await LocalUp.start(["--data", data + "/cluster", "--writable", data])
        try await first.kubectl(
            "apply", "-f", "-",
            input: """
                apiVersion: sluice.dev/v1alpha1
                kind: PipelineRun
                metadata: {name: r}
                spec:
                  pipelineSpec:
                    tasks:
                      - {name: before, container: {image: x, command: ["true"]}}
                      - name: long
                        dependsOn: [before]
                        container:
                          image: x
                          command: [sh, -c, "test -e \(started) && exit 0; echo > \(started); sleep 1000"]
                ---
                apiVersion: v1
                kind: Pod
                metadata: {name: server}
                spec: {containers: [{name: c, image: x, command: [sh, -c, "echo here; sleep 1000"]}]}
                """)
        try await first.kubectl("wait", "pod/server", "--for=condition=Ready", "--timeout=30s")
        for _ in 0..<2_000 where !FileManager.default.fileExists(atPath: started) {
            try await Task.sleep(for: .milliseconds(10))
        }
        // One of which no status tells that it ran would start as if it never had.
        try await first.kubectl(
            "wait", "pod", "-l", "sluice.dev/task=long", "--for=condition=Ready", "--timeout=30s")
        // Of a pod that is gone when the node comes back.
        let orphan = data + "/cluster/node/pods/default_gone_0-0/work"
        try FileManager.default.createDirectory(atPath: orphan, withIntermediateDirectories: true)
        first.program.signal(number)
        _ = await end(of: first.program, within: .seconds(30))

        let second = try await LocalUp.start(["--data", data + "/cluster", "--writable", data])
        try await second.kubectl("wait", "prun/r", "--for=condition=Succeeded", "--timeout=60s")
        let run = try JSONValue(parsing: try await second.kubectl("get", "prun", "r", "-o", "json"))
        let rows = run["status"]?["tasks"]?.array ?? []
        #expect(rows.map { $0["attempt"] ?? 0 } == [0, 1])
        #expect(rows.last?["disruptions"] == 1 && rows.last?["failures"] == nil)
        try await second.kubectl("wait", "pod/server", "--for=condition=Ready", "--timeout=30s")
        let pod = try JSONValue(parsing: try await second.kubectl("get", "pod", "server", "-o", "json"))
        let container = pod["status"]?["containerStatuses"]?[0]
        #expect(container?["restartCount"] == 1)
        #expect(container?[path: "lastState", "terminated"]?["exitCode"] == 137)
        #expect(try await second.kubectl("logs", "server", "--previous") == "here\n")
        #expect(!FileManager.default.fileExists(atPath: orphan))
        await second.stop()
        try? FileManager.default.removeItem(atPath: first.directory)
    }

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"))
    func `The log of a container in back-off is that of its last run`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: """
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: crash}
                    spec: {containers: [{name: c, image: x, command: [sh, -c, "echo last words; exit 3"]}]}
                    ---
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: nothing}
                    spec: {containers: [{name: c, image: X}]}
                    """)
            let path = "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}="
            try await cluster.kubectl("wait", "pod/crash", path + "CrashLoopBackOff", "--timeout=30s")
            try await cluster.kubectl("wait", "pod/nothing", path + "InvalidImageName", "--timeout=30s")
            #expect(try await cluster.kubectl("logs", "crash") == "last words\n")
            #expect(try await cluster.kubectl("logs", "crash", "--previous") == "last words\n")
            let refusal = try await cluster.kubectl("logs", "nothing", expect: 1)
            #expect(refusal.contains("container \"c\" in pod \"nothing\" is waiting to start: InvalidImageName"))
        }
    }

    /// Whether this machine gives users mounts of their own.
    private static var hasMounts: Bool {
        get async {
            (try? await Program.run("/usr/bin/unshare", geteuid() == 0 ? ["-m", "true"] : ["-Urm", "true"]))?.status
                == 0
        }
    }

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"))
    func `Volumes are at their paths, with their modes, and what this node does not have is told`() async throws {
        guard await Self.hasMounts else { return }
        try await LocalUp.with(["--no-operator"]) { cluster in
            try await cluster.kubectl("create", "configmap", "conf", "--from-literal=a=one", "--from-literal=b=two")
            try await cluster.kubectl("create", "secret", "generic", "key", "--from-literal=k=three")
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: """
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: p, labels: {x: four}}
                    spec:
                      restartPolicy: Never
                      volumes:
                        - {name: data, emptyDir: {}}
                        - {name: conf, configMap: {name: conf, items: [{key: a, path: sub/a}]}}
                        - {name: key, secret: {secretName: key, defaultMode: 256}}
                        - name: all
                          projected:
                            sources:
                              - {configMap: {name: conf}}
                              - {secret: {name: key, items: [{key: k, path: k, mode: 288}]}}
                              - {downwardAPI: {items: [{path: x, fieldRef: {fieldPath: "metadata.labels['x']"}}]}}
                      initContainers:
                        - name: first
                          image: x
                          command: [sh, -c, "echo written > /sluice-e2e/data/f; mkdir /sluice-e2e/data/d; echo deep > /sluice-e2e/data/d/f"]
                          volumeMounts: [{name: data, mountPath: /sluice-e2e/data/}]
                      containers:
                        - name: main
                          image: x
                          command:
                            - sh
                            - -ec
                            - |
                              cat /sluice-e2e/data/f /sluice-e2e/deep/f /etc/sluice-e2e/sub/a /run/sluice-e2e/k /sluice-e2e/all/b /sluice-e2e/all/x
                              stat -c %a /run/sluice-e2e/k /sluice-e2e/all/k /sluice-e2e/all/a
                              cat /sluice-e2e/one
                              ! touch /etc/sluice-e2e/new 2> /dev/null
                              echo '{"r": 1}' > /dev/termination-log
                          volumeMounts:
                            - {name: data, mountPath: /sluice-e2e/data}
                            - {name: data, mountPath: /sluice-e2e/deep, subPath: d}
                            - {name: conf, mountPath: /etc/sluice-e2e}
                            - {name: key, mountPath: /run/sluice-e2e}
                            - {name: all, mountPath: /sluice-e2e/all}
                            - {name: all, mountPath: /sluice-e2e/one, subPath: a}
                    ---
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: far}
                    spec:
                      volumes: [{name: v, nfs: {server: s, path: /}}]
                      containers: [{name: c, image: x, command: ["true"]}]
                    """)
            try await cluster.kubectl(
                "wait", "pod", "p", "--for=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}=0",
                "--timeout=30s")
            #expect(
                try await cluster.kubectl("logs", "p", "-c", "main").split(separator: "\n") == [
                    "written", "deep", "onethreetwofour400", "440", "644", "one",
                ])
            let message = try await cluster.kubectl(
                "get", "pod", "p", "-o", "jsonpath={.status.containerStatuses[0].state.terminated.message}")
            #expect(message == "{\"r\": 1}\n")
            // Told beside the status, which says ContainerCreating as a kubelet's does.
            var described = ""
            for _ in 0..<100 where !described.contains("FailedMount") {
                described = try await cluster.kubectl("describe", "pod", "far")
            }
            #expect(
                described.contains(
                    "this node has no volumes of kind nfs, only hostPath, persistentVolumeClaim, emptyDir"),
                "\(described)")
            for path in ["/sluice-e2e", "/etc/sluice-e2e", "/run/sluice-e2e", "/dev/termination-log"] {
                #expect(!FileManager.default.fileExists(atPath: path), "\(path)")
            }
        }
    }

    @Test func `What a killed sluice run leaves behind is removed by the next one, and nothing of one that runs`()
        async throws
    {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        func start(_ command: String) throws -> Program {
            let file = "\(directory)/\(command.count).yaml"
            try """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: r}
            spec: {pipelineSpec: {tasks: [{name: a, container: {image: x, command: [sh, -c, "\(command)"]}}]}}
            """.write(toFile: file, atomically: true, encoding: .utf8)
            return try Program(
                Tools.sluice, ["run", file, "--logs"], environment: ["TMPDIR": directory], directory: directory)
        }
        func folders() -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [])
                .filter { $0.hasPrefix("sluice-") && $0.count == 13 }
        }
        let killed = try start("echo begun; sleep 100")
        try #require(await killed.waitForOutput("begun"))
        let other = try start("echo begun too; sleep 100")
        try #require(await other.waitForOutput("begun too"))
        #expect(folders().count == 2)
        killed.signal(SIGKILL)
        _ = await killed.waitForEnd()
        #expect(await end(of: try start("true"), within: .seconds(30)) == 0)
        #expect(folders().count == 1)
        other.signal(SIGKILL)
        _ = await other.waitForEnd()
    }

    private static let recordings = [
        ("stopped-by-deadline", "progress 42\ngot TERM\n"), ("stopped-by-deadline-ignores-term", "hello\n"),
        ("stopped-by-deadline-with-native-sidecar", ""),
    ]

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"))
    func `A deadline that is lowered on a running pod ends it as a kubelet does`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let creating = "stopped-by-deadline-while-creating"
            for name in Self.recordings.map(\.0) + [creating] {
                let first = try #require(try Self.recording(name).first)
                var spec = first["spec"] ?? [:]
                for field in ["serviceAccount", "serviceAccountName", "priority", "preemptionPolicy", "tolerations"] {
                    spec[field] = nil
                }
                if name.hasSuffix("sidecar") {
                    // In its own PID namespace, a program that does not ask for TERM is not ended by it.
                    spec["containers"] = [
                        [
                            "name": "main", "image": "busybox:1",
                            "command": ["sh", "-c", "trap '' TERM; while true; do sleep 0.2; done"],
                        ]
                    ]
                }
                let pod: JSONValue = [
                    "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name)], "spec": spec,
                ]
                try await cluster.kubectl("create", "-f", "-", input: pod.text)
            }
            for (name, _) in Self.recordings {
                try await cluster.kubectl("wait", "pod", name, "--for=condition=Ready", "--timeout=60s")
            }
            // Ready is not yet past the `trap`.
            for name in ["stopped-by-deadline", "stopped-by-deadline-ignores-term"] {
                let limit = ContinuousClock.now + .seconds(60)
                while try await cluster.kubectl("logs", name).isEmpty, ContinuousClock.now < limit {}
            }
            for name in [creating] + Self.recordings.map(\.0) {
                try await cluster.kubectl("patch", "pod", name, "--type=merge", "-p", Self.patch)
            }
            for (name, log) in Self.recordings {
                try await cluster.kubectl(
                    "wait", "pod", name, "--for=jsonpath={.status.phase}=Failed", "--timeout=60s")
                let expected = try #require(try Self.recording(name).last?["status"])
                #expect(try await status(name, cluster) == Self.essence(expected), "\(name)")
                #expect(try await cluster.kubectl("logs", name, "-c", "main") == log)
            }
            // Its deadline was over before those of the others, for which this has waited.
            let expected = try #require(try Self.recording(creating).last?["status"])
            var found = try await status(creating, cluster)
            #expect(found["phase"] == "Pending")
            #expect(found["containerStatuses"] == Self.essence(expected)["containerStatuses"])
            // With its volume the pod gets on, and the deadline counts.
            try await cluster.kubectl("create", "configmap", "absent")
            try await cluster.kubectl(
                "wait", "pod", creating, "--for=jsonpath={.status.phase}=Failed", "--timeout=60s")
            found = try await status(creating, cluster)
            #expect(found["reason"] == "DeadlineExceeded")
        }
    }
}
