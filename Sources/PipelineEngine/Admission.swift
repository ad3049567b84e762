public import JSON
public import KubernetesModel
public import SluiceAPI

/// Whether attempts of pods wait for somebody's word before they begin.
public enum AdmissionMode: Sendable, Hashable {
    /// Every attempt begins when its turn in the run has come.
    case always
    /// An attempt is a workload that asks for admission, and has no pods before it is admitted (rule Q1).
    case queue
}

/// Which attempt of which task: what a queue admits.
public struct AttemptKey: Sendable, Hashable, Comparable {
    /// The path of the task: `train`, `shards[3]`, `outer[2]/inner`.
    public var path: String
    public var attempt: Int

    /// The key of an attempt.
    public init(path: String, attempt: Int) {
        self.path = path
        self.attempt = attempt
    }

    public static func < (left: AttemptKey, right: AttemptKey) -> Bool {
        (left.path, left.attempt) < (right.path, right.attempt)
    }
}

/// An attempt that asks for admission, or that has it as its pods prove.
public struct AdmissionRequest: Sendable, Hashable {
    public var key: AttemptKey
    /// Pods of the gang, and how many of them suffice. Of an attempt that lost some (``RunDriver/shrunk(_:to:message:)``), what is left.
    public var replicas: Int
    public var minAvailable: Int
    /// When it ends at the latest, counted from its pods' creation; nil where it has no time-out.
    public var timeLimit: Duration?
    /// The manifest of replica 0; those of the others ask for the same.
    public var pod: JSONValue = .null
    /// One domain of nodes for all its pods.
    public var topology: TopologySpec?
    /// Whether the run has had pods before (rule Q4).
    public var isUnderWay = false
    /// How many tasks follow one on the other from this one to the end of the run, itself among them.
    public var remainingPath = 1
    /// Since when its pods run, of one that has its admission.
    public var startTime: Timestamp?

    /// A request.
    public init(key: AttemptKey, replicas: Int, minAvailable: Int, timeLimit: Duration? = nil) {
        self.key = key
        self.replicas = replicas
        self.minAvailable = minAvailable
        self.timeLimit = timeLimit
    }
}
