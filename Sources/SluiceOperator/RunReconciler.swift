public import Clocks
public import CoreMetrics
import JSON
public import KubernetesModel
public import KubernetesRuntime
public import Logging
import PipelineEngine
public import PrometheusMetrics
public import SluiceAPI
import Synchronization

/// Brings PipelineRuns from what they are to what their specs ask for.
public final class RunReconciler: Sendable {
    private let cluster: any ClusterAccess
    private let runs: Store<PipelineRun>
    private let pipelines: Store<Pipeline>
    private let pods: Store<Pod>
    private let events: @Sendable (PipelineRun, _ isWarning: Bool, _ reason: String, _ message: String) -> Void
    private let settings: RunSettings
    private let admission: AdmissionLoop?
    private let metrics: OperatorMetrics
    private let clock: any RuntimeClock
    private let createRate = CreateRate()
    private let logger: Logger
    private let inbox = PodInbox()
    private let finalizers = FinalizerQueue()
    private let active = Mutex<[ObjectKey: ActiveRun]>([:])
    /// The runs whose tasks wait for a Pipeline, by the Pipeline.
    private let awaitingPipelines = Mutex<[ObjectKey: Set<ObjectKey>]>([:])
    /// Runs whose names are those of earlier runs of which pods could not be released yet.
    private let heldByOrphans = Mutex<Set<ObjectKey>>([])
    /// Whether this process works on runs. A standby follows the caches and keeps nothing beside them.
    private let isLeading = Mutex(false)
    /// Has a run looked at again; set with the controller.
    private let controllerQueue = Mutex<Wake?>(nil)

    /// In a struct: hack/check-sources.py says why.
    private struct Wake: Sendable {
        var call: @Sendable (ObjectKey) -> Void
    }

    /// The index by which the store of pods finds those of a run, whatever UID the run had: "namespace/name".
    public static let podsByRun = StoreIndex<Pod>("run") { entry in
        PodInbox.run(of: entry.metadata).map { ["\($0)"] } ?? []
    }

    /// A reconciler over stores that informers fill; `pods` needs ``podsByRun``.
    public init(
        cluster: any ClusterAccess, runs: Store<PipelineRun>, pipelines: Store<Pipeline>, pods: Store<Pod>,
        events: @escaping @Sendable (PipelineRun, _ isWarning: Bool, _ reason: String, _ message: String) -> Void,
        settings: RunSettings = RunSettings(), admission: AdmissionLoop? = nil,
        metrics: OperatorMetrics = OperatorMetrics(PrometheusRegistry()),
        clock: any RuntimeClock = SystemClock(), logger: Logger
    ) {
        self.cluster = cluster
        self.runs = runs
        self.pipelines = pipelines
        self.pods = pods
        self.events = events
        self.settings = settings
        self.admission = admission
        self.metrics = metrics
        self.clock = clock
        self.logger = logger
    }

    /// A controller of so many workers that runs the reconciler and hears of all that concerns it. `random` decides on the jitter of
    /// its retries; `metrics` gets what is known of its queue and its work.
    public func controller(
        workers: Int, random: @escaping RandomSource = systemRandom,
        metrics factory: any MetricsFactory = MetricsSystem.factory
    ) -> Controller {
        let controller = Controller(
            name: "pipelinerun", workers: workers,
            limiter: RetryLimiter(base: .milliseconds(50), maximum: .seconds(30)),
            clock: clock, random: random, logger: logger, metrics: factory
        ) { [self] key in try await reconcile(key) }
        controllerQueue.withLock { $0 = Wake { controller.enqueue($0) } }
        runs.addHandler { [self] event in
            // A run that is new waits behind those under way, so that the ones that came first end first.
            let isNew = if case .added = event.change { true } else { false }
            countEnd(event)
            // Our own status writes are known already; a run that a schedule has made is not.
            guard event.origin != .ownWrite || isNew, leads else { return }
            controller.enqueue(event.key, priority: isNew ? .low : .high)
        }
        controller.watch(pods) { [self] event in
            guard let run = PodInbox.run(of: event.entry.metadata), event.origin != .ownWrite, leads else { return [] }
            inbox.add(event, for: run)
            return [run]
        }
        controller.watch(pipelines) { [self] event in
            guard leads else { return [] }
            let waiting = awaitingPipelines.withLock { $0.removeValue(forKey: event.key) } ?? []
            return waiting.sorted()
                + runs.entries { entry in
                    entry.key.namespace == event.key.namespace && entry.object?.status.phase == .pending
                        && entry.object?.spec["pipelineRef"]?["name"]?.string == event.key.name
                }.map(\.key)
        }
        return controller
    }

