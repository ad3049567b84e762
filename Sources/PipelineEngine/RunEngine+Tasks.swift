import JSON
import KubernetesModel
import SluiceAPI

/// Starting and ending tasks: rules E1, E3, E5, E6, E13.
extension RunEngine {
    mutating func evaluate(_ index: Int, now: Timestamp) {
        switch tasks[index].status.phase {
        case .pending: considerStart(index, now: now)
        case .running: evaluateAttempt(index, now: now)
        default: break
        }
        releasePods(of: index, now: now)
    }

    // MARK: May it start?

    /// Why no further task of its kind starts; nil when they may.
    private func stopsNewTasks(isFinally: Bool) -> (cause: SkipCause, message: String)? {
        if desired == .terminated { return (.runTerminated, "the run was terminated") }
        guard !isFinally else { return nil }
        if desired == .cancelled { return (.runCancelled, "the run was cancelled") }
        if timedOut { return (.runTimeout, "the run took longer than its timeout") }
        if let firstFailure, firstFailure < graph.mainCount, spec.failurePolicy != .continueOthers {
            return (.runFailed, "task \(tasks[firstFailure].status.name) failed before this one could start")
        }
        return nil
    }

    /// Why running attempts of its kind are stopped; nil when they may go on.
    func stopsRunningTasks(isFinally: Bool) -> (cause: SkipCause, message: String)? {
        if desired == .running || desired == .suspended, !timedOut, spec.failurePolicy != .cancel { return nil }
        return stopsNewTasks(isFinally: isFinally)
    }

    private mutating func considerStart(_ index: Int, now: Timestamp) {
        let node = graph.nodes[index]
        guard !node.isFinally || unfinishedMain == 0 else { return }
        if let (cause, message) = stopsNewTasks(isFinally: node.isFinally) {
            skip(index, cause, message, now: now)
            return
        }
        guard tasks[index].unmet == 0, !tasks[index].isReady else { return }
        for dependency in node.dependencies where !isSatisfied(dependency) {
            let other = tasks[dependency.index].status
            skip(
                index, .dependencyNotMet,
                "needs task \(other.name) to end as \(dependency.on.rawValue), but it is \(other.phase.rawValue)",
                now: now)
            return
        }
        tasks[index].isReady = true
        ready.insert(index, at: ready.firstIndex { $0 > index } ?? ready.endIndex)
    }

    /// Rule E1.
    private func isSatisfied(_ dependency: TaskGraph.Edge) -> Bool {
        let other = tasks[dependency.index].status
        return switch dependency.on {
        case .finished: true
        case .failed: other.phase == .failed
        case .succeeded: other.phase == .succeeded
        case .succeededOrSkipped:
            other.phase == .succeeded || other.skipCause == .whenFalse || isForgiven(dependency.index)
        }
    }

    /// Whether a task has failed for good and its `onFailure: Ignore` forgives that.
    func isForgiven(_ index: Int) -> Bool {
        tasks[index].status.phase == .failed && graph.nodes[index].spec.onFailure == .ignore
    }

    /// Starts the first of the ready tasks if there is room; whether it did.
    mutating func startNext(now: Timestamp) -> Bool {
        guard !ready.isEmpty, desired != .suspended, activeCount < spec.parallelism ?? .max else { return false }
        let index = ready.removeFirst()
        tasks[index].isReady = false
        guard tasks[index].status.phase == .pending else { return true }
        if let (cause, message) = stopsNewTasks(isFinally: graph.nodes[index].isFinally) {
            skip(index, cause, message, now: now)
            return true
        }
        do {
            _ = try pod(of: index, replica: 0)
        } catch let problem as ReferenceProblem where problem.isMissingResult {
            skip(index, .missingResult, problem.message, now: now)
            return true
        } catch {
            let message = (error as? ReferenceProblem)?.message ?? "\(error)"
            finish(index, .failed, reason: Reasons.invalidReference, message: message, now: now)
            return true
        }
        start(index, at: now)
        evaluateAttempt(index, now: now)
        return true
    }

    mutating func start(_ index: Int, at time: Timestamp?) {
        tasks[index].status.phase = .running
        tasks[index].status.startTime = time
        activeCount += 1
        output.statusChanged = true
    }

    // MARK: Ending

    private mutating func skip(_ index: Int, _ cause: SkipCause, _ message: String, now: Timestamp) {
        finish(index, .skipped, reason: cause.rawValue, message: message, now: now)
    }

