import KubernetesModel
import PipelineEngine
import SluiceAPI

/// A run as people see it while it goes on: its tasks in the order of the graph, each with how deep it lies.
struct TaskList {
    struct Row {
        var name: String
        var depth: Int
        var isFinally: Bool
        var status: TaskStatus
    }

    private(set) var rows: [Row]
    private var indexByName: [String: Int] = [:]

    /// The tasks of a pipeline; each lies one deeper than the deepest of those it waits for.
    init(_ pipeline: PipelineSpec) {
        var depths: [String: Int] = [:]
        var dependencies: [String: [String]] = [:]
        let all = pipeline.tasks + pipeline.finally
        let names = Set(all.map(\.name))
        for task in all {
            dependencies[task.name] = task.dependsOn.map(\.task) + task.referencedTasks.map(\.task)
        }
        // Those with no dependency first, then those whose dependencies have a depth: each edge is walked once.
        var waiting: [String: Int] = [:]
        var dependents: [String: [String]] = [:]
        for task in all {
            let known = Set(dependencies[task.name] ?? []).intersection(names)
            waiting[task.name] = known.count
            for name in known { dependents[name, default: []].append(task.name) }
        }
        var next = all.map(\.name).filter { waiting[$0] == 0 }
        var position = 0
        while position < next.count {
            let name = next[position]
            position += 1
            for dependent in dependents[name] ?? [] {
                depths[dependent] = max(depths[dependent] ?? 0, (depths[name] ?? 0) + 1)
                waiting[dependent, default: 0] -= 1
                if waiting[dependent] == 0 { next.append(dependent) }
            }
        }
        let finallyNames = Set(pipeline.finally.map(\.name))
        rows = all.map {
            Row(
                name: $0.name, depth: finallyNames.contains($0.name) ? 0 : depths[$0.name] ?? 0,
                isFinally: finallyNames.contains($0.name), status: TaskStatus(name: $0.name))
        }
        for (index, row) in rows.enumerated() { indexByName[row.name] = index }
    }

    /// Takes in a status; the tasks that look different from before.
    mutating func update(_ status: PipelineRunStatus) -> [Row] {
        var changed: [Row] = []
        for task in status.tasks {
            guard let index = indexByName[task.name], rows[index].status != task else { continue }
            rows[index].status = task
            changed.append(rows[index])
        }
        return changed
    }
}

extension TaskStatus {
    /// How long it has taken, or takes until now: "1.3s", "2m05s"; nil before it started.
    func duration(now: Timestamp) -> String? {
        guard let startTime else { return nil }
        let end = completionTime ?? now
        return DurationText.short(max(.zero, end - startTime))
    }
}

/// Durations for people.
enum DurationText {
    static func short(_ duration: Duration) -> String {
        let tenths = duration.microseconds / 100_000
        if tenths < 600 { return "\(tenths / 10).\(tenths % 10)s" }
        let seconds = tenths / 10
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        if seconds < 3600 { return "\(seconds / 60)m\(two(seconds % 60))s" }
        return "\(seconds / 3600)h\(two(seconds / 60 % 60))m"
    }
}
