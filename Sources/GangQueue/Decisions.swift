public import KubernetesModel

/// What one decision says is to be done.
public struct Decisions: Sendable, Hashable {
    /// Pods that may be created now, each on its node.
    public struct Admission: Sendable, Hashable {
        public var key: String
        public var pods: [PodPlacement]
        /// False for surplus pods of a gang that runs already.
        public var isStart: Bool
    }

    /// Pods that are to be stopped, their logs kept. The workload waits again at its old age.
    public struct Eviction: Sendable, Hashable {
        public var key: String
        public var pods: [PodPlacement]
        /// False where surplus pods go and the gang goes on.
        public var isWhole: Bool
        /// For whom; nil for a queue that is drained.
        public var asker: String?
        /// One sentence.
        public var text: String
    }

    /// Why a workload waits, where that changed.
    public struct Waiting: Sendable, Hashable {
        public var key: String
        public var reason: WaitingReason
    }

    /// In the order in which they were decided.
    public var admissions: [Admission] = []
    /// In the order in which they were decided; before the admission for which they happen, which comes with a later decision.
    public var evictions: [Eviction] = []
    /// In no particular order.
    public var waiting: [Waiting] = []
    /// When to ask again though nothing happens; nil for never.
    public var wakeUp: Timestamp?

    /// Nothing is to be done.
    public init() {}
}

/// Why a workload waits (Q10).
public struct WaitingReason: Sendable, Hashable {
    /// The reason as a word for machines.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The queue is unknown, has children or has no place in the tree.
        case misconfigured = "Misconfigured"
        /// The queue is not open.
        case queueClosed = "QueueClosed"
        /// More than a ceiling or than any set of empty nodes.
        case neverFits = "NeverFits"
        /// A ceiling of its queue or of one above is reached.
        case quota = "WaitingForQuota"
        /// What is free is guaranteed to others.
        case guaranteed = "GuaranteedToOthers"
        /// There is too little of a resource.
        case resources = "WaitingForResources"
        /// There is enough, but not on the nodes as the pods need it.
        case fragmentation = "Fragmentation"
        /// The queue has as many runs as it may.
        case runs = "WaitingForRuns"
        /// Another one is at the head of a fifo queue.
        case line = "BehindHead"
        /// What it needs is reserved for one that has waited long (Q6).
        case reserved = "Reserved"
        /// Room is being freed for it (Q7).
        case evicting = "WaitingForEvictedWorkloads"
        /// Pods of the attempt before it still end, or those of others that were evicted for the same workload.
        case ending = "FormerPodsEnd"
    }

    public var kind: Kind
    /// One sentence with numbers.
    public var text: String
}
