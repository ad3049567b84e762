import JSON
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import SluiceAPI
import Testing

/// What one tenant stores, as bad as the definition lets it through, harms nobody else's run.
struct HostileObjectTests {
    private static let container: JSONValue = ["image": "x", "command": ["true"]]

    private static func task(_ name: String, _ fields: JSONObject = [:]) -> JSONValue {
        var task: JSONValue = ["name": .string(name), "container": container]
        for (key, value) in fields { task[key] = value }
        return task
    }

    private static func nested(_ depth: Int, _ leaf: JSONValue, _ wrap: (JSONValue) -> JSONValue) -> JSONValue {
        (0..<depth).reduce(leaf) { value, _ in wrap(value) }
    }

    /// A spec, and a status that somebody wrote beside the operator.
    private static func object(_ name: String) -> (spec: JSONValue, status: JSONValue?) {
        let text = String(repeating: "$(", count: 300_000)
        let numbers = JSONValue.array((0..<10_000).map { .int($0) })
        let plain: JSONValue = ["pipelineSpec": ["tasks": [task("a")]]]
        switch name {
        case "deep parameters":
            return (["parameters": ["p": nested(400, 1) { [$0] }], "pipelineSpec": ["tasks": [task("a")]]], nil)
        case "endless references":
            return (
                ["pipelineSpec": ["tasks": [task("a", ["container": ["image": "x", "args": [.string(text)]]])]]], nil
            )
        case "20,000 tasks that wait for each other":
            let tasks = (0..<20_000).map { index in
                task("t\(index)", ["dependsOn": .array((max(0, index - 3)..<index).map { .string("t\($0)") })])
            }
            return (["parallelism": 1, "pipelineSpec": ["tasks": .array(tasks)]], nil)
        case "a forEach in a forEach in a forEach":
            let inner: JSONValue = [
                "name": "b", "forEach": ["items": numbers],
                "pipelineSpec": ["tasks": [task("c", ["forEach": ["items": numbers]])]],
            ]
            let outer: JSONValue = ["name": "a", "forEach": ["items": numbers], "pipelineSpec": ["tasks": [inner]]]
            return (["pipelineSpec": ["tasks": [outer]]], nil)
        case "pipelines 60 deep":
            let deep = nested(60, ["tasks": [task("a")]]) { ["tasks": [["name": "s", "pipelineSpec": $0]]] }
            return (["pipelineSpec": deep], nil)
        case "a condition that never ends":
            let expression = "params.l.all(a, params.l.all(b, params.l.all(c, params.l.all(d, a + b + c + d >= 0))))"
            return (
                [
                    "parameters": ["l": numbers],
                    "pipelineSpec": [
                        "parameters": [["name": "l", "type": "array"]],
                        "tasks": [task("a", ["when": .string(expression)])],
                    ],
                ], nil
            )
        case "a condition of brackets":
            let expression = String(repeating: "(", count: 60_000)
            return (["pipelineSpec": ["tasks": [task("a", ["when": .string(expression)])]]], nil)
        case "100,000 labels":
            let labels = JSONObject((0..<100_000).map { ("k\($0)", JSONValue.string("v")) })
            return (
                ["podTemplate": ["metadata": ["labels": .object(labels)]], "pipelineSpec": ["tasks": [task("a")]]], nil
            )
        case "a status of others":
            let rows = (0..<2000).map { index -> JSONValue in
                [
                    "name": .string("a[\(index)]/x[\(index)]"), "phase": "Running", "attempt": .int(Int64.max),
                    "pods": ["p"],
                ]
            }
            return (
                plain,
                [
                    "observedGeneration": 1, "phase": "Running",
                    "tasks": .array(rows + [["name": "a", "phase": "Odd", "items": -5]]),
                    "folded": .array(
                        Array(repeating: ["phase": "Running", "tasks": "a[0-99999],b(0-99999999)"], count: 50)),
                ]
            )
        case "names of everything":
            let name = String(repeating: "x", count: 63)
            let tasks = (0..<1000).map { task(String(name.dropLast(4)) + "\(1000 + $0)", ["results": ["r"]]) }
            let results = tasks.map { task -> JSONValue in
                let name = task["name"]?.string ?? ""
                return ["name": .string("r\(name.suffix(4))"), "value": .string("$(tasks.\(name).results.r)")]
            }
            return (["pipelineSpec": ["tasks": .array(tasks), "results": .array(results)]], nil)
        default: return (plain, nil)
        }
    }

    @Test(
        arguments: [
            "deep parameters", "endless references", "20,000 tasks that wait for each other",
            "a forEach in a forEach in a forEach", "pipelines 60 deep", "a condition that never ends",
            "a condition of brackets", "100,000 labels", "a status of others", "names of everything",
        ])
    func `The worst object of one tenant harms no other run`(name: String) throws {
        var harness = OperatorHarness(seed: 71)
        defer { harness.end() }
        let (spec, status) = Self.object(name)
        harness.cluster.addRun("bad", spec: spec)
        if let status {
            harness.cluster.editRun(ObjectKey(namespace: "team", name: "bad")) { $0["status"] = status }
        }
        harness.cluster.addRun("good", spec: RunReconcilerTests.diamond)
        harness.startOperator()
        harness.simulation.run(for: .seconds(20))
        #expect(try harness.cluster.run(named: "good")?.status.phase == .succeeded)
        // And once more after a restart, when the bad one is there from the beginning.
        harness.killOperator()
        harness.cluster.addRun("better", spec: RunReconcilerTests.diamond)
        harness.startOperator()
        harness.simulation.run(for: .seconds(20))
        #expect(try harness.cluster.run(named: "better")?.status.phase == .succeeded)
    }
}