    /// Counts a run that has ended just now: each once, whoever wrote its end first.
    private func countEnd(_ event: StoreEvent<PipelineRun>) {
        guard case .updated(let old, let new) = event.change, let before = old.object?.status.phase,
            let phase = new.object?.status.phase, phase.isFinished, !before.isFinished, leads
        else { return }
        metrics.runFinished(phase)
    }

    /// The runs that are under way, by phase; nothing while this process does not lead. O(runs).
    public func metricFamilies() -> [MetricFamily] {
        guard leads else { return [] }
        var counts: [RunPhase: Int] = [:]
        for case let run? in runs.entries().map(\.object) { counts[run.status.phase, default: 0] += 1 }
        return [
            MetricFamily(
                "sluice_runs", .gauge, help: "Runs that have not ended, by phase.",
                samples: RunPhase.allCases.filter { !$0.isFinished }.map { phase in
                    MetricFamily.Sample(Double(counts[phase] ?? 0), [MetricLabel("phase", phase.rawValue)])
                })
        ]
    }

    /// Changes of pods that wait for their run to be reconciled: bounded by what is under way.
    public var keptChanges: Int { inbox.count }

    /// Runs that are kept in memory: those under way.
    public var keptRuns: Int { active.withLock(\.count) }

    private var leads: Bool { isLeading.withLock { $0 } }

    /// Begins to work: this process leads from now on. Before any run is touched the runs are read from the API server, since the
    /// cache of a standby may be behind what the leader before it has written. Tries until that succeeds; throws
    /// `CancellationError`.
    public func takeOver(_ controller: Controller) async throws {
        var delay = Duration.milliseconds(200)
        while true {
            do {
                for run in try await cluster.runs() { runs.noteWritten(run) }
                break
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                logger.warning("the runs cannot be read, trying again", metadata: ["error": "\(error)"])
                try await clock.sleep(for: delay)
                delay = min(delay * 2, .seconds(10))
            }
        }
        metrics.begin()
        if let admission {
            let underWay = runs.entries { $0.object.map { !$0.status.phase.isFinished } ?? false }.map(\.key)
            admission.takeOver(awaiting: Set(underWay)) { controller.enqueue($0) }
        }
        isLeading.withLock { $0 = true }
        var keys = Set(runs.entries().map(\.key))
        keys.formUnion(pods.entries().compactMap { PodInbox.run(of: $0.metadata) })
        for key in keys.sorted() { controller.enqueue(key, priority: .low) }
    }

    /// Takes finalizers off pods that are done with, in the background, until the task is cancelled. To be run while this process leads.
    public func releaseFinishedPods() async {
        await finalizers.run(workers: settings.backgroundWrites) { [cluster] pod, uid in
            do {
                try await cluster.removeFinalizer(pod, uid: uid)
            } catch let status as APIStatus where status.isNotFound {
                // Gone already.
            }
        }
    }

    /// There is nothing more to do for the run, until something happens; where it is to be looked at anew at once, what it has of the queue
    /// stays until then.
    private func forget(_ key: ObjectKey, keepsAdmission: Bool = false) {
        if !keepsAdmission { admission?.runsGone(key) }
        active.withLock { _ = $0.removeValue(forKey: key) }
        inbox.close(key)
        awaitingPipelines.withLock { waiting in
            for (pipeline, runs) in waiting where runs.contains(key) {
                waiting[pipeline]?.remove(key)
                if runs.count == 1 { waiting[pipeline] = nil }
            }
        }
    }

    /// The run that had that name is gone: it asks for nothing more.
    private func endAdmission(of key: ObjectKey) {
        guard let admission, let known = active.withLock({ $0[key] }) else { return }
        admission.runGone(RunIdentity(namespace: key.namespace, name: key.name, uid: known.uid))
    }

    /// The spec of a Pipeline for a task of a run. Noted before it is looked for, so that one which comes in between is not missed.
    private func pipeline(_ name: String, for run: ObjectKey) -> JSONValue? {
        let key = ObjectKey(namespace: run.namespace, name: name)
        awaitingPipelines.withLock { _ = $0[key, default: []].insert(run) }
        guard let spec = pipelines[key]?.spec else { return nil }
        awaitingPipelines.withLock { waiting in
            waiting[key]?.remove(run)
            if waiting[key]?.isEmpty ?? false { waiting[key] = nil }
        }
        return spec
    }

