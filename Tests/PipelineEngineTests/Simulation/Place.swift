import JSON
import SluiceAPI

/// Where a path lies in its scenario.
struct Place {
    let spec: TaskSpec
    let pipeline: PipelineSpec
    let isFinally: Bool
    /// Whether it, or anything above it, is in `finally`.
    let isInFinally: Bool
    /// The path of the task itself, without the index of an item.
    let task: String
    /// What stands before its name, and before those of the tasks beside it.
    let prefix: String
    /// The paths of the pipelines that it lies in, from outside to inside.
    let pipelines: [String]
    /// Those of them that are reached from it without leaving a task of `finally`.
    let closest: [String]
    /// The instances that it is or lies in, with the parallelism of their forEach.
    let instances: [(path: String, group: String, parallelism: Int?)]

    /// Paths of instances are told from those of the task by their end.
    var isInstance: Bool { instances.last.map { $0.group == task } ?? false }
}

extension Scenario {
    /// The pipeline that a task runs.
    func pipeline(of task: TaskSpec) -> PipelineSpec? {
        task.pipelineSpec ?? task.pipelineRef.flatMap { libraries[$0]?.spec }
    }

    /// Where a path lies; nil when there can be none of that name.
    func place(_ path: String) -> Place? {
        if let known = places.found[path] { return known }
        var pipeline = pipeline
        var prefix = ""
        var pipelines: [String] = []
        var instances: [(path: String, group: String, parallelism: Int?)] = []
        var isInFinally = false
        var closest: [String] = []
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            let name = part.prefix { $0 != "[" }
            let isFinally = pipeline.finally.contains { $0.name == name }
            guard let spec = (pipeline.tasks + pipeline.finally).first(where: { $0.name == name }) else { return nil }
            isInFinally = isInFinally || isFinally
            if isFinally { closest = [] }
            let task = prefix + name
            let own = prefix + part
            if part.count > name.count {
                guard let forEach = spec.forEach else { return nil }
                instances.append((own, task, forEach.parallelism))
            }
            guard index < parts.count - 1 else {
                let place = Place(
                    spec: spec, pipeline: pipeline, isFinally: isFinally, isInFinally: isInFinally, task: task,
                    prefix: prefix, pipelines: pipelines, closest: closest, instances: instances)
                places.found[path] = place
                return place
            }
            guard let inner = self.pipeline(of: spec) else { return nil }
            pipeline = inner
            pipelines.append(own)
            closest.append(own)
            prefix = own + "/"
        }
        return nil
    }

    /// What has been found, so that it is not looked for again.
    final class Places { var found: [String: Place] = [:] }

    /// The tasks beside a task that it waits for, and the ends that satisfy it (rule E1).
    func dependencies(of task: TaskSpec, in pipeline: PipelineSpec) -> [Dependency] {
        let isFinally = pipeline.finally.contains { $0.name == task.name }
        let beside = Set((isFinally ? pipeline.finally : pipeline.tasks).map(\.name))
        var found = task.dependsOn.filter { beside.contains($0.task) }
        var text = "\(task.container?.text ?? "") \(task.forEach?.items.text ?? "")"
        for (_, value) in task.parameters { text += " " + value.text }
        for part in text.components(after: "$(tasks.") {
            let name = String(part.prefix { $0 != "." })
            guard beside.contains(name), !found.contains(where: { $0.task == name }) else { continue }
            found.append(Dependency(task: name))
        }
        let explicit = Set(found.map(\.task))
        for part in (task.when ?? "").components(after: "tasks.") {
            let name = String(part.prefix { $0 != "." })
            guard beside.contains(name), !explicit.contains(name) else { continue }
            let isPhase = part.dropFirst(name.count).hasPrefix(".phase")
            found.append(Dependency(task: name, on: isPhase ? .finished : .succeededOrSkipped))
        }
        return found
    }
}

extension String {
    /// What follows each place where that text stands, up to the next one.
    func components(after text: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = self[...]
        while let range = rest.firstRange(of: text) {
            rest = rest[range.upperBound...]
            parts.append(rest)
        }
        return parts
    }

    /// Whether this path is that one or lies below it.
    func isAtOrBelow(_ path: String) -> Bool {
        guard hasPrefix(path) else { return false }
        let next = utf8.dropFirst(path.utf8.count).first
        return next == nil || next == UInt8(ascii: "/") || next == UInt8(ascii: "[")
    }
}
