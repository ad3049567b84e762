import JSON
import KubernetesModel
import SluiceAPI

/// How nodes, forEach, sub-pipelines and the run end: rules E5, E6, E10, E11.
extension RunEngine {
    mutating func finish(_ index: Int, _ phase: TaskPhase, reason: String, message: String, now: Timestamp) {
        releaseSlot(index)
        nodes[index].isReady = false
        if let name = nodes[index].task.spec.pipelineRef, awaitedPipelines[name] != nil {
            awaitedPipelines[name]?.removeAll { $0 == index }
            if awaitedPipelines[name]?.isEmpty == true { awaitedPipelines[name] = nil }
        }
        endsUntold += 1
        nodes[index].status.phase = phase
        nodes[index].status.reason = reason
        nodes[index].status.message = message
        nodes[index].status.stopping = nil
        nodes[index].status.nextAttemptTime = nil
        nodes[index].status.stuckTime = nil
        if nodes[index].status.startTime != nil || phase == .failed {
            nodes[index].status.completionTime = completionTime(index, now: now)
        }
        output.statusChanged = true
        let task = nodes[index].status
        // What a person must hear; that a task has simply succeeded the status tells.
        if phase == .failed {
            emit(isWarning: true, reason: Reasons.taskFailed, "task \(task.name) failed: \(message)")
        }
        noteEnd(index)
        list(index)
    }

    /// Counts an end, of which the status tells: those who wait for it are looked at.
    mutating func noteEnd(_ index: Int) {
        let node = nodes[index]
        let scope = node.scope
        if node.status.phase == .skipped || node.status.phase == .cancelled,
            let cause = SkipCause(rawValue: node.status.reason), cause.isCut
        {
            scopes[scope].cut = max(scopes[scope].cut ?? cause, cause)
        }
        let hadFailed = scopes[scope].firstFailure != nil
        noteFailure(index)
        if let owner = node.owner {
            if let group = group(ofInstance: index) {
                groups[group].unfinished -= 1
                if groups[group].unfinished == 0 { list(owner) }
            }
            nodes[owner].barrier = max(nodes[owner].barrier, node.barrier)
        } else {
            let barrier = node.barrier
            scopes[scope].endBarrier = max(scopes[scope].endBarrier, barrier)
            scopes[scope].unfinished -= 1
            if !node.task.isFinally { scopes[scope].unfinishedMain -= 1 }
            for dependent in node.task.dependents {
                let dependent = scopes[scope].first + dependent
                nodes[dependent].unmet -= 1
                nodes[dependent].barrier = max(nodes[dependent].barrier, barrier)
                if nodes[dependent].unmet == 0 { list(dependent) }
            }
            if scopes[scope].unfinishedMain == 0, !node.task.isFinally {
                for index in scopes[scope].nodes.dropFirst(scopes[scope].plan.mainCount) { list(index) }
            }
            if scopes[scope].unfinished == 0, let owner = scopes[scope].owner {
                nodes[owner].barrier = max(nodes[owner].barrier, scopes[scope].endBarrier)
                list(owner)
            }
        }
        // From the first failure on other tasks may have to stop or to be skipped.
        if !hadFailed, scopes[scope].firstFailure != nil, spec.failurePolicy != .continueOthers {
            listTree(of: scope, barrier: nodes[index].barrier)
        }
    }

    /// When a node ended: what its pods say, which is whole seconds rounded down, or this moment where that lies within the
    /// same second and so is nearer.
    private func completionTime(_ index: Int, now: Timestamp) -> Timestamp {
        switch nodes[index].body {
        case .none: break
        case .group(let group): return groups[group].nodes.compactMap { nodes[$0].status.completionTime }.max() ?? now
        case .scope(let scope): return scopes[scope].nodes.compactMap { nodes[$0].status.completionTime }.max() ?? now
        }
        guard let end = attemptEnd(index), end <= now else { return now }
        return now < end + .seconds(1) ? now : end
    }

