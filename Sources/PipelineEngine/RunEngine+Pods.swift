public import KubernetesModel
import SluiceAPI

/// What is heard of pods: to which node each belongs, and what to do with those that belong to none (rules E4, Q9).
extension RunEngine {
    /// A pod as it is now. Pods that are not of this run are passed over, and so is a state that the pod has left behind.
    public mutating func podObserved(_ pod: Pod) {
        guard let identity = PodIdentity(pod.metadata, in: run) else { return strayObserved(pod) }
        if let index = pipeline(awaitedBy: identity) { return park(pod, under: index) }
        if let index = nodeByPath[identity.path], nodes[index].kind == .leaf {
            observe(pod, identity, of: index)
            return
        }
        // A node that is not there yet: that of an item, or of a task in a pipeline, which comes with what is above it.
        var path = identity.path
        while let above = PodIdentity.parent(ofPath: path) {
            if let index = nodeByPath[above] {
                // What is inside of it has no attempt before its own: that is a pod of an earlier attempt of what it lies in.
                guard nodes[index].kind != .leaf, !nodes[index].status.phase.isFinished,
                    identity.attempt >= nodes[index].status.attempt
                else { break }
                park(pod, under: index)
                return
            }
            path = above
        }
        strayObserved(pod)
    }

    /// The sub-pipeline whose next attempt the pod belongs to, where that has not begun by what is known: an operator before this one
    /// began it. Its nodes are still those of the attempt before.
    private func pipeline(awaitedBy identity: PodIdentity) -> Int? {
        var path = identity.path
        var isLater = false
        while true {
            if let index = nodeByPath[path] {
                if nodes[index].kind == .pipeline, nodes[index].awaitsRetry { return isLater ? index : nil }
                guard nodes[index].status.phase.isFinished, isLater || identity.attempt >= nextAttempt(after: index)
                else { return nil }
                isLater = true
            }
            guard let above = PodIdentity.parent(ofPath: path) else { return nil }
            path = above
        }
    }

    private mutating func park(_ pod: Pod, under index: Int) {
        let name = pod.metadata.name
        if let known = parked[index]?.firstIndex(where: { $0.metadata.name == name }) {
            parked[index]?[known] = pod
        } else {
            parked[index, default: []].append(pod)
        }
        list(index)
    }

    /// Has the pods that were parked under a node seen again: it has been expanded, or has ended.
    mutating func unpark(_ index: Int) {
        for pod in parked.removeValue(forKey: index) ?? [] { podObserved(pod) }
    }

    private mutating func observe(_ pod: Pod, _ identity: PodIdentity, of index: Int) {
        let name = pod.metadata.name
        switch pods.observe(pod, identity, node: index) {
        case .outdated: return
        case .update: break
        case .discovery: if !nodes[index].pods.contains(name) { nodes[index].pods.append(name) }
        }
        // Only what is known of a pod by now is new of one whose node has ended.
        if identity.attempt >= nodes[index].firstAttempt, !nodes[index].status.phase.isFinished {
            noteStart(index, pod.metadata.creationTimestamp)
            // A pod is proof that its task had been started, whether or not the status came to tell (rule Q9).
            if nodes[index].status.phase == .pending { start(index, at: pod.metadata.creationTimestamp ?? startTime) }
        }
        let attemptIsCurrent = identity.attempt == nodes[index].status.attempt
        if attemptIsCurrent, nodes[index].status.phase == .running, !nodes[index].status.pods.contains(name) {
            nodes[index].status.pods.append(name)
            nodes[index].status.pods.sort()
            output.statusChanged = true
        }
        list(index)
    }

    /// The first pod of a scope is when its time begins: that of the run, of a sub-pipeline, of a forEach.
    private mutating func noteStart(_ index: Int, _ created: Timestamp?) {
        guard let created, !phase.isFinished else { return }
        if startTime.map({ created < $0 }) ?? true {
            startTime = created
            output.statusChanged = true
        }
        var next = nodes[index].owner ?? scopes[nodes[index].scope].owner
        while let above = next {
            next = nodes[above].owner ?? scopes[nodes[above].scope].owner
            guard !nodes[above].status.phase.isFinished else { continue }
            if case .scope(let scope) = nodes[above].body, scopes[scope].startTime.map({ created < $0 }) ?? true {
                scopes[scope].startTime = created
                list(above)
            }
            if nodes[above].status.startTime.map({ created < $0.wholeSecond }) ?? true {
                // Pods tell whole seconds, rounded down; when the task began is nearer where that is within the same second.
                let began = nodes[index].status.startTime ?? created
                nodes[above].status.startTime = began.wholeSecond == created ? began : created
                output.statusChanged = true
            }
        }
    }

    /// A pod of this run that belongs to none of its tasks: of a pipeline that the run had before a crash, or with labels that
    /// somebody has changed. It is ended, and its finalizer taken off, or it and its namespace would stay for ever.
    private mutating func strayObserved(_ pod: Pod) {
        guard pod.metadata.controller?.uid == run.uid, pod.holdsFinalizer || pods[pod.metadata.name] != nil else {
            return
        }
        let identity = PodIdentity(path: "", attempt: 0, replica: 0)
        if pods.observe(pod, identity, node: nil) != .outdated { strays.insert(pod.metadata.name) }
    }

