public import KubernetesModel
public import SluiceAPI

/// A run as a tree of its tasks that fits a terminal: what to draw is worked out from the state and the size alone.
public struct RunTree: Sendable {
    public var tasks: TaskList
    public var status = PipelineRunStatus()
    private let name: String
    private let created: Timestamp

    /// `created` is the time from which is counted.
    public init(_ pipeline: PipelineSpec, name: String, created: Timestamp) {
        tasks = TaskList(pipeline)
        self.name = name
        self.created = created
    }

    /// Takes in a status.
    public mutating func update(_ status: PipelineRunStatus) {
        self.status = status
        _ = tasks.update(status)
    }

    /// The lines to draw: none wider than the terminal, and one fewer than it has rows.
    public func lines(now: Timestamp, size: TerminalSize, hasColour: Bool) -> [String] {
        let columns = max(20, size.columns) - 1
        let room = max(1, size.rows - 1)
        var texts = Self.fitted(entries(), into: room - 1 - (note == nil ? 0 : 1)).map { entry in
            switch entry {
            case .task(let row): line(row, now: now)
            case .folded(let group): Text(group.colour, "\(group.symbol) \(group.description)")
            }
        }
        texts.insert(Text("", head(now)), at: 0)
        if let note { texts.append(Text("33", note)) }
        return texts.prefix(room).map { text in
            let cut = DisplayWidth.cut(text.text, to: columns)
            return hasColour && !text.colour.isEmpty ? "\u{1B}[\(text.colour)m\(cut)\u{1B}[0m" : cut
        }
    }

    private struct Text {
        var colour: String
        var text: String

        init(_ colour: String, _ text: String) {
            self.colour = colour
            self.text = text
        }
    }

    private func head(_ now: Timestamp) -> String {
        let elapsed = HumanDuration.elapsed(max(.zero, now - created))
        let progress = status.progress.isEmpty ? "" : "  \(RunSummary.tasks(status.progress))"
        return "\(name)  \(status.phase.rawValue)\(progress)  \(elapsed)"
    }

    /// Why something waits for room, in a line of its own.
    private var note: String? {
        guard !status.phase.isFinished, let queue = status.queue, !queue.reason.isEmpty else { return nil }
        let place = queue.position.map { ", place \($0)" } ?? ""
        return "waits in queue \(queue.name)\(place): \(TerminalText.line(queue.reason))"
    }

    // MARK: Folding

    /// What lines are about when they are folded.
    private enum Kind: Int, CaseIterable {
        case failed, running, waiting, done

        init(_ phase: TaskPhase) {
            switch phase {
            case .failed, .cancelled: self = .failed
            case .running: self = .running
            case .pending: self = .waiting
            case .succeeded, .skipped: self = .done
            }
        }

        var word: String {
            switch self {
            case .failed: "failed"
            case .running: "running"
            case .waiting: "waiting"
            case .done: "done"
            }
        }
    }

    /// Several rows in one line.
    private struct Group {
        var counts: [Kind: Int] = [:]

        mutating func add(_ kind: Kind) { counts[kind, default: 0] += 1 }

        private var only: Kind? { counts.count == 1 ? counts.keys.first : nil }
        var symbol: String { only == .done ? "✔" : only == .waiting ? "·" : "…" }
        var colour: String { only == .done ? "32" : "90" }
        var description: String {
            let count = counts.values.reduce(0, +)
            let tasks = count == 1 ? "1 task" : "\(count) tasks"
            if let only { return "\(tasks) \(only.word)" }
            let parts = Kind.allCases.compactMap { kind in counts[kind].map { "\($0) \(kind.word)" } }
            return "\(tasks) more: \(parts.joined(separator: ", "))"
        }
    }

    private enum Entry {
        case task(TaskList.Row)
        case folded(Group)
    }

    /// Every task of the pipeline, and of what lies inside of them what a person wants to see.
    private func entries() -> [TaskList.Row] {
        tasks.rows.filter { !$0.isInner || $0.status.phase == .running || $0.status.phase == .failed }
    }

    /// Rows that fit: first less is shown of what lies inside of tasks, then neighbours that are done or wait become one line, which
    /// may leave room for more of the inside, at last what failed and what runs goes before the rest.
    private static func fitted(_ rows: [TaskList.Row], into room: Int) -> [Entry] {
        for limit in [8, 3, 0] {
            let some = limitingInner(rows, to: limit)
            if some.count <= room { return some.map(Entry.task) }
        }
        for limit in [8, 3, 0] {
            let folded = foldingNeighbours(limitingInner(rows, to: limit))
            if folded.count <= room { return folded }
        }
        let outer = rows.filter { !$0.isInner }
        // The last line counts what has no place.
        let places = max(0, room - 1)
        let ranked = outer.indices.sorted {
            (Kind(outer[$0].status.phase).rawValue, $0) < (Kind(outer[$1].status.phase).rawValue, $1)
        }
        let chosen = Set(ranked.prefix(places))
        var rest = Group()
        for index in outer.indices where !chosen.contains(index) { rest.add(Kind(outer[index].status.phase)) }
        return chosen.sorted().map { .task(outer[$0]) } + (room > 0 ? [.folded(rest)] : [])
    }

    private static func limitingInner(_ rows: [TaskList.Row], to limit: Int) -> [TaskList.Row] {
        var inner = 0
        return rows.filter { row in
            inner = row.isInner ? inner + 1 : 0
            return inner <= limit
        }
    }

    private static func foldingNeighbours(_ rows: [TaskList.Row]) -> [Entry] {
        var entries: [Entry] = []
        var start = rows.startIndex
        while start < rows.endIndex {
            let kind = Kind(rows[start].status.phase)
            let end = rows[start...].firstIndex { Kind($0.status.phase) != kind } ?? rows.endIndex
            if end - start > 1, kind == .done || kind == .waiting {
                entries.append(.folded(Group(counts: [kind: end - start])))
            } else {
                entries += rows[start..<end].map(Entry.task)
            }
            start = end
        }
        return entries
    }

    // MARK: One task

    private func line(_ row: TaskList.Row, now: Timestamp) -> Text {
        let task = row.status
        let isStarting = tasks.isStarting(task)
        let (symbol, colour) =
            switch task.phase {
            case .pending: ("·", "90")
            case .running: isStarting ? ("◌", "36") : ("●", "36")
            case .succeeded: ("✔", "32")
            case .failed: ("✖", "31")
            case .skipped: ("○", "90")
            case .cancelled: ("■", "33")
            }
        var words: [String] = []
        if isStarting { words.append("starting") }
        if let duration = task.duration(now: now) { words.append(duration) }
        if let items = task.items { words.append(items == 1 ? "1 item" : "\(items) items") }
        if task.attempt > 0 { words.append("attempt \(task.attempt)") }
        if let next = task.nextAttemptTime, !task.phase.isFinished, next > now {
            words.append("again in \(HumanDuration.elapsed(next - now))")
        }
        if task.phase == .skipped, task.message.isEmpty, !task.reason.isEmpty { words.append(task.reason) }
        if !task.message.isEmpty { words.append(TerminalText.line(task.message)) }
        let indent = String(repeating: "  ", count: min(row.depth, 10))
        return Text(colour, ([indent + symbol + " " + row.name] + words).joined(separator: "  "))
    }
}
