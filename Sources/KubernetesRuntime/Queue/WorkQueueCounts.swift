import CoreMetrics
import KubernetesModel

/// How many items a work queue has, and where.
public struct WorkQueueCounts: Sendable, Hashable {
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

    /// Items that wait for a worker, of both priorities.
    public var depth: Int { depthHigh + depthLow }
}

/// What a work queue reports to swift-metrics, under the names that client-go uses, so that dashboards made for it fit.
struct WorkQueueMetrics: Sendable {
    private let depth: Gauge
    private let adds: Counter
    private let retries: Counter
    private let queueDuration: Timer
    private let workDuration: Timer

    init(name: String, factory: any MetricsFactory) {
        let dimensions = [("name", name)]
        depth = Gauge(label: "workqueue_depth", dimensions: dimensions, factory: factory)
        adds = Counter(label: "workqueue_adds_total", dimensions: dimensions, factory: factory)
        retries = Counter(label: "workqueue_retries_total", dimensions: dimensions, factory: factory)
        queueDuration = Timer(
            label: "workqueue_queue_duration_seconds", dimensions: dimensions, factory: factory)
        workDuration = Timer(label: "workqueue_work_duration_seconds", dimensions: dimensions, factory: factory)
    }

    /// Reports a change of the queue's counts.
    func changed(from old: WorkQueueCounts, to new: WorkQueueCounts) {
        if new.depth != old.depth { depth.record(new.depth) }
        if new.adds != old.adds { adds.increment(by: Int64(clamping: new.adds - old.adds)) }
        if new.retries != old.retries { retries.increment(by: Int64(clamping: new.retries - old.retries)) }
    }

    /// An item was taken by a worker, so long after it became ready.
    func taken(after wait: Duration) { queueDuration.recordMicroseconds(wait.microseconds) }

    /// A worker is done with an item, so long after it took it.
    func done(after work: Duration) { workDuration.recordMicroseconds(work.microseconds) }
}
