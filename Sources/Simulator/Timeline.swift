import KubernetesModel

/// The report as bars over time.
extension SimulationReport {
    /// More rows than this are not drawn.
    static let maximumBars = 60

    /// A row a task that had attempts, and below them one a queue with its share, scaled to so many columns.
    public func timeline(width: Int) -> String {
        let bars = runs.flatMap { run in
            run.tasks.filter { !$0.attempts.isEmpty }.map { ("\(run.name)/\($0.name)", $0.attempts) }
        }
        guard !bars.isEmpty else { return "no task has started" }
        let shown = bars.prefix(Self.maximumBars)
        let total = max(
            .microseconds(1), shown.flatMap(\.1).map { $0.finished ?? ended }.max() ?? .zero, makespan)
        func shortened(_ label: String) -> String { Self.shortened(label, to: max(12, width / 3)) }
        let labels = shown.map { shortened($0.0) }
        let sharing = queues.filter { !$0.shares.isEmpty }.map { shortened($0.name) }
        let labelWidth = (labels + sharing).map(\.count).max() ?? 0
        let columns = max(10, width - labelWidth - 3)
        var lines: [String] = []
        for (label, bar) in zip(labels, shown) {
            let padding = String(repeating: " ", count: labelWidth - label.count)
            lines.append("\(label)\(padding) |\(draw(bar.1, total: total, columns: columns))|")
        }
        let end = total.goText
        let gap = String(repeating: " ", count: max(1, columns - 2 - end.count))
        lines.append(String(repeating: " ", count: labelWidth + 2) + "0s" + gap + end)
        if bars.count > shown.count { lines.append("... and \(bars.count - shown.count) more; -o json has all") }
        lines.append("= succeeded   x failed   - cancelled   > goes on   . waits for the next attempt")
        guard !sharing.isEmpty else { return lines.joined(separator: "\n") }
        lines += shareLines(labelWidth: labelWidth, columns: columns, total: total, label: shortened)
        lines.append("a queue's part of the cluster in tenths, # for all of it; of the resource of which it has most")
        return lines.joined(separator: "\n")
    }

    private func draw(_ attempts: [Attempt], total: Duration, columns: Int) -> String {
        func column(_ time: Duration) -> Int {
            Int(Double(time.microseconds) / Double(total.microseconds) * Double(columns))
        }
        var cells = Array(repeating: Character(" "), count: columns)
        var last: Int?
        for attempt in attempts {
            guard let started = attempt.started ?? attempt.admitted else { continue }
            let first = min(columns - 1, column(started))
            let end = max(first + 1, min(columns, column(attempt.finished ?? ended)))
            if let last, last < first { for cell in last..<first { cells[cell] = "." } }
            let mark: Character =
                switch attempt.outcome {
                case "Succeeded": "="
                case "Cancelled": "-"
                case "": ">"
                default: "x"
                }
            for cell in first..<end { cells[cell] = mark }
            last = end
        }
        return String(cells)
    }

    /// A label that is too long keeps its end.
    private static func shortened(_ text: String, to length: Int) -> String {
        text.count <= length ? text : "..." + text.suffix(length - 3)
    }
}
