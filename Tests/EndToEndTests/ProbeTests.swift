import Foundation
import JSON
import Testing

/// Probes and hooks by kubectl. What they wait for are files that the test makes, so that no step depends on how long one takes.
@Suite(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL")) struct ProbeTests {
    private static func status(_ pod: String, _ cluster: LocalUp) async throws -> JSONValue {
        try JSONValue(parsing: try await cluster.kubectl("get", "pod", pod, "-o", "json"))["status"] ?? [:]
    }

    private static func condition(_ type: String, _ status: JSONValue) -> String? {
        status["conditions"]?.array?.first { $0["type"]?.string == type }?["status"]?.string
    }

    private static func wait(_ pod: String, _ condition: String, _ cluster: LocalUp) async throws {
        try await cluster.kubectl("wait", "pod/\(pod)", "--for=\(condition)", "--timeout=60s")
    }

    /// What is told of a pod, once that text is among it.
    private static func events(_ pod: String, with text: String, _ cluster: LocalUp) async throws -> String {
        var told = ""
        for _ in 0..<200 where !told.contains(text) {
            told = try await cluster.kubectl(
                "get", "events", "--field-selector", "involvedObject.name=\(pod)", "-o",
                "jsonpath={range .items[*]}{.type} {.reason} {.message}{\"\\n\"}{end}")
        }
        return told
    }

    private static func make(_ file: String) throws { try Data().write(to: URL(fileURLWithPath: file)) }

    @Test func `A pod is ready when its probe says so, and a failing liveness probe restarts its container`()
        async throws
    {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let place = cluster.directory
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: """
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: ready}
                    spec:
                      containers:
                        - name: c
                          image: x
                          command: [sleep, "1000"]
                          env: [{name: FILE, value: \(place)/ready}]
                          readinessProbe: {periodSeconds: 1, timeoutSeconds: 60, exec: {command: [sh, -c, "test -e $FILE"]}}
                    ---
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: sick}
                    spec:
                      terminationGracePeriodSeconds: 30
                      containers:
                        - name: c
                          image: x
                          command: [sh, -c, "trap 'exit 7' TERM; sleep 1000 & : > \(place)/sick.up; wait"]
                          livenessProbe:
                            periodSeconds: 1
                            timeoutSeconds: 60
                            failureThreshold: 1
                            # The first one fails.
                            exec: {command: [sh, -c, "until test -e \(place)/sick.up; do sleep 0.05; done; test -e \(place)/failed || { : > \(place)/failed; echo so sick; exit 1; }"]}
                    ---
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: slow}
                    spec:
                      # Restarted though it ends with 0: a probe has failed.
                      restartPolicy: OnFailure
                      containers:
                        - name: c
                          image: x
                          command: [sh, -c, "trap 'exit 0' TERM; sleep 1000 & : > \(place)/slow.up; wait"]
                          readinessProbe: {periodSeconds: 1, timeoutSeconds: 60, exec: {command: ["true"]}}
                          startupProbe:
                            periodSeconds: 1
                            timeoutSeconds: 60
                            failureThreshold: 1
                            exec: {command: [sh, -c, "until test -e \(place)/slow.up; do sleep 0.05; done; test -e \(place)/slow.failed || { : > \(place)/slow.failed; exit 1; }"]}
                    ---
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: lost}
                    spec:
                      restartPolicy: Never
                      terminationGracePeriodSeconds: 1000
                      containers:
                        - name: c
                          image: x
                          command: [sh, -c, "trap '' TERM; : > \(place)/lost.up; sleep 1000"]
                          livenessProbe:
                            timeoutSeconds: 60
                            failureThreshold: 1
                            terminationGracePeriodSeconds: 1
                            exec: {command: [sh, -c, "until test -e \(place)/lost.up; do sleep 0.05; done; exit 1"]}
                    ---
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: refused}
                    spec: {containers: [{name: c, image: x, command: ["true"], livenessProbe: {grpc: {port: 1}}}]}
                    """)
            try await Self.wait("ready", "jsonpath={.status.containerStatuses[0].started}=true", cluster)
            let before = try await Self.status("ready", cluster)
            #expect(before["phase"] == "Running" && before["containerStatuses"]?[0]?["ready"] == false)
            #expect(Self.condition("Ready", before) == "False" && Self.condition("ContainersReady", before) == "False")
            #expect(
                try await Self.events("ready", with: "Unhealthy", cluster).contains(
                    "Warning Unhealthy Readiness probe failed: "))
            try Self.make(place + "/ready")
            try await Self.wait("ready", "condition=Ready", cluster)
            try FileManager.default.removeItem(atPath: place + "/ready")
            try await Self.wait("ready", "condition=Ready=False", cluster)

            try await Self.wait("sick", "jsonpath={.status.containerStatuses[0].restartCount}=1", cluster)
            try await Self.wait("sick", "condition=Ready", cluster)
            let row = try await cluster.kubectl("get", "pod", "sick", "--no-headers")
            #expect(row.split(separator: " ").prefix(4) == ["sick", "1/1", "Running", "1"], "\(row)")
            let sick = try await Self.status("sick", cluster)["containerStatuses"]?[0]
            #expect(sick?[path: "lastState", "terminated"]?["exitCode"] == 7)
            let told = try await Self.events("sick", with: "Killing", cluster)
            #expect(told.contains("Warning Unhealthy Liveness probe failed: so sick"), "\(told)")
            #expect(told.contains("Normal Killing Container c failed liveness probe, will be restarted"), "\(told)")

            try await Self.wait("slow", "condition=Ready", cluster)
            let slow = try await Self.status("slow", cluster)["containerStatuses"]?[0]
            #expect(slow?["restartCount"] == 1)
            #expect(slow?[path: "lastState", "terminated"]?["exitCode"] == 0)
            #expect(
                try await Self.events("slow", with: "Killing", cluster).contains(
                    "Normal Killing Container c failed startup probe, will be restarted\n"))

            // As a kubelet was recorded: golden/pods/liveness-failed.
            try await Self.wait("lost", "jsonpath={.status.phase}=Failed", cluster)
            let lost = try await Self.status("lost", cluster)["containerStatuses"]?[0]
            #expect(lost?[path: "state", "terminated"]?["exitCode"] == 137)
            #expect(lost?[path: "state", "terminated"]?["reason"] == "Error")
            #expect(lost?["started"] == false && lost?["ready"] == false && lost?["restartCount"] == 0)
            #expect(
                try await Self.events("lost", with: "Killing", cluster).contains("Container c failed liveness probe\n"))

            try await Self.wait(
                "refused",
                "jsonpath={.status.containerStatuses[0].state.waiting.reason}=CreateContainerConfigError", cluster)
            #expect(
                try await Self.events("refused", with: "Failed", cluster).contains(
                    "livenessProbe with grpc is not honoured by this node"))
        }
    }

    @Test func `Requests go over TLS that nobody vouches for, with headers, to ports by their names`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            // The API server of the cluster is one that is there.
            let view = ["config", "view", "--raw", "-o"]
            let server = try await cluster.kubectl(view + ["jsonpath={.clusters[0].cluster.server}"])
            let token = try await cluster.kubectl(view + ["jsonpath={.users[0].user.token}"])
            let port = try #require(server.split(separator: ":").last.flatMap { Int($0) })
            func pod(_ name: String, _ headers: String) -> String {
                """
                apiVersion: v1
                kind: Pod
                metadata: {name: \(name)}
                spec:
                  containers:
                    - name: c
                      image: x
                      command: [sleep, "1000"]
                      ports: [{name: api, containerPort: \(port)}]
                      startupProbe: {periodSeconds: 1, timeoutSeconds: 60, tcpSocket: {port: api}}
                      readinessProbe:
                        periodSeconds: 1
                        timeoutSeconds: 60
                        httpGet: {scheme: HTTPS, path: /livez, port: api\(headers)}
                ---

                """
            }
            let known = ", httpHeaders: [{name: Authorization, value: Bearer \(token)}]"
            try await cluster.kubectl("apply", "-f", "-", input: pod("known", known) + pod("unknown", ""))
            try await Self.wait("known", "condition=Ready", cluster)
            try await Self.wait("unknown", "jsonpath={.status.containerStatuses[0].started}=true", cluster)
            #expect(
                try await Self.events("unknown", with: "Unhealthy", cluster).contains(
                    "Warning Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 401"))
            #expect(Self.condition("Ready", try await Self.status("unknown", cluster)) == "False")
        }
    }

    @Test func `The start-up probe of a sidecar holds back what comes after it`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let up = cluster.directory + "/up"
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: """
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: p}
                    spec:
                      restartPolicy: Never
                      initContainers:
                        - name: side
                          image: x
                          restartPolicy: Always
                          command: [sleep, "1000"]
                          startupProbe: {periodSeconds: 1, timeoutSeconds: 60, failureThreshold: 100000, exec: {command: [test, -e, \(up)]}}
                      containers: [{name: main, image: x, command: ["true"]}]
                    """)
            try await Self.wait("p", "jsonpath={.status.initContainerStatuses[0].state.running.startedAt}", cluster)
            _ = try await Self.events("p", with: "Startup probe failed", cluster)
            let before = try await Self.status("p", cluster)
            #expect(before["phase"] == "Pending" && Self.condition("Initialized", before) == "False")
            #expect(before["initContainerStatuses"]?[0]?["started"] == false)
            #expect(
                before["containerStatuses"]?[0]?[path: "state", "waiting"]?["reason"] == "PodInitializing")
            try Self.make(up)
            try await Self.wait("p", "jsonpath={.status.phase}=Succeeded", cluster)
        }
    }

    @Test func `Hooks come after the start and before SIGTERM, whoever ends the pod`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let place = cluster.directory
            func pod(_ name: String) -> String {
                """
                apiVersion: v1
                kind: Pod
                metadata: {name: \(name)}
                spec:
                  restartPolicy: Never
                  terminationGracePeriodSeconds: 1000
                  containers:
                    - name: c
                      image: x
                      command: [sh, -c, "trap 'echo term >> \(place)/\(name); exit 0' TERM; sleep 1000 & : > \(place)/\(name).up; wait"]
                      lifecycle:
                        postStart: {exec: {command: [sh, -c, "until test -e \(place)/go -a -e \(place)/\(name).up; do sleep 0.05; done"]}}
                        preStop: {exec: {command: [sh, -c, "echo hook >> \(place)/\(name)"]}}
                ---

                """
            }
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: pod("deleted") + pod("overdue") + """
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: failed}
                    spec:
                      restartPolicy: Never
                      terminationGracePeriodSeconds: 2
                      containers:
                        - name: c
                          image: x
                          command: [sh, -c, "trap '' TERM; : > \(place)/failed.up; sleep 1000"]
                          lifecycle:
                            postStart: {exec: {command: [sh, -c, "until test -e \(place)/failed.up; do sleep 0.05; done; exit 1"]}}
                            preStop: {exec: {command: [sh, -c, "exit 2"]}}
                    """)
            // As a kubelet was recorded: golden/pods/post-start-failed.
            try await Self.wait("failed", "jsonpath={.status.phase}=Failed", cluster)
            let failed = try await Self.status("failed", cluster)["containerStatuses"]?[0]
            #expect(failed?[path: "state", "terminated"]?["exitCode"] == 137)
            #expect(failed?["started"] == false && failed?["restartCount"] == 0)
            let told = try await Self.events("failed", with: "FailedPreStopHook", cluster)
            for text in [
                "Warning FailedPostStartHook PostStartHook failed", "Normal Killing FailedPostStartHook",
                "Warning FailedPreStopHook PreStopHook failed",
            ] {
                #expect(told.contains(text), "\(told)")
            }

            for name in ["deleted", "overdue"] {
                try await Self.wait(
                    name, "jsonpath={.status.containerStatuses[0].state.waiting.reason}=ContainerCreating", cluster)
                for _ in 0..<6_000 where !FileManager.default.fileExists(atPath: "\(place)/\(name).up") {
                    try await Task.sleep(for: .milliseconds(10))
                }
                let waiting = try await Self.status(name, cluster)["containerStatuses"]?[0]
                #expect(waiting?["ready"] == false && waiting?["started"] == false)
                #expect(waiting?[path: "state", "waiting"]?["reason"] == "ContainerCreating")
            }
            try Self.make(place + "/go")
            for name in ["deleted", "overdue"] { try await Self.wait(name, "condition=Ready", cluster) }
            try await cluster.kubectl("delete", "pod", "deleted")
            #expect(try String(contentsOfFile: place + "/deleted", encoding: .utf8) == "hook\nterm\n")
            #expect(
                try await Self.events("deleted", with: "Killing", cluster).contains(
                    "Normal Killing Stopping container c\n"))
            try await cluster.kubectl("patch", "pod", "overdue", "-p", #"{"spec":{"activeDeadlineSeconds":1}}"#)
            try await Self.wait("overdue", "jsonpath={.status.phase}=Failed", cluster)
            #expect(try await Self.status("overdue", cluster)["reason"] == "DeadlineExceeded")
            #expect(try String(contentsOfFile: place + "/overdue", encoding: .utf8) == "hook\nterm\n")
        }
    }

    @Test func `No hook keeps a pod beyond its grace period`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let place = cluster.directory
            func pod(_ name: String, _ grace: Int, _ lifecycle: String) -> String {
                """
                apiVersion: v1
                kind: Pod
                metadata: {name: \(name)}
                spec:
                  restartPolicy: Never
                  terminationGracePeriodSeconds: \(grace)
                  containers:
                    - name: c
                      image: x
                      command: [sh, -c, "trap 'echo term >> \(place)/\(name); exit 0' TERM; sleep 1000 & : > \(place)/\(name).up; wait"]
                      lifecycle: \(lifecycle)
                ---

                """
            }
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: pod("long", 1, "{preStop: {sleep: {seconds: 1000}}}")
                    + pod("command", 1, "{preStop: {exec: {command: [sleep, \"1000\"]}}}")
                    + pod("starting", 1000, "{postStart: {exec: {command: [sleep, \"1000\"]}}}")
                    + pod("forced", 1000, "{preStop: {sleep: {seconds: 1000}}}") + """
                        apiVersion: v1
                        kind: Pod
                        metadata: {name: gone}
                        spec:
                          restartPolicy: Never
                          terminationGracePeriodSeconds: 1000
                          containers:
                            - name: c
                              image: x
                              command: [sh, -c, "exit 3"]
                              lifecycle:
                                postStart: {exec: {command: [sleep, "1000"]}}
                                preStop: {exec: {command: [sleep, "1000"]}}
                        """)
            // Nothing is left of what ends by itself that a hook could be for.
            try await Self.wait("gone", "jsonpath={.status.phase}=Failed", cluster)
            let gone = try await Self.status("gone", cluster)["containerStatuses"]?[0]
            #expect(gone?[path: "state", "terminated"]?["exitCode"] == 3)
            #expect(gone?[path: "state", "terminated"]?["containerID"]?.string?.hasPrefix("process://") == true)
            for name in ["long", "command", "starting", "forced"] {
                for _ in 0..<6_000 where !FileManager.default.fileExists(atPath: "\(place)/\(name).up") {
                    try await Task.sleep(for: .milliseconds(10))
                }
                let arguments = name == "forced" ? ["--force", "--grace-period=0"] : []
                try await cluster.kubectl(["delete", "pod", name, "--timeout=60s"] + arguments)
            }
            for name in ["long", "command"] {
                #expect(try await Self.events(name, with: "FailedPreStopHook", cluster).contains("PreStopHook failed"))
            }
            // Asked to end when the hook was over, or at once where there was none.
            #expect(try String(contentsOfFile: "\(place)/starting", encoding: .utf8) == "term\n")
        }
    }
}
