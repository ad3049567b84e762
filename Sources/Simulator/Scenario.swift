public import JSON
public import KubernetesModel
public import SluiceAPI

/// What happens around the runs of a simulation: when they come, how their pods end, what people and nodes do meanwhile.
public struct Scenario: Sendable, Hashable {
    /// When the virtual clock begins.
    public static let defaultStart = Timestamp(seconds: 1_767_225_600)  // 2026-01-01T00:00:00Z

    public var start = Scenario.defaultStart
    /// How long it goes on; nil: until nothing more can happen, or a day where that never comes.
    public var until: Duration?
    public var arrivals: [Arrival] = []
    /// The first that matches a pod holds for it.
    public var outcomes: [OutcomeRule] = []
    public var actions: [TimedAction] = []

    /// A scenario in which nothing special happens.
    public init() {}

    /// When a run, or several made from it, comes into being.
    public struct Arrival: Sendable, Hashable {
        /// The document that it is made from.
        public var run: RunName
        public var at: Duration
        /// How many are made, NAME-0 onwards; nil: the document's own run.
        public var count: Int?
        /// The time between two of them.
        public var every: Duration
    }

    /// Something that happens at a time.
    public struct TimedAction: Sendable, Hashable {
        public var at: Duration
        public var action: Action
    }

    /// What people, nodes and the operator do.
    public enum Action: Sendable, Hashable {
        /// The user wants something else of a run.
        case state(RunName, DesiredState)
        /// Something befalls pods of the running attempt of a task: all of them where no replica is named.
        case pod(run: RunName, task: String, replica: Int?, PodEnd)
        /// A PipelineRun, a Pipeline, a ScheduledRun or an object of the cluster is made or changed.
        case apply(JSONValue)
        /// A run, a ScheduledRun or an object of the cluster is deleted; a node goes with its pods, a ScheduledRun with its runs.
        case delete(Target)
        /// The spec of a run, a ScheduledRun, a Queue or a Node is changed by a JSON merge patch.
        case patch(Target, spec: JSONValue)
        /// Somebody asks for a run of a ScheduledRun by hand.
        case trigger(RunName)
        /// The operator dies and comes up again at once.
        case restartOperator
        /// The operator goes away, or comes back.
        case operatorRuns(Bool)
        /// The operator's wall clock jumps; the world's time does not.
        case clock(Duration)
    }

    /// An object that something is done with.
    public struct Target: Sendable, Hashable {
        public var kind: String
        /// Of a kind that is in no namespace, the name alone counts.
        public var name: RunName
    }
}

/// A run, by namespace and name.
public struct RunName: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var namespace: String
    public var name: String

    /// The run of that name.
    public init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// `team-a/train`, or `train` for one of the namespace default.
    public init(parsing text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        self.init(namespace: parts.count == 2 ? parts[0] : "default", name: parts[parts.count - 1])
    }

    public var description: String { "\(namespace)/\(name)" }

    public static func < (left: RunName, right: RunName) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}
