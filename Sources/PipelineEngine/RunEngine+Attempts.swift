import JSON
import KubernetesModel
import SluiceAPI

/// One attempt: its pods, what becomes of them, and what follows. Rules E4, E7, E8, E9, E12.
extension RunEngine {
    func podName(_ index: Int, replica: Int) -> String {
        let node = nodes[index]
        if replica < node.names.count { return node.names[replica] }
        return PodIdentity(path: node.path, attempt: node.status.attempt, replica: replica).name(in: run)
    }

    mutating func evaluateAttempt(_ index: Int, now: Timestamp) {
        if nodes[index].status.stopping != nil {
            evaluateStopping(index, now: now)
            return
        }
        let mayGoOn = nodes[index].holdsSlot && (admissionMode == .always || nodes[index].admission == .admitted)
        guard mayGoOn || !awaitsAttempt(index, now: now) else { return }
        if nodes[index].status.nextAttemptTime != nil {
            nodes[index].status.nextAttemptTime = nil
            nodes[index].status.reason = ""
            nodes[index].status.message = ""
            nodes[index].status.exitCode = nil
            output.statusChanged = true
        }

        let spec = nodes[index].task.spec
        if nodes[index].names.isEmpty {
            nodes[index].names = (0..<spec.replicas).map { podName(index, replica: $0) }
        }
        var missing: [Int] = []
        var succeeded = 0
        var unscheduled = 0
        var stuck: StuckPod?
        var notStarted: StuckPod?
        var unschedulable: PodFailure?
        var deletedPod: Pod?
        var began: Timestamp?
        var isTold = true
        let leaderEnd = leaderEnd(of: index)
        func isAfterLeader(_ known: PodLedger.Entry) -> Bool {
            guard let leaderEnd else { return false }
            return Self.failure(known).map { $0.rank.0 >= leaderEnd } ?? true
        }
        for replica in 0..<spec.replicas {
            let name = podName(index, replica: replica)
            if replica >= nodes[index].status.shrunkTo ?? .max {
                // It was taken back: neither its end nor its absence says anything of the gang, unless it had done its work.
                if let known = pods[name] {
                    if case .succeeded = known.pod.verdict {
                        succeeded += 1
                        continue
                    }
                    if !known.isOver { end(known, index, now: now) }
                }
                missing.append(replica)
                continue
            }
            guard let known = pods[name] else {
                if nodes[index].status.pods.contains(name), leaderEnd == nil {
                    noteDecision(index)
                    failAttempt(index, .podGone(name), now: now)
                    return
                }
                missing.append(replica)
                continue
            }
            let pod = known.pod
            if let created = pod.metadata.creationTimestamp, began.map({ created < $0 }) ?? true { began = created }
            switch pod.verdict {
            case .failed(let failure):
                if isAfterLeader(known) { continue }
                if !pod.hasEnded { noteDecision(index) }
                failAttempt(index, labelled(failure, index, replica), now: now)
                return
            case .succeeded:
                succeeded += 1
                // A sidecar that is not ours still runs, so that only the status will tell this decision for sure.
                if !pod.hasEnded { isTold = false }
            case .stuck(let failure) where failure.reason == Reasons.unschedulable:
                // One that no node takes is a matter of the gang's time-out, and hides no other that is stuck.
                if known.stuckSince != nil { _ = pods.noteStuck(name, false, now: now) }
                unschedulable = unschedulable ?? labelled(failure, index, replica)
            case .stuck(let failure):
                let since = pods.noteStuck(name, true, now: min(nodes[index].restoredStuckTime ?? now, now))
                stuck = .earlier(stuck, StuckPod(failure: labelled(failure, index, replica), since: since))
            case .starting:
                if known.stuckSince != nil { _ = pods.noteStuck(name, false, now: now) }
                if var starting = Self.notStarted(pod) {
                    starting.failure = labelled(starting.failure, index, replica)
                    notStarted = .earlier(notStarted, starting)
                }
            case .running: if known.stuckSince != nil { _ = pods.noteStuck(name, false, now: now) }
            }
            if pod.metadata.isBeingDeleted, !pod.hasEnded, leaderEnd == nil, deletedPod == nil { deletedPod = pod }
            if known.isGone, !pod.hasEnded {
                if leaderEnd != nil { continue }
                noteDecision(index)
                failAttempt(index, .podGone(name), now: now)
                return
            }
            if pod.nodeName.isEmpty, !pod.hasEnded { unscheduled += 1 }
        }
        nodes[index].restoredStuckTime = nil
        setStuckTime(index, stuck?.since)
        // Surplus pods that were never scheduled do not keep a gang that has done its work.
        let surplus = unscheduled + missing.count
        let isComplete =
            succeeded == spec.replicas
            || (succeeded >= nodes[index].task.minAvailable && succeeded + surplus == spec.replicas)
        if isComplete || leaderEnd != nil {
            if !isTold { noteDecision(index) }
            // Replica 0 may be the one that no node took: then there are no results.
            var (results, isTruncated) = ("", false)
            if case .succeeded(let message, let truncated)? = pods[podName(index, replica: 0)]?.pod.verdict {
                (results, isTruncated) = (message, truncated)
            }
            completeAttempt(index, results, truncated: isTruncated, now: now)
            return
        }
        if let halt = stop(of: index) {
            noteDecision(index)
            stopAttempt(index, halt, now: now)
            return
        }
        if !missing.isEmpty {
            createPods(index, missing, now: now)
            guard nodes[index].status.phase == .running, nodes[index].status.stopping == nil else { return }
        }
        if isOverdue(
            index, began: began, stuck: .earlier(stuck, notStarted), unschedulable: unschedulable,
            unscheduled: surplus, now: now)
        {
            return
        }
        if let why = stuck?.failure ?? unschedulable {
            setWaitingReason(index, reason: why.reason, message: why.message)
        } else if let deletedPod {
            setWaitingReason(
                index, reason: Reasons.podDeleted,
                message: "pod \(deletedPod.metadata.name) is being deleted"
                    + (deletedPod.nodeName.isEmpty ? "" : " on node \(deletedPod.nodeName)")
                    + "; what follows waits for its end")
        } else if missing.isEmpty {
            setWaitingReason(index, reason: "", message: "")
        }
    }

