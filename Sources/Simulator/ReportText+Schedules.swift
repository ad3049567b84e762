import KubernetesModel

/// What the schedules did, for people.
extension SimulationReport {
    /// More missed slots are not listed.
    private static let maximumMissed = 20

    /// Schedules and the slots that they missed; nothing where there are none.
    var scheduleLines: [String] {
        guard !schedules.isEmpty else { return [] }
        var rows = [["SCHEDULE", "STARTED", "MISSED", "DELETED", "LAST", "NEXT"]]
        for schedule in schedules.prefix(Self.maximumRows) {
            rows.append([
                schedule.title, "\(schedule.started.count)", "\(schedule.missedCount)", "\(schedule.deleted.count)",
                schedule.started.map(\.scheduled).max()?.rfc3339 ?? "", schedule.next?.rfc3339 ?? "",
            ])
        }
        var lines = [""] + Self.columns(rows)
        if schedules.count > Self.maximumRows {
            lines.append("... and \(Self.count(schedules.count - Self.maximumRows, "more schedule")); -o json has all")
        }
        let missed = schedules.flatMap { schedule in schedule.missed.map { (schedule.title, $0) } }
        for (title, slot) in missed.prefix(Self.maximumMissed) {
            lines.append("\(title) missed \(slot.scheduled.rfc3339): \(slot.reason)")
        }
        let hidden = schedules.reduce(0) { $0 + Int($1.missedCount) } - min(missed.count, Self.maximumMissed)
        if hidden > 0 {
            lines.append(
                "... and \(Self.count(hidden, "more missed slot")); -o json has the newest 100 of each schedule")
        }
        return lines
    }
}

extension SimulationReport.Schedule {
    /// As people write it.
    var title: String { "\(namespace)/\(name)" }
}
