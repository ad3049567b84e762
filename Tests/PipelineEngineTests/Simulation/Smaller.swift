import JSON

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
        for field in ["parallelism", "timeout", "state"] where run[field] != nil {
            var scenario = self
            scenario.run[field] = nil
            found.append(scenario)
        }
        for index in wants.indices.dropLast() {
            var scenario = self
            scenario.wants.remove(at: index)
            found.append(scenario)
        }
        return found
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
                    "forEach", "dependsOn", "retry", "replicas", "timeout", "parameters", "results", "onFailure",
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
