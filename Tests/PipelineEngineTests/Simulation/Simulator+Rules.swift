import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI

/// The rows of a status by their paths; of those that are not told of, what that means.
struct Rows {
    private(set) var all: [String: TaskStatus]

    init(_ status: PipelineRunStatus) {
        all = Dictionary(status.allTasks.map { ($0.name, $0) }) { first, _ in first }
    }

    subscript(path: String) -> TaskStatus { all[path] ?? TaskStatus(name: path) }

    /// The attempts of the pipelines that a place lies in: those that its row is of.
    func attempts(_ place: Place?) -> [Int] {
        place?.pipelines.map { self[$0].attempt - (self[$0].nextAttemptTime == nil ? 0 : 1) } ?? []
    }
}

/// The rules as code: what must hold at every turn, and at the end.
extension Simulator {
    /// Whether a pod of that node, or of one below it, may be running.
    private func isLive(_ path: String, otherThan attempt: Int? = nil) -> Bool {
        world.pods.values.contains {
            $0.pod.isLive && $0.identity.attempt != attempt && $0.identity.path.isAtOrBelow(path)
        }
    }

    private func hasSucceeded(_ row: TaskStatus) -> Bool {
        guard let spec = scenario.place(row.name)?.spec else { return false }
        guard !spec.isPipeline, row.items == nil, row.phase == .succeeded else { return row.phase == .succeeded }
        let ended = world.history.values.filter {
            $0.identity.path == row.name && $0.identity.attempt == row.attempt && $0.pod.status.phase == .succeeded
        }
        .map(\.identity.replica)
        let least = spec.minAvailable ?? spec.replicas
        return spec.successPolicy == .leader ? ended.contains(0) : Set(ended).count >= least
    }

    /// E1 and E6, at its own depth and at every one above it.
    func checkDependencies(of path: String, _ rows: Rows) throws {
        guard let own = scenario.place(path) else { throw Broken(description: "there is no \(path)") }
        for above in own.pipelines + [path] {
            guard let place = scenario.place(above) else { continue }
            for dependency in scenario.dependencies(of: place.spec, in: place.pipeline) {
                let other = rows[place.prefix + dependency.task]
                let isMet =
                    switch dependency.on {
                    case .finished: other.phase.isFinished
                    case .failed: other.phase == .failed
                    case .succeeded: hasSucceeded(other)
                    case .succeededOrSkipped:
                        hasSucceeded(other) || other.skipCause == .whenFalse
                            || other.phase == .failed && scenario.place(other.name)?.spec.onFailure == .ignore
                    }
                guard isMet, !isLive(other.name) else {
                    throw Broken(
                        description: "E1: a pod of \(path) though \(other.name) is \(other.phase), not \(dependency.on)"
                    )
                }
            }
            guard place.isFinally else { continue }
            for task in place.pipeline.tasks {
                let path = place.prefix + task.name
                guard rows[path].phase.isFinished, !isLive(path) else {
                    throw Broken(description: "E6: a pod of \(above) before \(path) has ended")
                }
            }
        }
    }

