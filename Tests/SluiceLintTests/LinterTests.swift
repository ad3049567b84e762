import Foundation
import JSON
import KubernetesModel
import KubernetesSchema
import SeededRandom
import SluiceAPI
import SluiceLint
import Testing
import YAML

struct LinterTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let run = """
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata:
          name: hello
        spec:
          pipelineSpec:
            tasks:
              - name: a
                container:
                  image: busybox
                  resources: {requests: {cpu: 100m}}
                results: [r]
                retry: {limit: 2, backoff: {initial: 1s, factor: 1.5}}
              - name: b
                dependsOn: [{task: a, 'on': Finished}]
                container: {image: busybox, args: ["$(tasks.a.results.r)"]}
        """

    @Test
    func `The samples have no errors`() throws {
        let directory = Self.root.appending(path: "config/samples")
        var count = 0
        for file in try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        where file.pathExtension == "yaml" {
            let found = Linter.check(try String(contentsOf: file, encoding: .utf8), file: file.lastPathComponent)
            #expect(found.map(\.description) == [])
            count += 1
        }
        #expect(count >= 2)
        #expect(Linter.check(Self.run).isEmpty)
    }

    @Test(arguments: [
        (
            "unknown field", "image: busybox\n", "imge: busybox\n",
            [
                "f.yaml:10:11: spec.pipelineSpec.tasks[0].container.imge: unknown field (did you mean image?)",
                "f.yaml:9:9: spec.pipelineSpec.tasks[0].container.image: Required value",
            ]
        ),
        (
            "cycle", "- name: a\n", "- name: a\n        dependsOn: [b]\n",
            [
                #"f.yaml:9:21: spec.pipelineSpec.tasks[0].dependsOn[0]: Invalid value: "a": the tasks wait for each other in a cycle: a -> b -> a"#
            ]
        ),
        (
            "missing parameter", "image: busybox\n", "image: $(params.image)\n",
            [
                #"f.yaml:10:11: spec.pipelineSpec.tasks[0].container.image: Invalid value: "$(params.image)": no parameter has that name"#
            ]
        ),
        (
            "bad quantity", "100m", "100x",
            [
                #"f.yaml:11:34: spec.pipelineSpec.tasks[0].container.resources.requests.cpu: Invalid value: "100x": is not a valid quantity: the suffix "x" is none of n u m k M G T P E Ki Mi Gi Ti Pi Ei"#
            ]
        ),
        (
            "wrong type", "limit: 2", "limit: two",
            [
                #"f.yaml:13:17: spec.pipelineSpec.tasks[0].retry.limit: Invalid value: "two": is a string, expected an integer"#
            ]
        ),
        ("not YAML", "metadata:\n", "metadata: {\n", [#"f.yaml:5:5: expected "," or "}""#]),
        (
            "unknown kind", "kind: PipelineRun", "kind: PiplineRun",
            [
                #"f.yaml:2:1: kind: Unsupported value: "PiplineRun": supported values: "PipelineRun", "Pipeline", "Queue", "ScheduledRun""#
            ]
        ),
        ("no kind", "kind: PipelineRun\n", "", ["f.yaml:1:1: kind: Required value"]),
        (
            "wrong version", "v1alpha1", "v2",
            [#"f.yaml:1:1: apiVersion: Unsupported value: "sluice.dev/v2": supported values: "sluice.dev/v1alpha1""#]
        ),
        (
            "on without quotes", "'on'", "on",
            [
                #"f.yaml:15:31: spec.pipelineSpec.tasks[1].dependsOn[0].true: unknown field (YAML takes on, yes and y for true: write "on" in quotes)"#
            ]
        ),
        (
            "on without quotes in retry", "limit: 2", "on: [Failed]",
            [
                #"f.yaml:13:17: spec.pipelineSpec.tasks[0].retry.true: unknown field (YAML takes on, yes and y for true: write "on" in quotes)"#
            ]
        ),
        (
            "unused parameter", "    tasks:\n", "    parameters: [{name: p, default: 1, type: integer}]\n    tasks:\n",
            [#"f.yaml:7:18: warning: spec.pipelineSpec.parameters[0]: Invalid value: "p": the parameter is never used"#]
        ),
    ])
    func `A broken manifest gives one clear sentence with its line`(
        name: String, old: String, new: String, expected: [String]
    ) throws {
        let text = Self.run.replacing(old, with: new, maxReplacements: 1)
        try #require(text != Self.run)
        #expect(Linter.check(text, file: "f.yaml").map(\.description).sorted() == expected.sorted(), "\(name)")
    }

    @Test
    func `Empty text, other text and ten megabytes of junk give one sentence each`() {
        for text in [
            "", "\n# nothing\n---\n", "just words", "[1, 2]", "{}", String(repeating: "x: [", count: 2_600_000),
        ] {
            let found = Linter.check(text, file: "f")
            #expect(found.count == 1 && found[0].severity == .error && !found[0].message.isEmpty, "\(found)")
        }
    }

    @Test
    func `Documents of other groups are passed over`() {
        let other =
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nmore: 1\n---\napiVersion: apps/v1\nkind: Deployment\n---\n"
        #expect(Linter.check(other + Self.run).isEmpty)
    }

    @Test
    func `A run is checked against the Pipeline beside it`() {
        let text = """
            apiVersion: sluice.dev/v1alpha1
            kind: Pipeline
            metadata: {name: p}
            spec:
              parameters: [{name: count, type: integer}]
              tasks: [{name: a, container: {image: x, args: ["$(params.count)"]}}]
            ---
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: r}
            spec:
              pipelineRef: {name: p}
              parameters: {count: many}
            """
        #expect(
            Linter.check(text).map(\.description) == [
                #"13:16: spec.parameters.count: Invalid value: "many": must be an integer"#
            ])
    }

    @Test
    func `A Queue is checked, with line and path`() {
        let text = """
            apiVersion: sluice.dev/v1alpha1
            kind: Queue
            metadata: {name: team-a}
            spec:
              weight: 2
              guarantee:
                cpu: 4
                nvidia.com/gpu: 2
              capability:
                nvidia.com/gpu: 1
              namespaceSelector:
                matchExpressions:
                  - {key: team, operator: In}
              stat: Closed
            """
        #expect(
            Linter.check(text, file: "q.yaml").map(\.description) == [
                "q.yaml:8:5: spec.guarantee.nvidia.com/gpu: Invalid value: 2: must not be more than the queue's capability, which is 1",
                "q.yaml:13:9: spec.namespaceSelector.matchExpressions[0].values: Required value: In needs values",
                "q.yaml:14:3: spec.stat: unknown field (did you mean state?)",
            ])
    }

    @Test
    func `No mutation of a Queue crashes anything`() throws {
        let file = Self.root.appending(path: "config/samples/queues.yaml")
        let documents = try YAMLReader.parse(try String(contentsOf: file, encoding: .utf8)).map(\.value)
        let junk: [JSONValue] = [
            .null, true, -1, 1.5, 9_223_372_036_854_775_807, "", "x", "1e99", "-5", [], [[]], [:], ["a": 5],
            ["key": "a"],
            [["operator": "In"]], ["nvidia.com/gpu": "9E99"], "Autoscaler", "\u{0}",
        ]
        for seed in 0..<3000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var value = try #require(documents.randomElement(using: &generator))
            for _ in 0..<Int.random(in: 1...3, using: &generator) { value = generator.mutated(value, with: junk) }
            let report = Validator.validate(value)
            _ = report.message()
            _ = QueueSpec(validated: value["spec"] ?? .null)
            _ = try? Queue(value)
            let found = Linter.check(YAMLWriter.text(value))
            #expect(found.allSatisfy { $0.line >= 1 && $0.column >= 1 }, "seed \(seed)")
        }
    }

    @Test
    func `No mutation of a manifest crashes anything`() throws {
        let manifest = try #require(try YAMLReader.parse(Self.run).first).value
        let junk: [JSONValue] = [
            .null, true, 0, -1, 1.5, 9_223_372_036_854_775_807, "", "x", "$(", "$(params.",
            "$(tasks.a.results.r[99999999999999999999])", [], [[]], [:],
            ["name": 5], ["name": "a"], [.null], ["a", "a"], "1e999999", "-0", "\u{0}", ["task": ["x"]],
        ]
        for seed in 0..<3000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var value = manifest
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                value = generator.mutated(value, with: junk)
            }
            let report = Validator.validate(value)
            _ = report.message()
            _ = PipelineRunSpec(validated: value["spec"] ?? .null)
            _ = PipelineSpec(validated: value["spec"]?["pipelineSpec"] ?? .null)
            _ = try? PipelineRun(value)
            let text = YAMLWriter.text(value)
            let found = Linter.check(text)
            #expect(found.allSatisfy { $0.line >= 1 && $0.column >= 1 }, "seed \(seed)")
            if !report.errors.isEmpty, value["apiVersion"] == "sluice.dev/v1alpha1" {
                #expect(!found.isEmpty, "seed \(seed)")
            }
        }
    }
}

extension SeededGenerator {
    /// The value with one part replaced, removed, renamed or doubled.
    mutating func mutated(_ value: JSONValue, with junk: [JSONValue]) -> JSONValue {
        switch value {
        case .object(var fields) where !fields.isEmpty && Int.random(in: 0..<8, using: &self) > 0:
            let field = fields[Int.random(in: 0..<fields.count, using: &self)]
            switch Int.random(in: 0..<12, using: &self) {
            case 0: fields[field.key] = nil
            case 1:
                fields[field.key] = nil
                fields[field.key + "x"] = field.value
            default: fields[field.key] = mutated(field.value, with: junk)
            }
            return .object(fields)
        case .array(var elements) where !elements.isEmpty && Int.random(in: 0..<8, using: &self) > 0:
            let index = Int.random(in: 0..<elements.count, using: &self)
            switch Int.random(in: 0..<8, using: &self) {
            case 0: elements.remove(at: index)
            case 1: elements.append(elements[index])
            default: elements[index] = mutated(elements[index], with: junk)
            }
            return .array(elements)
        default: return junk[Int.random(in: 0..<junk.count, using: &self)]
        }
    }
}