    /// Keeps the failure that is the scope's: of the tasks before `finally`, the one that ended first, ties by position.
    private mutating func noteFailure(_ index: Int) {
        let node = nodes[index]
        guard node.status.phase == .failed, node.task.spec.onFailure == .fail else { return }
        func rank(_ index: Int) -> (Int, Timestamp, Int) {
            (
                nodes[index].task.isFinally ? 1 : 0,
                nodes[index].status.completionTime?.wholeSecond ?? Timestamp(microseconds: .max),
                index
            )
        }
        if let first = scopes[node.scope].firstFailure, rank(first) <= rank(index) { return }
        scopes[node.scope].firstFailure = index
    }

    // MARK: forEach

    mutating func evaluateGroup(_ index: Int, now: Timestamp) {
        guard case .group(let group) = nodes[index].body else {
            // A status that says so and does not tell how many there are: they are worked out again.
            do { addInstances(of: index, try items(of: index)) } catch { end(index, for: error, now: now) }
            return
        }
        guard groups[group].unfinished == 0 else { return }
        let members = groups[group].nodes
        var results = JSONObject()
        for name in resultNames(of: index, members) {
            results[name] = .array(members.map { nodes[$0].status.results[name] ?? .null })
        }
        let areKept = keep(results, of: index)
        if !areKept { noteDecision(index) }
        let failed = members.filter { nodes[$0].status.phase == .failed }
        func ended(_ index: Int) -> Timestamp { nodes[index].status.completionTime ?? now }
        if let first = failed.min(by: { (ended($0).wholeSecond, $0) < (ended($1).wholeSecond, $1) }) {
            let status = nodes[first].status
            finish(
                index, .failed, reason: status.reason,
                message: "\(failed.count) of \(members.count) instances failed; \(status.name): \(status.message)",
                now: now)
            return
        }
        let left = members.filter { nodes[$0].status.phase != .succeeded }
        func cause(_ index: Int) -> SkipCause? { SkipCause(rawValue: nodes[index].status.reason) }
        if let stopped = left.first(where: { cause($0)?.isCut ?? (nodes[$0].status.phase == .cancelled) }) {
            let reason = nodes[stopped].status.reason
            finish(
                index, SkipCause(rawValue: reason)?.isTimeout ?? false ? .failed : .cancelled, reason: reason,
                message: "\(left.count) of \(members.count) instances did not run to their end", now: now)
        } else if !left.isEmpty, left.count == members.count {
            let first = left.first { cause($0) != .whenFalse } ?? members.lowerBound
            finish(
                index, .skipped, reason: nodes[first].status.reason, message: nodes[first].status.message, now: now)
        } else if !areKept {
            finish(index, .failed, reason: Reasons.resultsTooLarge, message: resultsTooLarge.message, now: now)
        } else {
            finish(index, .succeeded, reason: "", message: "", now: now)
        }
    }

    /// The names of what a forEach gives as results. What a Pipeline gives by name is known where it has begun: that it is there for
    /// another task must not matter.
    private func resultNames(of index: Int, _ members: Range<Int>) -> [String] {
        let task = nodes[index].task
        func hasBegun(_ member: Int) -> Bool { if case .scope = nodes[member].body { true } else { false } }
        guard task.spec.pipelineRef == nil || members.contains(where: hasBegun) else { return [] }
        return task.spec.isPipeline ? plan(of: index)?.results.map(\.name) ?? [] : task.spec.results
    }

    // MARK: Sub-pipelines

    mutating func evaluatePipeline(_ index: Int, now: Timestamp) {
        // Pods are proof that its next attempt has begun.
        if parked[index] != nil, nodes[index].awaitsRetry { takeSlot(index) }
        if nodes[index].awaitsRetry, !nodes[index].holdsSlot {
            awaitNextAttempt(ofPipeline: index, now: now)
            return
        }
        guard case .scope(let scope) = nodes[index].body, nodes[index].status.nextAttemptTime == nil else {
            beginPipelineAttempt(index, now: now)
            return
        }
        if let timeout = nodes[index].task.spec.timeout, timeout > .zero, let start = scopes[scope].startTime,
            !scopes[scope].timedOut, scopes[scope].unfinishedMain > 0
        {
            wake(index, at: start + timeout)
        }
        if scopes[scope].unfinished == 0 { endPipelineAttempt(index, scope, now: now) }
    }

