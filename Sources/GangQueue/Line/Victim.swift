import KubernetesModel

/// What may be evicted: the surplus pods of a gang, or all of it.
struct Victim: Sendable {
    var gang: Int
    var isSurplus: Bool
    /// The indices of its pods in the gang.
    var pods: [Int]
    var priority: Int64
    var admitted: Timestamp
    /// Of two that were admitted at once the one that Q4 puts behind is the younger.
    var order: OrderKey
    var name: String { order.name }
    var queue: Int
}

/// What a gang lacks, as far as evictions could give it.
struct Shortage: Sendable {
    /// Short is what totals or a ceiling lack; when only fragments lack it, everything the gang asks for.
    var resources: [Int]
    /// Whether room on nodes is lacking, not quota alone.
    var onNodes: Bool
}
