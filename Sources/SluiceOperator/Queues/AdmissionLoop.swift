import AsyncPrimitives
public import Clocks
public import GangQueue
public import KubernetesModel
public import KubernetesRuntime
public import Logging
import PipelineEngine
public import PrometheusMetrics
public import Queueing
public import SluiceAPI
import Synchronization

/// The stores that admission is decided by; informers fill them.
public struct QueueStores: Sendable {
    public var queues: Store<Queue>
    public var nodes: Store<Node>
    /// All pods of the cluster, ours among them.
    public var pods: Store<ForeignPod>
    public var priorityClasses: Store<PriorityClass>
    public var namespaces: Store<Namespace>

    /// Empty stores.
    public init() {
        queues = Store()
        nodes = Store()
        pods = Store()
        priorityClasses = Store()
        namespaces = Store()
    }
}

/// Decides which attempts of which runs may have pods: ``QueueDriver`` over the caches of an operator that leads.
///
/// Runs' reconcilers tell what their runs ask for and take the answers; whenever something has happened one decision is made on all of
/// it. After a take-over nothing is decided before each run that is under way was looked at once, so that what its pods use counts.
public final class AdmissionLoop: Sendable {
    private struct State {
        /// False while this process does not lead: a standby keeps nothing beside the caches.
        var isLeading = false
        var driver = QueueDriver()
        /// Runs that are still to be looked at before the first decision, and when that is made at the latest.
        var awaited: Set<ObjectKey> = []
        var firstDecision: Duration = .zero
        var answers: [ObjectKey: [QueueAnswer]] = [:]
        var wakeRun: (@Sendable (ObjectKey) -> Void)?
        var decisions = 0
    }

    private let stores: QueueStores
    private let settings: QueueSettings
    private let metrics: OperatorMetrics
    private let clock: any RuntimeClock
    private let logger: Logger
    private let state = Mutex(State())
    private let signal = AsyncSignal()

    /// How long runs that cannot be looked at hold up the first decision after a take-over.
    static let patience: Duration = .seconds(60)

    /// A loop over stores that informers fill.
    public init(
        _ stores: QueueStores, settings: QueueSettings = QueueSettings(),
        metrics: OperatorMetrics = OperatorMetrics(PrometheusRegistry()),
        clock: any RuntimeClock = SystemClock(), logger: Logger
    ) {
        self.stores = stores
        self.settings = settings
        self.metrics = metrics
        self.clock = clock
        self.logger = logger
        stores.nodes.addHandler { [self] event in change { Self.apply(event, to: &$0) } }
        stores.pods.addHandler { [self] event in change { Self.apply(event, to: &$0) } }
        stores.queues.addHandler { [self] event in
            guard event.origin != .ownWrite else { return }
            change { Self.apply(event, to: &$0) }
        }
        stores.priorityClasses.addHandler { [self] event in change { Self.apply(event, to: &$0) } }
        stores.namespaces.addHandler { [self] event in change { Self.apply(event, to: &$0) } }
    }

    /// How many decisions were made since this process leads.
    var decisionCount: Int { state.withLock(\.decisions) }

    // MARK: - The cluster

    private func change(_ body: (inout QueueDriver) -> Void) {
        let isLeading = state.withLock { state in
            if state.isLeading { body(&state.driver) }
            return state.isLeading
        }
        if isLeading { signal.signal() }
    }

    private static func apply(_ event: StoreEvent<Node>, to driver: inout QueueDriver) {
        switch event.change {
        case .deleted(let entry): driver.nodeDeleted(entry.key.name)
        case .added(let entry), .updated(_, let entry): if let node = entry.object { driver.nodeChanged(node) }
        }
    }

    private static func apply(_ event: StoreEvent<ForeignPod>, to driver: inout QueueDriver) {
        switch event.change {
        case .deleted(let entry): driver.podDeleted(namespace: entry.key.namespace, name: entry.key.name)
        case .added(let entry), .updated(_, let entry): if let pod = entry.object { driver.podChanged(pod) }
        }
    }

    private static func apply(_ event: StoreEvent<Queue>, to driver: inout QueueDriver) {
        switch event.change {
        case .deleted(let entry): driver.queueDeleted(entry.key.name)
        case .added(let entry), .updated(_, let entry): if let queue = entry.object { driver.queueChanged(queue) }
        }
    }

    private static func apply(_ event: StoreEvent<PriorityClass>, to driver: inout QueueDriver) {
        switch event.change {
        case .deleted(let entry): driver.priorityClassDeleted(entry.key.name)
        case .added(let entry), .updated(_, let entry):
            if let known = entry.object { driver.priorityClassChanged(entry.key.name, known.value) }
        }
    }

