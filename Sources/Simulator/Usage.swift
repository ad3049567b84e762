import GangQueue
import KubernetesModel

/// What runs use over time: of the cluster, on each node and in each queue. Counted by what the pods are, not by what the queue
/// believes.
struct Usage {
    /// What a bound pod takes, where, and in which queue.
    struct Room: Sendable, Hashable {
        var node: String
        var queue: String
        var requests: Resources
    }

    /// Amounts by resource; none is 0.
    typealias Amounts = [String: Int64]

    private(set) var byNode: [String: Amounts] = [:]
    /// By the queue in which the pods are, without those above.
    private(set) var byQueue: [String: Amounts] = [:]
    private var total: Amounts = [:]
    private(set) var pods = 0
    /// What there is to use. Where the capacity has no end, nothing is said of it.
    private var capacity: Amounts = [:]

    /// How long anything waited or ran, and what was used meanwhile.
    private(set) var busy: Int64 = 0
    private var used: [String: Int128] = [:]
    private var available: [String: Int128] = [:]
    private(set) var queues: [String: QueueUse] = [:]
    private var last = Timestamp(seconds: 0)

    /// A queue over time.
    struct QueueUse {
        /// What runs in it and in those below.
        var now: Amounts = [:]
        var peak: Amounts = [:]
        var sums: [String: Int128] = [:]
        /// Its dominant share of the cluster in thousandths, from when on, where that changed.
        var shares: [(from: Timestamp, share: Int)] = []
    }

    init(start: Timestamp) { last = start }

    // MARK: What happens

    mutating func take(_ room: Room) { count(room, times: 1) }

    mutating func free(_ room: Room) { count(room, times: -1) }

    private mutating func count(_ room: Room, times: Int64) {
        isChanged = true
        pods += Int(times)
        for entry in room.requests.entries {
            let amount = times * entry.amount
            Self.add(amount, entry.name, to: &byNode[room.node, default: [:]])
            Self.add(amount, entry.name, to: &byQueue[room.queue, default: [:]])
            Self.add(amount, entry.name, to: &total)
        }
    }

    private static func add(_ amount: Int64, _ name: String, to amounts: inout Amounts) {
        let sum = amounts[name, default: 0] + amount
        amounts[name] = sum == 0 ? nil : sum
    }

    /// A queue exists, whether or not anything is in it.
    mutating func know(_ queue: String) { if queues[queue] == nil { queues[queue] = QueueUse() } }

    /// Whether anything was taken or freed, or there is more or less of it, since ``note(parents:)``.
    var isChanged = true

    // MARK: Time

    /// Until that time everything stayed as it is.
    mutating func advance(to time: Timestamp, isBusy: Bool) {
        let duration = time.microseconds - last.microseconds
        last = time
        guard duration > 0, isBusy else { return }
        busy += duration
        for (name, amount) in capacity { available[name, default: 0] += Int128(amount) * Int128(duration) }
        for (name, amount) in total { used[name, default: 0] += Int128(amount) * Int128(duration) }
        for name in queues.keys {
            guard let amounts = queues[name]?.now, !amounts.isEmpty else { continue }
            for (resource, amount) in amounts {
                queues[name]?.sums[resource, default: 0] += Int128(amount) * Int128(duration)
            }
        }
    }

    /// All that happened in an instant is known: queues are as they are, up the tree.
    mutating func note(parents: [String: String]) {
        isChanged = false
        var sums: [String: Amounts] = [:]
        for (leaf, amounts) in byQueue where !amounts.isEmpty {
            var queue: String? = leaf
            var seen: Set<String> = []
            while let name = queue, seen.insert(name).inserted {
                sums[name, default: [:]].merge(amounts) { $0 + $1 }
                queue = parents[name]
            }
        }
        for name in sums.keys { know(name) }
        for name in queues.keys {
            let now = sums[name] ?? [:]
            queues[name]?.now = now
            queues[name]?.peak.merge(now) { max($0, $1) }
            let share = dominantShare(now)
            if queues[name]?.shares.last?.share ?? 0 != share { queues[name]?.shares.append((last, share)) }
        }
    }

    private func dominantShare(_ amounts: Amounts) -> Int {
        amounts.map { name, amount in
            guard let whole = capacity[name], whole > 0 else { return 0 }
            return Int(Int128(amount) * 1000 / Int128(whole))
        }.max() ?? 0
    }

    /// Nodes, or what others use there, are different. What is used on a node that takes no pods counts as there.
    mutating func setCapacity(_ nodes: [String: NodeSpec], foreign: [String: Resources]) {
        capacity = [:]
        isChanged = true
        for (name, node) in nodes {
            if node.schedulable {
                for entry in node.allocatable.entries {
                    let amount = max(0, entry.amount - (foreign[name]?[entry.name] ?? 0))
                    capacity[entry.name, default: 0] += amount
                }
            } else {
                capacity.merge(byNode[name] ?? [:]) { $0 + $1 }
            }
        }
    }

    // MARK: What came of it

    /// Used of what there was while anything waited or ran, from 0 to 1, by resource.
    var utilisation: [(String, Double)] {
        available.sorted { $0.key < $1.key }.filter { $0.value > 0 }.map { name, whole in
            (name, Self.rounded(min(1, Double(used[name] ?? 0) / Double(whole))))
        }
    }

    /// The averages of a queue while anything waited or ran, in the units of ``Resources``.
    func averages(_ queue: String) -> [(String, Double)] {
        guard busy > 0 else { return [] }
        return (queues[queue]?.sums ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, Double($0.value) / Double(busy)) }
    }

    /// To the millionth.
    static func rounded(_ value: Double) -> Double { (value * 1_000_000).rounded() / 1_000_000 }
}
