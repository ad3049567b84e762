public import JSON
public import KubernetesModel

/// The phase of a run.
public enum RunPhase: String, Sendable, Hashable, CaseIterable {
    case pending = "Pending"
    case queued = "Queued"
    case running = "Running"
    case suspended = "Suspended"
    case cancelling = "Cancelling"
    case succeeded = "Succeeded"
    case failed = "Failed"
    case cancelled = "Cancelled"

    /// Whether it is an end: no other phase follows.
    public var isFinished: Bool { self == .succeeded || self == .failed || self == .cancelled }
}

/// The phase of a task.
public enum TaskPhase: String, Sendable, Hashable, CaseIterable {
    case pending = "Pending"
    case running = "Running"
    case succeeded = "Succeeded"
    case failed = "Failed"
    case skipped = "Skipped"
    case cancelled = "Cancelled"

    /// Whether it is an end: no other phase follows.
    public var isFinished: Bool { self != .pending && self != .running }
}

/// What becomes of an attempt once its last pod has ended.
public enum StopCause: Sendable, Hashable, RawRepresentable {
    case succeeded
    case cancelled
    case failure(FailureClass)

    /// Succeeded, Cancelled or the name of a failure class; nil for anything else.
    public init?(rawValue: String) {
        switch rawValue {
        case "Succeeded": self = .succeeded
        case "Cancelled": self = .cancelled
        default:
            guard let failure = FailureClass(rawValue: rawValue) else { return nil }
            self = .failure(failure)
        }
    }

    public var rawValue: String {
        switch self {
        case .succeeded: "Succeeded"
        case .cancelled: "Cancelled"
        case .failure(let failure): failure.rawValue
        }
    }
}

/// One entry of `status.tasks`.
public struct TaskStatus: Sendable, Hashable {
    /// The path: `train`, `shards[3]`, `outer[2]/inner`.
    public var name: String
    public var phase: TaskPhase
    /// One word for machines: WhenFalse, DependencyNotMet, OOMKilled...
    public var reason = ""
    /// One sentence for people.
    public var message = ""
    /// The attempt that runs or ran last, from 0.
    public var attempt = 0
    /// Attempts that failed by the task's own fault, and those that failed by the infrastructure's.
    public var failures = 0
    public var disruptions = 0
    /// How often it was taken down since its pods found no nodes.
    public var requeues = 0
    /// Names of the pods of that attempt.
    public var pods: [String] = []
    public var startTime: Timestamp?
    public var completionTime: Timestamp?
    /// When the next attempt may start, while a retry waits.
    public var nextAttemptTime: Timestamp?
    /// Since when a pod of the attempt has been stuck, while one is.
    public var stuckTime: Timestamp?
    public var exitCode: Int?
    /// How many replicas the attempt goes on with, where the queue took back some above `minAvailable` (rule Q7).
    public var shrunkTo: Int?
    /// Set once the attempt is decided on while pods of it still have to end.
    public var stopping: StopCause?
    public var results = JSONObject()
    /// How many instances its forEach has; nil for all other tasks, and until it is expanded.
    public var items: Int?

    /// A task that has not started.
    public init(name: String, phase: TaskPhase = .pending) {
        self.name = name
        self.phase = phase
    }
}

/// One entry of `status.conditions`.
public struct Condition: Sendable, Hashable {
    public var type: String
    /// True, False or Unknown.
    public var status: String
    public var reason: String
    public var message: String
    public var lastTransitionTime: Timestamp
    public var observedGeneration: Int64

    /// A condition.
    public init(
        type: String, status: String, reason: String, message: String, lastTransitionTime: Timestamp,
        observedGeneration: Int64
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.lastTransitionTime = lastTransitionTime
        self.observedGeneration = observedGeneration
    }
}

/// Where a run waits, or waited.
public struct QueuePlace: Sendable, Hashable {
    /// The Queue.
    public var name: String
    /// The place in its line, from 1, when ``reason`` was told.
    public var position: Int?
    /// Why the first of its tasks that waits does so, in one sentence; empty when none waits.
    public var reason: String
    /// When the first of its tasks was admitted.
    public var admittedTime: Timestamp?

    /// A place.
    public init(name: String, position: Int? = nil, reason: String = "", admittedTime: Timestamp? = nil) {
        self.name = name
        self.position = position
        self.reason = reason
        self.admittedTime = admittedTime
    }
}

/// The status of a run.
public struct PipelineRunStatus: Sendable, Hashable {
    /// -1 until the operator has looked at the run.
    public var observedGeneration: Int64 = -1
    public var phase = RunPhase.pending
    public var reason = ""
    public var message = ""
    public var startTime: Timestamp?
    public var completionTime: Timestamp?
    /// "12/40": ended of all.
    public var progress = ""
    public var counts: [TaskPhase: Int] = [:]
    /// Tasks that have something to tell, in the order of the pipeline; those that have not started are only counted.
    public var tasks: [TaskStatus] = []
    /// Tasks of a large run that have nothing to tell but their phase.
    public var folded: [FoldedTasks] = []
    public var results = JSONObject()
    /// Where it waits; nil where no queue is asked.
    public var queue: QueuePlace?
    public var conditions: [Condition] = []
    /// The pipeline of `pipelineRef` as it was when the run began: later edits do not reach a run under way.
    public var pipelineSpec: JSONValue?
    /// Likewise the Pipelines of its tasks, by name.
    public var pipelines = JSONObject()

    /// The status of a run that the operator has not looked at.
    public init() {}
}
