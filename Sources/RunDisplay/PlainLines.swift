public import KubernetesModel
public import SluiceAPI

/// One line for each change of a run, for pipes and logs.
public struct PlainLines: Sendable {
    private var tasks: TaskList
    private let created: Timestamp
    private var shown: [String: String] = [:]
    private var shownReason = ""

    /// `created` is the time from which is counted.
    public init(_ pipeline: PipelineSpec, created: Timestamp) {
        tasks = TaskList(pipeline)
        self.created = created
    }

    /// The lines of what is new in a status.
    public mutating func lines(_ status: PipelineRunStatus, now: Timestamp) -> [String] {
        var lines = tasks.update(status).compactMap { line($0.status, now: now) }
        // Why nothing goes on is told once.
        let reason = status.phase == .queued ? status.queue?.reason ?? "" : ""
        if reason != shownReason, !reason.isEmpty {
            lines.append("\(time(now))  waits in queue \(status.queue?.name ?? ""): \(TerminalText.line(reason))")
        }
        shownReason = reason
        return lines
    }

    /// The lines of a pod whose main container has started.
    public mutating func lines(startedPod pod: String, now: Timestamp) -> [String] {
        tasks.noteStarted(pod: pod)
        return tasks.task(ofPod: pod).flatMap { line($0, now: now) }.map { [$0] } ?? []
    }

    private mutating func line(_ task: TaskStatus, now: Timestamp) -> String? {
        // A task is running once a pod of it is; what keeps its pods from starting is told.
        if tasks.isStarting(task), task.message.isEmpty { return nil }
        var words = [tasks.isStarting(task) ? "Starting" : task.phase.rawValue]
        if task.attempt > 0 { words.append("attempt \(task.attempt)") }
        if task.phase.isFinished, let duration = task.duration(now: now) { words.append("after \(duration)") }
        var text = words.joined(separator: ", ")
        let reason = [task.reason, TerminalText.line(task.message)].filter { !$0.isEmpty }.joined(separator: ": ")
        if !reason.isEmpty { text += " (\(reason))" }
        guard shown[task.name] != text else { return nil }
        shown[task.name] = text
        return "\(time(now))  \(task.name)  \(text)"
    }

    private func time(_ now: Timestamp) -> String {
        HumanDuration.elapsed(max(.zero, now - created))
    }
}