    /// E1, E4, E6, E7, E11, parallelism: may that pod come into being?
    func checkCreation(_ identity: PodIdentity, _ name: String) throws {
        guard let place = scenario.place(identity.path) else {
            throw Broken(description: "there is no task \(identity.path)")
        }
        if world.history[name] != nil { throw Broken(description: "E4: a second pod \(name)") }
        if isLive(identity.path, otherThan: identity.attempt) {
            throw Broken(description: "E7: \(name) while an earlier attempt still runs")
        }
        let row = seenRows[identity.path]
        guard row.phase == .running, row.attempt == identity.attempt else {
            throw Broken(description: "\(name) of \(row.json.text)")
        }
        let attempts = seenRows.attempts(place)
        for (depth, above) in place.pipelines.enumerated() {
            guard seenRows[above].phase == .running else {
                throw Broken(description: "E11: \(name) while \(above) rests")
            }
            for (other, member) in world.pods where member.pod.isLive && member.identity.path.hasPrefix(above + "/") {
                if attemptsAbove[other].map({ $0.prefix(depth + 1) != attempts.prefix(depth + 1) }) ?? false {
                    throw Broken(description: "E11: \(name) while \(other) of an earlier attempt of \(above) runs")
                }
            }
        }
        try checkDependencies(of: identity.path, seenRows)
        if seen.phase == .cancelling, !place.isInFinally { throw Broken(description: "E13: \(name) after a cancel") }
        let hasPeers = world.history.values.contains {
            $0.identity.path == identity.path && $0.identity.attempt == identity.attempt
        }
        if seen.phase == .suspended, !hasPeers { throw Broken(description: "E13: \(name) in a suspended run") }
        if let limit = scenario.spec.parallelism {
            let live = Set(world.pods.values.filter(\.pod.isLive).map(\.identity.path)).union([identity.path])
            if live.count > limit { throw Broken(description: "parallelism: \(live.sorted()) run") }
        }
        for instance in place.instances {
            guard let limit = instance.parallelism else { continue }
            var live: Set = [instance.path]
            for member in world.pods.values where member.pod.isLive {
                let instances = scenario.place(member.identity.path)?.instances ?? []
                live.formUnion(instances.filter { $0.group == instance.group }.map(\.path))
            }
            if live.count > limit {
                throw Broken(description: "E10: parallelism of \(instance.group): \(live.sorted())")
            }
        }
    }

    /// E4: a pod is ended or let go only when the status that was written says why.
    func checkGivenUp(_ name: String, _ what: String) throws {
        guard let identity = world.history[name]?.identity, let place = scenario.place(identity.path) else { return }
        if isShort || persisted.reason == "StatusTooLarge" { return }
        let rows = Rows(persisted)
        let row = rows[identity.path]
        let (then, now) = (attemptsAbove[name] ?? [], rows.attempts(place))
        let isOver =
            then == now && (row.phase.isFinished || row.attempt > identity.attempt)
            || then.lexicographicallyPrecedes(now)
            || (place.pipelines + place.instances.map(\.group)).contains { rows[$0].phase.isFinished }
        let hasLeft = identity.replica >= row.shrunkTo ?? .max
        let isStopping = row.attempt == identity.attempt && (row.stopping != nil || hasLeft) && what == "deleted"
        guard isOver || isStopping else {
            throw Broken(description: "E4: \(name) is \(what), but the written status has \(row.json.text)")
        }
    }

    // MARK: From one status to the next

    /// Of the same engine: E5, E6, E11 and E13, what may start, and what must have run.
    func check(
        _ old: PipelineRunStatus, _ before: Rows, _ new: PipelineRunStatus, _ after: Rows, wanted: DesiredState
    ) throws {
        try checkPersisted(old, before, new, after)
        guard !isShort, new.reason != "StatusTooLarge" else { return }
        let failures =
            scenario.spec.failurePolicy == .continueOthers
            ? []
            : old.allTasks.filter { $0.phase == .failed }.compactMap { row in
                scenario.place(row.name).flatMap { place in
                    place.isInFinally || place.spec.onFailure == .ignore
                        || before.attempts(place) != after.attempts(place) ? nil : (row.name, place)
                }
            }
        for task in after.all.values where task.phase == .running {
            guard let place = scenario.place(task.name) else { throw Broken(description: "no task \(task.name)") }
            let attempts = after.attempts(place)
            let isAnew = before.attempts(place) != attempts
            guard isAnew || before[task.name].phase == .pending else { continue }
            // One that has a pod had started before the operator died.
            if world.history.contains(where: {
                $0.value.identity.path.isAtOrBelow(task.name)
                    && attemptsAbove[$0.key]?.prefix(attempts.count) == attempts[...]
            }) {
                continue
            }
            func broken(_ rule: String, _ why: String) -> Broken {
                Broken(description: "\(rule): \(task.name) starts \(why): \(summary(old)) to \(summary(new))")
            }
            if !place.isInFinally {
                let scopes = [""] + place.pipelines.map { $0 + "/" }
                if let failure = failures.first(where: { scopes.contains($0.1.prefix) }) {
                    throw broken("E5", "after the failure of \(failure.0)")
                }
                if old.phase == .cancelling { throw broken("E13", "in a cancelled run") }
                if ["RunTimeout", "QueueTimeout"].contains(old.reason) { throw broken("E5", "after \(old.reason)") }
            }
            if let above = place.closest.first(where: {
                before[$0].stopping != nil && before[$0].attempt == after[$0].attempt
            }) {
                throw broken("E11", "after the time-out of \(above)")
            }
            if wanted == .suspended, new.phase == .suspended { throw broken("E13", "in a suspended run") }
            if ["Terminated", "Terminating"].contains(new.reason) { throw broken("E13", "in a terminated run") }
        }
        for row in old.tasks where row.phase == .running {
            guard let place = scenario.place(row.name), place.spec.isPipeline, row.items == nil,
                place.isInstance || place.spec.forEach == nil, before.attempts(place) == after.attempts(place),
                after[row.name].phase.isFinished || after[row.name].attempt > row.attempt, row.nextAttemptTime == nil
            else { continue }
            try checkFinally(of: row, before.attempts(place) + [row.attempt], place, new)
        }
    }