    private static func apply(_ event: StoreEvent<Namespace>, to driver: inout QueueDriver) {
        switch event.change {
        case .deleted(let entry): driver.namespaceDeleted(entry.key.name)
        case .added(let entry), .updated(_, let entry):
            if let namespace = entry.object { driver.namespaceChanged(namespace) }
        }
    }

    // MARK: - Runs

    /// Begins to keep the queue: this process leads from now on. `runs` are under way and are looked at soon.
    func takeOver(awaiting runs: Set<ObjectKey>, wakeRun: @escaping @Sendable (ObjectKey) -> Void) {
        let settings = settings
        state.withLock { state in
            state.isLeading = true
            state.driver = QueueDriver(settings)
            state.awaited = runs
            state.firstDecision = clock.monotonic + Self.patience
            state.answers = [:]
            state.wakeRun = wakeRun
        }
        replay(stores.namespaces) { $0.namespaceChanged($1) }
        replay(stores.priorityClasses) { $0.priorityClassChanged($1.metadata.name, $1.value) }
        replay(stores.queues) { $0.queueChanged($1) }
        replay(stores.nodes) { $0.nodeChanged($1) }
        replay(stores.pods) { $0.podChanged($1) }
    }

    /// Tells of all that a store has. What changes meanwhile the handlers tell, before or after: each object is read as it is when it is
    /// told, so that none is told of that is gone, and the last word is the newest.
    private func replay<Object>(_ store: Store<Object>, _ tell: (inout QueueDriver, Object) -> Void) {
        for key in store.entries().map(\.key).sorted() {
            change { driver in if let object = store[key] { tell(&driver, object) } }
        }
    }

    /// What one look at a run gave; `isFirst` by a driver that is new.
    func take(_ effects: RunDriver.Effects, of run: QueuedRun, isFirst: Bool = false) {
        guard
            isFirst || !effects.enqueued.isEmpty || !effects.held.isEmpty || !effects.withdrawn.isEmpty
                || effects.demand != nil
        else { return }
        let key = ObjectKey(namespace: run.identity.namespace, name: run.identity.name)
        let isLeading = state.withLock { state in
            guard state.isLeading else { return false }
            state.driver.take(effects, of: run, isFirst: isFirst)
            // What was decided before is not the answer to what is asked now: that is decided yet.
            if let answers = state.answers[key] {
                let anew = Set(effects.enqueued.map(\.key) + effects.withdrawn)
                let left = answers.filter { $0.run == run.identity && !anew.contains($0.attempt) }
                state.answers[key] = left.isEmpty ? nil : left
            }
            return true
        }
        if isLeading { signal.signal() }
    }

    /// The answers for a run since it was asked last.
    func takeAnswers(for run: ObjectKey) -> [QueueAnswer] {
        state.withLock { $0.answers.removeValue(forKey: run) ?? [] }
    }

    /// The run was looked at: what it asks for and what its pods use is known, or cannot be known now.
    func lookedAt(_ run: ObjectKey) {
        let isFirst = state.withLock { $0.awaited.remove(run) != nil && $0.awaited.isEmpty }
        if isFirst { signal.signal() }
    }

    /// There is nothing more to do for whatever run has, or had, that name.
    func runsGone(_ key: ObjectKey) {
        state.withLock { $0.answers[key] = nil }
        change { $0.runsGone(namespace: key.namespace, name: key.name) }
    }

    /// The run is gone.
    func runGone(_ run: RunIdentity) {
        state.withLock { $0.answers[ObjectKey(namespace: run.namespace, name: run.name)] = nil }
        change { $0.runGone(run) }
    }

    // MARK: - Metrics

    /// How each queue stands as of the last decision; nothing while this process does not lead. What is not limited has no deserved
    /// amount. O(queues + pods).
    public func metricFamilies() -> [MetricFamily] {
        let known = state.withLock { state -> KnownQueues? in
            state.isLeading ? KnownQueues(statuses: state.driver.statuses(), counts: state.driver.counts) : nil
        }
        guard let known else { return [] }
        func family(
            _ name: String, _ kind: MetricFamily.Kind, _ help: String,
            _ value: (String, QueueStatus) -> Double?
        ) -> MetricFamily {
            MetricFamily(
                "sluice_queue_" + name, kind, help: help,
                samples: known.statuses.compactMap { queue, known in
                    value(queue, known.status).map { MetricFamily.Sample($0, [MetricLabel("queue", queue)]) }
                })
        }
        func amounts(_ name: String, _ help: String, _ amounts: (QueueStatus) -> [String: Quantity]) -> MetricFamily {
            MetricFamily(
                "sluice_queue_" + name, .gauge, help: help,
                samples: known.statuses.flatMap { queue, known in
                    amounts(known.status).map { resource, amount in
                        MetricFamily.Sample(
                            Double(amount.nanoUnits) / 1e9,
                            [MetricLabel("queue", queue), MetricLabel("resource", resource)])
                    }
                })
        }
        return [
            family("pending", .gauge, "Gangs that wait.") { Double($1.pending) },
            family("admitted", .gauge, "Gangs that may run.") { Double($1.admitted) },
            family("runs", .gauge, "Runs with a gang that may run.") { Double($1.runs) },
            amounts("allocated", "What admitted gangs ask for, in cores, bytes and pieces.", \.allocated),
            amounts("deserved", "What the queue has a right to now, in cores, bytes and pieces.", \.deserved),
            family("share", .gauge, "The dominant share of the cluster that is allocated, from 0 to 1.") { _, status in
                status.share.map { Double($0) / 1000 }
            },
            family("admissions_total", .counter, "Gangs that were admitted.") { queue, _ in
                Double(known.counts[queue]?.admissions ?? 0)
            },
            family("preemptions_total", .counter, "Gangs that were stopped for others.") { queue, _ in
                Double(known.counts[queue]?.preemptions ?? 0)
            },
        ]
    }

