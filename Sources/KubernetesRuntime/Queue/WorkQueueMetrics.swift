/// Counts and durations of a work queue's items.
public struct WorkQueueMetrics: Sendable, Hashable {
    /// Items of high priority that wait for a worker.
    public var depthHigh = 0
    /// Items of low priority that wait for a worker.
    public var depthLow = 0
    /// Items whose delay has not passed.
    public var delayed = 0
    /// Items that are with a worker.
    public var processing = 0
    /// Accepted adds; adding an item that already waits does not count.
    public var adds: UInt64 = 0
    /// Adds after a failure, by ``WorkQueue/retry(_:priority:)``.
    public var retries: UInt64 = 0
    /// Times from ready to taken by a worker.
    public var queueLatency = DurationHistogram()
    /// Times from taken to done.
    public var workDuration = DurationHistogram()

    /// Items that wait for a worker, of both priorities.
    public var depth: Int { depthHigh + depthLow }
}

/// Durations counted in buckets, like a Prometheus histogram.
public struct DurationHistogram: Sendable, Hashable {
    /// The upper bounds of the buckets, 1 ms, 10 ms and so on to 1000 s. The last bucket has no bound.
    public static let bounds: [Duration] = [
        .milliseconds(1), .milliseconds(10), .milliseconds(100), .seconds(1), .seconds(10), .seconds(100),
        .seconds(1000),
    ]
    /// The number of durations in each bucket, not cumulative. There is one more bucket than ``bounds``.
    public private(set) var buckets = [UInt64](repeating: 0, count: bounds.count + 1)
    public private(set) var count: UInt64 = 0
    public private(set) var total = Duration.zero
    public private(set) var longest = Duration.zero

    /// Counts a duration.
    public mutating func record(_ duration: Duration) {
        buckets[Self.bounds.firstIndex { duration <= $0 } ?? Self.bounds.count] += 1
        count += 1
        total += duration
        longest = max(longest, duration)
    }
}