    /// Whether the next attempt is still to wait, for its time or for its turn; the end of the task where it never comes. Pods that are
    /// there already need no waiting for.
    private mutating func awaitsAttempt(_ index: Int, now: Timestamp) -> Bool {
        // With a queue, a status that tells of no pod does not prove that there was room for one.
        let unproved = admissionMode == .queue && nodes[index].admission != .admitted ? now : nil
        guard let next = nodes[index].status.nextAttemptTime ?? unproved, nodes[index].status.pods.isEmpty else {
            takeSlot(index)
            noteAdmission(index)
            return false
        }
        if nodes[index].status.nextAttemptTime == nil { nodes[index].status.nextAttemptTime = now }
        if let halt = stop(of: index) {
            let status = nodes[index].status
            noteDecision(index)
            // What has failed by itself has failed; what was only disturbed is stopped (DECISIONS.md, E5).
            if status.failures > 0 {
                finish(index, .failed, reason: status.reason, message: status.message, now: now)
            } else {
                finish(index, .cancelled, reason: halt.cause.rawValue, message: halt.message, now: now)
            }
        } else if next > now {
            wake(index, at: next)
        } else if nodes[index].admission == .none {
            enqueue(index)
        }
        return true
    }

    /// Stops a running attempt for good: what a time-out of something larger stops has failed.
    private mutating func stopAttempt(_ index: Int, _ halt: Halt, now: Timestamp) {
        stop(
            index, halt.cause.isTimeout ? .failure(.timeout) : .cancelled, reason: halt.cause.rawValue,
            message: halt.message)
        evaluateStopping(index, now: now)
    }

