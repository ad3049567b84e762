import Foundation
import Testing

@Suite(.serialized, .enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL")) struct KubectlTests {
    @Test func `apply, wait, get, logs, describe and delete work with a real kubectl`() async throws {
        try await LocalUp.with { cluster in
            let applied = try await cluster.kubectl("apply", "-f", Tools.sample("hello.yaml"))
            #expect(applied.contains("pipelinerun.sluice.dev/hello created"))
            try await cluster.kubectl("wait", "prun/hello", "--for=condition=Succeeded", "--timeout=60s")
            let table = try await cluster.kubectl("get", "prun", "hello")
            #expect(table.contains("Succeeded"))
            #expect(table.contains("2/2"))
            #expect(try await cluster.kubectl("get", "all").contains("pipelinerun.sluice.dev/hello "))
            let pod = try await cluster.kubectl("get", "pods", "-l", "sluice.dev/task=count", "-o", "name")
            let name = pod.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try await cluster.kubectl("logs", name).contains("world has 5 letters"))
            let description = try await cluster.kubectl("describe", "prun", "hello")
            #expect(description.contains("Started"))
            #expect(description.contains("Events:"))
            #expect(try await cluster.kubectl("get", "events").contains("Started"))

            let long = String(repeating: "a", count: 64)
            let refused = try await cluster.kubectl(
                "create", "-f", "-",
                input: """
                    apiVersion: sluice.dev/v1alpha1
                    kind: PipelineRun
                    metadata: {name: \(long)}
                    spec: {pipelineSpec: {tasks: [{name: a, container: {image: x}}]}}
                    """, expect: 1)
            #expect(refused.contains("the name of a run must be no more than 63 characters"))

            try await cluster.kubectl("delete", "prun", "hello")
            try await cluster.kubectl("wait", "pods", "--all", "--for=delete", "--timeout=30s")
            #expect(try await cluster.kubectl("get", "pods").contains("No resources found"))
        }
    }

    @Test func `describe node tells of the machine and when it was last heard of; taints of users outlive a restart`()
        async throws
    {
        let data = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: data) }
        try await LocalUp.with(["--data", data + "/cluster"]) { cluster in
            // It is made while `sluice up` says that it is up.
            for _ in 0..<100 where !(try await cluster.kubectl("get", "nodes", "-o", "name")).contains("local") {}
            try await cluster.kubectl("wait", "node/local", "--for=condition=Ready", "--timeout=30s")
            let text = try await cluster.kubectl("describe", "node", "local")
            #expect(text.contains("HolderIdentity:  local") && text.contains("process://sluice"), "\(text)")
            #expect(!text.contains("Failed to get lease") && text.contains("Taints:             <none>"), "\(text)")
            try await cluster.kubectl("taint", "node", "local", "team=a:NoSchedule")
        }
        try await LocalUp.with(["--data", data + "/cluster"]) { cluster in
            let text = try await cluster.kubectl("describe", "node", "local")
            #expect(text.contains("Taints:             team=a:NoSchedule"), "\(text)")
        }
    }

    @Test func `get -w shows the phases as they come`() async throws {
        try await LocalUp.with { cluster in
            let kubectl = try #require(Tools.kubectl)
            let watch = try Program(
                kubectl, ["get", "prun", "-w"],
                environment: ["KUBECONFIG": cluster.kubeconfig, "HOME": cluster.directory])
            try await cluster.kubectl("apply", "-f", Tools.sample("hello.yaml"))
            #expect(await watch.waitForOutput("Succeeded"))
            watch.signal(SIGKILL)
            _ = await watch.waitForEnd()
            #expect(watch.output.contains("Running"))
        }
    }

    @Test func `E13: Cancelling by kubectl patch ends the processes`() async throws {
        try await LocalUp.with { cluster in
            let mark = "sleep 4242.\(Int.random(in: 1...999_999))"
            let manifest = """
                apiVersion: sluice.dev/v1alpha1
                kind: PipelineRun
                metadata: {name: long}
                spec:
                  pipelineSpec:
                    tasks:
                      - name: a
                        container: {image: "busybox:1", command: [sh, -c, "trap '' TERM; echo started; \(mark) & wait; \(mark)"]}
                        podTemplate: {spec: {terminationGracePeriodSeconds: 1}}
                    finally:
                      - name: bye
                        container: {image: "busybox:1", command: ["true"]}
                """
            try await cluster.kubectl("apply", "-f", "-", input: manifest)
            try await cluster.kubectl(
                "wait", "pods", "-l", "sluice.dev/task=a", "--for=create", "--timeout=30s")
            try await cluster.kubectl(
                "wait", "pods", "-l", "sluice.dev/task=a", "--for=condition=Ready", "--timeout=30s")
            try await cluster.kubectl(
                "patch", "prun", "long", "--type", "merge", "-p", #"{"spec":{"state":"Cancelled"}}"#)
            try await cluster.kubectl("wait", "prun/long", "--for=condition=Finished", "--timeout=60s")
            let status = try await cluster.kubectl(
                "get", "prun", "long", "-o", "jsonpath={.status.phase} {.status.tasks[*].phase}")
            #expect(status == "Cancelled Cancelled Succeeded")
            let processes = try await Program.run("/bin/ps", ["-eo", "args"])
            #expect(!processes.output.contains(mark))
        }
    }

    @Test func `Nothing listens beyond loopback, and a request without the token is refused`() async throws {
        try await LocalUp.with { cluster in
            let text = try String(contentsOfFile: cluster.kubeconfig, encoding: .utf8)
            let server = try #require(text.firstMatch(of: /server: "?(https:\/\/127\.0\.0\.1:([0-9]+))"?/))
            let port = try #require(Int(server.output.2))
            for (file, isV6) in [("/proc/net/tcp", false), ("/proc/net/tcp6", true)] {
                guard let table = try? String(contentsOfFile: file, encoding: .utf8) else { continue }
                for line in table.split(separator: "\n").dropFirst() {
                    let fields = line.split(separator: " ")
                    // State 0A is LISTEN; addresses are little-endian hexadecimal.
                    guard fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
                        Int(fields[1][fields[1].index(after: colon)...], radix: 16) == port
                    else { continue }
                    #expect(!isV6 && fields[1].hasPrefix("0100007F"), "listens on \(fields[1])")
                }
            }
            let curl = try await Program.run(
                "/usr/bin/env",
                [
                    "python3", "-c",
                    """
                    import ssl, sys, urllib.request, urllib.error
                    context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
                    for headers in ({}, {"Authorization": "Bearer wrong"}):
                        try:
                            urllib.request.urlopen(urllib.request.Request("\(server.output.1)/api/v1/pods", headers=headers), context=context)
                            print("served")
                        except urllib.error.HTTPError as error:
                            print(error.code)
                    """,
                ])
            #expect(curl.output == "401\n401\n", "\(curl.errors)")
        }
    }
}
