/// The words that Sluice itself puts into `reason` of runs, tasks and events. The words of the kubelet and the
/// control plane (OOMKilled, ImagePullBackOff, Evicted...) are passed on unchanged.
///
/// People and tools match on them: a word that was released stays.
public enum Reasons {
    // MARK: Runs

    public static let started = "Started"
    /// Nothing of the run has been admitted yet.
    public static let queued = "Queued"
    /// The first task of a run that waited was admitted.
    public static let admitted = "Admitted"
    public static let suspended = "Suspended"
    public static let resumed = "Resumed"
    public static let cancelling = "Cancelling"
    /// The run was cancelled and then terminated: not even `finally` runs.
    public static let terminating = "Terminating"
    public static let cancelled = "Cancelled"
    public static let terminated = "Terminated"
    public static let succeeded = "Succeeded"
    /// The API server does not store the status of the run, which is too large.
    public static let statusTooLarge = "StatusTooLarge"
    /// The run took longer than its timeout.
    public static let runTimeout = "RunTimeout"
    /// Nothing of the run was admitted within its queueTimeout.
    public static let queueTimeout = "QueueTimeout"
    /// A task has failed; others still run.
    public static let taskFailed = "TaskFailed"
    public static let invalidSpec = "InvalidSpec"
    public static let invalidPipeline = "InvalidPipeline"
    public static let invalidParameters = "InvalidParameters"
    /// The Pipeline of `pipelineRef` is not there.
    public static let pipelineNotFound = "PipelineNotFound"

    // MARK: Tasks, and why they failed

    public static let taskRetrying = "TaskRetrying"
    /// The attempt took longer than its timeout.
    public static let timeout = "Timeout"
    /// Not all pods of the gang were scheduled in time.
    public static let gangTimeout = "GangTimeout"
    /// The room of the gang was taken back for another one.
    public static let preempted = "Preempted"
    /// The node that was planned for a pod is gone, or takes no pods any more.
    public static let nodeFailure = "NodeFailure"
    /// A reference cannot be resolved.
    public static let invalidReference = "InvalidReference"
    /// The run would have more tasks than one run may have, instances and tasks of sub-pipelines included.
    public static let tooManyTasks = "TooManyTasks"
    /// The condition of a task could not be worked out.
    public static let expressionError = "ExpressionError"
    /// What `forEach.items` gives is not a list, or too long a one.
    public static let invalidItems = "InvalidItems"
    /// The results of the run would not fit into its status.
    public static let resultsTooLarge = "ResultsTooLarge"
    /// The task wrote results that it does not declare.
    public static let undeclaredResults = "UndeclaredResults"
    /// What the task wrote as its results is not what it has to write.
    public static let invalidResults = "InvalidResults"
    /// The container ended with a code other than 0 and the kubelet gave no other reason.
    public static let error = "Error"
    public static let oomKilled = "OOMKilled"
    public static let unschedulable = "Unschedulable"
    /// The pod is gone, and its end was not seen.
    public static let podDeleted = "PodDeleted"
    /// The pod failed before its containers started.
    public static let podFailed = "PodFailed"
    /// The API server will never take the pod.
    public static let podRejected = "PodRejected"
    /// The API server does not take the pod now.
    public static let podRefused = "PodRefused"
    /// The API server did not answer the create of a pod, or failed at it: it is asked again.
    public static let podCreateFailed = "PodCreateFailed"
    /// The pod's name belongs to an object of somebody else.
    public static let podNameTaken = "PodNameTaken"
    /// The name of the Service by which the pods of an attempt find each other belongs to an object of somebody else.
    public static let serviceNameTaken = "ServiceNameTaken"
    public static let quotaExceeded = "QuotaExceeded"
    /// A disruption whose condition gives no reason.
    public static let disrupted = "Disrupted"
}

/// Why a task was skipped: its `reason`. A dependent's readiness depends on it (rule E1).
public enum SkipCause: String, Sendable, Hashable, CaseIterable {
    /// Its own `when` was false: for those that wait with SucceededOrSkipped it counts as done.
    case whenFalse = "WhenFalse"
    /// A dependency ended otherwise than it needs.
    case dependencyNotMet = "DependencyNotMet"
    /// A result that it refers to was never written.
    case missingResult = "MissingResult"
    /// Another task failed before it could start.
    case runFailed = "RunFailed"
    case runCancelled = "RunCancelled"
    case runTerminated = "RunTerminated"
    case runTimeout = "RunTimeout"
    /// Nothing of the run was admitted within its queueTimeout.
    case queueTimeout = "QueueTimeout"
    /// The sub-pipeline that it belongs to took longer than its timeout.
    case pipelineTimeout = "PipelineTimeout"
}

extension SkipCause: Comparable {
    /// Whether it means that something was cut short, rather than that it was not needed.
    public var isCut: Bool {
        switch self {
        case .whenFalse, .dependencyNotMet, .missingResult: false
        case .runFailed, .pipelineTimeout, .runTimeout, .queueTimeout, .runCancelled, .runTerminated: true
        }
    }

    /// Whether a time-out of something larger caused it: what that stops has failed.
    public var isTimeout: Bool { self == .runTimeout || self == .queueTimeout || self == .pipelineTimeout }

    private var strength: Int {
        switch self {
        case .whenFalse, .dependencyNotMet, .missingResult: 0
        case .runFailed: 1
        case .pipelineTimeout: 2
        case .runTimeout, .queueTimeout: 3
        case .runCancelled: 4
        case .runTerminated: 5
        }
    }

    /// The stronger cause is the one that explains the end of what contains both.
    public static func < (left: SkipCause, right: SkipCause) -> Bool { left.strength < right.strength }
}

extension TaskStatus {
    /// Why the task was skipped; nil when it was not.
    public var skipCause: SkipCause? { phase == .skipped ? SkipCause(rawValue: reason) : nil }
}

/// What has been decided about a run under way and is not taken back: kept in its phase and reason.
public enum RunStop: Sendable, Hashable {
    case cancelled
    case terminated
    case timedOut
    case queueTimedOut
    case tooLarge
}

extension PipelineRunStatus {
    /// What a later engine has to go on with; nil when the run just goes on, or has ended.
    public var stop: RunStop? {
        switch phase {
        case .cancelling:
            switch reason {
            case Reasons.terminating: .terminated
            case Reasons.statusTooLarge: .tooLarge
            default: .cancelled
            }
        case .succeeded, .failed, .cancelled: nil
        default:
            switch reason {
            case Reasons.runTimeout: .timedOut
            case Reasons.queueTimeout: .queueTimedOut
            default: nil
            }
        }
    }
}
