import Foundation
import Testing

@Suite struct BrokenManifestTests {
    static func run(_ tasks: String, extra: String = "") -> String {
        """
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata: {name: broken}
        spec:
        \(extra)  pipelineSpec:
            tasks:
        \(tasks)
        """
    }

    /// What is wrong, the manifest, and what the one sentence must name.
    static let table: [(what: String, manifest: String, names: [String])] = [
        (
            "unknown field", run("      - {name: a, container: {imge: x, image: x}}"),
            ["7", "spec.pipelineSpec.tasks[0].container", "imge"]
        ),
        (
            "cycle",
            run(
                "      - {name: a, dependsOn: [b], container: {image: x}}\n      - {name: b, dependsOn: [a], container: {image: x}}"
            ),
            ["cycle", "a", "b"]
        ),
        (
            "missing parameter",
            run("      - {name: a, container: {image: x, args: [$(params.p)]}}", extra: "").replacingOccurrences(
                of: "pipelineSpec:\n", with: "pipelineSpec:\n    parameters: [{name: p}]\n"),
            ["p"]
        ),
        (
            "bad quantity", run("      - {name: a, container: {image: x, resources: {limits: {memory: 1Gx}}}}"),
            ["1Gx", "spec.pipelineSpec.tasks[0].container.resources.limits"]
        ),
        (
            "wrong type", run("      - {name: a, replicas: two, container: {image: x}}"),
            ["spec.pipelineSpec.tasks[0].replicas", "integer"]
        ),
        (
            "a condition that does not type-check",
            run(#"      - {name: a, container: {image: x}, when: "run.name > 3"}"#),
            ["7:", "spec.pipelineSpec.tasks[0].when", "column 10"]
        ),
        (
            "a Pipeline that is not in the file",
            run("      - {name: a, pipelineSpec: {tasks: [{name: b, pipelineRef: {name: lib}}]}}"),
            ["no Pipeline lib", "task b"]
        ),
        ("not YAML", "apiVersion: [unclosed\n  kind: }", ["2"]),
        ("control characters", "\u{1}\u{7f}{[:- \t", ["1:"]),
        ("empty", "", ["the text is empty"]),
        ("junk", String(repeating: "\u{1}\u{7f}{[:- \t", count: 10_000_000 / 8), ["10000000 bytes"]),
    ]

    @Test(arguments: table.indices)
    func `A broken manifest gets one clear sentence from sluice run, with its place, and exit code 2`(index: Int)
        async throws
    {
        let (what, manifest, names) = Self.table[index]
        let file = try Tools.temporaryDirectory() + "/manifest.yaml"
        try Data(manifest.utf8).write(to: URL(fileURLWithPath: file))
        let result = try await Program.run(Tools.sluice, ["run", file])
        #expect(result.status == 2, "\(what): \(result.output)\(result.errors.prefix(2000))")
        for name in names { #expect(result.errors.contains(name), "\(what): \(result.errors.prefix(2000))") }
        #expect(result.errors.split(separator: "\n").count == 1, "\(what): \(result.errors.prefix(2000))")
        #expect(result.errors.utf8.count < 1000, "\(what)")
    }

    @Test func `sluice lint finds every mistake and exits 2, and has nothing to say of the samples`() async throws {
        let manifest = Self.run(
            "      - {name: a, replicas: two, container: {image: x}}\n      - {name: a, container: {imge: x, image: x}}"
        )
        let result = try await Program.run(Tools.sluice, ["lint", "-"], input: manifest)
        #expect(result.status == 2)
        #expect(result.output.contains("replicas"))
        #expect(result.output.contains("imge"))
        for sample in ["hello.yaml", "train-on-shards.yaml"] {
            let clean = try await Program.run(Tools.sluice, ["lint", Tools.sample(sample)])
            #expect(clean.status == 0, "\(clean.output)\(clean.errors)")
            #expect(clean.output.isEmpty)
        }
    }
}