    /// Looks at one run.
    public func reconcile(_ key: ObjectKey) async throws -> ReconcileResult {
        defer { admission?.lookedAt(key) }
        let result = try await reconcileRun(key)
        guard heldByOrphans.withLock({ $0.contains(key) }) else { return result }
        return switch result {
        case .done: .requeue(after: Self.orphanDelay)
        case .requeue(let after): .requeue(after: min(after, Self.orphanDelay))
        }
    }

    /// When pods of an earlier run of the same name that could not be released are asked for again.
    private static let orphanDelay: Duration = .seconds(10)

    private func reconcileRun(_ key: ObjectKey) async throws -> ReconcileResult {
        guard let run = runs[key] else {
            forget(key)
            heldByOrphans.withLock { _ = $0.remove(key) }
            try await releaseOrphans(of: key)
            return .done
        }
        if run.metadata.isBeingDeleted {
            forget(key)
            try await endPods(of: key)
            return .done
        }
        let known = active.withLock { $0[key] }
        let current: ActiveRun
        var changes: [PodInbox.Change]
        if let known, known.uid == run.metadata.uid {
            current = known
            changes = inbox.take(key)
            let isHeld = heldByOrphans.withLock { $0.contains(key) }
            if isHeld || changes.contains(where: { $0.isOfAnother(than: run.metadata.uid) }) {
                // A pod of the run that had this name before, heard of late.
                await releaseOrphansOrAskAgain(of: key)
            }
        } else {
            endAdmission(of: key)
            // Opened before the store is read: a change is in the one or in the other, or in both.
            inbox.open(key)
            let existing = pods.entries(index: "run", value: "\(key)").compactMap(\.object)
            if existing.contains(where: { $0.metadata.controller?.uid != run.metadata.uid }) {
                await releaseOrphansOrAskAgain(of: key)
            }
            if run.status.phase.isFinished,
                existing.allSatisfy({ !$0.metadata.finalizers.contains(Sluice.podFinalizer) })
            {
                forget(key)
                return try await expire(try await acknowledge(run))
            }
            guard let engine = try await begin(run) else {
                forget(key)
                // A run that cannot begin may have pods of an earlier life.
                if !existing.isEmpty, runs[key]?.status.phase.isFinished ?? true { try await endPods(of: key) }
                return try await waitOrExpire(run)
            }
            current = ActiveRun(
                run, engine: engine, cluster: cluster, pods: pods, runs: runs, settings: settings, clock: clock,
                finalizers: finalizers, pipeline: { [self] name in pipeline(name, for: key) },
                createRate: createRate, admission: admission, metrics: metrics,
                wake: { [self] in controllerQueue.withLock(\.self)?.call(key) },
                emit: { [events, logger] run, event in
                    events(run, event.isWarning, event.reason, event.message)
                    guard event.isAboutRun else { return }
                    logger.info(
                        "run \(event.reason.lowercased())",
                        metadata: ["run": "\(run.key)", "message": "\(event.message)"])
                })
            changes = existing.map(PodInbox.Change.observed)
            changes += try await missingPods(
                of: run, expected: engine.runningPods, known: Set(existing.map(\.metadata.name)))
            active.withLock { $0[key] = current }
        }
        let outcome: ActiveRun.Outcome
        var first: ActiveRun.News? = ActiveRun.News(
            run: run, changes: changes, answers: admission?.takeAnswers(for: key) ?? [])
        do {
            outcome = try await current.advance {
                if let news = first {
                    first = nil
                    return news
                }
                guard let live = runs[key], live.metadata.uid == run.metadata.uid else { return nil }
                return ActiveRun.News(
                    run: live, changes: inbox.take(key), answers: admission?.takeAnswers(for: key) ?? [])
            }
        } catch let status as APIStatus where status.isNotFound {
            // The run is gone; the watch will say so.
            return .requeue(after: .seconds(1))
        }
        if outcome.isSuperseded {
            logger.warning(
                "the status of the run was written by another hand; reading it anew", metadata: ["run": "\(key)"])
            forget(key, keepsAdmission: true)
            return .requeue(after: .milliseconds(100))
        }
        if outcome.isDone {
            forget(key)
            return try await expire(try await acknowledge(runs[key] ?? run))
        }
        return outcome.wakeUp.map { .requeue(after: max($0, .milliseconds(1))) } ?? .done
    }

