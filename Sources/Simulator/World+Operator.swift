import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI

/// The operator: what SluiceOperator does with a run, over an API server that answers at once. The order of effects is that of
/// ``RunDriver``.
extension World {
    /// Whether a run may write its status seldom, which saves time: a status costs as much as the run is large. What must be written
    /// before something may happen is written at once in any case, but for the stopping of what is left of a gang; and the attempts of
    /// sub-pipelines are known from statuses.
    private static func mayWriteSeldom(_ pipeline: PipelineSpec) -> Bool {
        (pipeline.tasks + pipeline.finally).allSatisfy { !$0.isPipeline && $0.replicas == 1 }
    }

    private static func driverSettings(writesSeldom: Bool) -> RunDriver.Settings {
        let interval = writesSeldom ? Duration.seconds(3600) : .zero
        return RunDriver.Settings(
            firstStatusDelay: interval, statusInterval: interval, createBatch: .max, retryDelay: .zero)
    }

    private static let pipelineDeadline = EngineSettings().pipelineDeadline

    /// Looks at a run until there is nothing to do for it but to wait.
    func settle(_ index: Int) {
        let run = runs[index]
        guard !run.isDeleted, !run.isOver, let work = run.work ?? begin(index) else { return }
        while true {
            let isAnswered = run.hasPipelines && answerPipelines(run, work)
            let effects = work.driver.next(now: operatorNow, monotonic: monotonic)
            tellQueue(effects, of: index)
            for create in effects.creates { work.driver.podCreated(createPod(create, index)) }
            if let write = effects.write {
                run.noteWritten(write.status, now: now)
                work.driver.statusWritten(write, monotonic: monotonic)
            }
            for release in effects.releases { perform(release, index, work) }
            guard effects.isIdle, !isAnswered, effects.wakeAfter != .zero else { continue }
            if run.written.phase.isFinished, work.driver.isDone { run.work = nil }
            wake(index, [effects.wakeUp.map { $0 - clockOffset }, effects.wakeAfter.map { now + $0 }])
            return
        }
    }

    /// Has the operator look at the run again at the first of these times.
    private func wake(_ index: Int, _ times: [Timestamp?]) {
        let time = times.compactMap(\.self).min().map { max($0, now + .microseconds(1)) }
        guard runs[index].wakeAt != time else { return }
        runs[index].wakeAt = time
        if let time { queue.add(time, .wake(run: index)) }
    }

    /// What the spec of a run comes to. Runs that are made from one document follow each other, and have the same.
    private func prepared(_ run: SimulatedRun) -> RunPreparation {
        if let last = lastPrepared, last.spec == run.spec { return last.preparation }
        let object = PipelineRun(metadata: run.metadata, spec: run.spec, status: run.written)
        let preparation = RunPreparation.prepare(object) { name in
            self.pipelines[RunName(namespace: run.name.namespace, name: name)]
        }
        // What a Pipeline has to do with it may change.
        if run.spec["pipelineRef"] == nil { lastPrepared = (run.spec, preparation) }
        return preparation
    }

    /// Makes the driver of a run; nil when the run cannot begin, which its status then says.
    private func begin(_ index: Int) -> SimulatedRun.Work? {
        let run = runs[index]
        switch prepared(run) {
        case .ready(let spec, let pipeline, let parameters, let snapshot):
            run.pipeline = pipeline
            var status = run.written
            // A status holds whole seconds. The clock of a simulation is finer, and a restart is not to change what comes of it.
            if status.startTime != nil { status.startTime = run.firstPod }
            let engine = RunEngine(
                run: run.identity, created: run.metadata.creationTimestamp, generation: run.metadata.generation,
                spec: spec,
                pipeline: pipeline,
                parameters: parameters, status: status, pipelineSnapshot: snapshot,
                admission: usesQueue ? .queue : .always)
            let writesSeldom = Self.mayWriteSeldom(pipeline)
            let work = SimulatedRun.Work(
                RunDriver(engine, written: run.written, settings: Self.driverSettings(writesSeldom: writesSeldom)),
                writesSeldom: writesSeldom)
            for pod in run.pods where !pod.isGone { work.driver.podObserved(pod.pod) }
            run.work = work
            return work
        case .invalid(let reason, let message):
            write(run, .failed, reason: reason, message: message)
        case .missingPipeline(let name):
            let message = "there is no Pipeline \(name) in namespace \(run.name.namespace)"
            let deadline = run.arrived + Self.pipelineDeadline
            if deadline <= operatorNow {
                write(
                    run, .failed, reason: Reasons.pipelineNotFound,
                    message: "\(message), nor did it come within \(Self.pipelineDeadline.goText)")
            } else {
                write(run, .pending, reason: Reasons.pipelineNotFound, message: "\(message); waiting for it")
                wake(index, [deadline - clockOffset])
            }
        }
        return nil
    }

    /// The status of a run that has no driver.
    private func write(_ run: SimulatedRun, _ phase: RunPhase, reason: String, message: String) {
        var status = run.written
        status.phase = phase
        status.reason = reason
        status.message = message
        run.noteWritten(status, now: now)
    }

    /// Gives the tasks that wait for Pipelines those that are there; whether there were any. What is there was validated.
    private func answerPipelines(_ run: SimulatedRun, _ work: SimulatedRun.Work) -> Bool {
        var isAnswered = false
        for name in work.driver.wantedPipelines {
            guard let spec = pipelines[RunName(namespace: run.name.namespace, name: name)] else { continue }
            isAnswered = true
            run.pipelines[name] = PipelineSpec(validated: spec)
            work.driver.pipelineFound(name, spec)
        }
        return isAnswered
    }

    private func perform(_ release: RunDriver.Release, _ index: Int, _ work: SimulatedRun.Work) {
        let run = runs[index]
        guard let pod = run.podByName[release.name], !run.pods[pod].isGone else {
            work.driver.podDeleted(name: release.name, uid: uid(of: release))
            return
        }
        switch release {
        case .confirm: work.driver.podConfirmed(run.pods[pod].pod, now: operatorNow)
        case .stop:
            run.noteStopped(run.pods[pod].identity)
            run.pods[pod].pod.activeDeadlineSeconds = 1
            if run.pods[pod].pod.isLive { run.pods[pod].pod.endByDeadline(at: now) }
            podChanged(index, pod)
        case .delete:
            run.noteStopped(run.pods[pod].identity)
            let isLive = run.pods[pod].pod.isLive
            run.pods[pod].pod.markDeleted(at: now, grace: 30)
            if isLive { run.pods[pod].pod.end(code: 137, at: now) }
            podChanged(index, pod)
        case .removeFinalizer:
            run.pods[pod].pod.metadata.finalizers = []
            podChanged(index, pod)
        }
    }

    private func uid(of release: RunDriver.Release) -> String {
        switch release {
        case .confirm(_, let uid), .stop(_, let uid), .delete(_, let uid), .removeFinalizer(_, let uid): uid
        }
    }

    /// The operator dies; the next one knows what is written and what exists.
    func dropDrivers() {
        for run in runs {
            // As if it had been written at once, when it was decided.
            if let work = run.work, work.writesSeldom { run.written = work.driver.status(now: operatorNow) }
            run.work = nil
        }
    }

    /// The operator has come up.
    func takeOver() {
        rebuildQueue()
        for index in runs.indices { touch(index) }
        for index in schedules.indices { touchSchedule(index) }
    }
}
