import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI

/// The rules as code: what must hold at every turn, and at the end.
extension Simulator {
    private func isLive(_ task: String, otherThan attempt: Int? = nil) -> Bool {
        world.pods.values.contains { $0.identity.task == task && $0.pod.isLive && $0.identity.attempt != attempt }
    }

    private func isFinally(_ task: String) -> Bool { scenario.pipeline.finally.contains { $0.name == task } }

    private func hasSucceeded(_ task: String) -> Bool {
        guard let spec = world.specs[task] else { return false }
        var ended: [Int: Set<Int>] = [:]
        for (identity, pod) in world.history.values where identity.task == task && pod.status.phase == .succeeded {
            ended[identity.attempt, default: []].insert(identity.replica)
        }
        return ended.values.contains {
            spec.successPolicy == .leader ? $0.contains(0) : $0.count == spec.replicas
        }
    }

    /// E1, E4, E6, E7, parallelism: may that pod come into being?
    func checkCreation(_ identity: PodIdentity, _ name: String) throws {
        guard let spec = world.specs[identity.task] else { throw Broken(description: "no task \(identity.task)") }
        if world.history[name] != nil { throw Broken(description: "E4: a second pod \(name)") }
        if isLive(identity.task, otherThan: identity.attempt) {
            throw Broken(description: "E7: \(name) while an earlier attempt still runs")
        }
        let status = Dictionary(uniqueKeysWithValues: seen.tasks.map { ($0.name, $0) })
        for dependency in spec.dependsOn {
            let phase = status[dependency.task]?.phase ?? .pending
            let isMet =
                switch dependency.on {
                case .finished: phase.isFinished
                case .failed: phase == .failed
                case .succeeded: phase == .succeeded && hasSucceeded(dependency.task)
                case .succeededOrSkipped:
                    (phase == .succeeded && hasSucceeded(dependency.task))
                        || (phase == .failed && world.specs[dependency.task]?.onFailure == .ignore)
                }
            guard isMet, !isLive(dependency.task) else {
                throw Broken(description: "E1: \(name) though \(dependency.task) is \(phase) and not \(dependency.on)")
            }
        }
        if isFinally(identity.task) {
            for task in scenario.pipeline.tasks {
                guard status[task.name]?.phase.isFinished == true, !isLive(task.name) else {
                    throw Broken(description: "E6: \(name) before \(task.name) has ended")
                }
            }
        }
        if let limit = scenario.spec.parallelism {
            let live = Set(world.pods.values.filter(\.pod.isLive).map(\.identity.task)).union([identity.task])
            if live.count > limit { throw Broken(description: "parallelism: \(live.sorted()) run") }
        }
    }

    /// E4: a pod is ended or let go only when the status that was written says why.
    func checkGivenUp(_ name: String, _ what: String) throws {
        guard let identity = world.history[name]?.identity else { return }
        let task = persisted.tasks.first { $0.name == identity.task }
        let isOver = task.map { $0.phase.isFinished || $0.attempt > identity.attempt } ?? false
        let isStopping = task?.attempt == identity.attempt && task?.stopping != nil && what == "deleted"
        guard isOver || isStopping else {
            throw Broken(
                description: "E4: \(name) is \(what), but the written status has \(task.map(\.json.text) ?? "nothing")")
        }
    }

    /// From one status to the next of the same engine: E5 and E13, what may start.
    func check(_ old: PipelineRunStatus, _ new: PipelineRunStatus, wanted: DesiredState) throws {
        try checkPersisted(old, new)
        let before = Dictionary(uniqueKeysWithValues: old.tasks.map { ($0.name, $0) })
        let hadFailed =
            scenario.spec.failurePolicy != .continueOthers
            && scenario.pipeline.tasks.contains { $0.onFailure == .fail && before[$0.name]?.phase == .failed }
        for task in new.tasks where task.phase == .running && (before[task.name]?.phase ?? .pending) == .pending {
            // One that has a pod had started before the operator died.
            if world.history.values.contains(where: { $0.identity.task == task.name }) { continue }
            let isFinally = isFinally(task.name)
            if hadFailed, !isFinally { throw Broken(description: "E5: \(task.name) starts after a failure") }
            if old.phase == .cancelling, !isFinally {
                throw Broken(description: "E13: \(task.name) starts in a cancelled run")
            }
            if wanted == .suspended, new.phase == .suspended {
                throw Broken(description: "E13: \(task.name) starts in a suspended run")
            }
            if new.reason == "Terminated" || new.reason == "Terminating" {
                throw Broken(description: "E13: \(task.name) starts in a terminated run")
            }
        }
    }

