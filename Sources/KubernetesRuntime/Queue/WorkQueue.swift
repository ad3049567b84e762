import AsyncPrimitives
public import Clocks
public import CoreMetrics
import Synchronization

/// How urgent an item is.
public enum WorkPriority: Int, Sendable, Hashable, Comparable {
    /// For objects that existed at the start.
    case low = 0
    /// For objects that have changed.
    case high = 1

    public static func < (left: WorkPriority, right: WorkPriority) -> Bool { left.rawValue < right.rawValue }
}

/// The delay before an item is retried, by how often it has failed in a row.
public struct RetryLimiter: Sendable, Hashable {
    /// The delay after the first failure.
    public var base: Duration
    /// The longest delay.
    public var maximum: Duration

    /// The largest share of the delay that is added at random, so that items that failed together, as they do when the
    /// server is away, do not all come back at the same instants.
    public var jitter: Double

    /// So many items may be retried at once, whatever else has failed.
    public var burst: Int
    /// The shortest time between two retries after that, over all items: an outage of the server does not end in a storm.
    public var interval: Duration

    /// Creates a limiter: the delay is `base` after the first failure and doubles with each further one, up to
    /// `maximum`, and up to `jitter` of it more; it is longer where `burst` items have failed, and more than one each `interval`.
    public init(
        base: Duration = .milliseconds(5), maximum: Duration = .seconds(300), jitter: Double = 0.2, burst: Int = 500,
        interval: Duration = .milliseconds(10)
    ) {
        self.base = base
        self.maximum = maximum
        self.jitter = jitter
        self.burst = burst
        self.interval = interval
    }

    /// The delay after a failure that `count` failures in a row came before. `random`, in 0..<1, decides on the jitter.
    public func delay(afterFailures count: Int, random: Double = 0) -> Duration {
        var delay = base
        for _ in 0..<min(count, 64) where delay < maximum { delay *= 2 }
        return min(delay, maximum) * (1 + jitter * random)
    }
}

/// A queue of work in which each item is at most once. Adding an item that already waits has no effect, an item that is
/// added while a worker has it becomes ready when the worker is done, and failing items are delayed longer each time.
///
/// Workers loop over ``next()`` and call ``done(_:)`` after each item. Delays work only while ``run()`` is running.
public final class WorkQueue<Key: Hashable & Sendable>: Sendable {
    /// An item as a worker gets it.
    public struct Item: Sendable {
        /// The priority at which the item waited.
        public let key: Key
        public let priority: WorkPriority
    }

    private struct State {
        var queue: WorkQueueState<Key>
        var nextID = 0
        var workers: [(id: Int, continuation: CheckedContinuation<Item?, Never>)] = []
        /// The deadline for which ``run()`` waits.
        var armed: Duration?
    }

    private let state: Mutex<State>
    let clock: any RuntimeClock
    private let random: RandomSource
    private let timer = AsyncSignal()
    private let drained = AsyncLatch()
    private let metrics: WorkQueueMetrics

    /// Creates an empty queue, which reports to `metrics` under that name.
    public init(
        name: String = "", limiter: RetryLimiter = RetryLimiter(), clock: any RuntimeClock = SystemClock(),
        random: @escaping RandomSource = systemRandom, metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.metrics = WorkQueueMetrics(name: name, factory: metrics)
        state = Mutex(State(queue: WorkQueueState(limiter: limiter)))
        self.clock = clock
        self.random = random
    }

    // MARK: Adding

    /// Adds an item that is ready at once. If it already waits at a lower priority, its priority is raised.
    public func add(_ key: Key, priority: WorkPriority = .high) {
        change { $0.add(key, priority: priority, at: $1) }
    }

    /// Adds an item that becomes ready after a delay. If it has a delay already, the earlier one counts; if it is ready
    /// already, it stays ready.
    public func add(_ key: Key, after delay: Duration, priority: WorkPriority = .high) {
        change { $0.add(key, after: delay, priority: priority, at: $1) }
    }

