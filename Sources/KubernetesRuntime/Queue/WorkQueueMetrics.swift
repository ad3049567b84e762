/// What a work queue has done and has to do.
public struct WorkQueueMetrics: Sendable, Hashable {
    /// Items that wait for a worker, by priority.
    public var depthHigh = 0
    public var depthLow = 0
    /// Items that wait for their delay.
    public var delayed = 0
    /// Items that a worker has.
    public var processing = 0
    /// Adds that were not for an item that waited already.
    public var adds: UInt64 = 0
    /// Rate-limited adds.
    public var retries: UInt64 = 0
    /// From ready to being taken.
    public var queueLatency = DurationHistogram()
    /// From being taken to done.
    public var workDuration = DurationHistogram()

    /// Items that wait for a worker.
    public var depth: Int { depthHigh + depthLow }
}

/// Durations counted in buckets, as Prometheus has histograms.
public struct DurationHistogram: Sendable, Hashable {
    /// The upper bounds of the buckets: 1 ms, 10 ms and so on to 1000 s; the last bucket has none.
    public static let bounds: [Duration] = [
        .milliseconds(1), .milliseconds(10), .milliseconds(100), .seconds(1), .seconds(10), .seconds(100),
        .seconds(1000),
    ]
    /// How many fell into each bucket (not cumulative); one more than ``bounds``.
    public private(set) var buckets = [UInt64](repeating: 0, count: bounds.count + 1)
    public private(set) var count: UInt64 = 0
    public private(set) var total = Duration.zero
    public private(set) var longest = Duration.zero

    /// Counts one.
    public mutating func record(_ duration: Duration) {
        buckets[Self.bounds.firstIndex { duration <= $0 } ?? Self.bounds.count] += 1
        count += 1
        total += duration
        longest = max(longest, duration)
    }
}
