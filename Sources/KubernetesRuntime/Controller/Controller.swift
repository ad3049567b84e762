public import Clocks
public import CoreMetrics
public import KubernetesModel
public import Logging
import Synchronization

/// Runs workers that reconcile objects: each worker has one key at a time, and no two workers have the same key.
///
/// `reconcile` gets a key, reads the object, acts, and returns when it wants to be called again. When it throws, the
/// key is retried with exponential delay, unless the error is a ``TerminalError``.
public final class Controller: Sendable {
    /// Brings one object closer to its desired state. It must be idempotent: the same key may come any number of times.
    public typealias Reconcile = @Sendable (ObjectKey) async throws -> ReconcileResult

    public let name: String
    /// The keys that wait for a worker. Handlers of events may add to it directly.
    public let queue: WorkQueue<ObjectKey>
    private let workers: Int
    private let clock: any RuntimeClock
    private let logger: Logger
    private let reconcile: Reconcile
    private let metrics: ControllerMetrics
    /// In a struct: hack/check-sources.py says why.
    private struct Condition: Sendable {
        var holds: @Sendable () -> Bool
    }

    private let mayWork = Mutex(Condition { true })

    /// Creates a controller; it does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - name: The name in logs and metrics.
    ///   - workers: How many keys are reconciled concurrently, at least one.
    ///   - limiter: The delays after errors.
    ///   - clock: The clock for delays and durations.
    ///   - random: The jitter of the delays.
    ///   - logger: Gets `controller` added to its metadata.
    ///   - metrics: Where counts and durations are reported, under controller-runtime's names.
    ///   - reconcile: The work for one key.
    public init(
        name: String, workers: Int = 1, limiter: RetryLimiter = RetryLimiter(), clock: any RuntimeClock = SystemClock(),
        random: @escaping RandomSource = systemRandom, logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory, reconcile: @escaping Reconcile
    ) {
        self.name = name
        self.workers = max(1, workers)
        self.clock = clock
        self.reconcile = reconcile
        queue = WorkQueue(name: name, limiter: limiter, clock: clock, random: random, metrics: metrics)
        self.metrics = ControllerMetrics(name: name, factory: metrics)
        var logger = logger
        logger[metadataKey: "controller"] = "\(name)"
        self.logger = logger
    }

    /// Enqueues the keys that `keys` returns for each change of the store: with low priority for objects of the first
    /// list, with high priority for all others.
    public func watch<Object: KubernetesObject>(
        _ store: Store<Object>, keys: @escaping @Sendable (StoreEvent<Object>) -> [ObjectKey] = { [$0.key] }
    ) {
        store.addHandler { [queue] event in
            for key in keys(event) { queue.add(key, priority: event.origin == .initialList ? .low : .high) }
        }
    }

    /// Enqueues the controlling owner of each object of the store that changes, if that owner is of the type `owner`.
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

    /// Enqueues a key.
    public func enqueue(_ key: ObjectKey, priority: WorkPriority = .high) { queue.add(key, priority: priority) }

    /// Works until ``stop()``, then finishes the reconciliations that have begun and returns. When the task is
    /// cancelled, these are cancelled too; after that ``run()`` may be called again and continues with the queued keys.
    public func run() async {
        logger.debug("controller started", metadata: ["workers": "\(workers)"])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.queue.run() }
            for _ in 0..<workers { group.addTask { await self.work() } }
        }
        logger.debug("controller stopped")
    }

    /// Starts no more reconciliations, for good. ``run()`` returns when those that have begun are done.
    public func stop() { queue.shutDown() }

    /// Makes workers begin nothing while `condition` is false. The manager asks the elector: leadership ends at an
    /// instant, and the cancellation that follows it takes its time.
    func begin(onlyWhile condition: @escaping @Sendable () -> Bool) {
        mayWork.withLock { $0 = Condition(holds: condition) }
    }

    private func work() async {
        while let item = await queue.next() {
            guard mayWork.withLock(\.holds)() else {
                // For whoever runs the controller next. The cancellation is on its way.
                queue.add(item.key, priority: item.priority)
                queue.done(item.key)
                return
            }
            metrics.active.increment()
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
            metrics.record(outcome, duration)
        }
    }

    private func failed(_ item: WorkQueue<ObjectKey>.Item, _ error: any Error) -> ControllerMetrics.Outcome {
        if Task.isCancelled {
            // The object is not at fault. Whoever runs the controller next continues with it.
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

/// What a controller reports to swift-metrics, under the names that controller-runtime uses.
private struct ControllerMetrics: Sendable {
    /// How a reconciliation ended.
    enum Outcome: String, CaseIterable {
        case done = "success"
        case requeued = "requeue_after"
        case error
        case terminalError = "terminal_error"
        case cancelled
    }

    private let outcomes: [Outcome: Counter]
    private let duration: Timer
    let active: Meter

    init(name: String, factory: any MetricsFactory) {
        outcomes = Dictionary(
            uniqueKeysWithValues: Outcome.allCases.map { outcome in
                let dimensions = [("controller", name), ("result", outcome.rawValue)]
                return (
                    outcome,
                    Counter(label: "controller_runtime_reconcile_total", dimensions: dimensions, factory: factory)
                )
            })
        let dimensions = [("controller", name)]
        duration = Timer(label: "controller_runtime_reconcile_time_seconds", dimensions: dimensions, factory: factory)
        active = Meter(label: "controller_runtime_active_workers", dimensions: dimensions, factory: factory)
    }

    func record(_ outcome: Outcome, _ time: Duration) {
        active.decrement()
        outcomes[outcome]?.increment()
        duration.recordMicroseconds(time.microseconds)
    }
}