    /// A sub-pipeline's time-out counts from its first pod; once it is over, that stays so.
    mutating func updateTimeout(ofPipeline index: Int, now: Timestamp) {
        guard nodes[index].kind == .pipeline, nodes[index].status.phase == .running,
            let timeout = nodes[index].task.spec.timeout, timeout > .zero,
            case .scope(let scope) = nodes[index].body, let start = scopes[scope].startTime, start + timeout <= now,
            !scopes[scope].timedOut, scopes[scope].unfinishedMain > 0
        else { return }
        scopes[scope].timedOut = true
        nodes[index].status.stopping = .failure(.timeout)
        noteDecision(index)
        // Its `finally`, which begins with that.
        scopes[scope].endBarrier = max(scopes[scope].endBarrier, nodes[index].barrier)
        output.statusChanged = true
        listTree(of: scope)
    }

    /// A sub-pipeline gets no new attempt once anything holds it up (rule E5).
    private mutating func awaitNextAttempt(ofPipeline index: Int, now: Timestamp) {
        guard let next = nodes[index].status.nextAttemptTime else { return }
        if halt(of: index) != nil {
            let status = nodes[index].status
            finish(index, .failed, reason: status.reason, message: status.message, now: now)
        } else if next > now {
            wake(index, at: next)
        } else {
            enqueue(index)
        }
    }

    private mutating func beginPipelineAttempt(_ index: Int, now: Timestamp) {
        guard let plan = plan(of: index) else { return }
        do {
            let parameters = try parameters(of: index, plan)
            try checkRoom(for: plan.tasks.count, in: index)
            nodes[index].status.nextAttemptTime = nil
            nodes[index].status.reason = ""
            nodes[index].status.message = ""
            output.statusChanged = true
            addScope(plan, owner: index, parameters: parameters, pipelines: pipelineChain(of: index))
            unpark(index)
            list(index)
        } catch {
            end(index, for: error, now: now)
        }
    }

    private mutating func endPipelineAttempt(_ index: Int, _ scope: Int, now: Timestamp) {
        let inner = scopes[scope]
        let (results, missing) = results(of: scope)
        let areKept = keep(results, of: index)
        let note = missing.isEmpty ? "" : "no value for the results \(missing.joined(separator: ", "))"
        let failure = inner.firstFailure.map { nodes[$0].status }
        switch inner.cut {
        case .runCancelled?, .runTerminated?:
            let word = inner.cut == .runCancelled ? "cancelled" : "terminated"
            finish(
                index, .cancelled, reason: inner.cut?.rawValue ?? "", message: "the run was \(word)", now: now)
            return
        default: break
        }
        if inner.timedOut, failure.map({ $0.reason == SkipCause.pipelineTimeout.rawValue }) ?? true {
            let limit = nodes[index].task.spec.timeout.map(\.goText) ?? ""
            failPipelineAttempt(
                index, .timeout, reason: Reasons.timeout,
                message: "the pipeline took longer than its timeout of \(limit)",
                now: now)
        } else if let failure {
            failPipelineAttempt(
                index, .failed, reason: failure.reason, message: "task \(failure.name) failed: \(failure.message)",
                now: now)
        } else if let cut = inner.cut {
            finish(
                index, cut.isTimeout ? .failed : .cancelled, reason: cut.rawValue,
                message: "not all of its tasks could start", now: now)
        } else if !areKept {
            noteDecision(index)
            failPipelineAttempt(
                index, .failed, reason: Reasons.resultsTooLarge, message: resultsTooLarge.message, now: now)
        } else {
            finish(index, .succeeded, reason: "", message: note, now: now)
        }
    }