    /// E6: `finally` of an attempt of a sub-pipeline has run when it is over.
    private func checkFinally(of row: TaskStatus, _ attempts: [Int], _ place: Place, _ new: PipelineRunStatus) throws {
        guard !["Terminated", "Terminating"].contains(new.reason) else { return }
        for task in scenario.pipeline(of: place.spec)?.finally ?? [] {
            guard !task.isPipeline, task.forEach == nil, task.dependsOn.isEmpty, task.when == nil,
                task.container?["args"] == nil
            else { continue }
            let path = "\(row.name)/\(task.name)"
            guard world.history.contains(where: { $0.value.identity.path == path && attemptsAbove[$0.key] == attempts })
            else { throw Broken(description: "E6: \(path) did not run in attempt \(row.attempt): \(summary(new))") }
        }
    }

    /// From one written status to the next: nothing goes backwards.
    func checkPersisted(_ old: PipelineRunStatus, _ before: Rows, _ new: PipelineRunStatus, _ after: Rows) throws {
        func broken(_ text: String) -> Broken {
            Broken(description: "E14: \(text): \(difference(old, new))")
        }
        if old.phase.isFinished {
            var same = new
            same.observedGeneration = old.observedGeneration
            same.conditions = old.conditions
            if isShort {
                (same.tasks, same.folded, same.results) = (old.tasks, old.folded, old.results)
                (same.pipelines, same.pipelineSpec) = (old.pipelines, old.pipelineSpec)
            }
            if same != old { throw broken("a finished run changes") }
        }
        if old.phase == .cancelling, new.phase != .cancelling, new.phase != .cancelled, new.reason != "StatusTooLarge" {
            throw broken("a cancellation is taken back")
        }
        if let start = old.startTime, new.startTime.map({ $0 > start }) ?? true { throw broken("the start moves") }
        if new.observedGeneration < old.observedGeneration { throw broken("an old generation") }
        // Most of the rows are left out, and not read back.
        if isShort || new.reason == "StatusTooLarge" { return }
        if old.reason == "StatusTooLarge" { throw broken("what is too large fits again") }
        guard new.allTasks.count == after.all.count else { throw broken("two rows of one path") }
        for was in old.allTasks {
            guard let place = scenario.place(was.name) else { throw broken("no task \(was.name)") }
            let isAnew = before.attempts(place) != after.attempts(place)
            guard let now = after.all[was.name] else {
                // What only waits is counted, and not told of, where much is to be told.
                if isAnew || isQueued && was.phase == .pending && was.attempt == 0 { continue }
                throw broken("\(was.name) is forgotten")
            }
            guard now.attempt >= was.attempt else { throw broken("E4: the attempts of \(was.name) begin again") }
            guard !isAnew else { continue }
            func facts(_ row: TaskStatus) -> [String] {
                [
                    row.phase.rawValue, row.reason,
                    "\(row.attempt) \(row.failures) \(row.disruptions) \(row.items ?? -1)",
                ]
            }
            if was.phase.isFinished, facts(now) != facts(was) { throw broken("\(was.name) had ended") }
            guard now.failures >= was.failures, now.disruptions >= was.disruptions,
                now.phase != .pending || was.phase == .pending
            else { throw broken("\(was.name) goes back") }
        }
        for task in new.allTasks {
            guard let spec = scenario.place(task.name)?.spec else { throw broken("no task \(task.name)") }
            if task.failures > (spec.retry?.limit ?? 0) + 1 || task.disruptions > 11 {
                throw broken("E7: \(task.name) was tried too often")
            }
            if task.pods.count > spec.replicas { throw broken("E9: \(task.name) has too many pods") }
            if new.folded.isEmpty, task.phase == .succeeded, !spec.results.isEmpty, task.results.isEmpty,
                scenario.engine.resultLimit > 1000, scenario.engine.foldThreshold > 100
            {
                throw broken("E12: \(task.name) has no results")
            }
        }
        let counts = counts(after)
        guard new.counts == counts else { throw broken("the counts are not \(counts)") }
        let all = counts.values.reduce(0, +)
        let ended = counts.filter(\.key.isFinished).values.reduce(0, +)
        guard new.progress == "\(ended)/\(all)" else { throw broken("the progress is not \(ended)/\(all)") }
    }

