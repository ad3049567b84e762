public import KubernetesModel

/// Identical pods of a gang.
public struct PodGroup: Sendable, Hashable {
    /// What one pod asks for; `pods` is added.
    public var requests: Resources
    public var count: Int
    /// How many of them must start together; the rest are surplus and join one by one (minAvailable).
    public var required: Int
    public var tolerations: [Toleration]
    public var nodeSelector: [String: String]
    /// The terms of required node affinity; nil for none.
    public var affinity: [[NodeRequirement]]?
    /// Anti-affinity on the hostname: no two of these pods on one node.
    public var separateHosts: Bool

    /// Creates a group.
    public init(
        _ requests: Resources, count: Int = 1, required: Int? = nil, tolerations: [Toleration] = [],
        nodeSelector: [String: String] = [:], affinity: [[NodeRequirement]]? = nil, separateHosts: Bool = false
    ) {
        self.requests = requests
        self.count = max(count, 0)
        self.required = min(max(required ?? count, 0), self.count)
        self.tolerations = tolerations
        self.nodeSelector = nodeSelector
        self.affinity = affinity
        self.separateHosts = separateHosts
    }
}

/// One domain for all pods of a gang.
public struct Topology: Sendable, Hashable {
    /// The label of nodes of which all have the same value.
    public var key: String
    /// Whether a gang that no domain holds waits, or starts anywhere.
    public var required: Bool

    /// Creates a wish for one domain.
    public init(_ key: String, required: Bool = true) {
        self.key = key
        self.required = required
    }
}

/// What is admitted whole or not at all (Q1): the pods of a task attempt, or the hold of a run.
public struct Workload: Sendable, Hashable {
    /// Its identity.
    public var key: String
    public var namespace: String
    /// nil: the queue that covers the namespace.
    public var queue: String?
    /// The run that it belongs to.
    public var run: String
    public var priority: Int64
    /// When the run arrived; an eviction changes nothing of it.
    public var arrival: Timestamp
    /// Since when this workload waits: what the starvation limit is counted from (Q6).
    public var since: Timestamp
    /// Whether the run had pods before, so that a room passes to its next task (Q4).
    public var underWay: Bool
    /// How long the rest of the run takes at least, in microseconds.
    public var criticalPath: Int64
    /// After how many microseconds it ends at the latest; nil for no limit.
    public var timeLimit: Int64?
    public var pods: [PodGroup]
    public var topology: Topology?

    /// Creates a workload.
    public init(
        _ key: String, namespace: String = "default", queue: String? = nil, run: String? = nil, priority: Int64 = 0,
        arrival: Timestamp, since: Timestamp? = nil, underWay: Bool = false, criticalPath: Int64 = 0,
        timeLimit: Int64? = nil, pods: [PodGroup],
        topology: Topology? = nil
    ) {
        self.key = key
        self.namespace = namespace
        self.queue = queue
        self.run = run ?? key
        self.priority = priority
        self.arrival = arrival
        self.since = since ?? arrival
        self.underWay = underWay
        self.criticalPath = criticalPath
        self.timeLimit = timeLimit
        self.pods = pods
        self.topology = topology
    }
}

/// One pod of an admitted workload and its node.
public struct PodPlacement: Sendable, Hashable, Comparable {
    /// Which of ``Workload/pods``.
    public var group: Int
    /// Which of the group's pods.
    public var replica: Int
    /// nil for a pod that is not on a node yet; it counts in its queue only.
    public var node: String?

    /// Creates a placement.
    public init(group: Int = 0, replica: Int, node: String?) {
        self.group = group
        self.replica = replica
        self.node = node
    }

    public static func < (left: PodPlacement, right: PodPlacement) -> Bool {
        (left.group, left.replica) < (right.group, right.replica)
    }
}
