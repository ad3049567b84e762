public import JSON
public import KubernetesModel

/// What a queue may use, and whose work it takes.
public struct QueueSpec: Sendable, Hashable {
    /// In which order the queue's line is served (rule Q6).
    public enum DequeueStrategy: String, Sendable, Hashable, CaseIterable {
        /// Who fits may pass who does not.
        case traverse
        /// Nobody passes the head.
        case fifo
    }

    /// Whom a gang may evict in its own queue (rule Q7).
    public enum Preemption: String, Sendable, Hashable, CaseIterable {
        case never = "Never"
        case lowerPriority = "LowerPriority"
    }

    /// What the queue lets in.
    public enum State: String, Sendable, Hashable, CaseIterable {
        case open = "Open"
        /// Admits nothing new.
        case closed = "Closed"
        /// Admits nothing, and evicts what runs.
        case draining = "Draining"
    }

    /// Whether nodes can be added for a gang that lacks nothing else (rule Q11).
    public enum Provisioning: String, Sendable, Hashable, CaseIterable {
        case none = "None"
        case autoscaler = "Autoscaler"
    }

    /// Namespaces whose runs come here when they name no queue; those of ``namespaceSelector`` come besides.
    public var namespaces: [String] = []
    public var namespaceSelector: LabelSelector?
    /// nil: directly below the cluster.
    public var parent: String?
    /// Its part beside its siblings, from 1.
    public var weight: Int64 = 1
    /// Kept free for it.
    public var guarantee: [String: Quantity] = [:]
    /// Lent when idle, taken back on demand; a resource that is not named comes from ``weight``.
    public var deserved: [String: Quantity] = [:]
    /// The ceiling; a resource that is not named has none.
    public var capability: [String: Quantity] = [:]
    /// Whether what it has beyond its deserved share may be taken back.
    public var reclaimable = true
    public var dequeueStrategy = DequeueStrategy.traverse
    public var preemption = Preemption.lowerPriority
    public var state = State.open
    /// nil: no limit.
    public var maxRunningRuns: Int?
    public var provisioning = Provisioning.none
    /// How long the pods of a gang may wait for nodes that are added.
    public var provisioningTimeout = Duration.seconds(900)

    /// A queue of weight 1 that nobody comes to by namespace.
    public init() {}
}

extension QueueSpec {
    /// Reads what validation has passed: a value of the wrong kind counts as not there.
    public init(validated json: JSONValue) {
        namespaces = json["namespaces"]?.strings ?? []
        namespaceSelector = json["namespaceSelector"].flatMap { $0.object == nil ? nil : LabelSelector(validated: $0) }
        parent = json["parent"]?.string
        weight = max(json["weight"]?.int ?? 1, 1)
        guarantee = Self.amounts(json["guarantee"])
        deserved = Self.amounts(json["deserved"])
        capability = Self.amounts(json["capability"])
        reclaimable = json["reclaimable"]?.bool ?? true
        dequeueStrategy = json["dequeueStrategy"]?.string.flatMap(DequeueStrategy.init(rawValue:)) ?? .traverse
        preemption = json["preemption"]?.string.flatMap(Preemption.init(rawValue:)) ?? .lowerPriority
        state = json["state"]?.string.flatMap(State.init(rawValue:)) ?? .open
        maxRunningRuns = json["maxRunningRuns"]?.int.map { Int($0) }
        provisioning = json["provisioning"]?.string.flatMap(Provisioning.init(rawValue:)) ?? .none
        provisioningTimeout =
            json["provisioningTimeout"]?.string.flatMap(Duration.init(goText:)) ?? .seconds(900)
    }

    private static func amounts(_ json: JSONValue?) -> [String: Quantity] {
        var result: [String: Quantity] = [:]
        for (name, value) in json?.object ?? JSONObject() { result[name] = Quantity(json: value) }
        return result
    }
}
