import JSON
import Simulator

/// What a simulated day of 100,000 tasks costs: many small runs, some with many items each, and items that end one by one.
enum Simulate {
    static func run() throws -> JSONValue {
        let chain = (0..<10).map { number -> JSONValue in
            task("t\(number)", number == 0 ? [:] : ["dependsOn": [.string("t\(number - 1)")]])
        }
        return [
            "chains": try measure(chain, runs: 10_000, every: "8640ms"),
            "items": try measure([items(1000, parallelism: 50)], runs: 100, every: "800s"),
            "itemsOneByOne": try measure([items(1000, parallelism: 100)], runs: 10, every: "8000s", isStaggered: true),
        ]
    }

    private static func task(_ name: String, _ fields: JSONValue) -> JSONValue {
        var task = fields
        task["name"] = .string(name)
        task["container"] = ["image": "busybox:1"]
        return task
    }

    private static func items(_ count: Int64, parallelism: Int64) -> JSONValue {
        let items = JSONValue.array((0..<count).map(JSONValue.int))
        return task("s", ["forEach": ["items": items, "parallelism": .int(parallelism)]])
    }

    private static func measure(
        _ tasks: [JSONValue], runs: Int64, every: String, isStaggered: Bool = false
    ) throws -> JSONValue {
        let run: JSONValue = [
            "apiVersion": "sluice.dev/v1alpha1", "kind": "PipelineRun", "metadata": ["name": "r"],
            "spec": ["pipelineSpec": ["tasks": .array(tasks)]],
        ]
        let staggered = (0..<100).map { number -> JSONValue in
            ["task": .string("*\(number)]"), "duration": .string("\(300 + number * 7)s")]
        }
        let scenario: JSONValue = [
            "apiVersion": "sluice.dev/v1alpha1", "kind": "Scenario",
            "arrivals": [["run": "r", "count": .int(runs), "every": .string(every)]],
            "outcomes": .array((isStaggered ? staggered : []) + [["duration": "600s"]]),
        ]
        let (input, mistakes) = SimulationInput.read([run, scenario])
        if let mistake = mistakes.first { throw Failure("\(mistake.error)") }
        let clock = ContinuousClock()
        let begin = clock.now
        let report = Simulation.run(input)
        let seconds = (clock.now - begin).milliseconds / 1000
        return [
            "tasks": .int(Int64(report.podsCreated)), "seconds": .double(rounded(seconds)),
            "tasksPerSecond": .int(Int64(Double(report.podsCreated) / seconds)),
        ]
    }
}
