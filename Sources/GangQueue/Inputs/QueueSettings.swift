/// What the rules leave to settings, in microseconds.
public struct QueueSettings: Sendable, Hashable {
    /// After how long the first gang of a queue gets a reservation (Q6).
    public var starvationLimit: Int64 = 600_000_000
    /// How long work is safe from reclaim and preemption after its admission (Q7).
    public var leastRunTime: Int64 = 60_000_000

    /// Creates the defaults: 10 min and 1 min.
    public init() {}
}
