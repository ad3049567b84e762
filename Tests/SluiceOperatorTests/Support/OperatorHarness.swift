import CronSchedule
import JSON
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import Logging
import PrometheusMetrics
import SluiceAPI
import SluiceOperator
import Synchronization

/// An operator in a simulation: informers, controller and reconciler as they run for real, over a ``FakeCluster``.
struct OperatorHarness {
    let simulation: Simulation
    let cluster: FakeCluster
    private var running: Task<Void, any Error>?
    /// Set when the operator that was started last is to lead.
    private let isPromoted: Promotion

    final class Promotion: Sendable {
        let flag = Mutex(false)
    }

    /// The reconciler that was started last.
    let observer = Observer()

    final class Observer: Sendable {
        private let reconciler = Mutex<RunReconciler?>(nil)
        func withLock(_ body: (inout RunReconciler?) -> Void) { reconciler.withLock { body(&$0) } }
        let registry = Mutex(PrometheusRegistry())
        /// The lines of its metrics whose names begin so, without what is said about them.
        func metrics(_ prefix: String) -> [String] {
            registry.withLock(\.self).exposition().split(separator: "\n").filter { $0.hasPrefix(prefix) }
                .map(String.init)
        }
        /// How many changes of pods it keeps.
        var keptChanges: Int { reconciler.withLock { $0?.keptChanges ?? 0 } }
        /// How many runs it works on.
        var keptRuns: Int { reconciler.withLock { $0?.keptRuns ?? 0 } }
    }

    init(
        seed: UInt64, faults: Double = 0, plan: @escaping @Sendable (StartedPod) -> PodPlan = { _ in PodPlan() }
    ) {
        self.init(seed: seed, profile: FaultProfile(share: faults), plan: plan)
    }

    init(seed: UInt64, profile: FaultProfile, plan: @escaping @Sendable (StartedPod) -> PodPlan) {
        simulation = Simulation(seed: seed)
        isPromoted = Promotion()
        cluster = FakeCluster(
            simulation: simulation, profile: profile, nodes: RoughNodes(profile: profile, plan: plan))
    }

    /// Another operator over the same cluster, in the same simulation.
    init(beside other: OperatorHarness) {
        simulation = other.simulation
        cluster = other.cluster
        isPromoted = Promotion()
    }

    /// Lets the standby lead.
    func promote() { isPromoted.flag.withLock { $0 = true } }

    /// Whether attempts are admitted by queues, as in an operator of a whole cluster.
    var hasQueues = false
    /// Whether ScheduledRuns are looked after.
    var hasSchedules = false

