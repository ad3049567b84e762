import JSON
public import KubernetesModel
public import PipelineEngine
public import SluiceAPI

/// What a queue has to know of a run.
public struct QueuedRun: Sendable, Hashable {
    public var identity: RunIdentity
    /// When the run was created: an eviction changes nothing of its age (rule Q4).
    public var arrival: Timestamp
    /// The queue that it names; nil for the one that covers its namespace.
    public var queue: String?
    public var priority: Int64?
    /// The PriorityClass that it names, where it has no priority of its own.
    public var priorityClassName: String?
    /// Whether it is admitted as a whole (`gangScope: Run`): the most that it takes at once is kept for it before anything of it starts.
    public var isWhole = false

    /// A run.
    public init(
        _ identity: RunIdentity, arrival: Timestamp, queue: String? = nil, priority: Int64? = nil,
        priorityClassName: String? = nil, isWhole: Bool = false
    ) {
        self.isWhole = isWhole
        self.identity = identity
        self.arrival = arrival
        self.queue = queue
        self.priority = priority
        self.priorityClassName = priorityClassName
    }

    /// What the spec of a run says, which has passed validation.
    public init(_ run: PipelineRun, now: Timestamp) {
        self.init(
            RunIdentity(run.metadata), arrival: run.metadata.creationTimestamp ?? now,
            queue: run.spec["queue"]?.string, priority: run.spec["priority"]?.int,
            priorityClassName: run.spec["priorityClassName"]?.string,
            isWhole: run.spec["gangScope"]?.string == GangScope.run.rawValue)
    }
}

/// What the queue says of an attempt that asked for admission: to be passed on to the run's ``RunDriver``.
public struct QueueAnswer: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// It may begin, or go on, by that queue, each replica on its node where those are named.
        /// `replicas` of them, counted from 0, may have pods for now.
        case admitted(queue: String, replicas: Int, nodes: [String?])
        /// A replica above `minAvailable` joins one that runs.
        case joined(replica: Int, node: String?)
        /// It goes on with so many replicas; the message says for whom the others leave.
        case shrunk(replicas: Int, message: String)
        /// How long the pods of one that has its admission may wait for nodes that are added for them.
        case provisioning(timeout: Duration)
        /// Why it waits, in one word and one sentence, in which queue and at which place.
        case waiting(reason: String, message: String, queue: String, position: Int?)
        /// Its room is taken back: its pods are to be stopped.
        case revoked(reason: String, message: String)
    }

    public var run: RunIdentity
    public var attempt: AttemptKey
    public var kind: Kind

    /// Tells the driver of the run.
    public func tell(_ driver: inout RunDriver, now: Timestamp) {
        switch kind {
        case .admitted(let queue, let replicas, let nodes):
            driver.admitted(attempt, queue: queue, replicas: replicas, nodes: nodes, now: now)
        case .joined(let replica, let node): driver.joined(attempt, replica: replica, node: node)
        case .shrunk(let replicas, let message): driver.shrunk(attempt, to: replicas, message: message)
        case .provisioning(let timeout): driver.setGangTimeout(attempt, timeout)
        case .waiting(let reason, let message, let queue, let position):
            driver.waiting(attempt, reason: reason, message: message, queue: queue, position: position)
        case .revoked(let reason, let message): driver.revoked(attempt, reason: reason, message: message, now: now)
        }
    }
}
