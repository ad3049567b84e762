// swift-format-ignore-file: NeverForceUnwrap
// A test that does not find what it counts on has to stop.

import Foundation
import JSON
import KubernetesModel
import Testing

@testable import EmbeddedAPIServer

/// Runs a real kubectl over a real socket. The variable `KUBECTL` names it; else it is looked up in PATH and in
/// hack/.venv.
@Suite(.serialized) struct KubectlTests {
    static let kubectl: String? = {
        if let named = ProcessInfo.processInfo.environment["KUBECTL"] { return named }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let local = root.appendingPathComponent("hack/.venv/bin/kubectl").path
        return findInPath("kubectl") ?? (FileManager.default.isExecutableFile(atPath: local) ? local : nil)
    }()

    private struct Kubectl: Sendable {
        var program: String
        var kubeconfig: String
        var cache: String

        func callAsFunction(_ arguments: String..., input: String = "") async throws -> Finished {
            try await self(arguments, input: input)
        }

        func callAsFunction(_ arguments: [String], input: String = "") async throws -> Finished {
            try await run(
                program, arguments + ["--cache-dir", cache], environment: ["KUBECONFIG": kubeconfig, "HOME": cache],
                input: input)
        }
    }

    private func withKubectl(
        logSource: (any PodLogSource)? = nil, _ body: @escaping @Sendable (Kubectl, APIServer) async throws -> Void
    ) async throws {
        guard let program = Self.kubectl else {
            print("kubectl was not found (set KUBECTL): its tests are skipped")
            return
        }
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try await withRunningServer(logSource: logSource) { server in
            let file = directory.appendingPathComponent("config")
            try Data(try await server.kubeconfig().utf8).write(to: file)
            try await body(Kubectl(program: program, kubeconfig: file.path, cache: directory.path), server)
        }
    }

    private static func definition() throws -> String { try Recording.exchanges("crd")[0].body!.text }

    private static let widget = """
        {"apiVersion":"golden.example.dev/v1","kind":"Widget","metadata":{"name":"one"},"spec":{"size":3}}
        """

