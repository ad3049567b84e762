import JSON
public import KubernetesModel
public import KubernetesRuntime
public import Logging
import PipelineEngine
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
    private let clock: any RuntimeClock
    private let logger: Logger
    private let inbox = PodInbox()
    private let active = Mutex<[ObjectKey: ActiveRun]>([:])

    /// The index by which the store of pods finds those of a run, whatever UID the run had: "namespace/name".
    public static let podsByRun = StoreIndex<Pod>("run") { entry in
        PodInbox.run(of: entry.metadata).map { ["\($0)"] } ?? []
    }

    /// A reconciler over stores that informers fill; `pods` needs ``podsByRun``.
    public init(
        cluster: any ClusterAccess, runs: Store<PipelineRun>, pipelines: Store<Pipeline>, pods: Store<Pod>,
        events: @escaping @Sendable (PipelineRun, _ isWarning: Bool, _ reason: String, _ message: String) -> Void,
        settings: RunSettings = RunSettings(), clock: any RuntimeClock = SystemClock(), logger: Logger
    ) {
        self.cluster = cluster
        self.runs = runs
        self.pipelines = pipelines
        self.pods = pods
        self.events = events
        self.settings = settings
        self.clock = clock
        self.logger = logger
    }

    /// A controller of so many workers that runs the reconciler and hears of all that concerns it.
    public func controller(workers: Int) -> Controller {
        let controller = Controller(
            name: "pipelinerun", workers: workers,
            limiter: RetryLimiter(base: .milliseconds(50), maximum: .seconds(30)),
            clock: clock, logger: logger
        ) { [self] key in try await reconcile(key) }
        controller.watch(runs) { event in
            // Our own status writes are known already.
            event.origin == .ownWrite ? [] : [event.key]
        }
        controller.watch(pods) { [inbox] event in
            guard let run = PodInbox.run(of: event.entry.metadata), event.origin != .ownWrite else { return [] }
            inbox.add(event, for: run)
            return [run]
        }
        controller.watch(pipelines) { [runs] event in
            runs.entries { entry in
                entry.key.namespace == event.key.namespace && entry.object?.status.phase == .pending
                    && entry.object?.spec["pipelineRef"]?["name"]?.string == event.key.name
            }.map(\.key)
        }
        return controller
    }

    /// Forgets all that is under way: what comes next is read from the API server. For a leader that was deposed.
    public func reset() { active.withLock { $0.removeAll() } }

    /// Looks at one run.
    public func reconcile(_ key: ObjectKey) async throws -> ReconcileResult {
        guard let run = runs[key] else {
            active.withLock { _ = $0.removeValue(forKey: key) }
            _ = inbox.take(key)
            try await releaseOrphans(of: key)
            return .done
        }
        if run.metadata.isBeingDeleted {
            active.withLock { _ = $0.removeValue(forKey: key) }
            _ = inbox.take(key)
            try await endPods(of: key)
            return .done
        }
        let known = active.withLock { $0[key] }
        let current: ActiveRun
        var changes = inbox.take(key)
        if let known, known.uid == run.metadata.uid {
            current = known
        } else {
            // What the store holds is as new as every change that was taken out above.
            let existing = pods.entries(index: "run", value: "\(key)").compactMap(\.object)
            if existing.contains(where: { $0.metadata.controller?.uid != run.metadata.uid }) {
                try await releaseOrphans(of: key)
            }
            if run.status.phase.isFinished,
                existing.allSatisfy({ !$0.metadata.finalizers.contains(Sluice.podFinalizer) })
            {
                return try await expire(run)
            }
            guard let engine = try await begin(run) else { return try await waitOrExpire(run) }
            current = ActiveRun(
                run, engine: engine, cluster: cluster, pods: pods, runs: runs, settings: settings, clock: clock,
                emit: { [events] run, event in events(run, event.isWarning, event.reason, event.message) })
            changes = existing.map(PodInbox.Change.observed)
            active.withLock { $0[key] = current }
        }
        let outcome: ActiveRun.Outcome
        var first: ActiveRun.News? = ActiveRun.News(run: run, changes: changes)
        do {
            outcome = try await current.advance {
                if let news = first {
                    first = nil
                    return news
                }
                guard let live = runs[key], live.metadata.uid == run.metadata.uid else { return nil }
                return ActiveRun.News(run: live, changes: inbox.take(key))
            }
        } catch let status as APIStatus where status.isNotFound {
            // The run is gone; the watch will say so.
            return .requeue(after: .seconds(1))
        }
        if outcome.isSuperseded {
            logger.warning(
                "the status of the run was written by another hand; reading it anew", metadata: ["run": "\(key)"])
            active.withLock { _ = $0.removeValue(forKey: key) }
            return .requeue(after: .milliseconds(100))
        }
        if outcome.isDone {
            active.withLock { _ = $0.removeValue(forKey: key) }
            return try await expire(runs[key] ?? run)
        }
        return outcome.wakeUp.map { .requeue(after: max($0, .milliseconds(1))) } ?? .done
    }

    // MARK: Beginning

    /// The engine of a run; nil when the run cannot begin, which its status then says.
    private func begin(_ run: PipelineRun) async throws -> RunEngine? {
        let preparation = RunPreparation.prepare(
            run,
            pipeline: { [pipelines] name in pipelines[ObjectKey(namespace: run.metadata.namespace, name: name)]?.spec })
        switch preparation {
        case .ready(let spec, let pipeline, let parameters, let snapshot):
            return RunEngine(
                run: RunIdentity(run.metadata), generation: run.metadata.generation, spec: spec, pipeline: pipeline,
                parameters: parameters, status: run.status, pipelineSnapshot: snapshot, settings: settings.engine)
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
        let written = try await cluster.writeStatus(
            status.json, of: run.key, resourceVersion: run.metadata.resourceVersion)
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
        do {
            // kubectl puts its annotation on whatever it applies: that alone does not mean that Git tracks the run.
            let isTracked = (Array(run.metadata.labels.keys) + run.metadata.annotations.keys).contains {
                Sluice.isTracking($0) && !$0.hasPrefix("kubectl.kubernetes.io/")
            }
            if isTracked {
                for pod in pods.entries(index: "run", value: "\(run.key)") where !pod.metadata.isBeingDeleted {
                    try await cluster.deletePod(pod.key, uid: pod.metadata.uid)
                }
            } else {
                try await cluster.deleteRun(run.key, uid: run.metadata.uid)
            }
        } catch let status as APIStatus where status.isNotFound || status.isConflict {
            // Gone already.
        }
        return .done
    }

    /// The run is being deleted: its pods are, and nothing of theirs is worth keeping.
    private func endPods(of key: ObjectKey) async throws {
        for entry in pods.entries(index: "run", value: "\(key)") {
            guard let pod = entry.object else { continue }
            if !pod.metadata.isBeingDeleted {
                try await ignoringGone { try await cluster.deletePod(pod.key, uid: pod.metadata.uid) }
            }
            try await removeFinalizer(pod)
        }
    }

    /// Releases the pods of a run that is gone or was replaced by another of the same name. Without this their finalizer would keep
    /// them, and their namespace, for ever. The API server is asked first, since the cache may be behind.
    private func releaseOrphans(of key: ObjectKey) async throws {
        let held = pods.entries(index: "run", value: "\(key)").compactMap(\.object)
            .filter { $0.metadata.finalizers.contains(Sluice.podFinalizer) }
        guard !held.isEmpty else { return }
        var liveUID: String?
        do {
            liveUID = try await cluster.run(key).metadata.uid
        } catch let status as APIStatus where status.isNotFound {
            liveUID = nil
        }
        for pod in held where pod.metadata.controller?.uid != liveUID {
            if !pod.metadata.isBeingDeleted {
                try await ignoringGone { try await cluster.deletePod(pod.key, uid: pod.metadata.uid) }
            }
            try await removeFinalizer(pod)
        }
    }

    private func removeFinalizer(_ pod: Pod) async throws {
        guard pod.metadata.finalizers.contains(Sluice.podFinalizer) else { return }
        try await ignoringGone { try await cluster.removeFinalizer(pod.key, uid: pod.metadata.uid) }
    }

    private func ignoringGone(_ body: () async throws -> Void) async throws {
        do { try await body() } catch let status as APIStatus where status.isNotFound || status.isConflict {}
    }
}
