import KubernetesModel

/// What the queues did, for people.
extension SimulationReport {
    /// More of one kind are not listed: `-o json` has all.
    private static let maximumLines = 20

    /// Queues, evictions and those that wait; nothing where nothing is to be said of them.
    var queueLines: [String] {
        var lines: [String] = []
        if !queues.isEmpty {
            var rows = [["QUEUE", "DESERVED", "ALLOCATED", "PEAK", "AVERAGE"]]
            for queue in queues.prefix(Self.maximumRows) {
                rows.append([
                    queue.name, Self.text(queue.deserved), Self.text(queue.allocated), Self.text(queue.peak),
                    Self.text(queue.average),
                ])
            }
            lines += [""] + Self.columns(rows)
            if queues.count > Self.maximumRows { lines.append(Self.more(queues.count - Self.maximumRows, "queue")) }
        }
        let used = utilisation.filter { $0.units > 0 }
        if !used.isEmpty {
            let parts = used.map { "\($0.resource) \(Self.percent($0.units))" }.joined(separator: ", ")
            lines += ["", "used while anything waited or ran: \(parts)"]
        }
        if !preemptions.isEmpty {
            lines.append("")
            lines += preemptions.prefix(Self.maximumLines).map {
                "\($0.at.goText): \($0.victim.title) \($0.pods.map { "lost \($0) of its pods" } ?? "was evicted"): \($0.reason)"
            }
            if preemptions.count > Self.maximumLines {
                lines.append(Self.more(preemptions.count - Self.maximumLines, "eviction"))
            }
        }
        if !waiting.isEmpty {
            lines.append("")
            lines += waiting.prefix(Self.maximumLines).map {
                "\($0.workload.title) waits in queue \($0.workload.queue) since \($0.since.goText): \($0.reason)"
            }
            if waiting.count > Self.maximumLines {
                lines.append(Self.more(waiting.count - Self.maximumLines, "waiting attempt"))
            }
        }
        return lines
    }

    private static func more(_ number: Int, _ noun: String) -> String {
        "... and \(count(number, "more \(noun)")); -o json has all"
    }

    private static func percent(_ part: Double) -> String { "\(Int((part * 100).rounded()))%" }

    /// `cpu 8, memory 32Gi, nvidia.com/gpu 4`. Pods are left out where there is anything else to say.
    private static func text(_ amounts: [Amount]) -> String {
        let said = amounts.contains { $0.resource != "pods" } ? amounts.filter { $0.resource != "pods" } : amounts
        return said.map { "\($0.resource) \(text($0))" }.joined(separator: ", ")
    }

    /// An amount with three significant places at most, bytes in powers of 1024.
    private static func text(_ amount: Amount) -> String {
        var value = amount.value
        var unit = ""
        if amount.resource == "memory" || amount.resource == "ephemeral-storage" {
            for next in ["Ki", "Mi", "Gi", "Ti", "Pi"] where value >= 1024 {
                value /= 1024
                unit = next
            }
        }
        if value >= 100 || value == value.rounded() { return "\(Int64(value.rounded()))\(unit)" }
        let tenths = Int64((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)\(unit)" : "\(tenths / 10).\(tenths % 10)\(unit)"
    }

    // MARK: Over time

    /// A row a queue: of the resource of which it has the largest part of the cluster, how many tenths, on the average of a column.
    func shareLines(labelWidth: Int, columns: Int, total: Duration, label: (String) -> String) -> [String] {
        let shown = queues.filter { !$0.shares.isEmpty }.prefix(Self.maximumBars)
        return shown.map { queue in
            let name = label(queue.name)
            return name + String(repeating: " ", count: max(0, labelWidth - name.count))
                + " |\(Self.draw(queue.shares, total: total, columns: columns))|"
        }
    }

    private static func draw(_ shares: [Share], total: Duration, columns: Int) -> String {
        // Thousandths times microseconds by column.
        var sums = [Double](repeating: 0, count: columns)
        let width = Double(total.microseconds) / Double(columns)
        for (index, share) in shares.enumerated() where share.thousandths > 0 {
            let from = Double(share.from.microseconds)
            let to = index + 1 < shares.count ? Double(shares[index + 1].from.microseconds) : Double(total.microseconds)
            var column = min(columns - 1, Int(from / width))
            while column < columns, Double(column) * width < to {
                let overlap = min(to, Double(column + 1) * width) - max(from, Double(column) * width)
                sums[column] += max(0, overlap) * Double(share.thousandths)
                column += 1
            }
        }
        return String(
            sums.map { sum -> Character in
                let thousandths = sum / width
                if thousandths < 0.5 { return " " }
                let tenths = min(10, Int((thousandths / 100).rounded()))
                return tenths == 10 ? "#" : Character("\(tenths)")
            })
    }
}

extension SimulationReport.Workload {
    /// As people write it.
    var title: String { "\(namespace)/\(run)/\(task)" }
}