    // MARK: Beginning

    /// The pods that the status names and the cache does not have. A cache that is behind must not make a pod count as gone, or its
    /// task would be started a second time beside it: the API server is asked for each.
    private func missingPods(
        of run: PipelineRun, expected: [String], known: Set<String>
    ) async throws -> [PodInbox.Change] {
        var found: [PodInbox.Change] = []
        for name in expected where !known.contains(name) {
            do {
                found.append(.observed(try await cluster.pod(ObjectKey(namespace: run.metadata.namespace, name: name))))
            } catch let status as APIStatus where status.isNotFound {
                continue
            }
        }
        return found
    }

    /// A finished run whose spec was edited since (its ttl): the status says that it has been seen, or kstatus and with it Flux wait
    /// for it for ever.
    private func acknowledge(_ run: PipelineRun) async throws -> PipelineRun {
        guard run.status.phase.isFinished, run.status.observedGeneration < run.metadata.generation else { return run }
        var status = run.status
        status.observedGeneration = run.metadata.generation
        status.setConditions(previous: run.status.conditions, now: clock.now)
        let metadata = try await cluster.writeStatus(
            status.json, of: run.key, resourceVersion: run.metadata.resourceVersion)
        let written = try await run.written(status, metadata, cluster)
        runs.noteWritten(written)
        return written
    }

    /// The engine of a run; nil when the run cannot begin, which its status then says.
    private func begin(_ run: PipelineRun) async throws -> RunEngine? {
        let preparation = RunPreparation.prepare(
            run,
            pipeline: { [pipelines] name in pipelines[ObjectKey(namespace: run.metadata.namespace, name: name)]?.spec })
        switch preparation {
        case .ready(let spec, let pipeline, let parameters, let snapshot):
            if admission == nil, let field = Self.needsQueues(run, pipeline) {
                let message = "this operator looks after one namespace and has no queues: \(field) cannot be honoured"
                try await write(run, .failed, reason: Reasons.invalidSpec, message: message)
                return nil
            }
            return RunEngine(
                run: RunIdentity(run.metadata), created: run.metadata.creationTimestamp,
                generation: run.metadata.generation, spec: spec, pipeline: pipeline,
                parameters: parameters, status: run.status, pipelineSnapshot: snapshot,
                admission: admission == nil ? .always : .queue, settings: settings.engine)
        case .invalid(let reason, let message):
            try await write(run, .failed, reason: reason, message: message)
        case .missingPipeline(let name):
            let message = "there is no Pipeline \(name) in namespace \(run.metadata.namespace)"
            let deadline = (run.metadata.creationTimestamp ?? clock.now) + settings.pipelineDeadline
            if deadline <= clock.now {
                try await write(
                    run, .failed, reason: Reasons.pipelineNotFound,
                    message: "\(message), nor did it come within \(settings.pipelineDeadline.goText)")
            } else {
                try await write(run, .pending, reason: Reasons.pipelineNotFound, message: "\(message); waiting for it")
            }
        }
        return nil
    }

    /// What of a run only queues can do.
    private static func needsQueues(_ run: PipelineRun, _ pipeline: PipelineSpec) -> String? {
        for field in ["queue", "priority", "priorityClassName"] where run.spec[field] != nil { return "spec.\(field)" }
        var open = [pipeline]
        while let next = open.popLast() {
            for task in next.tasks + next.finally {
                if task.topology != nil { return "the topology of task \(task.name)" }
                if let inner = task.pipelineSpec { open.append(inner) }
            }
        }
        return nil
    }

    private func waitOrExpire(_ run: PipelineRun) async throws -> ReconcileResult {
        guard let now = runs[run.key], !now.status.phase.isFinished else {
            return try await expire(runs[run.key] ?? run)
        }
        let deadline = (run.metadata.creationTimestamp ?? clock.now) + settings.pipelineDeadline
        return .requeue(after: max(.seconds(1), deadline - clock.now))
    }

