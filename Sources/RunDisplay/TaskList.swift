import KubernetesModel
public import SluiceAPI

/// A run as people see it while it goes on: its tasks in the order of the graph, each with how deep it lies.
public struct TaskList: Sendable {
    /// One task.
    public struct Row: Sendable {
        public var name: String
        public var depth: Int
        public var isFinally: Bool
        public var status: TaskStatus
        /// Whether it is an item of a forEach, or lies in a sub-pipeline.
        public var isInner = false
    }

    public private(set) var rows: [Row]
    private var indexByName: [String: Int] = [:]
    private var startedPods: Set<String> = []

    /// The tasks of a pipeline; each lies one deeper than the deepest of those it waits for.
    public init(_ pipeline: PipelineSpec) {
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
    public mutating func update(_ status: PipelineRunStatus) -> [Row] {
        var changed: [Row] = []
        let tasks = status.allTasks
        if tasks.contains(where: { indexByName[$0.name] == nil }) { addInner(tasks) }
        for task in tasks {
            guard let index = indexByName[task.name], rows[index].status != task else { continue }
            // What is folded tells less than what was known of it.
            if rows[index].status.phase == task.phase, task.startTime == nil, task.attempt == 0 { continue }
            rows[index].status = task
            changed.append(rows[index])
        }
        return changed
    }

    /// Adds rows for what lies inside of tasks, below these and in the order of the status.
    private mutating func addInner(_ tasks: [TaskStatus]) {
        let inner = Dictionary(grouping: tasks.filter { Self.isInner($0.name) }) { Self.outermost($0.name) }
        var all: [Row] = []
        for row in rows where !row.isInner {
            all.append(row)
            for task in inner[row.name] ?? [] {
                if let known = indexByName[task.name] {
                    all.append(rows[known])
                    continue
                }
                let below = task.name.utf8.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "/") }
                all.append(
                    Row(
                        name: task.name, depth: row.depth + below, isFinally: row.isFinally,
                        status: TaskStatus(name: task.name), isInner: true))
            }
        }
        rows = all
        indexByName = [:]
        for (index, row) in rows.enumerated() { indexByName[row.name] = index }
    }

    private static func isInner(_ path: String) -> Bool { path.contains { $0 == "[" || $0 == "/" } }
    private static func outermost(_ path: String) -> String { String(path.prefix { $0 != "[" && $0 != "/" }) }
}

extension TaskList {
    /// Notes that the main container of a pod of the run has started.
    public mutating func noteStarted(pod: String) { startedPods.insert(pod) }

    /// Whether a task is under way and none of its pods has started yet: it is not called running.
    public func isStarting(_ task: TaskStatus) -> Bool {
        task.phase == .running && !task.pods.isEmpty && task.pods.allSatisfy { !startedPods.contains($0) }
    }

    /// The task to which a pod belongs, as it is now.
    public func task(ofPod pod: String) -> TaskStatus? { rows.first { $0.status.pods.contains(pod) }?.status }
}

extension TaskStatus {
    /// How long it has taken, or takes until now: "1.3s", "2m05s"; nil before it started.
    func duration(now: Timestamp) -> String? {
        guard let startTime else { return nil }
        let end = completionTime ?? now
        return HumanDuration.elapsed(max(.zero, end - startTime))
    }
}
