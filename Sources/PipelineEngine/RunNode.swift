import HeapModule
import JSON
import KubernetesModel
import SluiceAPI

/// One task of a scope, or one instance of a task with forEach.
struct RunNode: Sendable {
    /// What it has been expanded to.
    enum Body: Sendable {
        /// Nothing: a task of pods, or one that has not started.
        case none
        /// The instances of a forEach: an index into the engine's groups.
        case group(Int)
        /// The tasks of its pipeline: an index into the engine's scopes.
        case scope(Int)
    }

    /// How far the admission of the current attempt is.
    enum Admission { case none, waiting, admitted }

    let task: TaskPlan
    let scope: Int
    /// The node of the task whose instance this is, and its place among the items; nil for the task itself.
    let owner: Int?
    let item: Int
    let kind: TaskPlan.Kind
    /// Its place in the order of the pipeline, depth first.
    let order: [Int32]

    var status: TaskStatus
    var body = Body.none
    /// Dependencies that have not ended.
    var unmet: Int
    /// The names of the pods of the current attempt, by replica; empty until it is looked at.
    var names: [String] = []
    /// Names of its pods that are known to exist, of any attempt.
    var pods: [String] = []
    /// Since when a status said that a pod of it was stuck; until it is looked at.
    var restoredStuckTime: Timestamp?
    /// How often the API server refused a pod of this attempt, and when to ask again.
    var refusals = 0
    var createAfter: Timestamp?
    /// Whether it waits for a slot.
    var isReady = false
    /// Whether it holds the slots that its attempt needs.
    var holdsSlot = false
    /// Whether its attempt has asked for admission; with no queue none does.
    var admission = Admission.none
    /// The nodes that the replicas of its attempt are to be bound to, where the queue said so.
    var plannedNodes: [String?] = []
    /// How many of its replicas, counted from 0, may have pods: those above `minAvailable` join one by one.
    var admittedReplicas = Int.max
    /// Whether pods prove the admission, and the queue has not said yet where the others of the gang have their room.
    var awaitsPlaces = false
    /// How long its pods may wait for nodes; nil for ``EngineSettings/gangTimeout``.
    var gangTimeout: Duration?
    /// Its place in the line, as of the last time that the queue told why it waits.
    var position: Int?
    /// Whether it is on the list of what is to be looked at.
    var isListed = false
    /// The timer that is set for it; a later one need not be, since each look at the task sets the next.
    var timer: Timestamp?
    /// Its pods are created only when a status is written that tells this many decisions.
    var barrier = 0
    /// The number of its first attempt: more than 0 where an earlier attempt of its sub-pipeline had it as well.
    var firstAttempt = 0

    /// The node of a task, or of an instance of it.
    init(_ task: TaskPlan, scope: Int, path: String, order: [Int32], instanceOf owner: Int? = nil, item: Int = 0) {
        self.task = task
        self.scope = scope
        self.owner = owner
        self.item = item
        self.order = order
        kind = owner == nil && task.spec.forEach != nil ? .group : task.spec.isPipeline ? .pipeline : .leaf
        status = TaskStatus(name: path)
        unmet = owner == nil ? task.dependencies.count : 0
    }

    /// The path that names it: `train`, `shards[3]`, `outer[2]/inner`.
    var path: String { status.name }

    /// Whether it waits for the time of its next attempt.
    var awaitsRetry: Bool { status.phase == .running && status.nextAttemptTime != nil && status.stopping == nil }
}

/// The instances of a task with forEach. They are nodes that follow each other.
struct RunGroup: Sendable {
    var items: [JSONValue]
    var first: Int
    var count: Int
    var unfinished: Int
    /// Instances that run.
    var active = 0
    /// Instances that are ready and find `forEach.parallelism` used up.
    var blocked = Heap<ReadyEntry>()

    var nodes: Range<Int> { first..<first + count }
}

/// One run of a plan: the run itself, or one attempt of a sub-pipeline.
struct RunScope: Sendable {
    let plan: Plan
    /// The node whose pipeline this is; nil for the run.
    let owner: Int?
    /// The nodes of its tasks follow each other.
    let first: Int
    let parameters: JSONObject
    /// Names of the Pipelines that it is inside of.
    let pipelines: [String]
    let depth: Int
    /// Whether it is inside of `finally`, where failures stop nobody (rule E6).
    let isInFinally: Bool
    /// Its nodes wait for a status that tells so many decisions.
    let barrier: Int
    /// Likewise its `finally`: the barriers of all that has ended.
    var endBarrier: Int
    var unfinishedMain: Int
    var unfinished: Int
    /// The first pod of it that was created.
    var startTime: Timestamp?
    var timedOut = false
    /// The node whose failure is its own: the one that failed first.
    var firstFailure: Int?
    /// Why some of it was skipped or stopped before it was done; nil when nothing was.
    var cut: SkipCause?

    var nodes: Range<Int> { first..<first + plan.tasks.count }
}

/// A node that waits for a slot; they are given in the order of the pipeline, depth first.
struct ReadyEntry: Sendable, Comparable {
    var order: [Int32]
    var node: Int

    static func == (left: ReadyEntry, right: ReadyEntry) -> Bool { left.node == right.node }
    static func < (left: ReadyEntry, right: ReadyEntry) -> Bool { left.order.lexicographicallyPrecedes(right.order) }
}
