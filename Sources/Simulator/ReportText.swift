import KubernetesModel

/// The report for people.
extension SimulationReport {
    /// More tasks than this are not listed: `-o json` has all.
    static let maximumRows = 200

    /// The outcome of all in one line: `2 runs (1 Failed, 1 Succeeded), 12 pods, makespan 1m30s`.
    public var summary: String {
        var counts: [String: Int] = [:]
        for run in runs { counts[run.phase, default: 0] += 1 }
        let phases = counts.keys.sorted().map { "\(counts[$0] ?? 0) \($0)" }.joined(separator: ", ")
        return "\(Self.count(runs.count, "run"))\(phases.isEmpty ? "" : " (\(phases))"), "
            + "\(Self.count(podsCreated, "pod")), makespan \(makespan.goText)"
    }

    /// A table of runs with their tasks, why runs failed, what the queues and schedules did, and what was refused.
    public var table: String {
        var rows = [["RUN/TASK", "PHASE", "ARRIVED", "STARTED", "FINISHED", "ATTEMPTS", "REASON"]]
        var left = Self.maximumRows
        var hidden = 0
        for run in runs {
            rows.append([
                "\(run.namespace)/\(run.name)", run.phase, run.arrived.goText, Self.text(run.started),
                Self.text(run.finished), "", run.reason == run.phase ? "" : run.reason,
            ])
            for task in run.tasks.prefix(left) {
                let attempts = task.attempts
                rows.append([
                    "  \(task.name)", task.phase, "", Self.text(attempts.compactMap(\.started).min()),
                    attempts.contains { $0.finished == nil } ? "" : Self.text(attempts.compactMap(\.finished).max()),
                    attempts.isEmpty ? "" : "\(attempts.count)", Self.reason(of: task),
                ])
            }
            hidden += max(0, run.tasks.count - left)
            left -= min(left, run.tasks.count)
        }
        var lines = Self.columns(rows)
        if hidden > 0 { lines.append("... and \(Self.count(hidden, "more task")); -o json has all") }
        for run in runs.filter({ $0.phase != "Succeeded" && !$0.message.isEmpty }).prefix(20) {
            lines.append("\(run.namespace)/\(run.name): \(run.message)")
        }
        lines += queueLines + scheduleLines
        for refusal in refused { lines.append("refused: \(refusal.kind) \(refusal.name): \(refusal.message)") }
        return lines.joined(separator: "\n")
    }

    /// The reason of a task or, where it has none, what its attempts met.
    private static func reason(of task: Task) -> String {
        if !task.reason.isEmpty { return task.reason }
        var met: [String] = []
        for attempt in task.attempts.dropLast() where !met.contains(attempt.outcome) { met.append(attempt.outcome) }
        return met.isEmpty ? "" : "after \(met.joined(separator: ", "))"
    }

    private static func text(_ time: Duration?) -> String { time?.goText ?? "" }

    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    /// Rows whose columns begin below each other.
    static func columns(_ rows: [[String]]) -> [String] {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return rows.map { row in
            let line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
                .joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
