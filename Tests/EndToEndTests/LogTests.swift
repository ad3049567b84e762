import Foundation
import Testing

/// Logs of containers as kubectl asks for them.
@Suite(.serialized) struct LogTests {
    private static func pod(_ name: String, restart: String = "Never", _ scripts: [(name: String, script: String)])
        -> String
    {
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: \(name)}
        spec:
          restartPolicy: \(restart)
          containers:

        """
            + scripts.map { "  - {name: \($0.name), image: x, command: [sh, -c, '\($0.script)']}\n" }.joined()
    }

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"))
    func `kubectl logs has its lines by number, time, container and stream`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: Self.pod(
                    "p",
                    [
                        ("a", "echo a1; sleep 0.1; echo a2 >&2; sleep 0.1; echo a3; printf end"), ("b", "echo b1"),
                    ]))
            try await cluster.kubectl("wait", "pod/p", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
            func logs(_ arguments: String..., from container: String = "a") async throws -> String {
                let kubectl = try #require(Tools.kubectl)
                let result = try await Program.run(
                    kubectl, ["logs", "p", "-c", container] + arguments,
                    environment: ["KUBECONFIG": cluster.kubeconfig, "HOME": cluster.directory])
                #expect(result.status == 0, "\(arguments): \(result.errors)")
                return result.output
            }
            #expect(try await logs() == "a1\na2\na3\nend")
            #expect(try await logs("--tail=2") == "a3\nend")
            #expect(try await logs("--tail=0") == "")
            #expect(try await logs("--tail=3", "-f") == "a2\na3\nend")
            #expect(try await logs("--limit-bytes=4") == "a1\na")
            #expect(try await logs("--since=1h") == "a1\na2\na3\nend")
            _ = try await logs("--since=5s")
            let stamped = try await logs("--timestamps").split(separator: "\n").map { $0.split(separator: " ") }
            #expect(stamped.map(\.last) == ["a1", "a2", "a3", "end"])
            #expect(stamped.allSatisfy { $0.count == 2 && $0[0].utf8.count == 30 && $0[0].hasSuffix("Z") })
            #expect(stamped.map { $0[0] } == stamped.map { $0[0] }.sorted())
            // kubectl sends whole seconds; the server takes what it is given.
            let time = stamped[1][0]
            #expect(
                try await cluster.kubectl(
                    "get", "--raw", "/api/v1/namespaces/default/pods/p/log?container=a&sinceTime=\(time)")
                    == "a2\na3\nend")
            #expect(
                try await cluster.kubectl(
                    "get", "--raw", "/api/v1/namespaces/default/pods/p/log?container=a&stream=Stderr") == "a2\n")
            #expect(try await logs("--since-time=2026-01-01T00:00:00Z").hasPrefix("a1\n"))
            #expect(try await logs("--since-time=2999-01-01T00:00:00Z") == "")
            let all = try await cluster.kubectl("logs", "p", "--all-containers", "--prefix")
            // The containers in any order.
            for line in ["[pod/p/a] a1\n", "[pod/p/a] a2\n[pod/p/a] a3\n[pod/p/a] end", "[pod/p/b] b1\n"] {
                #expect(all.contains(line), "\(all)")
            }
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: Self.pod("failed", [("c", "echo gone; seq 80; exit 1")]).replacing(
                    "image: x", with: "image: x, terminationMessagePolicy: FallbackToLogsOnError"))
            try await cluster.kubectl("wait", "pod/failed", "--for=jsonpath={.status.phase}=Failed", "--timeout=60s")
            #expect(
                try await cluster.kubectl(
                    "get", "pod", "failed", "-o",
                    "jsonpath={.status.containerStatuses[0].state.terminated.message}")
                    == (1...80).map { "\($0)\n" }.joined())
            let refusal = try await cluster.kubectl(
                "get", "--raw", "/api/v1/namespaces/default/pods/p/log?container=a&tailLines=-1", expect: 1)
            #expect(refusal.contains("must be greater than or equal to 0"))
        }
    }

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"))
    func `A log is followed from its last lines to its end, and the one before is kept`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let go = cluster.directory + "/go"
            let script =
                "test -e \(go).first || { echo first; echo > \(go).first; exit 1; }; seq 5; while ! test -e \(go); do sleep 0.02; done; echo 6"
            try await cluster.kubectl(
                "apply", "-f", "-", input: Self.pod("p", restart: "OnFailure", [("c", script)]))
            try await cluster.kubectl(
                "wait", "pod/p", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "--timeout=60s")
            try await cluster.kubectl("wait", "pod/p", "--for=condition=Ready", "--timeout=60s")
            let limit = ContinuousClock.now + .seconds(60)
            while try await cluster.kubectl("logs", "p") != "1\n2\n3\n4\n5\n", ContinuousClock.now < limit {}
            let follower = try Program(
                try #require(Tools.kubectl), ["logs", "p", "--tail=3", "-f"],
                environment: ["KUBECONFIG": cluster.kubeconfig, "HOME": cluster.directory])
            #expect(await follower.waitForOutput("5\n"))
            try Data().write(to: URL(fileURLWithPath: go))
            #expect(await follower.waitForEnd() == 0)
            #expect(follower.output == "3\n4\n5\n6\n")
            #expect(try await cluster.kubectl("logs", "p", "--previous") == "first\n")
        }
    }

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"))
    func `Logs that an older version has left are bare text`() async throws {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let data = directory + "/data"
        try await LocalUp.with(["--no-operator", "--data", data]) { cluster in
            try await cluster.kubectl("apply", "-f", "-", input: Self.pod("p", [("c", "echo new")]))
            try await cluster.kubectl("wait", "pod/p", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
            #expect(try await cluster.kubectl("logs", "p") == "new\n")
        }
        let pods = data + "/node/pods"
        let pod = try #require(try FileManager.default.contentsOfDirectory(atPath: pods).first)
        try Data("one\ntwo\nthree".utf8).write(to: URL(fileURLWithPath: "\(pods)/\(pod)/containers/c/0.log"))
        try await LocalUp.with(["--no-operator", "--data", data]) { cluster async throws in
            #expect(try await cluster.kubectl("logs", "p") == "one\ntwo\nthree")
            #expect(try await cluster.kubectl("logs", "p", "--tail=2", "--timestamps", "--since=5s") == "two\nthree")
        }
    }
}
