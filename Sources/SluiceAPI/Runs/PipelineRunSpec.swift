public import JSON

/// What a run is to do.
public struct PipelineRunSpec: Sendable, Hashable {
    /// Name of a Pipeline of the same namespace; exactly one of this and ``pipelineSpec`` is set.
    public var pipelineRef: String?
    public var pipelineSpec: PipelineSpec?
    /// Values by name; checked against the declarations of the pipeline.
    public var parameters = JSONObject()
    /// What is admitted together.
    public var gangScope = GangScope.task
    /// Most tasks that run at once; nil: no limit.
    public var parallelism: Int?
    /// Longest time from the first pod on.
    public var timeout: Duration?
    /// Longest time from the run's creation on while nothing of it has been admitted.
    public var queueTimeout: Duration?
    public var failurePolicy = FailurePolicy.failFast
    /// What the user wants of the run now.
    public var state = DesiredState.running
    public var ttlSecondsAfterFinished: Int?
    /// Pod metadata and fields for every pod.
    public var podTemplate: JSONValue?

    /// A run of nothing.
    public init() {}
}

/// What is admitted whole or not at all.
public enum GangScope: String, Sendable, Hashable, CaseIterable {
    /// The pods of one task attempt.
    case task = "Task"
    /// The run: nothing of it starts until the most that it may take at once fits, which is then kept for it.
    case run = "Run"
}

/// What follows when a task has failed for good (rule E5).
public enum FailurePolicy: String, Sendable, Hashable, CaseIterable {
    case failFast = "FailFast"
    case continueOthers = "Continue"
    case cancel = "Cancel"
}

/// What the user wants of a run (rule E13).
public enum DesiredState: String, Sendable, Hashable, CaseIterable {
    case running = "Running"
    case suspended = "Suspended"
    case cancelled = "Cancelled"
    case terminated = "Terminated"
}