    /// Keeps since when a pod has been stuck in the status, so that a restart does not begin to count anew (rule E8).
    private mutating func setStuckTime(_ index: Int, _ time: Timestamp?) {
        guard nodes[index].status.stuckTime != time else { return }
        nodes[index].status.stuckTime = time
        output.statusChanged = true
    }

    /// The failure, with the replica in its message where there are several.
    func labelled(_ failure: PodFailure, _ index: Int, _ replica: Int) -> PodFailure {
        guard nodes[index].task.spec.replicas > 1 else { return failure }
        var failure = failure
        failure.message = "replica \(replica): " + failure.message
        return failure
    }

    /// A pod that has a node and whose containers do not come up, with nothing wrong in its status: a volume that does not mount or
    /// a network that is not there, which only events tell. Gives the failure that this becomes at the start-up deadline, and since
    /// when the pod has had its node (rule E8).
    private static func notStarted(_ pod: Pod) -> StuckPod? {
        guard !pod.nodeName.isEmpty, !pod.hasEnded else { return nil }
        let since = pod.status.condition("PodScheduled")?.lastTransitionTime ?? pod.metadata.creationTimestamp
        let failure = PodFailure(
            .imageError, reason: "ContainerCreating",
            message:
                "node \(pod.nodeName) has not started its containers: a volume or the network may be missing, which "
                + "kubectl describe pod \(pod.metadata.name) tells")
        return StuckPod(failure: failure, since: since)
    }

    /// A pod that does not come up, and since when.
    private struct StuckPod {
        var failure: PodFailure
        var since: Timestamp?

        /// The one whose deadline comes first; the left one of two that began together.
        static func earlier(_ left: StuckPod?, _ right: StuckPod?) -> StuckPod? {
            guard let left, let right else { return left ?? right }
            guard let since = right.since else { return left }
            return left.since.map { $0 <= since } ?? false ? left : right
        }
    }

    private mutating func beginAttempt(_ index: Int, _ attempt: Int) {
        nodes[index].status.attempt = attempt
        nodes[index].status.stuckTime = nil
        nodes[index].status.shrunkTo = nil
        nodes[index].names = []
        nodes[index].status.pods =
            nodes[index].pods.filter { pods[$0].map { $0.identity.attempt == attempt } ?? false }.sorted()
        nodes[index].status.stopping = nil
        nodes[index].status.nextAttemptTime = nil
        nodes[index].createAfter = nil
        nodes[index].position = nil
        output.statusChanged = true
        list(index)
    }

    private mutating func createPods(_ index: Int, _ replicas: [Int], now: Timestamp) {
        guard !isHeldBack(index), !nodes[index].awaitsPlaces else { return }
        // Started since a pod of it was found: the rest waits until the ends that it follows on are known of as well.
        let scope = scopes[nodes[index].scope]
        guard nodes[index].unmet == 0, !nodes[index].task.isFinally || scope.unfinishedMain == 0 else { return }
        // Nothing new starts in a suspended run (rule E13); a gang of which a part runs has started.
        if desired == .suspended, nodes[index].status.pods.isEmpty { return }
        if let after = nodes[index].createAfter {
            if now < after {
                wake(index, at: after)
                return
            }
            nodes[index].createAfter = nil
        }
        let service = service(of: index)
        for replica in replicas where replica < min(nodes[index].admittedReplicas, nodes[index].status.shrunkTo ?? .max)
        {
            let name = podName(index, replica: replica)
            guard pods.beginCreate(name) else { continue }
            do {
                let pod = try pod(of: index, replica: replica)
                let identity = PodIdentity(
                    path: nodes[index].path, attempt: nodes[index].status.attempt, replica: replica)
                output.actions.append(.createPod(identity, name: name, pod, service))
            } catch {
                pods.endCreate(name)
                let message = (error as? ReferenceProblem)?.message ?? "\(error)"
                failAttempt(index, PodFailure(.failed, reason: Reasons.invalidReference, message: message), now: now)
                return
            }
        }
    }