    @Test
    func `What kubectl applied on its side it applies on the server's without force, where nobody has changed it`()
        async throws
    {
        try await withKubectl { kubectl, _ in
            func map(_ a: String, _ b: String) -> String {
                #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"\#(a)","b":"\#(b)"}}"#
            }
            #expect(try await kubectl("apply", "-f", "-", input: map("1", "<&>")).status == 0)
            let moved = try await kubectl("apply", "--server-side", "-f", "-", input: map("2", "<&>"))
            #expect(moved.status == 0 && moved.output.contains("serverside-applied"), "\(moved)")
            let text = try await kubectl(
                "get", "cm", "m", "-o",
                #"jsonpath={.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}"#)
            let applied = try JSONValue(parsing: text.output)
            #expect(
                applied["data"] == ["a": "2", "b": "<&>"] && text.output.contains(#"\u003c\u0026\u003e"#), "\(text)")
            #expect(try await kubectl("apply", "-f", "-", input: map("3", "<&>")).output.contains("configured"))
            // What somebody else has changed since is theirs.
            #expect(
                try await kubectl(
                    "patch", "cm", "m", "--type=merge", "--field-manager=other", "-p", #"{"data":{"a":"9"}}"#
                )
                .status == 0)
            let taken = try await kubectl("apply", "--server-side", "-f", "-", input: map("4", "<&>"))
            #expect(taken.status != 0 && taken.errors.contains("conflict with \"other\""), "\(taken)")
        }
    }

    @Test func `kubectl applies, gets, changes, waits for and deletes custom resources`() async throws {
        try await withKubectl { kubectl, _ in
            let made = try await kubectl("apply", "-f", "-", input: Self.definition())
            #expect(made.output.contains("created"), "\(made)")
            #expect(
                try await kubectl("apply", "-f", "-", input: Self.widget).output
                    == "widget.golden.example.dev/one created\n")
            #expect(
                try await kubectl("apply", "-f", "-", input: Self.widget).output
                    == "widget.golden.example.dev/one unchanged\n")
            let changed = Self.widget.replacing(#""size":3"#, with: #""size":3,"color":"red""#)
            #expect(try await kubectl("apply", "-f", "-", input: changed).output.contains("configured"))
            let table = try await kubectl("get", "widgets").output
            #expect(
                table.split(separator: "\n").first?.split(separator: " ") == ["NAME", "PHASE", "SIZE", "READY", "AGE"])
            let status = #"{"status":{"phase":"Done","conditions":[{"type":"Ready","status":"True"}]}}"#
            #expect(
                try await kubectl("patch", "wd", "one", "--subresource=status", "--type", "merge", "-p", status).status
                    == 0)
            #expect(
                try await kubectl("wait", "wd/one", "--for=condition=Ready", "--timeout=5s").output.contains(
                    "condition met"))
            #expect(
                try await kubectl("wait", "wd/one", "--for=jsonpath={.status.phase}=Done", "--timeout=5s").status == 0)
            let description = try await kubectl("describe", "wd", "one").output
            #expect(description.contains("Color:  red"))
            #expect(description.contains("Events:"))
            #expect(try await kubectl("delete", "wd", "one").output.contains("deleted"))
            #expect(try await kubectl("get", "wd", "one").errors.contains("NotFound"))
        }
    }

    @Test func `kubectl applies on the server's side, and is told of conflicts`() async throws {
        try await withKubectl { kubectl, _ in
            _ = try await kubectl("apply", "-f", "-", input: Self.definition())
            _ = try await kubectl("apply", "--server-side", "--field-manager=alice", "-f", "-", input: Self.widget)
            let other = Self.widget.replacing(#""size":3"#, with: #""size":3,"color":"red""#)
            let second = try await kubectl("apply", "--server-side", "--field-manager=bob", "-f", "-", input: other)
            #expect(second.output.contains("serverside-applied"), "\(second)")
            let green = other.replacing("red", with: "green")
            let conflict = try await kubectl("apply", "--server-side", "--field-manager=alice", "-f", "-", input: green)
            #expect(conflict.status != 0)
            #expect(conflict.errors.contains(#"conflict with "bob": .spec.color"#), "\(conflict)")
            let forced = try await kubectl(
                "apply", "--server-side", "--force-conflicts", "--field-manager=alice", "-f", "-", input: green)
            #expect(forced.status == 0)
            let color = try await kubectl("get", "wd", "one", "-o", "jsonpath={.spec.color}")
            #expect(color.output == "green")
        }
    }

    @Test func `kubectl refuses unknown fields and explains the known ones`() async throws {
        try await withKubectl { kubectl, _ in
            _ = try await kubectl("apply", "-f", "-", input: Self.definition())
            let wrong = Self.widget.replacing("size", with: "sizes")
            let answer = try await kubectl("apply", "-f", "-", input: wrong)
            #expect(answer.status != 0)
            #expect(answer.errors.contains(#"unknown field "spec.sizes""#), "\(answer)")
            let explained = try await kubectl("explain", "widgets.spec").output
            #expect(explained.contains("size\t<integer> -required-"), "\(explained)")
            #expect(try await kubectl("explain", "pod.spec.containers.image").output.contains("<string>"))
            let resources = try await kubectl("api-resources").output
            #expect(resources.contains("widgets") && resources.contains("configmaps"))
            #expect(try await kubectl("version").output.contains("Server Version: v1.36"))
            #expect(try await kubectl("auth", "can-i", "create", "widgets").output == "yes\n")
        }
    }

    @Test(arguments: [
        ("pod", "KIND:       Pod", "Containers that run together on one node."),
        ("pod", "metadata", "The object's metadata: its name, labels"),
        ("pod.spec", "restartPolicy\t<string>", "Whether containers that have ended are started again"),
        ("pod.spec.containers", "FIELD: containers <[]Container>", "One program of a pod with its image"),
        ("pod.spec.containers.env.valueFrom.secretKeyRef", "key\t<string>", "The key."),
        (
            "pod.spec.containers.resources.limits", "<map[string]",
            "The most that may be used, by the name of the resource."
        ),
        ("configmap.data", "FIELD: data <map[string]string>", "The values that are text, by their keys."),
        ("node.status.conditions.type", "FIELD: type <string>", "What it is about, such as Ready or MemoryPressure."),
        ("lease.spec.holderIdentity", "GROUP:      coordination.k8s.io", "Who holds it."),
        ("priorityclass.value", "FIELD: value <integer>", "pods with a larger one come first."),
        ("event.reason", "FIELD: reason <string>", "What happened, in one word for programs."),
    ])
    func `kubectl explains the built-in kinds`(_ path: String, _ form: String, _ text: String) async throws {
        try await withKubectl { kubectl, _ in
            // It breaks lines and indents them.
            func joined(_ text: String) -> String { text.split { $0 == " " || $0 == "\n" }.joined(separator: " ") }
            let answer = try await kubectl("explain", path)
            #expect(answer.output.contains(form), "\(answer)")
            #expect(joined(answer.output).contains(text), "\(answer)")
            let old = try await kubectl("explain", path, "-o", "plaintext-openapiv2")
            #expect(joined(old.output).contains(text), "\(old)")
        }
    }

    @Test func `kubectl explains a custom resource by OpenAPI v2 too`() async throws {
        try await withKubectl { kubectl, _ in
            _ = try await kubectl("apply", "-f", "-", input: Self.definition())
            let answer = try await kubectl("explain", "widgets.spec", "-o", "plaintext-openapiv2")
            #expect(answer.output.contains("size\t<integer> -required-"), "\(answer)")
        }
    }

    private struct OneLine: PodLogSource {
        func logs(namespace: String, pod: String, uid: String, container: String, options: PodLogOptions) async throws
            -> AsyncThrowingStream<[UInt8], any Error>
        {
            AsyncThrowingStream { continuation in
                continuation.yield(Array("\(namespace)/\(pod)/\(container) tail=\(options.tailLines ?? -1)\n".utf8))
                continuation.finish()
            }
        }
    }

    @Test func `kubectl shows pods, their logs and events, and deletes them`() async throws {
        try await withKubectl(logSource: OneLine()) { kubectl, server in
            let pod = """
                {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},
                 "spec":{"restartPolicy":"Never","containers":[{"name":"main","image":"busybox","command":["true"]}]}}
                """
            #expect(try await kubectl("apply", "-f", "-", input: pod).output == "pod/p created\n")
            #expect(try await kubectl("apply", "-f", "-", input: pod).output == "pod/p unchanged\n")
            func send(_ method: String, _ path: String, _ body: JSONValue, _ type: String = "application/json") async
                -> Int
            {
                await server.respond(to: InboundRequest(method, path, contentType: type, body: body.bytes)).status
            }
            #expect(await send("POST", "/api/v1/nodes", ["metadata": ["name": "n"]]) == 201)
            let pods = "/api/v1/namespaces/default/pods"
            #expect(await send("POST", "\(pods)/p/binding", ["target": ["name": "n"]]) == 201)
            let uid = try await kubectl("get", "pod", "p", "-o", "jsonpath={.metadata.uid}").output
            let event: JSONValue = [
                "metadata": ["name": "p.1"], "reason": "Started", "message": "Started container main", "type": "Normal",
                "involvedObject": [
                    "kind": "Pod", "namespace": "default", "name": "p", "uid": .string(uid), "apiVersion": "v1",
                ],
            ]
            #expect(await send("POST", "/api/v1/namespaces/default/events", event) == 201)
            #expect(try await kubectl("logs", "p", "--tail=7").output == "default/p/main tail=7\n")
            let description = try await kubectl("describe", "pod", "p").output
            #expect(description.contains("Started container main"), "\(description)")
            #expect(try await kubectl("get", "pods").output.contains("Pending"))
            let ended: JSONValue = ["status": ["phase": "Succeeded"]]
            #expect(await send("PATCH", "\(pods)/p/status", ended, "application/merge-patch+json") == 200)
            #expect(
                try await kubectl("wait", "pod/p", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=5s").status
                    == 0)
            #expect(try await kubectl("delete", "pod", "p").output.contains("deleted"))
            #expect(try await kubectl("get", "pods").errors.contains("No resources found"))
        }
    }

    @Test func `kubectl makes the small things it sends as protobuf`() async throws {
        try await withKubectl { kubectl, _ in
            let map = try await kubectl("create", "configmap", "c", "--from-literal=a=b")
            #expect(map.output == "configmap/c created\n", "\(map)")
            #expect(try await kubectl("get", "cm", "c", "-o", "jsonpath={.data.a}").output == "b")
            #expect(try await kubectl("create", "secret", "generic", "s", "--from-literal=a=b").status == 0)
            #expect(try await kubectl("get", "secret", "s", "-o", "jsonpath={.data.a}").output == "Yg==")
            #expect(try await kubectl("create", "namespace", "n").output == "namespace/n created\n")
            #expect(try await kubectl("create", "quota", "q", "--hard=cpu=2,pods=3").status == 0)
            #expect(
                try await kubectl("get", "quota", "q", "-o", "jsonpath={.spec.hard}").output
                    == #"{"cpu":"2","pods":"3"}"#)
            #expect(try await kubectl("delete", "namespace", "n").output.contains("deleted"))
        }
    }

    @Test func `kubectl exec, cp and port-forward say that this node has none`() async throws {
        try await withKubectl { kubectl, server in
            let pod = #"{"metadata":{"name":"p"},"spec":{"nodeName":"n","containers":[{"name":"c","image":"x"}]}}"#
            let made = await server.respond(
                to: InboundRequest(
                    "POST", "/api/v1/namespaces/default/pods", contentType: "application/json", body: Array(pod.utf8)))
            #expect(made.status == 201)
            let running = await server.respond(
                to: InboundRequest(
                    "PATCH", "/api/v1/namespaces/default/pods/p/status", contentType: "application/merge-patch+json",
                    body: Array(#"{"status":{"phase":"Running"}}"#.utf8)))
            #expect(running.status == 200)
            for (arguments, what) in [
                (["exec", "p", "--", "true"], "kubectl exec and cp"),
                (["cp", "p:/etc/hosts", "copied"], "kubectl exec and cp"),
                (["attach", "p"], "kubectl attach"), (["port-forward", "p", "8080"], "kubectl port-forward"),
            ] {
                let result = try await kubectl(arguments)
                #expect(result.status != 0)
                #expect(
                    result.errors.contains(
                        "this node runs containers as processes of the machine and does not serve \(what): use the machine's"
                            + " own shell, files and ports"), "\(result)")
            }
        }
    }
}
