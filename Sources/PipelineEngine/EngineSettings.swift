public import SluiceAPI

/// Times and limits of the engine that an operator's flags may change.
public struct EngineSettings: Sendable, Hashable {
    /// How long a pod may be stuck before its start counts as failed (rule E8).
    public var startUpDeadline: Duration = .seconds(600)
    /// How long an attempt may wait for nodes for its pods (rule E9).
    public var gangTimeout: Duration = .seconds(300)
    /// The wait before it asks again after that.
    public var gangBackoff = BackoffSpec(initial: .seconds(30), factorThousandths: 2000, max: .seconds(600))
    /// How long a Pipeline that is not there is waited for.
    public var pipelineDeadline: Duration = .seconds(600)
    /// Most tasks of one run, instances and tasks of sub-pipelines included: some 4 KiB of memory each, and for each attempt.
    public var taskLimit = 50_000
    /// Most bytes of results in one run, as JSON.
    public var resultLimit = 256 * 1024
    /// A run of more nodes folds what has nothing to tell but its phase; one of still more, what runs as well.
    public var foldThreshold = 200
    public var runningFoldThreshold = 2000
    /// Most attempts that failures of the infrastructure may cost (rule E7).
    public var disruptionLimit = 10
    /// The wait before the attempt that follows such a failure.
    public var disruptionBackoff = BackoffSpec(initial: .seconds(1), factorThousandths: 2000, max: .seconds(60))
    /// The wait before a pod is created again that a quota or a webhook refused (rule Q8).
    public var refusalBackoff = BackoffSpec(initial: .seconds(1), factorThousandths: 2000, max: .seconds(300))
    /// The wait before a pod is created again where the API server failed or did not answer.
    public var failureBackoff = BackoffSpec(initial: .seconds(1), factorThousandths: 2000, max: .seconds(30))
    /// How long a create that got no answer may still bring a pod into being: API servers give up a request after 60 s.
    public var unansweredGrace: Duration = .seconds(60)

    /// The defaults of DESIGN.md.
    public init() {}
}
