/// What a Queue object says, with its selectors already resolved (DESIGN.md section 3).
public struct QueuePolicy: Sendable, Hashable {
    /// In which order a queue's line is served (Q6).
    public enum DequeueStrategy: String, Sendable, Hashable, CaseIterable {
        /// Who fits may pass who does not.
        case traverse
        /// Nobody passes the head.
        case fifo
    }

    /// Whom a gang may evict in its own queue (Q7).
    public enum Preemption: String, Sendable, Hashable, CaseIterable {
        case never
        case lowerPriority
    }

    /// What the queue lets in.
    public enum State: String, Sendable, Hashable, CaseIterable {
        case open
        /// Admits nothing new; what runs goes on and is guaranteed as before.
        case closed
        /// Admits nothing, and evicts what runs.
        case draining
    }

    /// Whether nodes can be added for a gang that lacks nothing else (Q11).
    public enum Provisioning: String, Sendable, Hashable, CaseIterable {
        case none
        case autoscaler
    }

    public var name: String
    /// nil: directly below the cluster.
    public var parent: String?
    /// At least 1.
    public var weight: Int64
    public var guarantee: Resources
    /// Per resource: one that is not named comes from ``weight``.
    public var deserved: Resources
    /// Per resource: one that is not named has no ceiling.
    public var capability: Resources
    public var reclaimable: Bool
    public var dequeueStrategy: DequeueStrategy
    public var preemption: Preemption
    public var state: State
    public var maxRunningRuns: Int?
    public var provisioning: Provisioning
    /// The namespaces whose workloads come here when they name no queue. Of two queues the first by name has it.
    public var namespaces: [String]

    /// Creates a queue as its object's defaults have it.
    public init(
        _ name: String, parent: String? = nil, weight: Int64 = 1, guarantee: Resources = [:], deserved: Resources = [:],
        capability: Resources = [:], reclaimable: Bool = true, dequeueStrategy: DequeueStrategy = .traverse,
        preemption: Preemption = .lowerPriority, state: State = .open, maxRunningRuns: Int? = nil,
        provisioning: Provisioning = .none, namespaces: [String] = []
    ) {
        self.name = name
        self.parent = parent
        self.weight = min(max(weight, 1), Int64(Int32.max))
        self.guarantee = guarantee
        self.deserved = deserved
        self.capability = capability
        self.reclaimable = reclaimable
        self.dequeueStrategy = dequeueStrategy
        self.preemption = preemption
        self.state = state
        self.maxRunningRuns = maxRunningRuns
        self.provisioning = provisioning
        self.namespaces = namespaces
    }
}