    private struct KnownQueues {
        var statuses: [String: (status: QueueStatus, condition: QueueCondition)]
        var counts: [String: QueueCounts]
    }

    // MARK: - Statuses of Queues

    /// Writes the statuses of Queues where they have changed, until the task is cancelled: a few a second, whatever changes. To be run
    /// while this process leads.
    public func writeStatuses(_ cluster: any ClusterAccess) async {
        var seen = -1
        /// The name of the Queue that was written last: the others come first.
        var last = ""
        while !Task.isCancelled {
            let (decisions, statuses) = state.withLock { state in
                (state.decisions, state.decisions == seen ? [:] : state.driver.statuses())
            }
            var changed: [(queue: Queue, status: QueueStatus)] = []
            for name in statuses.keys.sorted() {
                guard let known = statuses[name], let queue = stores.queues[ObjectKey(namespace: "", name: name)] else {
                    continue
                }
                let status = known.status.completed(known.condition, of: queue, now: clock.now)
                if status != queue.status { changed.append((queue, status)) }
            }
            let inTurn =
                changed.filter { $0.queue.metadata.name > last } + changed.filter { $0.queue.metadata.name <= last }
            var hasFailed = false
            for (queue, status) in inTurn.prefix(Self.statusBatch) {
                do {
                    let metadata = try await cluster.writeStatus(status.json, ofQueue: queue.metadata.name)
                    stores.queues.noteWritten(Queue(metadata: metadata, spec: queue.spec, status: status))
                } catch let status as APIStatus where status.isNotFound {
                    // Gone meanwhile.
                } catch {
                    hasFailed = true
                    logger.warning(
                        "the status of a queue was not written, trying again",
                        metadata: ["queue": "\(queue.metadata.name)", "error": "\(error)"])
                    break
                }
                last = queue.metadata.name
            }
            if !hasFailed, inTurn.count <= Self.statusBatch { seen = decisions }
            do { try await clock.sleep(for: hasFailed ? .seconds(5) : Self.statusInterval) } catch { return }
        }
    }

    /// How often statuses are looked at, and how many are written each time at most.
    private static let statusInterval: Duration = .seconds(1)
    private static let statusBatch = 20

    // MARK: - Deciding

    /// Decides until the task is cancelled. To be run while this process leads.
    public func run() async {
        while !Task.isCancelled {
            let wait = decide()
            await withTaskGroup(of: Void.self) { group in
                if let wait {
                    group.addTask { [clock, signal] in
                        do { try await clock.sleep(for: wait) } catch { return }
                        signal.signal()
                    }
                }
                await signal.wait()
                group.cancelAll()
            }
        }
    }

    /// Makes one decision where one may be made; how long to wait when nothing happens before, nil for ever.
    private func decide() -> Duration? {
        let now = clock.now
        let (wakeUp, runs, wakeRun) = state.withLock { state in
            guard state.isLeading else { return (Duration?.none, [ObjectKey](), state.wakeRun) }
            guard state.awaited.isEmpty || state.firstDecision <= clock.monotonic else {
                return (state.firstDecision - clock.monotonic, [], state.wakeRun)
            }
            state.awaited = []
            state.decisions += 1
            let started = clock.monotonic
            let (answers, decisions) = state.driver.cycle(now: now)
            metrics.decided(in: clock.monotonic - started)
            var told: Set<ObjectKey> = []
            for answer in answers {
                let key = ObjectKey(namespace: answer.run.namespace, name: answer.run.name)
                state.answers[key, default: []].append(answer)
                told.insert(key)
            }
            return (decisions.wakeUp.map { max(.milliseconds(1), $0 - now) }, told.sorted(), state.wakeRun)
        }
        for run in runs { wakeRun?(run) }
        return wakeUp
    }
}
