import Synchronization

/// How urgent an item is.
public enum WorkPriority: Int, Sendable, Hashable, Comparable {
    /// What was there at the start.
    case low = 0
    /// What has changed.
    case high = 1

    public static func < (left: WorkPriority, right: WorkPriority) -> Bool { left.rawValue < right.rawValue }
}

/// How long the next try of an item waits, by how often it has failed in a row.
public struct RetryLimiter: Sendable, Hashable {
    public var base: Duration
    public var maximum: Duration

    /// `base` doubled with every failure, up to `maximum`.
    public init(base: Duration = .milliseconds(5), maximum: Duration = .seconds(300)) {
        self.base = base
        self.maximum = maximum
    }

    /// The delay after that many failures before this one.
    public func delay(afterFailures count: Int) -> Duration {
        var delay = base
        for _ in 0..<min(count, 64) where delay < maximum { delay *= 2 }
        return min(delay, maximum)
    }
}

/// What has to be done, each item once: adds of an item that waits already coalesce, an item that is being worked on stays
/// back until that is done, failing items come back later and later.
///
/// Workers loop over ``next()`` and say ``done(_:)``. Delays need ``run()`` to be running.
public final class WorkQueue<Key: Hashable & Sendable>: Sendable {
    /// An item for a worker.
    public struct Item: Sendable {
        public let key: Key
        public let priority: WorkPriority
    }

    private struct State {
        var queue: WorkQueueState<Key>
        var nextID = 0
        var workers: [(id: Int, continuation: CheckedContinuation<Item?, Never>)] = []
        /// The deadline that ``run()`` waits for.
        var armed: Duration?
    }

    private let state: Mutex<State>
    let clock: any RuntimeClock
    private let timer = AsyncSignal()
    private let drained = AsyncLatch()

    /// An empty queue.
    public init(limiter: RetryLimiter = RetryLimiter(), clock: any RuntimeClock = SystemClock()) {
        state = Mutex(State(queue: WorkQueueState(limiter: limiter)))
        self.clock = clock
    }

    // MARK: Adding

    /// Adds an item, ready at once; raises it when it waits at a lower priority.
    public func add(_ key: Key, priority: WorkPriority = .high) {
        change { $0.add(key, priority: priority, at: $1) }
    }

    /// Adds an item that is ready after a delay. Of two delays of an item the earlier counts; an item that is ready anyhow
    /// stays so.
    public func add(_ key: Key, after delay: Duration, priority: WorkPriority = .high) {
        change { $0.add(key, after: delay, priority: priority, at: $1) }
    }

    /// Adds an item that failed, after the limiter's delay.
    public func retry(_ key: Key, priority: WorkPriority = .high) {
        change { $0.retry(key, priority: priority, at: $1) }
    }

    /// Starts the count of an item's failures over: it succeeded, or is given up.
    public func forget(_ key: Key) { change { queue, _ in queue.forget(key) } }

    /// How often the item has failed in a row.
    public func failureCount(_ key: Key) -> Int { state.withLock { $0.queue.failureCount(key) } }

    // MARK: Working

    /// The next item, as soon as there is one; nil when the queue has been shut down or the task is cancelled. Each item
    /// must be followed by a ``done(_:)``.
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

    /// Says that the work on an item is over; if it was added meanwhile it is ready again.
    public func done(_ key: Key) { change { $0.done(key, at: $1) } }

    /// Lets delayed items become ready, until the queue is shut down or the task is cancelled. One task at a time.
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

    /// Takes no more items in. What waits is dropped, or with `finishing` still handed out; what is delayed is dropped.
    public func shutDown(finishing: Bool = false) {
        change { queue, _ in queue.shutDown(finishing: finishing) }
        timer.signal()
    }

    /// Returns when the queue has been shut down and no item is left, neither waiting nor with a worker; throws
    /// `CancellationError` when the task is cancelled before.
    public func waitUntilDrained() async throws { try await drained.wait() }

    /// What the queue has done and has to do.
    public var metrics: WorkQueueMetrics { state.withLock { $0.queue.metrics } }

    /// Changes the queue, then hands out what is ready to the workers that wait.
    private func change(_ body: (inout WorkQueueState<Key>, _ now: Duration) -> Void) {
        let now = clock.monotonic
        let (handed, mustRearm, isDrained) = state.withLock { state in
            body(&state.queue, now)
            state.queue.promote(at: now)
            var handed: [(CheckedContinuation<Item?, Never>, Item?)] = []
            while !state.workers.isEmpty {
                if let item = state.queue.take(at: now) {
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
