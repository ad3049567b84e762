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

/// The victims of one queue, in the order in which they go.
struct VictimQueue {
    var queue: Int
    /// Only gangs of a lower priority than this.
    var below: Int64
    var isSurplus = true
    var place = 0
    /// The one that is next, where that was looked up.
    var next: Victim?

    init(queue: Int, below: Int64) {
        self.queue = queue
        self.below = below
    }
}

/// What is supposed while victims are picked for a gang.
struct EvictionTrial {
    var gang: Int
    var key: LineClass.Key
    var held: UInt32
    var probe: FitProbe
    var picked: [Victim] = []
}

/// A gang that runs, in the order in which those of one queue are evicted: the lowest priority first, then the youngest.
struct RunningGang: Sendable, Comparable {
    var priority: Int64
    var admitted: Timestamp
    var order: OrderKey
    var gang: Int { order.gang }

    static func < (left: RunningGang, right: RunningGang) -> Bool {
        if left.priority != right.priority { return left.priority < right.priority }
        if left.admitted != right.admitted { return left.admitted > right.admitted }
        return right.order < left.order
    }

    static func == (left: RunningGang, right: RunningGang) -> Bool { !(left < right) && !(right < left) }
}
