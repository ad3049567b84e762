import JSON
import PipelineEngine

@testable import SluiceAPI

extension Scenario {
    /// The scenarios that have one part less: a task, or something that a task asks for. The largest parts first.
    var smaller: [Scenario] {
        var found: [Scenario] = []
        for json in Self.smaller(json) {
            var scenario = self
            scenario.json = json
            found.append(scenario)
        }
        for (name, library) in libraries.sorted(by: { $0.key < $1.key }) {
            for json in Self.smaller(library.json) {
                var scenario = self
                scenario.replace(name, json)
                found.append(scenario)
            }
        }
        for field in ["parallelism", "timeout", "queueTimeout", "state"] where run[field] != nil {
            var scenario = self
            scenario.run[field] = nil
            found.append(scenario)
        }
        for index in wants.indices.dropLast() {
            var scenario = self
            scenario.wants.remove(at: index)
            found.append(scenario)
        }
        func with(_ change: (inout Scenario) -> Void) {
            var scenario = self
            change(&scenario)
            found.append(scenario)
        }
        let usual = EngineSettings()
        if engine.taskLimit != usual.taskLimit { with { $0.engine.taskLimit = usual.taskLimit } }
        if engine.resultLimit != usual.resultLimit { with { $0.engine.resultLimit = usual.resultLimit } }
        if engine.foldThreshold != usual.foldThreshold { with { $0.engine.foldThreshold = usual.foldThreshold } }
        if statusLimit != .max { with { $0.statusLimit = .max } }
        return found.filter(\.hasValidConditions)
    }

    /// Whether all that conditions read is still there.
    private var hasValidConditions: Bool {
        var open = [pipeline] + libraries.values.map(\.spec)
        while let pipeline = open.popLast() {
            let variables = WhenExpression.Variables(pipeline)
            for (index, task) in (pipeline.tasks + pipeline.finally).enumerated() {
                if let inner = task.pipelineSpec { open.append(inner) }
                guard let when = task.when else { continue }
                let isFinally = index >= pipeline.tasks.count
                let expression = try? WhenExpression(when, in: variables, isFinally: isFinally, item: task.itemName)
                if expression == nil { return false }
            }
        }
        return true
    }

    private static func smaller(_ pipeline: JSONValue) -> [JSONValue] {
        var found: [JSONValue] = []
        for list in ["finally", "tasks"] {
            let tasks = pipeline[list]?.array ?? []
            for index in tasks.indices {
                func with(_ task: JSONValue?) {
                    var copy = tasks
                    if let task { copy[index] = task } else { copy.remove(at: index) }
                    if list == "tasks", copy.isEmpty { return }
                    var json = pipeline
                    json[list] = .array(copy)
                    found.append(json)
                }
                with(nil)
                var task = tasks[index]
                if task["container"] == nil {
                    task["pipelineSpec"] = nil
                    task["pipelineRef"] = nil
                    task["parameters"] = nil
                    task["container"] = ["image": "x"]
                    with(task)
                }
                for field in [
                    "when", "forEach", "dependsOn", "retry", "minAvailable", "replicas", "timeout", "parameters",
                    "results", "onFailure",
                ]
                where tasks[index][field] != nil {
                    task = tasks[index]
                    task[field] = nil
                    with(task)
                }
                if tasks[index]["container"]?["args"] != nil {
                    task = tasks[index]
                    task["container"]?["args"] = nil
                    with(task)
                }
                for inner in smaller(tasks[index]["pipelineSpec"] ?? [:]) {
                    task = tasks[index]
                    task["pipelineSpec"] = inner
                    with(task)
                }
            }
        }
        return found
    }
}
