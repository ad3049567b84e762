import JSON
import KubernetesModel
import KubernetesRuntime
import PipelineEngine
import SluiceAPI

/// A run that is under way: its engine, and what of its decisions has reached the API server.
///
/// The order of effects is what makes it safe to die anywhere: pods are created at once (their names are deterministic, and a finished pod is
/// held by its finalizer, so whoever comes next decides the same again); everything that only the status can tell (deleting pods,
/// letting finished ones go) waits until that status is written.
actor ActiveRun {
    nonisolated let uid: String
    private let key: ObjectKey
    private let cluster: any ClusterAccess
    private let pods: Store<Pod>
    private let runs: Store<PipelineRun>
    private let settings: RunSettings
    private let clock: any RuntimeClock
    private let tell: @Sendable (PipelineRun, EngineEvent) -> Void

    private var engine: RunEngine
    /// The run as it was read or written last.
    private var latest: PipelineRun
    private var written: PipelineRunStatus
    private var lastWrite: Duration?
    /// Decided, but not to be done before the status is written.
    private var held: [EngineAction] = []

    init(
        _ run: PipelineRun, engine: RunEngine, cluster: any ClusterAccess, pods: Store<Pod>, runs: Store<PipelineRun>,
        settings: RunSettings, clock: any RuntimeClock, tell: @escaping @Sendable (PipelineRun, EngineEvent) -> Void
    ) {
        uid = run.metadata.uid
        key = run.key
        latest = run
        written = run.status
        self.engine = engine
        self.cluster = cluster
        self.pods = pods
        self.runs = runs
        self.settings = settings
        self.clock = clock
        self.tell = tell
    }

    /// What a step left to do.
    struct Outcome {
        var wakeUp: Duration?
        /// The run has ended and nothing holds on to it.
        var isDone = false
        /// Somebody else wrote the status: what this object knows is void.
        var isSuperseded = false
    }

    /// Takes in what has happened, does what the engine decides, writes the status when it is due.
    func advance(_ run: PipelineRun, desired: DesiredState, changes: [PodInbox.Change]) async throws -> Outcome {
        if Self.isNewer(run, than: latest) { latest = run }
        engine.wants(desired, generation: run.metadata.generation)
        for change in changes {
            switch change {
            case .observed(let pod): engine.podObserved(pod)
            case .gone(let name, let uid): engine.podGone(name: name, uid: uid)
            }
        }
        var output = engine.step(now: clock.now)
        while true {
            for event in output.events { tell(latest, event) }
            held += output.actions.filter(\.needsStatus)
            let creations = output.actions.filter { !$0.needsStatus }
            if creations.isEmpty { break }
            await create(creations)
            output = engine.step(now: clock.now)
        }

        var status = engine.status(now: clock.now)
        var outcome = Outcome(wakeUp: output.wakeUp.map { max(.zero, $0 - clock.now) })
        if status != written {
            let wait = lastWrite.map { $0 + settings.statusInterval - clock.monotonic } ?? .zero
            if wait > .zero, !status.phase.isFinished {
                outcome.wakeUp = min(outcome.wakeUp ?? wait, wait)
                return outcome
            }
            guard try await write(&status) else { return Outcome(isSuperseded: true) }
        }
        // Pods that had to wait for the status are created at once.
        if engine.statusWritten() { outcome.wakeUp = .zero }
        if await !release() {
            // What could not be done is asked for again by the next step.
            outcome.wakeUp = min(outcome.wakeUp ?? settings.retryDelay, settings.retryDelay)
        }
        outcome.isDone = engine.isDone
        return outcome
    }

    private static func isNewer(_ run: PipelineRun, than other: PipelineRun) -> Bool {
        guard let new = UInt64(run.metadata.resourceVersion), let old = UInt64(other.metadata.resourceVersion) else {
            return true
        }
        return new > old
    }

    // MARK: Creating

    /// The answer to one create. A struct, as all results of child tasks must be: hack/check-sources.py says why.
    private struct Answer: Sendable {
        var identity: PodIdentity
        var result: Result<Pod, any Error>
    }

    private func create(_ actions: [EngineAction]) async {
        await withTaskGroup(of: Answer.self) { group in
            var next = actions.startIndex
            func addNext() {
                guard next < actions.endIndex, case .createPod(let identity, let name, let json) = actions[next] else {
                    return
                }
                next += 1
                group.addTask { [self] in
                    do {
                        return Answer(identity: identity, result: .success(try await createOrAdopt(name, json)))
                    } catch {
                        return Answer(identity: identity, result: .failure(error))
                    }
                }
            }
            for _ in 0..<settings.concurrentWrites { addNext() }
            while let answer = await group.next() {
                switch answer.result {
                case .success(let pod):
                    engine.podCreated(pod)
                    pods.noteWritten(pod)
                case .failure(let error):
                    engine.podRefused(answer.identity, Self.refusal(error), now: clock.now)
                }
                addNext()
            }
        }
    }

    /// The pod under that name: made now, or by an earlier create whose answer was lost. Never one that belongs to others.
    private nonisolated func createOrAdopt(_ name: String, _ json: JSONValue) async throws -> Pod {
        do {
            return try await cluster.createPod(json, namespace: key.namespace)
        } catch let status as APIStatus where status.isAlreadyExists {
            let pod = try await cluster.pod(ObjectKey(namespace: key.namespace, name: name))
            guard pod.metadata.controller?.uid == uid else {
                throw APIStatus(
                    code: 422, reason: "PodNameTaken",
                    message: "a pod named \(name) exists and does not belong to this run")
            }
            return pod
        }
    }

    private static func refusal(_ error: any Error) -> PodRefusal {
        guard let status = error as? APIStatus else { return .unknown }
        switch status.code {
        case 400, 413, 422:
            return .rejected(
                reason: status.reason == "PodNameTaken" ? status.reason : "PodRejected", message: status.message)
        case 403:
            let isQuota = status.message.contains("exceeded quota")
            return .refused(reason: isQuota ? "QuotaExceeded" : "PodRefused", message: status.message)
        default: return .unknown
        }
    }

    // MARK: The status

    /// Writes the status; false when another hand wrote it meanwhile.
    private func write(_ status: inout PipelineRunStatus) async throws -> Bool {
        for _ in 0..<5 {
            do {
                let run = try await cluster.writeStatus(
                    status.json, of: key, resourceVersion: latest.metadata.resourceVersion)
                latest = run
                written = status
                lastWrite = clock.monotonic
                runs.noteWritten(run)
                return true
            } catch let error as APIStatus where error.isConflict {
                let live = try await cluster.run(key)
                guard live.metadata.uid == uid, live.status == written else { return false }
                // The run was labelled, or its spec edited: the status is still ours to write.
                latest = live
                runs.noteWritten(live)
            }
        }
        throw APIStatus(
            code: 409, reason: "Conflict", message: "the status of \(key) could not be written: it keeps changing")
    }

    // MARK: What the status allows

    /// Does what was held back; whether all of it got through.
    private func release() async -> Bool {
        let actions = held
        held = []
        var isComplete = true
        // The name of a pod whose request did not get through; nil where it did.
        await withTaskGroup(of: String?.self) { group in
            var next = actions.startIndex
            func addNext() {
                guard next < actions.endIndex else { return }
                let action = actions[next]
                next += 1
                group.addTask { [self] in await carryOut(action) }
            }
            for _ in 0..<settings.concurrentWrites { addNext() }
            while let failed = await group.next() {
                if let failed {
                    engine.actionFailed(name: failed)
                    isComplete = false
                }
                addNext()
            }
        }
        return isComplete
    }

    /// The name of the pod when the request did not get through.
    private nonisolated func carryOut(_ action: EngineAction) async -> String? {
        func attempt(_ name: String, _ body: () async throws -> Void) async -> String? {
            do {
                try await body()
                return nil
            } catch let status as APIStatus where status.isNotFound || status.isConflict {
                // Gone, or another pod of that name: the watch tells.
                return nil
            } catch {
                return name
            }
        }
        switch action {
        case .createPod: return nil
        case .deletePod(let name, let uid):
            return await attempt(name) {
                try await cluster.deletePod(ObjectKey(namespace: key.namespace, name: name), uid: uid)
            }
        case .untrackPod(let name, let uid):
            return await attempt(name) {
                try await cluster.untrackPod(ObjectKey(namespace: key.namespace, name: name), uid: uid)
            }
        }
    }
}