    mutating func finish(_ index: Int, _ phase: TaskPhase, reason: String, message: String, now: Timestamp) {
        if tasks[index].status.phase == .running { activeCount -= 1 }
        tasks[index].status.phase = phase
        tasks[index].status.reason = reason
        tasks[index].status.message = message
        tasks[index].status.stopping = nil
        tasks[index].status.nextAttemptTime = nil
        if tasks[index].status.startTime != nil || phase == .failed {
            tasks[index].status.completionTime = completionTime(index, now: now)
        }
        output.statusChanged = true
        unfinished -= 1
        if index < graph.mainCount { unfinishedMain -= 1 }
        for dependent in graph.nodes[index].dependents {
            tasks[dependent].unmet -= 1
            if tasks[dependent].unmet == 0 { worklist.append(dependent) }
        }
        let task = tasks[index].status
        // What a person must hear; that a task has simply succeeded the status tells.
        if phase == .failed {
            emit(isWarning: true, reason: Reasons.taskFailed, "task \(task.name) failed: \(message)")
        }
        let failedBefore = firstFailure != nil
        noteFailure(index)
        // From the first failure on other tasks may have to stop or to be skipped.
        if !failedBefore, firstFailure != nil, spec.failurePolicy != .continueOthers {
            worklist.append(contentsOf: 0..<graph.mainCount)
        }
    }

    /// When a task ended: what its pods say, which is whole seconds rounded down, or this moment where that lies within the
    /// same second and so is nearer.
    private func completionTime(_ index: Int, now: Timestamp) -> Timestamp {
        guard let end = attemptEnd(index), end <= now else { return now }
        return now < end + .seconds(1) ? now : end
    }

    /// Keeps the failure that is the run's: of the main tasks before `finally`, the one that ended first, ties by position.
    mutating func noteFailure(_ index: Int) {
        guard tasks[index].status.phase == .failed, graph.nodes[index].spec.onFailure == .fail else { return }
        func rank(_ index: Int) -> (Int, Timestamp, Int) {
            (
                index < graph.mainCount ? 0 : 1,
                tasks[index].status.completionTime?.wholeSecond ?? Timestamp(microseconds: .max),
                index
            )
        }
        if let firstFailure, rank(firstFailure) <= rank(index) { return }
        firstFailure = index
    }

    // MARK: References

    /// A reference that has no value.
    struct ReferenceProblem: Error {
        var isMissingResult: Bool
        var message: String
    }

    /// The pod of a replica of the current attempt; throws ``ReferenceProblem``.
    func pod(of index: Int, replica: Int) throws -> JSONValue {
        let identity = PodIdentity(
            task: graph.nodes[index].spec.name, attempt: tasks[index].status.attempt, replica: replica)
        return try PodBuilder(run: run, runTemplate: spec.podTemplate)
            .pod(identity, of: graph.nodes[index].spec) { try resolve($0, in: identity) }
    }

    /// The value of a reference; nil for what is left unchanged in the text. `identity` is the pod that it is for, if any.
    func resolve(_ reference: Reference, in identity: PodIdentity?) throws -> JSONValue? {
        let value: JSONValue
        var isResult = false
        switch reference.root {
        case .parameter(let name):
            guard let parameter = parameters[name] else {
                throw ReferenceProblem(
                    isMissingResult: false, message: "$(\(reference)): there is no parameter \(name)")
            }
            value = parameter
        case .result(let task, let name):
            guard let index = graph.indexByName[task], let result = tasks[index].status.results[name] else {
                throw ReferenceProblem(
                    isMissingResult: true, message: "$(\(reference)): task \(task) has not written the result \(name)")
            }
            value = result
            isResult = true
        case .taskPhase(let task):
            guard let index = graph.indexByName[task] else {
                throw ReferenceProblem(isMissingResult: false, message: "$(\(reference)): there is no task \(task)")
            }
            value = .string(tasks[index].status.phase.rawValue)
        case .run(.name): value = .string(run.name)
        case .run(.uid): value = .string(run.uid)
        case .run(.namespace): value = .string(run.namespace)
        case .run(.phase): value = .string(mainOutcome.rawValue)
        case .attempt:
            guard let identity else { return nil }
            value = .int(Int64(identity.attempt))
        case .replicaIndex:
            guard let identity else { return nil }
            value = .int(Int64(identity.replica))
        case .item: return nil
        }
        guard let found = reference.descend(into: value) else {
            throw ReferenceProblem(
                isMissingResult: isResult,
                message: "$(\(reference)): the value \(value.text.prefix(80)) has no such part")
        }
        if case .string(let text) = found, text.utf8.contains(0) {
            // A C string ends there: the task would get the rest cut off without a word.
            throw ReferenceProblem(
                isMissingResult: false, message: "$(\(reference)): the value contains a NUL character")
        }
        return found
    }

    /// `$(run.phase)` for `finally`: how the main tasks ended.
    private var mainOutcome: RunPhase {
        if desired == .cancelled || desired == .terminated { return .cancelled }
        if timedOut { return .failed }
        if let firstFailure, firstFailure < graph.mainCount { return .failed }
        return .succeeded
    }
}
