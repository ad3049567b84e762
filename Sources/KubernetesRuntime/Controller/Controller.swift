public import KubernetesModel
public import Logging
import Synchronization

/// Workers that bring objects, one key at a time each and no key twice at once, from what is to what should be.
///
/// The contract of `reconcile` is all there is: it gets a key, looks, acts, and says when to be called again; an error it
/// throws brings the key back with exponential delay, unless it is a ``TerminalError``.
public final class Controller: Sendable {
    public typealias Reconcile = @Sendable (ObjectKey) async throws -> ReconcileResult

    public let name: String
    public let queue: WorkQueue<ObjectKey>
    private let workers: Int
    private let clock: any RuntimeClock
    private let logger: Logger
    private let reconcile: Reconcile
    private let counters = Mutex(ControllerMetrics())

    /// A controller; it does nothing until ``run()``.
    public init(
        name: String, workers: Int = 1, limiter: RetryLimiter = RetryLimiter(), clock: any RuntimeClock = SystemClock(),
        logger: Logger, reconcile: @escaping Reconcile
    ) {
        self.name = name
        self.workers = max(1, workers)
        self.clock = clock
        self.reconcile = reconcile
        queue = WorkQueue(limiter: limiter, clock: clock)
        var logger = logger
        logger[metadataKey: "controller"] = "\(name)"
        self.logger = logger
    }

    /// Has the controller look at the keys that `keys` gives for each change of the store: those of the first list at low
    /// priority, all others at high.
    public func watch<Object: KubernetesObject>(
        _ store: Store<Object>, keys: @escaping @Sendable (StoreEvent<Object>) -> [ObjectKey] = { [$0.key] }
    ) {
        store.addHandler { [queue] event in
            for key in keys(event) { queue.add(key, priority: event.origin == .initialList ? .low : .high) }
        }
    }

    /// Has the controller look at the owner (of that type, the controlling one) of each object of the store that changes.
    public func watchOwned<Object: KubernetesObject>(_ store: Store<Object>, by owner: ResourceType) {
        watch(store) { event in
            var entries = [event.entry]
            if case .updated(let old, _) = event.change { entries.append(old) }
            var keys: [ObjectKey] = []
            for entry in entries {
                let metadata = entry.metadata
                guard let reference = metadata.controller, reference.kind == owner.kind,
                    reference.apiVersion.split(separator: "/").dropLast().joined() == owner.group
                else { continue }
                let key = ObjectKey(namespace: owner.isNamespaced ? metadata.namespace : "", name: reference.name)
                if !keys.contains(key) { keys.append(key) }
            }
            return keys
        }
    }

    /// Has the controller look at a key.
    public func enqueue(_ key: ObjectKey, priority: WorkPriority = .high) { queue.add(key, priority: priority) }

    /// Works until ``stop()``, and then until the work in hand is done; or until the task is cancelled, which cancels the work
    /// in hand. After a cancellation it may be run again and goes on with what is queued.
    public func run() async {
        logger.debug("controller started", metadata: ["workers": "\(workers)"])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.queue.run() }
            for _ in 0..<workers { group.addTask { await self.work() } }
        }
        logger.debug("controller stopped")
    }

    /// Takes up no more work, for good: ``run()`` returns when the work in hand is done.
    public func stop() { queue.shutDown() }

    /// What the controller has done.
    public var metrics: ControllerMetrics { counters.withLock { $0 } }

    private func work() async {
        while let item = await queue.next() {
            counters.withLock { $0.active += 1 }
            let started = clock.monotonic
            let outcome: ControllerMetrics.Outcome
            do {
                switch try await reconcile(item.key) {
                case .done:
                    queue.forget(item.key)
                    outcome = .done
                case .requeue(let delay):
                    queue.forget(item.key)
                    queue.add(item.key, after: delay, priority: item.priority)
                    outcome = .requeued
                }
            } catch {
                outcome = failed(item, error)
            }
            queue.done(item.key)
            let duration = clock.monotonic - started
            counters.withLock { $0.record(outcome, duration) }
        }
    }

    private func failed(_ item: WorkQueue<ObjectKey>.Item, _ error: any Error) -> ControllerMetrics.Outcome {
        if Task.isCancelled {
            // Not the object's fault; whoever runs the controller next goes on with it.
            queue.add(item.key, priority: item.priority)
            return .cancelled
        }
        if error is any TerminalError {
            queue.forget(item.key)
            logger.error("reconciling failed for good", metadata: ["object": "\(item.key)", "error": "\(error)"])
            return .terminalError
        }
        queue.retry(item.key, priority: item.priority)
        logger.warning(
            "reconciling failed, will be tried again",
            metadata: [
                "object": "\(item.key)", "error": "\(error)", "failures": "\(queue.failureCount(item.key))",
            ])
        return .error
    }
}

/// What a controller has done.
public struct ControllerMetrics: Sendable, Hashable {
    /// How a reconciliation ended.
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        case done, requeued, error, terminalError, cancelled
    }

    /// Reconciliations by outcome.
    public private(set) var outcomes: [Outcome: UInt64] = [:]
    public private(set) var duration = DurationHistogram()
    /// Workers that are at work.
    public fileprivate(set) var active = 0

    mutating func record(_ outcome: Outcome, _ duration: Duration) {
        active -= 1
        outcomes[outcome, default: 0] += 1
        self.duration.record(duration)
    }
}
