public import PipelineEngine

/// What an operator's flags may change about how runs are handled.
public struct RunSettings: Sendable, Hashable {
    public var engine = EngineSettings()
    /// Shortest time between two status writes of one run; the last one of a run does not wait.
    public var statusInterval: Duration = .milliseconds(250)
    /// How long a run waits for the Pipeline that it refers to: a Git sync may bring it later.
    public var pipelineDeadline: Duration = .seconds(600)
    /// When a delete or an untrack that did not get through is tried again.
    public var retryDelay: Duration = .milliseconds(500)
    /// Pods of one run that are created at the same time.
    public var concurrentWrites = 16

    /// The defaults.
    public init() {}
}