    mutating func releaseStrays() {
        for name in strays.sorted() {
            guard let known = pods[name], !known.isGone else {
                strays.remove(name)
                continue
            }
            if known.pod.hasEnded || known.pod.metadata.isBeingDeleted {
                if pods.beginRemovingFinalizer(known) {
                    output.actions.append(.removeFinalizer(name: name, uid: known.pod.metadata.uid))
                } else if !known.pod.holdsFinalizer {
                    strays.remove(name)
                }
            } else if pods.beginDelete(known) {
                output.actions.append(.deletePod(name: name, uid: known.pod.metadata.uid))
            }
        }
    }

    /// The pod of that name and UID does not exist any more.
    public mutating func podDeleted(name: String, uid: String) {
        if let node = pods.markGone(name, uid: uid)?.node { list(node) }
        for index in parked.keys.sorted() {
            parked[index]?.removeAll { $0.metadata.name == name && $0.metadata.uid == uid }
            if parked[index]?.isEmpty == true { parked[index] = nil }
        }
    }

    /// The pod as the API server itself has it at that time (``EngineAction/confirmPod(name:uid:)``).
    public mutating func podConfirmed(_ pod: Pod, now: Timestamp) {
        podObserved(pod)
        pods.confirm(pod.metadata.name, at: now)
        if let node = pods[pod.metadata.name]?.node { list(node) }
    }

    /// The pod that was asked for exists: the one just made, or one that an earlier create had made.
    public mutating func podCreated(_ pod: Pod) {
        pods.endCreate(pod.metadata.name)
        podObserved(pod)
    }

    /// The API server did not take a pod.
    public mutating func podCreateFailed(_ identity: PodIdentity, _ failure: PodCreateFailure, now: Timestamp) {
        guard let index = nodeByPath[identity.path] else { return }
        let name = identity.name(in: run)
        pods.endCreate(name)
        if case .indeterminate = failure { pods.createUnanswered(name, until: now + settings.unansweredGrace) }
        list(index)
        guard isUnderWay(identity) else { return }
        if case .invalid(let reason, let message) = failure {
            nodes[index].status.exitCode = nil
            noteDecision(index)
            stop(index, .failure(.failed), reason: reason, message: message)
            return
        }
        if nodes[index].createAfter == nil {
            // However many pods of a gang a round of creates has left out, it counts once.
            nodes[index].refusals += 1
            var backoff = settings.refusalBackoff
            if case .indeterminate = failure { backoff = settings.failureBackoff }
            nodes[index].createAfter = now + backoff.wait(afterFailures: nodes[index].refusals)
        }
        if case .indeterminate(let message) = failure, !message.isEmpty {
            setWaitingReason(index, reason: Reasons.podCreateFailed, message: message)
        }
        if case .denied(let reason, let message) = failure {
            setWaitingReason(index, reason: reason, message: message)
            // Those above minAvailable ask again by themselves; the gang does its work without them.
            guard identity.replica < nodes[index].task.minAvailable else { return }
            if nodes[index].task.spec.replicas > 1 {
                // Half a gang must not hold what the other half needs (rule Q8): all of it goes, and comes again together.
                noteDecision(index)
                stop(index, .failure(.infrastructure), reason: reason, message: message)
                // The time of the next attempt, set this early, says that nothing has failed: see `evaluateStopping`.
                nodes[index].status.nextAttemptTime = nodes[index].createAfter
            } else if admissionMode == .queue, nodes[index].status.pods.isEmpty {
                // Likewise of one pod, of which nothing is there: the same attempt asks again, and others get its room meanwhile.
                releaseSlot(index)
                nodes[index].status.nextAttemptTime = nodes[index].createAfter
                nodes[index].createAfter = nil
            }
        }
    }

    /// A create that a step asked for is not sent after all, since ``stillWants(_:)`` is false by now.
    public mutating func createWithdrawn(_ identity: PodIdentity) {
        pods.endCreate(identity.name(in: run))
        if let index = nodeByPath[identity.path] { list(index) }
    }

    /// Whether a pod that was asked for is still to be created: its attempt goes on, and has begun where the run is suspended. O(1).
    public func stillWants(_ identity: PodIdentity) -> Bool {
        guard isUnderWay(identity), let index = nodeByPath[identity.path] else { return false }
        return desired != .suspended || !nodes[index].status.pods.isEmpty
    }

    private func isUnderWay(_ identity: PodIdentity) -> Bool {
        guard let index = nodeByPath[identity.path] else { return false }
        let status = nodes[index].status
        return status.phase == .running && status.attempt == identity.attempt && status.stopping == nil
            && identity.replica < status.shrunkTo ?? .max
    }

    /// A delete or the removal of a finalizer has failed: it is asked for again at the next step.
    public mutating func requestFailed(name: String) {
        pods.requestFailed(name)
        if let node = pods[name]?.node { list(node) }
    }
}