    /// Starts an operator that knows nothing; a standby follows the cluster and does nothing until ``promote()``.
    mutating func startOperator(asStandby: Bool = false, workers: Int = 4) {
        isPromoted.flag.withLock { $0 = !asStandby }
        let promotion = isPromoted
        let seen = observer
        let hasQueues = hasQueues
        let hasSchedules = hasSchedules
        let cluster = cluster
        let clock = simulation.clock
        let random = simulation.random
        running = simulation.start {
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let runs = Informer<PipelineRun>(
                FakeSource(cluster: cluster, kind: "runs"), clock: clock, random: random, logger: logger)
            let pipelines = Informer<Pipeline>(
                FakeSource(cluster: cluster, kind: "pipelines"), clock: clock, random: random, logger: logger)
            let pods = Informer<Pod>(
                FakeSource(cluster: cluster, kind: "pods"), store: Store(indexes: [RunReconciler.podsByRun]),
                clock: clock,
                random: random, logger: logger)
            let stores = QueueStores()
            let registry = PrometheusRegistry()
            let metrics = OperatorMetrics(registry)
            let admission = hasQueues ? AdmissionLoop(stores, metrics: metrics, clock: clock, logger: logger) : nil
            let reconciler = RunReconciler(
                cluster: cluster, runs: runs.store, pipelines: pipelines.store, pods: pods.store,
                events: { _, _, _, _ in cluster.state.withLock { $0.writesByKind["event", default: 0] += 1 } },
                admission: admission, metrics: metrics, clock: clock, logger: logger)
            registry.addCollector { reconciler.metricFamilies() + (admission?.metricFamilies() ?? []) }
            seen.registry.withLock { $0 = registry }
            let controller = reconciler.controller(workers: workers, random: random)
            let schedules = Informer<ScheduledRun>(
                FakeSource(cluster: cluster, kind: "schedules"), clock: clock, random: random, logger: logger)
            let scheduler = ScheduleReconciler(
                cluster: cluster, schedules: schedules.store, runs: runs.store,
                zones: { name throws(ZoneError) in
                    guard name == "UTC" else { throw ZoneError(message: "there is no time zone \(name)") }
                    return .utc
                },
                events: { _, _, _, _ in cluster.state.withLock { $0.writesByKind["event", default: 0] += 1 } },
                clock: clock, logger: logger)
            let scheduleController = scheduler.controller(workers: 2, random: random)
            seen.withLock { $0 = reconciler }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await runs.run() }
                group.addTask { await pipelines.run() }
                group.addTask { await pods.run() }
                if hasSchedules {
                    group.addTask { await schedules.run() }
                    group.addTask { await scheduleController.run() }
                }
                group.addTask { await reconciler.releaseFinishedPods() }
                if let admission {
                    func follow<Object: KubernetesObject>(_ store: Store<Object>, _ kind: String) {
                        let informer = Informer<Object>(
                            FakeSource(cluster: cluster, kind: kind), store: store, clock: clock, random: random,
                            logger: logger)
                        group.addTask { await informer.run() }
                    }
                    follow(stores.queues, "queues")
                    follow(stores.nodes, "nodes")
                    follow(stores.pods, "pods")
                    follow(stores.priorityClasses, "priorityclasses")
                    follow(stores.namespaces, "namespaces")
                    group.addTask { await admission.run() }
                    group.addTask { await admission.writeStatuses(cluster) }
                }
                group.addTask {
                    do {
                        if admission != nil {
                            try await stores.queues.waitUntilSynced()
                            try await stores.nodes.waitUntilSynced()
                            try await stores.pods.waitUntilSynced()
                            try await stores.priorityClasses.waitUntilSynced()
                            try await stores.namespaces.waitUntilSynced()
                        }
                        try await runs.waitUntilSynced()
                        try await pipelines.waitUntilSynced()
                        try await pods.waitUntilSynced()
                        while !promotion.flag.withLock({ $0 }) { try await clock.sleep(for: .milliseconds(20)) }
                        try await reconciler.takeOver(controller)
                        if hasSchedules {
                            try await schedules.waitUntilSynced()
                            scheduler.takeOver(scheduleController)
                        }
                    } catch { return }
                    await controller.run()
                }
            }
        }
    }

    /// Ends the operator between two of its steps, whatever it was doing, as SIGKILL does.
    mutating func killOperator() {
        running?.cancel()
        running = nil
    }

    func end() {
        running?.cancel()
        cluster.end()
        simulation.settle()
    }

    /// Lets time pass until every run has ended and no pod is held any more; false when that takes too long.
    func runUntilDone(within limit: Duration = .seconds(600)) -> Bool {
        let end = simulation.clock.monotonic + limit
        while simulation.clock.monotonic < end {
            simulation.run(for: .milliseconds(200))
            let isDone = cluster.state.withLock { state in
                state.runs.values.allSatisfy { run in
                    run["status"]?["phase"]?.string.flatMap(RunPhase.init(rawValue:))?.isFinished ?? false
                }
                    && state.pods.values.allSatisfy { ($0["metadata"]?["finalizers"]?.array ?? []).isEmpty }
            }
            if isDone { return true }
        }
        return false
    }
}