    /// Fails the attempt if a time of it is over; sets the timers for those that are not. Whether it failed.
    private mutating func isOverdue(
        _ index: Int, began: Timestamp?, stuck: StuckPod?, unschedulable: PodFailure?, unscheduled: Int,
        now: Timestamp
    ) -> Bool {
        let spec = nodes[index].task.spec
        var failure: PodFailure?
        var due = now
        func check(_ since: Timestamp?, _ limit: Duration, _ overdue: () -> PodFailure) {
            guard let since, failure == nil else { return }
            if since + limit <= now {
                failure = overdue()
                due = since + limit
            } else {
                wake(index, at: since + limit)
            }
        }
        if let timeout = spec.timeout, timeout > .zero {
            check(began, timeout) {
                // What kept it from starting is what a person needs to know.
                let why = stuck?.failure ?? unschedulable
                let waited = why.map { "; it has not started: \($0.reason): \($0.message)" } ?? ""
                return PodFailure(
                    .timeout, reason: Reasons.timeout,
                    message: "the attempt took longer than its timeout of \(timeout.goText)\(waited)")
            }
        }
        if let stuck {
            check(stuck.since, settings.startUpDeadline) {
                var failure = stuck.failure
                failure.message = "not started within \(settings.startUpDeadline.goText): " + failure.message
                return failure
            }
        }
        if spec.replicas - unscheduled < nodes[index].task.minAvailable {
            let gangTimeout = nodes[index].gangTimeout ?? settings.gangTimeout
            check(began, gangTimeout) {
                let why = unschedulable.map { ": \($0.message)" } ?? ""
                return PodFailure(
                    .infrastructure, reason: Reasons.gangTimeout,
                    message: "\(unscheduled) of \(spec.replicas) pods were not scheduled within "
                        + "\(gangTimeout.goText)\(why)")
            }
        }
        guard let failure else { return false }
        guard isConfirmed(index, since: due) else { return false }
        noteDecision(index)
        if failure.reason == Reasons.gangTimeout {
            // It is queued again for as long as it takes, more and more seldom, which costs none of its attempts (rule E9).
            nodes[index].status.requeues += 1
            stop(index, .failure(.infrastructure), reason: failure.reason, message: failure.message)
            nodes[index].status.nextAttemptTime =
                now + settings.gangBackoff.wait(afterFailures: nodes[index].status.requeues)
            evaluateStopping(index, now: now)
        } else {
            failAttempt(index, failure, now: now)
        }
        return true
    }

    /// Whether every pod of the attempt that may still run was read from the API server at or after that time; asks for it where not.
    /// A cache that stands still must not let a clock fail what has long succeeded.
    private mutating func isConfirmed(_ index: Int, since due: Timestamp) -> Bool {
        var isConfirmed = true
        for replica in 0..<nodes[index].task.spec.replicas {
            let name = podName(index, replica: replica)
            guard let known = pods[name], !known.isOver, known.confirmedAt.map({ $0 < due }) ?? true else { continue }
            isConfirmed = false
            if pods.beginConfirm(name) {
                output.actions.append(.confirmPod(name: name, uid: known.pod.metadata.uid))
            }
        }
        return isConfirmed
    }

    // MARK: Verdicts

    private mutating func failAttempt(_ index: Int, _ failure: PodFailure, now: Timestamp) {
        nodes[index].status.exitCode = failure.exitCode
        stop(index, .failure(failure.failureClass), reason: failure.reason, message: failure.message)
        evaluateStopping(index, now: now)
    }

