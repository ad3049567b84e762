import Foundation
import JSON
import KubernetesModel
import Testing

@testable import EmbeddedAPIServer

/// The commands of kubectl that were recorded with a real cluster of Kubernetes 1.36, against the embedded one: the same requests with the
/// same answers, the same output and exit code.
///
/// Ages, times, UIDs, resourceVersions and generated names may differ, and so may what else is in a cluster.
@Suite(.enabled(if: KubectlTests.kubectl != nil, "no kubectl: set KUBECTL")) struct KubectlRecordingTests {
    /// How many of the 34 commands must be as recorded.
    private static let floor = 33

    /// Commands that differ on purpose, with the reason.
    private static let accepted = [
        "kubectl rollout status deploy/none": "there are no Deployments here, so that no request is made"
    ]

    /// Commands that list what is in the cluster besides the test's objects: of their output the head is compared.
    private static let lists = [
        "kubectl api-resources", "kubectl get ns", "kubectl get events -n golden-api", "kubectl get pods -A",
        "kubectl events -n default",
    ]

    private struct Command {
        var text: String
        var status: Int32
        var output: String
        var errors: String
        var requests: [String]

        init(_ json: JSONValue) {
            text = json["command"]?.string ?? ""
            status = Int32(json["exit"]?.int ?? -1)
            output = json["stdout"]?.string ?? ""
            errors = json["stderr"]?.string ?? ""
            requests = (json["requests"]?.array ?? []).map {
                "\($0["method"]?.string ?? "") \($0["path"]?.string ?? "") \($0["status"]?.int ?? 0)"
            }
        }

        /// The words of the command; the recorder quoted none, and only the last argument of a patch has blanks.
        var arguments: [String] { text.split(separator: " ").dropFirst().map(String.init) }
    }

    /// Text without what differs from one run to the next.
    private static func essence(_ text: String) -> String {
        text.replacing(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( \+0000|Z)/, with: "TIME")
            .replacing(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, with: "UID")
            .replacing(/(resourceVersion: "|Resource Version:\s+)\d+/, with: { "\($0.1)N" })
            .replacing(/\b(kc|gen)-[a-z0-9]{5}\b/, with: { "\($0.1)-X" })
            .replacing(/(\/\S+\/)?(LIVE|MERGED)-\d+/, with: { "\($0.2)-N" })
            .replacing(/\b\d+(s|m|h|d)(\d+(s|m|h))?\b/, with: "AGE")
            .replacing(/v1\.36\.\S+/, with: "v1.36")
            .replacing(/[ \t]+/, with: " ")
    }

    /// What kubectl tells of its requests with -v=6, sorted: some are made side by side.
    private static func requests(_ log: String) -> [String] {
        log.split(separator: "\n").compactMap { line in
            guard let match = line.firstMatch(of: /verb="([A-Z]+)" url="https:\/\/[^\/]+([^?"]*)[^"]*" status="(\d+)/)
            else { return nil }
            return "\(match.1) \(match.2) \(match.3)"
        }
    }

    private static func difference(_ command: Command, _ now: Finished) -> String? {
        if now.status != command.status {
            return "exit code \(now.status), not \(command.status): \(now.errors.suffix(300))"
        }
        // Once each: the recorded cluster could not begin a watch with what there was, so that kubectl asked again.
        let made = Set(requests(now.errors).map(essence)).sorted()
        let recorded = Set(command.requests.map(essence)).sorted()
        if made != recorded { return "requests \(made), not \(recorded)" }
        func head(_ text: String) -> String {
            let whole = essence(text)
            return lists.contains(command.text) ? String(whole.prefix { $0 != "\n" }) : whole
        }
        let isEmptyList = command.text == "kubectl get pods -A"
        if !isEmptyList, head(now.output) != head(command.output) {
            return "output\n\(head(now.output))\nnot\n\(head(command.output))"
        }
        // Its own log, but for what it says to people.
        let told = now.errors.split(separator: "\n").filter { $0.prefixMatch(of: /[IWE]\d{4}\s/) == nil }.joined(
            separator: "\n")
        let words = essence(command.errors).trimmingCharacters(in: .newlines)
        // Before them it shows the answers to its requests.
        if words.isEmpty ? !told.isEmpty : !essence(told).hasSuffix(words) { return "errors \(told), not \(words)" }
        return nil
    }

    @Test func `Recorded commands make the same requests and say the same`() async throws {
        let program = try #require(KubectlTests.kubectl)
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        @Sendable func write(_ name: String, _ text: String) throws {
            let file = directory.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        func widget(_ metadata: String, _ spec: String) -> String {
            "{apiVersion: golden.example.dev/v1, kind: Widget, metadata: {namespace: golden-api, \(metadata)}, spec: {\(spec)}}\n"
        }
        try write("w.yaml", widget("name: kc", "size: 2"))
        try write("w2.yaml", widget("name: kc", "size: 2, color: red"))
        try write("w3.yaml", widget("generateName: kc-", "size: 2"))
        try write("kz/kustomization.yaml", "resources: [w.yaml]\nlabels: [{pairs: {app: kz}}]\n")
        try write("kz/w.yaml", widget("name: kz", "size: 2"))
        let before =
            ["---", try Recording.exchanges("crd")[0].body?.text ?? "", "---"].joined(separator: "\n")
            + "\n{apiVersion: v1, kind: Namespace, metadata: {name: golden-api}}\n"
        let others = [("gen-aaaaa", 1), ("ssa", 5), ("three", 3)].map { widget("name: \($0.0)", "size: \($0.1)") }
        try await withRunningServer { server in
            try write("config", try await server.kubeconfig())
            @Sendable func kubectl(_ arguments: [String], input: String = "") async throws -> Finished {
                // The first of its requests are those of somebody who has never been there.
                let home = directory.appendingPathComponent("home-\(UUID().uuidString)").path
                return try await run(
                    "/usr/bin/env", ["-C", directory.path, program] + arguments,
                    environment: [
                        "KUBECONFIG": directory.appendingPathComponent("config").path, "HOME": home,
                        "KUBECTL_EXTERNAL_DIFF": "diff -u -N",
                    ], input: input)
            }
            #expect(try await kubectl(["apply", "-f", "-"], input: before).status == 0)
            #expect(try await kubectl(["create", "-f", "-"], input: others.joined(separator: "---\n")).status == 0)
            for namespace in ["default", "golden-api"] {
                let event = """
                    {apiVersion: v1, kind: Event, metadata: {name: e, namespace: \(namespace)}, type: Normal, reason: Tested, message: m,
                     involvedObject: {kind: Namespace, name: \(namespace), namespace: \(namespace)}}
                    """
                #expect(try await kubectl(["create", "-f", "-"], input: event).status == 0)
            }
            var (right, unexplained) = (0, 0)
            let commands = (try Recording.file("kubectl-requests").array ?? []).map(Command.init)
            #expect(commands.count == 34)
            for command in commands {
                let now = try await kubectl(command.arguments + ["-v=6"])
                guard let difference = Self.difference(command, now) else {
                    right += 1
                    continue
                }
                let reason = Self.accepted[command.text]
                print("  differs: \(command.text): \(reason ?? difference)")
                if reason == nil { unexplained += 1 }
            }
            print("recorded commands right: \(right) of \(commands.count)")
            #expect(unexplained == 0, "every difference has its reason")
            #expect(right >= Self.floor)
        }
    }
}
