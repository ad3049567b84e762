import KubernetesModel

/// The place of a workload in its queue (Q4): priority, then runs under way, then older runs, then the longer critical path, then
/// the name.
struct OrderKey: Sendable, Comparable {
    var priority: Int64
    var underWay: Bool
    var arrival: Timestamp
    var criticalPath: Int64
    var name: String
    /// The gang that it is of; it decides nothing.
    var gang: Int

    /// Age alone, then the name: between queues.
    func isOlder(than other: OrderKey) -> Bool {
        arrival != other.arrival ? arrival < other.arrival : name < other.name
    }

    static func < (left: OrderKey, right: OrderKey) -> Bool {
        if left.priority != right.priority { return left.priority > right.priority }
        if left.underWay != right.underWay { return left.underWay }
        if left.arrival != right.arrival { return left.arrival < right.arrival }
        if left.criticalPath != right.criticalPath { return left.criticalPath > right.criticalPath }
        return left.name < right.name
    }
}
