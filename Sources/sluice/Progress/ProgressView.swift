import KubernetesModel
import SluiceAPI

/// Shows how a run goes on.
protocol ProgressView {
    /// The run looks like this now.
    mutating func show(_ status: PipelineRunStatus, now: Timestamp)
    /// Time has passed and nothing else.
    mutating func tick(now: Timestamp)
    /// The run has ended, and nothing more is shown here.
    mutating func finish(_ status: PipelineRunStatus, now: Timestamp)
}

/// One line for each change, for pipes and logs.
struct PlainProgress: ProgressView {
    private var tasks: TaskList
    private let start: Timestamp
    private let output: (String) -> Void
    private var shown: [String: String] = [:]

    init(_ pipeline: PipelineSpec, start: Timestamp, output: @escaping (String) -> Void) {
        tasks = TaskList(pipeline)
        self.start = start
        self.output = output
    }

    mutating func show(_ status: PipelineRunStatus, now: Timestamp) {
        for row in tasks.update(status) {
            let task = row.status
            var words = [task.phase.rawValue]
            if task.attempt > 0 { words.append("attempt \(task.attempt)") }
            if task.phase.isFinished, let duration = task.duration(now: now) { words.append("after \(duration)") }
            var text = words.joined(separator: ", ")
            let reason = [task.reason, task.message].filter { !$0.isEmpty }.joined(separator: ": ")
            if !reason.isEmpty { text += " (\(reason))" }
            guard shown[row.name] != text else { continue }
            shown[row.name] = text
            output("\(HumanDuration.elapsed(now - start))  \(row.name)  \(text)")
        }
    }

    mutating func tick(now: Timestamp) {}

    mutating func finish(_ status: PipelineRunStatus, now: Timestamp) { show(status, now: now) }
}

/// A tree of the tasks that is drawn over itself, for terminals.
struct LiveProgress: ProgressView {
    private var tasks: TaskList
    private let start: Timestamp
    private let width: () -> Int
    private let hasColour: Bool
    private let output: (String) -> Void
    private var drawnLines = 0
    private var latest = PipelineRunStatus()

    init(
        _ pipeline: PipelineSpec, start: Timestamp, hasColour: Bool, width: @escaping () -> Int,
        output: @escaping (String) -> Void
    ) {
        tasks = TaskList(pipeline)
        self.start = start
        self.width = width
        self.hasColour = hasColour
        self.output = output
    }

    mutating func show(_ status: PipelineRunStatus, now: Timestamp) {
        latest = status
        _ = tasks.update(status)
        draw(now: now)
    }

    mutating func tick(now: Timestamp) { draw(now: now) }

    mutating func finish(_ status: PipelineRunStatus, now: Timestamp) { show(status, now: now) }

    private mutating func draw(now: Timestamp) {
        let columns = max(20, width())
        var lines: [String] = []
        var inner = 0
        for row in tasks.rows {
            // Of what lies inside of a task only what a person wants to see, and not more than fits.
            if row.isInner {
                guard row.status.phase == .running || row.status.phase == .failed, inner < Self.maximumInner else {
                    continue
                }
                inner += 1
            } else {
                inner = 0
            }
            lines.append(line(row, columns: columns, now: now))
        }
        lines.append("\(latest.phase.rawValue)  \(latest.progress)  \(HumanDuration.elapsed(now - start))")
        // Up over what was drawn before, each line cleared to its end, all in one write so that nothing flickers.
        var text = drawnLines > 0 ? "\u{1B}[\(drawnLines)A" : ""
        for line in lines { text += "\u{1B}[2K\(line)\n" }
        drawnLines = lines.count
        output(text)
    }

    /// Most lines that are shown of what lies inside of one task.
    private static let maximumInner = 8

    private func line(_ row: TaskList.Row, columns: Int, now: Timestamp) -> String {
        let (symbol, colour) =
            switch row.status.phase {
            case .pending: ("·", "90")
            case .running: ("●", "36")
            case .succeeded: ("✔", "32")
            case .failed: ("✖", "31")
            case .skipped: ("○", "90")
            case .cancelled: ("■", "33")
            }
        var text = String(repeating: "  ", count: min(row.depth, 10)) + "\(symbol) \(row.name)"
        if let duration = row.status.duration(now: now) { text += "  \(duration)" }
        if let items = row.status.items { text += "  \(items) items" }
        if row.status.attempt > 0 { text += "  attempt \(row.status.attempt)" }
        if !row.status.message.isEmpty { text += "  \(row.status.message)" }
        text = String(text.filter { !$0.isNewline }.prefix(columns - 1))
        return hasColour ? "\u{1B}[\(colour)m\(text)\u{1B}[0m" : text
    }
}