    /// Writes the status of a run that has no engine.
    private func write(_ run: PipelineRun, _ phase: RunPhase, reason: String, message: String) async throws {
        var status = run.status
        guard !status.phase.isFinished else { return }
        status.observedGeneration = run.metadata.generation
        status.phase = phase
        status.reason = reason
        status.message = message
        if phase.isFinished { status.completionTime = clock.now.wholeSecond }
        status.setConditions(previous: run.status.conditions, now: clock.now)
        guard status != run.status else { return }
        let metadata = try await cluster.writeStatus(
            status.json, of: run.key, resourceVersion: run.metadata.resourceVersion)
        let written = try await run.written(status, metadata, cluster)
        runs.noteWritten(written)
        events(written, phase == .failed, reason, message)
    }

    // MARK: Ending

    /// Deletes a finished run when its time is over. One that Git tracks stays, or Git would run it again: its pods go.
    private func expire(_ run: PipelineRun) async throws -> ReconcileResult {
        guard run.status.phase.isFinished, let completed = run.status.completionTime,
            let ttl = run.spec["ttlSecondsAfterFinished"]?.int
        else { return .done }
        let due = completed + .seconds(ttl)
        guard due <= clock.now else { return .requeue(after: due - clock.now) }
        // kubectl puts its annotation on whatever it applies: that alone does not mean that Git tracks the run.
        let isTracked = (Array(run.metadata.labels.keys) + run.metadata.annotations.keys).contains {
            Sluice.isTracking($0) && !$0.hasPrefix("kubectl.kubernetes.io/")
        }
        if isTracked {
            try await end(pods.entries(index: "run", value: "\(run.key)"))
        } else {
            do {
                try await cluster.deleteRun(run.key, uid: run.metadata.uid)
            } catch let status as APIStatus where status.isNotFound || status.isConflict {
                // Gone already.
            }
        }
        return .done
    }

    /// The run is being deleted: its pods are, and nothing of theirs is worth keeping.
    private func endPods(of key: ObjectKey) async throws {
        try await end(pods.entries(index: "run", value: "\(key)"))
    }

    /// Releases the pods of a run that is gone or was replaced by another of the same name. Without this their finalizer would keep
    /// them, and their namespace, for ever. The API server is asked first, since the cache may be behind.
    private func releaseOrphans(of key: ObjectKey) async throws {
        let held = pods.entries(index: "run", value: "\(key)")
            .filter { $0.metadata.finalizers.contains(Sluice.podFinalizer) }
        guard !held.isEmpty else { return }
        var liveUID: String?
        do {
            liveUID = try await cluster.run(key).metadata.uid
        } catch let status as APIStatus where status.isNotFound {
            liveUID = nil
        }
        try await end(held.filter { $0.metadata.controller?.uid != liveUID })
    }

    /// Likewise for a run whose name it is now. Its pods have other names, so that it goes on whether or not those can be released.
    private func releaseOrphansOrAskAgain(of key: ObjectKey) async {
        do {
            try await releaseOrphans(of: key)
            heldByOrphans.withLock { _ = $0.remove(key) }
        } catch {
            heldByOrphans.withLock { _ = $0.insert(key) }
            logger.warning(
                "pods of an earlier run of that name cannot be released, trying again",
                metadata: ["run": "\(key)", "error": "\(error)"])
        }
    }

    /// Deletes pods and takes Sluice's finalizer off them. One that cannot be ended does not keep the others from it: the first such
    /// failure is thrown when all have had their turn. A conflict is a failure, and tried again: somebody else wrote at the same
    /// moment, or the cache is behind.
    private func end(_ entries: [StoreEntry<Pod>]) async throws {
        var failure: (any Error)?
        for entry in entries {
            do {
                if !entry.metadata.isBeingDeleted {
                    try await cluster.deletePod(entry.key, uid: entry.metadata.uid)
                }
                if entry.metadata.finalizers.contains(Sluice.podFinalizer) {
                    try await cluster.removeFinalizer(entry.key, uid: entry.metadata.uid)
                }
            } catch let status as APIStatus where status.isNotFound {
                // Gone already.
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }
}

extension PipelineRun {
    /// The run with the status that was written just now, whose metadata is this. Its spec is what it was, unless the server says that
    /// it has another by now: then it is read.
    func written(
        _ status: PipelineRunStatus, _ metadata: ObjectMeta, _ cluster: any ClusterAccess
    ) async throws -> PipelineRun {
        guard metadata.generation == self.metadata.generation, metadata.uid == self.metadata.uid else {
            return try await cluster.run(key)
        }
        return PipelineRun(metadata: metadata, spec: spec, status: status)
    }
}
