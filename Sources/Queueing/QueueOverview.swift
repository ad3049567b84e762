import JSON
public import KubernetesModel
public import SluiceAPI

/// The queues as a tree with their shares, and who waits and why: as people read it.
public struct QueueOverview: Sendable {
    private let queues: [Queue]
    private let waiting: [PipelineRun]
    private let now: Timestamp

    /// An overview of these queues and of those of the runs that wait.
    public init(queues: [Queue], runs: [PipelineRun], now: Timestamp) {
        self.queues = queues.sorted { $0.metadata.name < $1.metadata.name }
        waiting = runs.filter { !($0.status.queue?.reason ?? "").isEmpty && !$0.status.phase.isFinished }
            .sorted { left, right in
                let (one, two) = (left.status.queue, right.status.queue)
                if one?.name != two?.name { return one?.name ?? "" < two?.name ?? "" }
                if one?.position != two?.position { return one?.position ?? .max < two?.position ?? .max }
                return (left.metadata.namespace, left.metadata.name) < (right.metadata.namespace, right.metadata.name)
            }
        self.now = now
    }

    /// The text, in lines. Columns are as wide as what is in them.
    public var text: String {
        var parts: [String] = []
        if queues.isEmpty {
            parts.append("There are no Queues: each namespace has one of its own, and all have the same weight.")
        } else {
            parts.append(Self.table(header: header, rows: rows))
        }
        if waiting.isEmpty {
            parts.append("No run waits.")
        } else {
            let rows = waiting.map { run -> [String] in
                let age = run.metadata.creationTimestamp.map { HumanDuration.age(now - $0) } ?? ""
                return [
                    "\(run.metadata.namespace)/\(run.metadata.name)", run.status.queue?.name ?? "",
                    run.status.queue?.position.map { "\($0)" } ?? "", age, run.status.queue?.reason ?? "",
                ]
            }
            parts.append(Self.table(header: ["WAITING", "QUEUE", "PLACE", "AGE", "REASON"], rows: rows))
        }
        return parts.joined(separator: "\n\n")
    }

    // MARK: - Queues

    /// Every resource that some queue uses or has a right to; pods only where nothing else is asked for.
    private var resources: [String] {
        var names: Set<String> = []
        for queue in queues { names.formUnion(queue.status.allocated.keys) }
        for queue in queues { names.formUnion(QueueSpec(validated: queue.spec).deserved.keys) }
        if names.count > 1 { names.remove("pods") }
        let first = ["cpu", "memory"]
        return first.filter(names.contains) + names.subtracting(first).sorted()
    }

    private var header: [String] {
        ["QUEUE", "WEIGHT", "STATE", "PENDING", "ADMITTED", "SHARE"]
            + resources.map { "\($0.uppercased()) USED/DESERVED" }
    }

    private var rows: [[String]] {
        let names = Set(queues.map(\.metadata.name))
        var children: [String: [Queue]] = [:]
        for queue in queues {
            let parent = queue.spec["parent"]?.string ?? ""
            children[names.contains(parent) && parent != queue.metadata.name ? parent : "", default: []].append(queue)
        }
        var rows: [[String]] = []
        var shown: Set<String> = []
        var open = (children[""] ?? []).reversed().map { (queue: $0, depth: 0) }
        func show() {
            while let (queue, depth) = open.popLast() {
                guard shown.insert(queue.metadata.name).inserted else { continue }
                rows.append(row(queue, depth))
                open += (children[queue.metadata.name] ?? []).reversed().map { ($0, depth + 1) }
            }
        }
        show()
        // Those that are below themselves.
        for queue in queues where !shown.contains(queue.metadata.name) {
            open = [(queue, 0)]
            show()
        }
        return rows
    }

    private func row(_ queue: Queue, _ depth: Int) -> [String] {
        let spec = QueueSpec(validated: queue.spec)
        let status = queue.status
        let ready = status.conditions.first { $0.type == QueueStatus.ready }
        let state = ready.map { $0.status == "True" ? spec.state.rawValue : $0.reason } ?? spec.state.rawValue
        return [
            String(repeating: "  ", count: depth) + queue.metadata.name, "\(spec.weight)", state, "\(status.pending)",
            "\(status.admitted)", status.share.map(QueueStatus.shareText) ?? "-",
        ]
            + resources.map { name in
                "\(status.allocated[name] ?? .zero)/\(status.deserved[name].map { "\($0)" } ?? "-")"
            }
    }

    private static func table(header: [String], rows: [[String]]) -> String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
        .joined(separator: "\n")
    }
}
