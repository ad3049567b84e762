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
        let graph = TaskGraph(pipeline)
        let depths = graph.depths
        rows = graph.nodes.enumerated().map { index, node in
            Row(
                name: node.spec.name, depth: node.isFinally ? 0 : depths[index], isFinally: node.isFinally,
                status: TaskStatus(name: node.spec.name))
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