    /// From one written status to the next: nothing goes backwards.
    func checkPersisted(_ old: PipelineRunStatus, _ new: PipelineRunStatus) throws {
        func broken(_ text: String) -> Broken {
            Broken(description: "E14: \(text)\nfrom \(old.json.text)\nto \(new.json.text)")
        }
        if old.phase.isFinished {
            var same = new
            same.observedGeneration = old.observedGeneration
            same.conditions = old.conditions
            if same != old { throw broken("a finished run changes") }
        }
        if old.phase == .cancelling, new.phase != .cancelling, new.phase != .cancelled {
            throw broken("a cancellation is taken back")
        }
        if let start = old.startTime, new.startTime.map({ $0 > start }) ?? true { throw broken("the start moves") }
        if new.observedGeneration < old.observedGeneration { throw broken("an old generation") }
        if new.counts.values.reduce(0, +) != scenario.tasks.count { throw broken("counts do not add up") }
        let after = Dictionary(uniqueKeysWithValues: new.tasks.map { ($0.name, $0) })
        for was in old.tasks {
            guard let now = after[was.name] else { throw broken("\(was.name) is forgotten") }
            if was.phase.isFinished, now != was { throw broken("\(was.name) had ended") }
            guard now.attempt >= was.attempt, now.failures >= was.failures, now.disruptions >= was.disruptions else {
                throw broken("\(was.name) goes back")
            }
        }
        for task in new.tasks {
            guard let spec = world.specs[task.name] else { throw broken("no task \(task.name)") }
            let limit = spec.retry?.limit ?? 0
            if task.failures > limit + 1 || task.disruptions > 11 {
                throw broken("E7: \(task.name) was tried too often")
            }
            if task.pods.count > spec.replicas { throw broken("E9: \(task.name) has too many pods") }
            if task.phase == .succeeded, !spec.results.isEmpty, task.results.isEmpty {
                throw broken("E12: \(task.name) has no results")
            }
        }
    }

    /// All is over: E4, E5, E6, E13.
    func checkEnd() throws {
        func broken(_ text: String) -> Broken { Broken(description: "\(text): \(persisted.json.text)") }
        guard persisted.phase.isFinished else { throw broken("done, but not finished") }
        for (name, member) in world.pods {
            if member.pod.isLive { throw broken("\(name) still runs") }
            if !member.pod.metadata.finalizers.isEmpty { throw broken("E4: \(name) keeps its finalizer") }
        }
        if let twice = createdNames.first(where: { $0.value != 1 }) {
            throw broken("E4: \(twice.key) was made \(twice.value) times")
        }
        let count = scenario.tasks.count
        guard persisted.progress == "\(count)/\(count)" else { throw broken("progress") }
        let tasks = Dictionary(uniqueKeysWithValues: persisted.tasks.map { ($0.name, $0) })
        for spec in scenario.tasks {
            guard let task = tasks[spec.name], task.phase.isFinished else { throw broken("\(spec.name) has not ended") }
            if task.phase == .skipped, world.history.values.contains(where: { $0.identity.task == spec.name }) {
                throw broken("E1: \(spec.name) was skipped, but had a pod")
            }
            if task.phase == .succeeded, !hasSucceeded(spec.name) { throw broken("\(spec.name) never succeeded") }
        }
        for spec in scenario.pipeline.finally where spec.dependsOn.isEmpty && persisted.reason != "Terminated" {
            guard let task = tasks[spec.name], task.phase == .succeeded || task.phase == .failed else {
                throw broken("E6: \(spec.name) has not run")
            }
        }
        let failed = scenario.tasks.filter { $0.onFailure == .fail && tasks[$0.name]?.phase == .failed }
        switch persisted.phase {
        case .succeeded: if !failed.isEmpty { throw broken("E5: \(failed.map(\.name)) failed") }
        case .failed:
            if persisted.reason == "RunTimeout" {
                guard scenario.spec.timeout != nil else { throw broken("a time-out out of nowhere") }
            } else {
                let reasons = failed.compactMap { tasks[$0.name]?.reason }
                guard reasons.contains(persisted.reason) else { throw broken("E5: a reason that no failed task has") }
            }
        default: break
        }
        let succeeded = persisted.conditions.first { $0.type == "Succeeded" }?.status
        guard succeeded == (persisted.phase == .succeeded ? "True" : "False"),
            persisted.conditions.first(where: { $0.type == "Finished" })?.status == "True"
        else { throw broken("conditions") }
    }
}
