/// How often something was decided for a queue.
public struct QueueCounts: Sendable, Hashable {
    /// Gangs that were admitted; the same one again after it was stopped.
    public var admissions: UInt64 = 0
    /// Gangs of the queue that were stopped for the sake of others.
    public var preemptions: UInt64 = 0

    /// Nothing yet.
    public init() {}
}
