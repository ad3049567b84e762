import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import PipelineEngine
import Queueing
import SluiceAPI

/// A run that is under way: does what its ``RunDriver`` says, and tells it what came of it. The driver knows the order.
actor ActiveRun {
    /// What has happened since it was asked last.
    struct News: Sendable {
        /// The run as the cache has it.
        var run: PipelineRun
        var changes: [PodInbox.Change]
        /// What the queue says of its attempts.
        var answers: [QueueAnswer] = []
    }

    nonisolated let uid: String
    private let key: ObjectKey
    private let cluster: any ClusterAccess
    private let pods: Store<Pod>
    private let runs: Store<PipelineRun>
    private let settings: RunSettings
    private let clock: any RuntimeClock
    /// Of all runs: statuses that only inform are rarer while many pods are created.
    private let createRate: CreateRate
    private let emit: @Sendable (PipelineRun, EngineEvent) -> Void
    private let finalizers: FinalizerQueue
    /// The spec of a Pipeline of its namespace; where it is not there, the run is looked at again when it comes.
    private let pipeline: @Sendable (String) -> JSONValue?
    /// Who admits its attempts; nil where each begins when its turn in the run has come.
    private let admission: AdmissionLoop?
    private let metrics: OperatorMetrics
    /// Has the run looked at again.
    private let wake: @Sendable () -> Void

    private var driver: RunDriver
    /// Whether the queue was told what the run has need of.
    private var hasAsked = false
    /// Services of gangs that are known to exist.
    private var services: Set<String> = []
    /// The run as it was read or written last.
    private var latest: PipelineRun

    init(
        _ run: PipelineRun, engine: RunEngine, cluster: any ClusterAccess, pods: Store<Pod>, runs: Store<PipelineRun>,
        settings: RunSettings, clock: any RuntimeClock, finalizers: FinalizerQueue,
        pipeline: @escaping @Sendable (String) -> JSONValue?, createRate: CreateRate,
        admission: AdmissionLoop?, metrics: OperatorMetrics,
        wake: @escaping @Sendable () -> Void,
        emit: @escaping @Sendable (PipelineRun, EngineEvent) -> Void
    ) {
        uid = run.metadata.uid
        key = run.key
        latest = run
        driver = RunDriver(engine, written: run.status, settings: settings.driver)
        self.cluster = cluster
        self.pods = pods
        self.runs = runs
        self.settings = settings
        self.clock = clock
        self.emit = emit
        self.finalizers = finalizers
        self.pipeline = pipeline
        self.createRate = createRate
        self.admission = admission
        self.metrics = metrics
        self.wake = wake
    }

    /// What a reconciliation left to do.
    struct Outcome {
        var wakeUp: Duration?
        /// The run has ended and nothing holds on to it.
        var isDone = false
        /// Somebody else wrote the status: what this object knows is void.
        var isSuperseded = false
    }

    /// Does what the driver says until there is nothing to do but to wait. `news` is asked again and again meanwhile, so that a
    /// cancel is heard between two batches of pods; it gives nil when the run is gone or another one.
    func advance(_ news: () -> News?) async throws -> Outcome {
        while true {
            if let news = news() { take(news) }
            driver.statusPace = settings.statusPace(createsPerSecond: createRate.perSecond(at: clock.monotonic))
            let effects = driver.next(now: clock.now, monotonic: clock.monotonic)
            for event in effects.events { emit(latest, event) }
            admission?.take(effects, of: QueuedRun(latest, now: clock.now), isFirst: !hasAsked)
            hasAsked = true
            let hasPipelines = answerPipelines()
            if effects.isIdle, !hasPipelines {
                var outcome = Outcome(isDone: driver.isDone)
                let times = [effects.wakeUp.map { max(.zero, $0 - clock.now) }, effects.wakeAfter]
                outcome.wakeUp = times.compactMap(\.self).min()
                return outcome
            }
            await create(effects.creates)
            if let write = effects.write {
                do {
                    guard try await perform(write) else { return Outcome(isSuperseded: true) }
                } catch {
                    driver.statusWriteFailed(write)
                    // An earlier status allows these, and the driver counts them as asked for: they are not given again.
                    await perform(effects.releases)
                    throw error
                }
            }
            await perform(effects.releases)
        }
    }

    private func take(_ news: News) {
        if !news.run.metadata.isOlder(than: latest.metadata) { latest = news.run }
        let desired = news.run.spec["state"]?.string.flatMap(DesiredState.init(rawValue:)) ?? .running
        driver.specChanged(to: desired, generation: news.run.metadata.generation)
        for answer in news.answers where answer.run.uid == uid { answer.tell(&driver, now: clock.now) }
        for change in news.changes {
            switch change {
            case .observed(let pod): driver.podObserved(pod)
            case .gone(let name, let uid): driver.podDeleted(name: name, uid: uid)
            }
        }
    }

    /// Gives the tasks that wait for Pipelines those that are there; whether there were any.
    private func answerPipelines() -> Bool {
        var isAnswered = false
        for name in driver.wantedPipelines {
            guard let spec = pipeline(name) else { continue }
            isAnswered = true
            let report = Validator.validate(pipelineSpec: spec)
            if report.isValid {
                driver.pipelineFound(name, spec)
            } else {
                driver.pipelineInvalid(name, "Pipeline \(name): \(report.message())", now: clock.now)
            }
        }
        return isAnswered
    }

    // MARK: Creating

    /// The answer to one create. A struct, as all results of child tasks must be: hack/check-sources.py says why.
    private struct Answer: Sendable {
        var identity: PodIdentity
        var result: Result<Pod, any Error>
    }

    /// The answer to the create of a Service.
    private struct ServiceAnswer: Sendable {
        var name: String
        var failure: PodCreateFailure?
    }

    private func create(_ all: [RunDriver.Create]) async {
        let creates = await withServices(all)
        await withTaskGroup(of: Answer.self) { group in
            var next = creates.makeIterator()
            func addNext() {
                guard let create = next.next() else { return }
                group.addTask { [self] in
                    do {
                        let pod = try await createOrAdopt(create.name, create.manifest)
                        return Answer(identity: create.identity, result: .success(pod))
                    } catch {
                        return Answer(identity: create.identity, result: .failure(error))
                    }
                }
            }
            for _ in 0..<settings.concurrentWrites { addNext() }
            while let answer = await group.next() {
                switch answer.result {
                case .success(let pod):
                    driver.podCreated(pod)
                    pods.noteWritten(pod)
                case .failure(let error):
                    driver.podCreateFailed(answer.identity, Self.failure(error), now: clock.now)
                }
                addNext()
            }
        }
    }

    /// Those pods whose Service exists, after the missing ones have been created; the creates of the others have failed with it.
    private func withServices(_ creates: [RunDriver.Create]) async -> [RunDriver.Create] {
        var missing: [HeadlessService] = []
        for case let service? in creates.map(\.service) where services.insert(service.name).inserted {
            missing.append(service)
        }
        guard !missing.isEmpty else { return creates }
        var failures: [String: PodCreateFailure] = [:]
        await withTaskGroup(of: ServiceAnswer.self) { group in
            var next = missing.makeIterator()
            func addNext() {
                guard let service = next.next() else { return }
                group.addTask { [self] in
                    do {
                        try await createOrAdopt(service)
                        return ServiceAnswer(name: service.name, failure: nil)
                    } catch {
                        return ServiceAnswer(name: service.name, failure: Self.failure(error))
                    }
                }
            }
            for _ in 0..<settings.concurrentWrites { addNext() }
            while let answer = await group.next() {
                if let failure = answer.failure {
                    services.remove(answer.name)
                    failures[answer.name] = failure
                }
                addNext()
            }
        }
        return creates.filter { create in
            guard let failure = create.service.flatMap({ failures[$0.name] }) else { return true }
            driver.podCreateFailed(create.identity, failure, now: clock.now)
            return false
        }
    }

    private nonisolated func createOrAdopt(_ service: HeadlessService) async throws {
        do {
            try await cluster.createService(service.manifest, namespace: key.namespace)
        } catch let status as APIStatus where status.isAlreadyExists {
            let existing = try await cluster.service(ObjectKey(namespace: key.namespace, name: service.name))
            guard existing.controller?.uid != uid else { return }
            throw APIStatus(
                code: 422, reason: Reasons.serviceNameTaken,
                message: "a Service named \(service.name) exists and does not belong to this run")
        }
    }

    /// The pod under that name: made now, or by an earlier create whose answer was lost. Never one that belongs to others.
    private nonisolated func createOrAdopt(_ name: String, _ json: JSONValue) async throws -> Pod {
        do {
            let pod = try await cluster.createPod(json, namespace: key.namespace)
            metrics.podCreated()
            createRate.note(at: clock.monotonic)
            return pod
        } catch let status as APIStatus where status.isAlreadyExists {
            let pod = try await cluster.pod(ObjectKey(namespace: key.namespace, name: name))
            guard pod.metadata.controller?.uid == uid else {
                throw APIStatus(
                    code: 422, reason: Reasons.podNameTaken,
                    message: "a pod named \(name) exists and does not belong to this run")
            }
            return pod
        } catch let status as APIStatus where [400, 403, 413, 422].contains(status.code) {
            // A server refuses before it looks whether there is such a pod: one that an operator before this one made, and of which the
            // watch has not told yet.
            do {
                let pod = try await cluster.pod(ObjectKey(namespace: key.namespace, name: name))
                guard pod.metadata.controller?.uid == uid else { throw status }
                return pod
            } catch let missing as APIStatus where missing.isNotFound {
                throw status
            }
        }
    }

    /// What a failed create means. A webhook's or a policy's denial may be lifted, whatever code it came with (rule Q8): 400 without a
    /// code of its own, 403 or 422.
    private static func failure(_ error: any Error) -> PodCreateFailure {
        guard let status = error as? APIStatus else { return .indeterminate(message: "\(error)") }
        let isDenial = status.message.contains("denied the request") || status.message.contains("denied request")
        switch status.code {
        case 400 where !isDenial, 413 where !isDenial, 422 where !isDenial:
            return .invalid(
                reason: [Reasons.podNameTaken, Reasons.serviceNameTaken].contains(status.reason)
                    ? status.reason : Reasons.podRejected,
                message: status.message)
        case 400, 403, 413, 422:
            let isQuota = status.message.contains("exceeded quota")
            return .denied(
                reason: isQuota ? Reasons.quotaExceeded : Reasons.podRefused, message: status.message)
        default: return .indeterminate(message: status.message)
        }
    }

    // MARK: The status

    /// Writes the status; false when another hand wrote it meanwhile.
    private func perform(_ write: RunDriver.Write) async throws -> Bool {
        for _ in 0..<5 {
            do {
                let metadata = try await cluster.writeStatus(
                    write.status.json, of: key, resourceVersion: latest.metadata.resourceVersion)
                driver.statusWritten(write, monotonic: clock.monotonic)
                latest = try await latest.written(write.status, metadata, cluster)
                runs.noteWritten(latest)
                return true
            } catch let error as APIStatus where Self.isTooLarge(error, write) {
                driver.statusTooLarge(write)
                return true
            } catch let error as APIStatus where error.isConflict {
                let live = try await cluster.run(key)
                guard live.metadata.uid == uid else { return false }
                latest = live
                runs.noteWritten(live)
                if live.status == write.status {
                    // It had its effect, and only the answer was lost.
                    driver.statusWritten(write, monotonic: clock.monotonic)
                    return true
                }
                guard live.status == driver.written else { return false }
                // The run was labelled, or its spec edited: the status is still ours to write.
            }
        }
        throw APIStatus(
            code: 409, reason: "Conflict", message: "the status of \(key) could not be written: it keeps changing")
    }

    /// Whether a status is refused for its size. A small one is not: then something on the way was wrong, and it is tried again.
    private static func isTooLarge(_ error: APIStatus, _ write: RunDriver.Write) -> Bool {
        guard error.code == 413 || error.message.contains("too large") || error.message.contains("larger than max")
        else {
            return false
        }
        return write.status.json.text.utf8.count > 64 << 10
    }

    // MARK: What the status allows

    private func perform(_ all: [RunDriver.Release]) async {
        var releases: [RunDriver.Release] = []
        for release in all {
            let pod = ObjectKey(namespace: key.namespace, name: release.name)
            // Somebody waits for a pod that is being deleted; for all others there is time.
            guard case .removeFinalizer(let name, let uid) = release, pods[pod]?.metadata.isBeingDeleted != true else {
                releases.append(release)
                continue
            }
            finalizers.add(
                FinalizerQueue.Item(pod: pod, uid: uid) { [self] in
                    await failed(name)
                    wake()
                })
        }
        // The name of a pod whose request has failed; nil where it did not.
        await withTaskGroup(of: String?.self) { group in
            var next = releases.makeIterator()
            func addNext() {
                guard let release = next.next() else { return }
                group.addTask { [self] in await fails(release) ? release.name : nil }
            }
            for _ in 0..<settings.concurrentWrites { addNext() }
            while let failed = await group.next() {
                if let failed { driver.requestFailed(name: failed, monotonic: clock.monotonic) }
                addNext()
            }
        }
    }

    private func confirm(_ name: String, _ uid: String, _ key: ObjectKey) async throws {
        // By the time before the request: the answer is at least as new.
        let asked = clock.now
        do {
            let pod = try await cluster.pod(key)
            if pod.metadata.uid == uid {
                driver.podConfirmed(pod, now: asked)
                pods.noteWritten(pod)
                return
            }
        } catch let status as APIStatus where status.isNotFound {}
        driver.podDeleted(name: name, uid: uid)
    }

    private func failed(_ name: String) { driver.requestFailed(name: name, monotonic: clock.monotonic) }

    private nonisolated func fails(_ release: RunDriver.Release) async -> Bool {
        let pod = ObjectKey(namespace: key.namespace, name: release.name)
        do {
            switch release {
            case .confirm(let name, let uid): try await confirm(name, uid, pod)
            case .stop(_, let uid): try await cluster.stopPod(pod, uid: uid)
            case .delete(_, let uid): try await cluster.deletePod(pod, uid: uid)
            case .removeFinalizer(_, let uid): try await cluster.removeFinalizer(pod, uid: uid)
            }
            return false
        } catch let status as APIStatus where status.isNotFound {
            return false
        } catch {
            // 409 as well: somebody else wrote at the same moment. Where it means that another pod has the name by now, the watch
            // tells that ours is gone, and nothing is repeated.
            return true
        }
    }
}
