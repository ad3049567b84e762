public import JSON
import KubernetesModel

/// One node of the graph.
public struct TaskSpec: Sendable, Hashable {
    public var name: String
    /// A core/v1 Container without its name, references still inside.
    public var container: JSONValue?
    /// Pod metadata and fields over the run's, strategic-merge style; `containers` here are sidecars.
    public var podTemplate: JSONValue?
    /// A Pipeline of the same namespace, or one in place, that runs instead of a container (rule E11).
    public var pipelineRef: String?
    public var pipelineSpec: PipelineSpec?
    /// Parameters of that pipeline, references still inside.
    public var parameters = JSONObject()
    public var dependsOn: [Dependency] = []
    /// A condition in CEL; the task is skipped where it is false (rule E2).
    public var when: String?
    /// One instance an item (rule E10).
    public var forEach: ForEachSpec?
    /// Pods of the gang.
    public var replicas = 1
    /// Pods of the gang that suffice to begin; nil: all of them.
    public var minAvailable: Int?
    /// One domain for all its pods.
    public var topology: TopologySpec?
    public var successPolicy = SuccessPolicy.all
    /// What the replicas find each other for; nil: nothing is done about it.
    public var framework: Framework?
    public var retry: RetrySpec?
    /// Longest time of one attempt.
    public var timeout: Duration?
    public var onFailure = FailureEffect.fail
    /// Names that the task must write (rule E12).
    public var results: [String] = []

    /// A task that does nothing yet.
    public init(name: String) { self.name = name }

    /// Whether a pipeline runs in place of a container.
    public var isPipeline: Bool { pipelineRef != nil || pipelineSpec != nil }

    /// What the item of its `forEach` is called; nil where there is none.
    public var itemName: String? { forEach?.itemName }
}

/// `topology` of a task: one domain of nodes for the whole gang (rule Q5).
public struct TopologySpec: Sendable, Hashable {
    public enum Mode: String, Sendable, Hashable, CaseIterable {
        /// The gang waits for a domain that holds it.
        case required = "Required"
        /// One domain if that can be.
        case preferred = "Preferred"
    }

    /// The label of nodes whose value names the domain.
    public var key: String
    public var mode: Mode

    /// A wish for one domain.
    public init(key: String, mode: Mode = .required) {
        self.key = key
        self.mode = mode
    }
}

/// `forEach` of a task.
public struct ForEachSpec: Sendable, Hashable {
    /// What the item is called when nothing is said.
    public static let defaultItemName = "item"
    /// Most instances of one task.
    public static let maximumItems = 10_000

    /// A list, or a string that is a reference to one.
    public var items: JSONValue
    /// What references call the item.
    public var itemName: String
    /// Most instances that run at once; nil: no limit.
    public var parallelism: Int?

    /// Items under a name.
    public init(items: JSONValue, itemName: String = defaultItemName, parallelism: Int? = nil) {
        self.items = items
        self.itemName = itemName
        self.parallelism = parallelism
    }
}

/// One entry of `dependsOn`.
public struct Dependency: Sendable, Hashable {
    /// Which end of the other task satisfies it (rule E1).
    public enum Condition: String, Sendable, Hashable, CaseIterable {
        case succeededOrSkipped = "SucceededOrSkipped"
        case succeeded = "Succeeded"
        case failed = "Failed"
        case finished = "Finished"
    }

    public var task: String
    public var on: Condition

    /// A dependency.
    public init(task: String, on: Condition = .succeededOrSkipped) {
        self.task = task
        self.on = on
    }
}

/// When a gang has succeeded.
public enum SuccessPolicy: String, Sendable, Hashable, CaseIterable {
    /// Every replica has.
    case all = "All"
    /// Replica 0 has; the others are then stopped.
    case leader = "Leader"
}

/// What runs across the replicas of a task: each expects to be told of the others in its own way.
public enum Framework: String, Sendable, Hashable, CaseIterable {
    case pytorch, tensorflow, mpi, jax

    /// Most replicas where each is told of all others by name, in one variable or file that Kubernetes limits in size; nil: any number.
    public var maximumReplicas: Int? {
        switch self {
        case .pytorch, .jax: nil
        case .tensorflow, .mpi: 800
        }
    }
}

/// What a failed task does to its run.
public enum FailureEffect: String, Sendable, Hashable, CaseIterable {
    case fail = "Fail"
    case ignore = "Ignore"
}

/// What kind of failure an attempt met (rule E7).
public enum FailureClass: String, Sendable, Hashable, CaseIterable {
    /// The container ended with a code other than 0, or its results were wrong.
    case failed = "Failed"
    case oomKilled = "OOMKilled"
    case timeout = "Timeout"
    /// The image could not be had, or the container could not be made from its configuration.
    case imageError = "ImageError"
    /// Evicted, preempted, node lost or shut down, deleted by others.
    case infrastructure = "Infrastructure"
}

/// When a failed attempt is followed by another.
public struct RetrySpec: Sendable, Hashable {
    /// Most further attempts after failures that are the task's own.
    public var limit: Int
    public var backoff: BackoffSpec
    /// Classes that are retried; nil: all.
    public var on: Set<FailureClass>?
    /// Exit codes that are retried, for class `Failed`; empty: all.
    public var exitCodes: Set<Int>

    /// A policy.
    public init(
        limit: Int, backoff: BackoffSpec = BackoffSpec(), on: Set<FailureClass>? = nil, exitCodes: Set<Int> = []
    ) {
        self.limit = limit
        self.backoff = backoff
        self.on = on
        self.exitCodes = exitCodes
    }
}

/// A growing wait: initial x factor^n, at most max.
public struct BackoffSpec: Sendable, Hashable {
    public var initial: Duration
    /// In thousandths, so that the wait is exact: 2000 doubles.
    public var factorThousandths: Int
    public var max: Duration

    /// A wait; none at all by default.
    public init(initial: Duration = .zero, factorThousandths: Int = 2000, max: Duration = .seconds(300)) {
        self.initial = initial
        self.factorThousandths = factorThousandths
        self.max = max
    }

    /// The wait after `failures` failures (1 or more), in whole microseconds. O(log(max / initial)).
    public func wait(afterFailures failures: Int) -> Duration {
        var wait = initial.microseconds
        let limit = max.microseconds
        var remaining = failures - 1
        while remaining > 0, wait > 0, wait < limit {
            let (product, overflow) = wait.multipliedReportingOverflow(by: Int64(factorThousandths))
            let next = overflow ? limit : product / 1000
            if next == wait { break }
            wait = next
            remaining -= 1
        }
        return .microseconds(min(wait, limit))
    }
}