    /// The counts of what has no rows below it.
    private func counts(_ rows: Rows) -> [TaskPhase: Int] {
        var counts: [TaskPhase: Int] = [:]
        let parents = Set(rows.all.keys.compactMap { path in path.lastIndex(of: "/").map { String(path[..<$0]) } })
        func add(_ pipeline: PipelineSpec, _ prefix: String) {
            for task in pipeline.tasks + pipeline.finally {
                let path = prefix + task.name
                var members = [path]
                if task.forEach != nil, let items = rows[path].items, items > 0 {
                    members = (0..<items).map { "\(path)[\($0)]" }
                } else if task.forEach != nil {
                    counts[rows[path].phase, default: 0] += 1
                    continue
                }
                for member in members {
                    if let inner = scenario.pipeline(of: task),
                        rows[member].phase == .running || parents.contains(member)
                    {
                        add(inner, member + "/")
                    } else {
                        counts[rows[member].phase, default: 0] += 1
                    }
                }
            }
        }
        add(scenario.pipeline, "")
        return counts
    }

    // MARK: The end

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
        if isShort || persisted.reason == "StatusTooLarge" { return }
        let rows = Rows(persisted)
        guard !counts(rows).keys.contains(where: { !$0.isFinished }) else { throw broken("not all have ended") }
        for row in rows.all.values {
            if !row.phase.isFinished { throw broken("\(row.name) has not ended") }
            if row.phase == .succeeded, !hasSucceeded(row) { throw broken("\(row.name) never succeeded") }
            guard row.phase == .skipped, let place = scenario.place(row.name) else { continue }
            let attempts = rows.attempts(place)
            if world.history.contains(where: {
                $0.value.identity.path == row.name && attemptsAbove[$0.key] == attempts
            }) {
                throw broken("E1: \(row.name) was skipped, but had a pod")
            }
        }
        for spec in scenario.pipeline.finally
        where spec.dependsOn.isEmpty && !["Terminated", "StatusTooLarge"].contains(persisted.reason) {
            let needsResults =
                spec.container?["args"] != nil || spec.forEach != nil || spec.isPipeline || spec.when != nil
            guard [.succeeded, .failed].contains(rows[spec.name].phase) || needsResults else {
                throw broken("E6: \(spec.name) has not run")
            }
        }
        let tasks = scenario.pipeline.tasks + scenario.pipeline.finally
        let failed = tasks.filter { $0.onFailure == .fail && rows[$0.name].phase == .failed }
        switch persisted.phase {
        case .succeeded: if !failed.isEmpty { throw broken("E5: \(failed.map(\.name)) failed") }
        case .failed:
            if persisted.reason == "RunTimeout" {
                guard scenario.spec.timeout != nil else { throw broken("a time-out out of nowhere") }
            } else if persisted.reason == "QueueTimeout" {
                let hasRun = world.history.values.contains { scenario.place($0.identity.path)?.isInFinally == false }
                guard scenario.spec.queueTimeout != nil, !hasRun else { throw broken("a queueTimeout out of nowhere") }
            } else if persisted.reason == "StatusTooLarge" {
                guard scenario.statusLimit < .max else { throw broken("a limit out of nowhere") }
            } else {
                let reasons = rows.all.values.filter { row in
                    row.phase == .failed && failed.contains { row.name == $0.name || row.name.hasPrefix($0.name + "[") }
                }
                .map(\.reason)
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