    private mutating func failPipelineAttempt(
        _ index: Int, _ failureClass: FailureClass, reason: String, message: String, now: Timestamp
    ) {
        nodes[index].status.exitCode = nil
        nodes[index].status.stopping = nil
        guard halt(of: index) == nil, let wait = retryWait(index, failureClass) else {
            finish(index, .failed, reason: reason, message: message, now: now)
            return
        }
        let attempt = nodes[index].status.attempt
        noteDecision(index)
        nodes[index].status.attempt = attempt + 1
        nodes[index].status.reason = reason
        nodes[index].status.message = "attempt \(attempt) failed: \(message)"
        nodes[index].status.nextAttemptTime = now + wait
        nodes[index].status.startTime = nil
        drop(resultsOf: index)
        releaseSlot(index)
        output.statusChanged = true
        list(index)
        emitRetry(index, attempt, message)
    }

    // MARK: The run

    /// Ends the run once no task of it is left.
    mutating func finishIfOver(now: Timestamp) {
        let root = scopes[Self.root]
        guard root.unfinished == 0, !phase.isFinished else { return }
        completionTime = root.nodes.compactMap { nodes[$0].status.completionTime }.max() ?? now
        output.statusChanged = true
        let (results, missing) = results(of: Self.root)
        finalResults = results
        let failure = root.firstFailure.map { nodes[$0] }
        if isTooLarge {
            phase = .failed
            finalReason = Reasons.statusTooLarge
            finalMessage = Self.tooLargeMessage
        } else if desired == .cancelled || desired == .terminated {
            phase = .cancelled
            finalReason = desired.rawValue
            finalMessage = "the run was \(desired == .cancelled ? "cancelled" : "terminated") by its spec.state"
            if let failure, failure.task.isFinally {
                finalMessage += "; task \(failure.path) of finally failed: \(failure.status.message)"
            }
        } else if queueTimedOut {
            phase = .failed
            finalReason = Reasons.queueTimeout
            finalMessage =
                "nothing of the run was admitted within its queueTimeout of \(spec.queueTimeout.map(\.goText) ?? "")"
        } else if timedOut,
            failure.map({ $0.task.isFinally || $0.status.reason == SkipCause.runTimeout.rawValue }) ?? true
        {
            phase = .failed
            finalReason = Reasons.runTimeout
            finalMessage = "the run took longer than its timeout of \(spec.timeout.map(\.goText) ?? "")"
        } else if let failure {
            phase = .failed
            finalReason = failure.status.reason
            finalMessage = "task \(failure.path) failed: \(failure.status.message)"
        } else {
            phase = .succeeded
            finalReason = Reasons.succeeded
            let forgiven = nodes.indices.filter { isForgiven($0) && nodes[$0].owner == nil && isCurrent($0) }
                .map { nodes[$0].path }
            finalMessage =
                forgiven.isEmpty
                ? "all tasks have ended well"
                : "the run succeeded; forgiven failures: \(forgiven.prefix(10).joined(separator: ", "))"
                    + (forgiven.count > 10 ? " and \(forgiven.count - 10) more" : "")
        }
        if !missing.isEmpty { finalMessage += "; no value for the results \(missing.joined(separator: ", "))" }
        emit(isWarning: phase != .succeeded, reason: phase.rawValue, finalMessage)
    }

    /// Whether the node is that of the newest attempt of every pipeline that it lies in.
    private func isCurrent(_ index: Int) -> Bool { nodeByPath[nodes[index].path] == index }

    /// The results of a pipeline, and the names of those that cannot be had (rule E11).
    private func results(of scope: Int) -> (values: JSONObject, missing: [String]) {
        var values = JSONObject()
        var missing: [String] = []
        for result in scopes[scope].plan.results {
            do {
                values[result.name] = try result.value.substitutingReferences { try resolve($0, inScope: scope) }
            } catch {
                missing.append(result.name)
            }
        }
        return (values, missing)
    }
}