    mutating func completeAttempt(_ index: Int, _ message: String, truncated: Bool, now: Timestamp) {
        let results = TaskResults.read(message, truncated: truncated, declared: nodes[index].task.spec.results)
        if !results.undeclared.isEmpty {
            emit(
                isWarning: true, reason: Reasons.undeclaredResults,
                "task \(nodes[index].path) wrote results that it does not declare, which are dropped: "
                    + results.undeclared.prefix(10).joined(separator: ", "))
        }
        if let failure = results.failure {
            failAttempt(index, failure, now: now)
            return
        }
        guard keep(results.values, of: index) else {
            noteDecision(index)
            failAttempt(index, resultsTooLarge, now: now)
            return
        }
        nodes[index].status.exitCode = 0
        stop(index, .succeeded, reason: "", message: "")
        evaluateStopping(index, now: now)
    }

    /// What a failed attempt has written all the same counts (DECISIONS.md, E12); a pod that was stopped has written nothing.
    private mutating func keepResultsOfFailure(_ index: Int) {
        let declared = nodes[index].task.spec.results
        guard !declared.isEmpty, let pod = pods[podName(index, replica: 0)]?.pod,
            pod.status.reason != "DeadlineExceeded",
            let message = pod.status.containers.first(where: { $0.name == Sluice.mainContainer })?.termination?.message
        else { return }
        _ = keep(TaskResults.read(message, truncated: false, declared: declared).values, of: index)
    }

    mutating func stop(_ index: Int, _ cause: StopCause, reason: String, message: String) {
        nodes[index].status.stopping = cause
        nodes[index].status.nextAttemptTime = nil
        nodes[index].status.reason = reason
        nodes[index].status.message = message
        output.statusChanged = true
        list(index)
    }

    /// Deletes the remaining pods of a decided attempt; once none can run, finishes or retries the task (rule E7: no overlap).
    private mutating func evaluateStopping(_ index: Int, now: Timestamp) {
        guard let cause = nodes[index].status.stopping else { return }
        let attempt = nodes[index].status.attempt
        var mayRun = false
        for replica in 0..<nodes[index].task.spec.replicas {
            let name = podName(index, replica: replica)
            if pods.creating.contains(name) { mayRun = true }
            if let until = pods.unansweredUntil(name), until > now {
                mayRun = true
                wake(index, at: until)
            }
            guard let known = pods[name], !known.isOver else { continue }
            mayRun = true
            end(known, index, now: now)
        }
        guard !mayRun else { return }
        if reconsider(index, cause, now: now) { return }
        let (reason, message) = (nodes[index].status.reason, nodes[index].status.message)
        switch cause {
        case .succeeded: finish(index, .succeeded, reason: "", message: "", now: now)
        case .cancelled: finish(index, .cancelled, reason: reason, message: message, now: now)
        case .failure(let failure):
            keepResultsOfFailure(index)
            // Pods are proof that the next attempt has begun, whatever holds the task up by now.
            let hasBegunNext = nodes[index].pods.contains { pods[$0].map { $0.identity.attempt > attempt } ?? false }
            guard hasBegunNext || stop(of: index) == nil, let wait = retryWait(index, failure) else {
                finish(index, .failed, reason: reason, message: message, now: now)
                return
            }
            // By the pod's own time, but a node whose clock is ahead must not make the task wait for it.
            let next = min(attemptEnd(index) ?? now, now) + wait
            let earliest = nodes[index].status.nextAttemptTime ?? next
            drop(resultsOf: index)
            releaseSlot(index)
            beginAttempt(index, attempt + 1)
            nodes[index].status.nextAttemptTime = max(next, earliest)
            nodes[index].status.message = "attempt \(attempt) failed: \(message)"
            emitRetry(index, attempt, message)
        }
    }

    mutating func emitRetry(_ index: Int, _ attempt: Int, _ message: String) {
        let told = [Reasons.preempted, Reasons.gangTimeout]
        let reason = nodes[index].status.reason
        emit(
            isWarning: true, reason: told.contains(reason) ? reason : Reasons.taskRetrying,
            "task \(nodes[index].path): attempt \(attempt) failed: \(message); attempt \(attempt + 1) follows")
    }

