import KubernetesModel

/// The room that is kept for a gang which has waited too long (Q6).
struct Reservation: Sendable, Equatable {
    var gang: Int
    var key: String
    /// Whether it keeps its queue within what it deserves: then it holds against all, else against its own queue and borrowers.
    var isWithin: Bool
    /// When the room is there at the latest, as the time limits of what runs say; nil where they do not say.
    var instant: Timestamp?
    /// The nodes that the gang will use.
    var plan: [PlannedPods]
    /// The gangs that have to end before and still run.
    var releases: Set<Int>
    /// By node: what of the plan is free by now and may not be taken; negative where more is still to be freed than is asked for.
    var nodeClaims: [Int: ResourceVector] = [:]
    /// The same by queue.
    var quotaClaims: [Int: ResourceVector] = [:]
}

/// A gang that runs, in the order in which room is expected from it: by its time limit, those without one last, the oldest first.
struct Release: Sendable {
    var end: Int64
    var admitted: Timestamp
    var gang: Int
    /// ``Gang/admission``.
    var admission: Int
}