    /// Adds an item that failed. It becomes ready after the limiter's delay.
    public func retry(_ key: Key, priority: WorkPriority = .high) {
        let random = random()
        change { $0.retry(key, priority: priority, at: $1, random: random) }
    }

    /// Resets the item's count of failures. Call it when the item succeeded or is given up.
    public func forget(_ key: Key) { change { queue, _ in queue.forget(key) } }

    /// How often the item has failed in a row.
    public func failureCount(_ key: Key) -> Int { state.withLock { $0.queue.failureCount(key) } }

    // MARK: Working

    /// Waits for the next item. Returns nil when the queue has been shut down or the task is cancelled. Call
    /// ``done(_:)`` after each item.
    public func next() async -> Item? {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome: Item?? = state.withLock { state in
                    if Task.isCancelled { return .some(nil) }
                    if let item = state.queue.take(at: clock.monotonic) {
                        metrics.taken(after: item.wait)
                        return Item(key: item.key, priority: item.priority)
                    }
                    if state.queue.isFinished { return .some(nil) }
                    state.workers.append((id, continuation))
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            let worker = state.withLock { state in
                state.workers.firstIndex { $0.id == id }.map { state.workers.remove(at: $0).continuation }
            }
            worker?.resume(returning: nil)
        }
    }

    /// Ends a worker's work on an item. If the item was added meanwhile, it becomes ready again.
    public func done(_ key: Key) {
        change { [metrics] queue, now in
            if let work = queue.done(key, at: now) { metrics.done(after: work) }
        }
    }

    /// Makes delayed items ready in time, until the queue is shut down or the task is cancelled. Only one task at a
    /// time may run it.
    public func run() async {
        while !Task.isCancelled {
            let (deadline, isOver) = state.withLock { state in
                state.armed = state.queue.nextDeadline
                return (state.armed, state.queue.isShutDown)
            }
            if isOver { break }
            if let deadline {
                let delay = deadline - clock.monotonic
                if delay > .zero { await timer.wait(atMost: delay, clock: clock) }
                change { _, _ in }
            } else {
                await timer.wait()
            }
        }
        state.withLock { $0.armed = nil }
    }

    // MARK: Ending

    /// Refuses further items and drops delayed ones. Waiting items are dropped too, unless `finishing` is true.
    public func shutDown(finishing: Bool = false) {
        change { queue, _ in queue.shutDown(finishing: finishing) }
        timer.signal()
    }

    /// Returns when the queue has been shut down and no item waits or is with a worker. Throws `CancellationError` when
    /// the task is cancelled before that.
    public func waitUntilDrained() async throws { try await drained.wait() }

    /// How many items there are, and where.
    public var counts: WorkQueueCounts { state.withLock { $0.queue.counts } }

    /// Changes the queue, then hands ready items to waiting workers.
    private func change(_ body: (inout WorkQueueState<Key>, _ now: Duration) -> Void) {
        let now = clock.monotonic
        let (handed, mustRearm, isDrained) = state.withLock { state in
            let before = state.queue.counts
            defer { metrics.changed(from: before, to: state.queue.counts) }
            body(&state.queue, now)
            state.queue.promote(at: now)
            var handed: [(CheckedContinuation<Item?, Never>, Item?)] = []
            while !state.workers.isEmpty {
                if let item = state.queue.take(at: now) {
                    metrics.taken(after: item.wait)
                    handed.append(
                        (state.workers.removeFirst().continuation, Item(key: item.key, priority: item.priority)))
                } else if state.queue.isFinished {
                    handed.append((state.workers.removeFirst().continuation, nil))
                } else {
                    break
                }
            }
            var mustRearm = false
            if let deadline = state.queue.nextDeadline, deadline < state.armed ?? .seconds(Int64.max) {
                state.armed = deadline
                mustRearm = true
            }
            return (handed, mustRearm, state.queue.isFinished && !state.queue.isProcessing)
        }
        for (worker, item) in handed { worker.resume(returning: item) }
        if mustRearm { timer.signal() }
        if isDrained { drained.open() }
    }
}
