import KubernetesModel

/// A workload as the engine keeps it.
struct Gang: Sendable {
    struct Pod: Sendable {
        var group: Int
        var replica: Int
        /// nil: on no node yet.
        var node: Int?
    }

    var order: OrderKey
    var namespace: String
    var queueName: String?
    var run: String
    var shape: Int
    /// The root where no queue takes it.
    var queue = QueueTree.root
    /// The class in which it waits, or with its surplus pods.
    var lineClass: Int?
    /// Set while it is admitted.
    var admitted: Timestamp?
    /// When a surplus pod joined last.
    var joined: Timestamp?
    /// Counts admissions: no two have the same.
    var admission = 0
    /// Whether it is admitted to room that is still being freed: its pods may not be created yet.
    var isPending = false
    /// The live pods of an admitted one.
    var pods: [Pod] = []
    /// By group: pods above the required ones that have no place yet.
    var surplus: [Int64] = []
    var told: Block.Identity?
    /// Since when it waits.
    var since: Timestamp
}

/// What is known of a run.
struct RunRecord: Sendable {
    var underWay = false
    /// Its gangs that wait, and those that are admitted.
    var waiting: [Int] = []
    var admitted = 0
}
