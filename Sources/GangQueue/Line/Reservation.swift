import KubernetesModel

/// The room that is kept for a gang which has waited too long (Q6).
struct Reservation: Sendable {
    /// An amount on a node or in a queue.
    struct Claim: Sendable {
        /// The index of the node, or of the queue.
        var place: Int
        var amounts: ResourceVector
    }

    /// A gang by its name and when it was admitted: one that was evicted and came back is another.
    struct Release: Sendable {
        var key: String
        var admitted: Timestamp
    }

    var gang: Int
    var key: String
    /// Whether it keeps its queue within what it deserves: then it holds against all, else against its own queue and borrowers.
    var isWithin: Bool
    /// When the room is there at the latest, as the time limits of what runs say; nil where they do not say.
    var instant: Timestamp?
    /// The nodes that the gang will use.
    var plan: [PlannedPods]
    /// What has to end before.
    var releases: [Release]
    /// What of the plan is free by now and may not be taken.
    var nodeClaims: [Claim] = []
    var quotaClaims: [Claim] = []
    /// ``NodeTable/epoch`` of the plan.
    var epoch: Int
}