    /// Counts the failure; how long to wait before the next attempt, nil when there is none (rule E7).
    mutating func retryWait(_ index: Int, _ failure: FailureClass) -> Duration? {
        let policy = nodes[index].task.spec.retry
        let isWanted = policy?.on?.contains(failure) ?? true
        if failure == .infrastructure {
            // A refused gang has cost nothing: it asks for as long as it takes, more and more seldom. Its next time is set.
            if nodes[index].status.nextAttemptTime != nil { return .zero }
            nodes[index].status.disruptions += 1
            nodes[index].refusals = 0
            let disruptions = nodes[index].status.disruptions
            guard isWanted, disruptions <= settings.disruptionLimit else { return nil }
            return settings.disruptionBackoff.wait(afterFailures: disruptions)
        }
        nodes[index].status.failures += 1
        nodes[index].refusals = 0
        guard let policy, isWanted, nodes[index].status.failures <= policy.limit else { return nil }
        if failure == .failed, !policy.exitCodes.isEmpty {
            guard let code = nodes[index].status.exitCode, policy.exitCodes.contains(code) else { return nil }
        }
        return policy.backoff.wait(afterFailures: nodes[index].status.failures)
    }

    /// When the last container of the current attempt ended, as far as pods tell.
    func attemptEnd(_ index: Int) -> Timestamp? {
        var end: Timestamp?
        for name in nodes[index].pods {
            guard let known = pods[name], known.identity.attempt == nodes[index].status.attempt else { continue }
            for container in known.pod.status.initContainers + known.pod.status.containers {
                guard let finished = container.termination?.finishedAt else { continue }
                end = max(end ?? finished, finished)
            }
        }
        return end
    }

    // MARK: Pods that are done with

    /// How long a pod may take to end after its grace period before it is deleted.
    private static let stopPatience: Duration = .seconds(30)

    /// Ends a pod that may still run, and keeps its log (rule E13): its kubelet is asked by the deadline, the one field that may still
    /// change. The pod is deleted where that would not help: before its main container has started, since a kubelet that waits for a
    /// volume ignores the deadline, and when it has not ended in time.
    private mutating func end(_ known: PodLedger.Entry, _ index: Int, now: Timestamp) {
        let pod = known.pod
        let name = pod.metadata.name
        guard !pod.metadata.isBeingDeleted else { return }
        guard pod.mainHasStarted else { return delete(known) }
        guard let since = pods.stoppingSince(name) else {
            pods.beginStop(name, now: now)
            // An operator before this one may have asked for it already.
            if pod.activeDeadlineSeconds != 1 { output.actions.append(.stopPod(name: name, uid: pod.metadata.uid)) }
            return wake(index, at: now + .seconds(pod.terminationGracePeriodSeconds) + Self.stopPatience)
        }
        let limit = since + .seconds(pod.terminationGracePeriodSeconds) + Self.stopPatience
        if limit <= now { delete(known) } else { wake(index, at: limit) }
    }

    private mutating func delete(_ known: PodLedger.Entry) {
        guard pods.beginDelete(known) else { return }
        output.actions.append(.deletePod(name: known.pod.metadata.name, uid: known.pod.metadata.uid))
    }

    /// Takes the finalizer off the ended pods of attempts that are over, and ends those that still run (rule E4).
    mutating func releasePods(of index: Int, now: Timestamp) {
        let isFinished = nodes[index].status.phase.isFinished
        for name in nodes[index].pods {
            guard let known = pods[name], !known.isGone,
                isFinished || known.identity.attempt < nodes[index].status.attempt
                    || known.identity.replica >= nodes[index].task.spec.replicas
            else { continue }
            if !known.pod.hasEnded {
                end(known, index, now: now)
            } else if pods.beginRemovingFinalizer(known) {
                output.actions.append(.removeFinalizer(name: name, uid: known.pod.metadata.uid))
            }
        }
    }
}
