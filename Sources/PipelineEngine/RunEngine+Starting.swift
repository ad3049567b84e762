import HeapModule
import JSON
public import KubernetesModel
import SluiceAPI

/// What may start, and what is stopped: rules E1, E3, E5, E6, E10, E11, E13.
extension RunEngine {
    // MARK: What holds a node up

    /// Why no node of a kind starts, or why those that run are stopped.
    struct Halt {
        /// How far it goes; each level includes those before it.
        enum Level: Int {
            /// Nothing new starts; what runs goes on, its retries included.
            case noStarts
            /// What runs is stopped; `finally` runs.
            case stopAll
            /// `finally` is stopped as well.
            case terminate
        }

        var level: Level
        var cause: SkipCause
        var message: String
    }

    static let tooLargeMessage =
        "the status of the run is too large for the API server to store, so the run was stopped"

    /// What holds a node up: of its own scope and of all that it lies in. Nothing of these reaches into `finally` but the end of it
    /// all. O(depth).
    func halt(of index: Int) -> Halt? {
        if desired == .terminated {
            return Halt(level: .terminate, cause: .runTerminated, message: "the run was terminated")
        }
        if isTooLarge { return Halt(level: .terminate, cause: .runTerminated, message: Self.tooLargeMessage) }
        var strongest: Halt?
        func add(_ level: Halt.Level, _ cause: SkipCause, _ message: @autoclosure () -> String) {
            if let strongest, strongest.level.rawValue >= level.rawValue { return }
            strongest = Halt(level: level, cause: cause, message: message())
        }
        var current: Int? = index
        while let node = current, !nodes[node].task.isFinally {
            let scope = scopes[nodes[node].scope]
            if scope.owner == nil {
                if desired == .cancelled { add(.stopAll, .runCancelled, "the run was cancelled") }
                if queueTimedOut {
                    add(.stopAll, .queueTimeout, "nothing of the run was admitted within its queueTimeout")
                }
                if timedOut { add(.stopAll, .runTimeout, "the run took longer than its timeout") }
            } else if scope.timedOut {
                add(.stopAll, .pipelineTimeout, "the pipeline that it belongs to took longer than its timeout")
            }
            if let failed = scope.firstFailure, !nodes[failed].task.isFinally, !scope.isInFinally,
                spec.failurePolicy != .continueOthers
            {
                add(
                    spec.failurePolicy == .cancel ? .stopAll : .noStarts, .runFailed,
                    "task \(nodes[failed].path) failed before this one could start")
            }
            current = scope.owner
        }
        return strongest
    }

    /// Why the running attempt of a node is stopped; nil when it may go on.
    func stop(of index: Int) -> Halt? { halt(of: index).flatMap { $0.level == .noStarts ? nil : $0 } }

    // MARK: May it start?

    mutating func considerStart(_ index: Int, now: Timestamp) {
        let node = nodes[index]
        guard !node.task.isFinally || node.owner != nil || scopes[node.scope].unfinishedMain == 0 else { return }
        // Pods are proof that something inside of it had been started (rule Q9): that what it waits for has ended is still to be heard.
        let hasStarted = parked[index] != nil
        if hasStarted, node.unmet > 0 { return }
        if !hasStarted, let halt = halt(of: index) {
            skip(index, halt.cause, halt.message, now: now)
            return
        }
        guard node.unmet == 0, !node.isReady || hasStarted, node.admission == .none else { return }
        if node.owner == nil {
            for dependency in node.task.dependencies where !isSatisfied(dependency, of: index) {
                let other = nodes[scopes[node.scope].first + dependency.index].status
                skip(
                    index, .dependencyNotMet,
                    "needs task \(other.name) to end as \(dependency.on.rawValue), but it is \(other.phase.rawValue)",
                    now: now)
                return
            }
        }
        if !hasStarted, let condition = condition(of: index) {
            switch condition {
            case .holds: break
            case .isFalse:
                let text = nodes[index].task.spec.when?.prefix(200) ?? ""
                return skip(index, .whenFalse, "its condition is false: \(text)", now: now)
            case .missingResult(let message): return skip(index, .missingResult, message, now: now)
            case .failed(let message):
                return finish(index, .failed, reason: Reasons.expressionError, message: message, now: now)
            }
        }
        guard node.kind != .pipeline || hasPlan(index, now: now) else { return }
        if hasStarted { begin(index, now: now) } else if hasInputs(index, now: now) { enqueue(index) }
    }

    /// Rule E1.
    private func isSatisfied(_ dependency: TaskGraph.Edge, of index: Int) -> Bool {
        let other = scopes[nodes[index].scope].first + dependency.index
        let status = nodes[other].status
        return switch dependency.on {
        case .finished: true
        case .failed: status.phase == .failed
        case .succeeded: status.phase == .succeeded
        case .succeededOrSkipped:
            status.phase == .succeeded || status.skipCause == .whenFalse || isForgiven(other)
        }
    }

    /// Whether a task has failed for good and its `onFailure: Ignore` forgives that.
    func isForgiven(_ index: Int) -> Bool {
        nodes[index].status.phase == .failed && nodes[index].task.spec.onFailure == .ignore
    }

    /// Whether the pipeline of a task is there; has it waited for, and the task failed, where it is not.
    private mutating func hasPlan(_ index: Int, now: Timestamp) -> Bool {
        let name = nodes[index].task.spec.pipelineRef ?? ""
        let outer = scopes[nodes[index].scope]
        if outer.depth >= Validator.maximumPipelineDepth || outer.pipelines.contains(name) {
            let problem =
                outer.pipelines.contains(name)
                ? "the Pipeline \(name) runs itself: \((outer.pipelines + [name]).joined(separator: " -> "))"
                : "pipelines nest at most \(Validator.maximumPipelineDepth) deep"
            finish(index, .failed, reason: Reasons.invalidPipeline, message: problem, now: now)
            return false
        }
        if plan(of: index) != nil {
            nodes[index].barrier = max(nodes[index].barrier, pipelineBarriers[name] ?? 0)
            return true
        }
        let since = nodes[index].status.startTime ?? now
        let deadline = since + settings.pipelineDeadline
        if deadline <= now {
            noteDecision(index)
            finish(
                index, .failed, reason: Reasons.pipelineNotFound,
                message: "there is no Pipeline \(name), nor did it come within \(settings.pipelineDeadline.goText)",
                now: now)
            return false
        }
        if !(awaitedPipelines[name]?.contains(index) ?? false) { awaitedPipelines[name, default: []].append(index) }
        // Since when it waits outlives a restart.
        nodes[index].status.startTime = since
        setWaitingReason(
            index, reason: Reasons.pipelineNotFound, message: "there is no Pipeline \(name); waiting for it")
        wake(index, at: deadline)
        return false
    }

    // MARK: Slots

    /// Has a node begin, or try again, when its turn comes.
    mutating func enqueue(_ index: Int) {
        guard !nodes[index].isReady else { return }
        nodes[index].isReady = true
        push(ReadyEntry(order: nodes[index].order, node: index))
    }

    private mutating func push(_ entry: ReadyEntry) {
        if nodes[entry.node].kind == .leaf { readyPods.insert(entry) } else { readyOthers.insert(entry) }
    }

    mutating func takeSlot(_ index: Int) {
        guard !nodes[index].holdsSlot else { return }
        nodes[index].holdsSlot = true
        nodes[index].barrier = max(nodes[index].barrier, slotBarrier)
        if nodes[index].kind == .leaf { activeCount += 1 }
        if let group = group(ofInstance: index) { groups[group].active += 1 }
    }

    mutating func releaseSlot(_ index: Int) {
        guard nodes[index].holdsSlot else { return }
        withdraw(index)
        nodes[index].holdsSlot = false
        // Whoever takes it waits until a status tells why it is free.
        if spec.parallelism != nil || nodes[index].task.spec.forEach?.parallelism != nil {
            slotBarrier = max(slotBarrier, nodes[index].barrier)
        }
        if nodes[index].kind == .leaf { activeCount -= 1 }
        guard let group = group(ofInstance: index) else { return }
        groups[group].active -= 1
        if let next = groups[group].blocked.popMin() { push(next) }
    }

    /// Begins the first of those that are ready if there is room; false when nothing more can begin. One that holds no slot of the run
    /// goes before all that need one.
    mutating func startNext(now: Timestamp, withSlots: Bool = true) -> Bool {
        guard desired != .suspended else { return false }
        let hasRoom = withSlots && activeCount < spec.parallelism ?? .max
        guard let entry = readyOthers.popMin() ?? (hasRoom ? readyPods.popMin() : nil) else { return false }
        let index = entry.node
        guard nodes[index].isReady else { return true }
        let phase = nodes[index].status.phase
        guard phase == .pending || nodes[index].awaitsRetry, !nodes[index].holdsSlot else {
            nodes[index].isReady = false
            return true
        }
        if let group = group(ofInstance: index), let owner = nodes[index].owner,
            groups[group].active >= nodes[owner].task.spec.forEach?.parallelism ?? .max
        {
            groups[group].blocked.insert(entry)
            return true
        }
        nodes[index].isReady = false
        if nodes[index].kind == .leaf, admissionMode == .queue {
            askForAdmission(index, now: now)
        } else if phase == .pending {
            begin(index, now: now)
        } else {
            takeSlot(index)
            list(index)
        }
        return true
    }

    // MARK: Admission

    /// Has the current attempt ask for admission. It holds its slot of the run meanwhile, so that no more ask than could run.
    private mutating func askForAdmission(_ index: Int, now: Timestamp) {
        takeSlot(index)
        nodes[index].admission = .waiting
        waitingCount += 1
        do {
            output.enqueued.append(try admissionRequest(index))
            output.statusChanged = true
        } catch {
            // What it refers to was there when its turn was asked for.
            releaseSlot(index)
            end(index, for: error, now: now)
        }
    }

    private func admissionRequest(_ index: Int) throws -> AdmissionRequest {
        let task = nodes[index].task
        var request = AdmissionRequest(
            key: AttemptKey(path: nodes[index].path, attempt: nodes[index].status.attempt),
            replicas: nodes[index].status.shrunkTo ?? task.spec.replicas, minAvailable: task.minAvailable,
            timeLimit: task.spec.timeout.flatMap { $0 > .zero ? $0 : nil })
        request.pod = try pod(of: index, replica: 0)
        request.topology = task.spec.topology
        request.isUnderWay = startTime != nil
        request.remainingPath = task.height
        var above = nodes[index].owner ?? scopes[nodes[index].scope].owner
        while let node = above {
            // The instance and the task whose instance it is stand for one task.
            if nodes[node].owner == nil { request.remainingPath += nodes[node].task.height - 1 }
            above = nodes[node].owner ?? scopes[nodes[node].scope].owner
        }
        return request
    }

    /// Pods prove that the attempt had its admission (rule Q9).
    mutating func noteAdmission(_ index: Int) {
        guard admissionMode == .queue, nodes[index].kind == .leaf, nodes[index].admission != .admitted else { return }
        setAdmitted(index)
        // One whose references cannot be had any more has pods all the same, and they take room.
        var request =
            (try? admissionRequest(index))
            ?? AdmissionRequest(
                key: AttemptKey(path: nodes[index].path, attempt: nodes[index].status.attempt),
                replicas: nodes[index].status.shrunkTo ?? nodes[index].task.spec.replicas,
                minAvailable: nodes[index].task.minAvailable)
        request.isUnderWay = true
        // That of the attempt, not of the task: work is safe from eviction for a while after it was let in (rule Q7).
        request.startTime =
            nodes[index].status.pods.compactMap { pods[$0]?.pod.metadata.creationTimestamp }.min()
            ?? nodes[index].status.startTime
        nodes[index].awaitsPlaces = true
        output.held.append(request)
    }

    private mutating func setAdmitted(_ index: Int) {
        if nodes[index].admission == .waiting { waitingCount -= 1 }
        nodes[index].admission = .admitted
    }

    private mutating func withdraw(_ index: Int) {
        guard nodes[index].admission != .none else { return }
        if nodes[index].admission == .waiting { waitingCount -= 1 }
        nodes[index].admission = .none
        nodes[index].plannedNodes = []
        nodes[index].awaitsPlaces = false
        nodes[index].admittedReplicas = .max
        nodes[index].gangTimeout = nil
        output.withdraw(AttemptKey(path: nodes[index].path, attempt: nodes[index].status.attempt))
    }

    /// Nothing new starts in a suspended run (rule E13), so that none of it may wait for room or hold it. It asks again, in its place,
    /// when the run goes on.
    mutating func askLater(_ index: Int) {
        releaseSlot(index)
        setWaitingReason(index, reason: "", message: "")
        nodes[index].position = nil
        output.statusChanged = true
        enqueue(index)
    }

    private func node(of key: AttemptKey) -> Int? {
        nodeByPath[key.path].flatMap { nodes[$0].status.attempt == key.attempt ? $0 : nil }
    }

    /// The attempt may begin, or go on where its pods prove that it had begun. `nodes` are those that its replicas are to be bound to,
    /// where the queue says so; `replicas` how many may have pods for now, counted from 0.
    public mutating func admitted(
        _ key: AttemptKey, queue: String = "", replicas: Int = .max, nodes planned: [String?] = [], now: Timestamp
    ) {
        guard let index = node(of: key), nodes[index].admission == .waiting || nodes[index].awaitsPlaces else { return }
        let isNew = nodes[index].admission == .waiting
        if isNew, desired == .suspended { return askLater(index) }
        setAdmitted(index)
        nodes[index].plannedNodes = planned
        nodes[index].admittedReplicas = replicas
        nodes[index].awaitsPlaces = false
        if isNew, queuePlace?.admittedTime == nil, hasToldQueued {
            let place = queue.isEmpty ? "" : " to queue \(queue)"
            emit(reason: Reasons.admitted, "the run was admitted\(place): task \(key.path) starts")
        }
        let name = queue.isEmpty ? queuePlace?.name ?? "" : queue
        queuePlace = QueuePlace(name: name, admittedTime: queuePlace?.admittedTime ?? now.wholeSecond)
        if nodes[index].status.phase == .pending { begin(index, now: now) } else { list(index) }
    }

    /// A replica above `minAvailable` of an attempt that runs may have its pod.
    public mutating func joined(_ key: AttemptKey, replica: Int, node planned: String?) {
        guard let index = node(of: key), nodes[index].admission == .admitted,
            replica < nodes[index].task.spec.replicas, replica >= nodes[index].admittedReplicas
        else { return }
        nodes[index].admittedReplicas = replica + 1
        while nodes[index].plannedNodes.count <= replica { nodes[index].plannedNodes.append(nil) }
        nodes[index].plannedNodes[replica] = planned
        list(index)
    }

    /// Replicas from that one on are taken back, which are above `minAvailable`: they are stopped, their logs kept, and the attempt goes on
    /// without them (rule Q7).
    public mutating func shrunk(_ key: AttemptKey, to replicas: Int, message: String) {
        guard let index = node(of: key), nodes[index].admission == .admitted,
            nodes[index].status.phase == .running, nodes[index].status.stopping == nil,
            replicas >= nodes[index].task.minAvailable,
            replicas < nodes[index].status.shrunkTo ?? nodes[index].task.spec.replicas
        else { return }
        nodes[index].status.shrunkTo = replicas
        nodes[index].admittedReplicas = min(nodes[index].admittedReplicas, replicas)
        noteDecision(index)
        emit(
            isWarning: true, reason: Reasons.preempted,
            "task \(key.path) goes on with \(replicas) of \(nodes[index].task.spec.replicas) replicas: \(message)")
        output.statusChanged = true
        list(index)
    }

    /// How long the pods of the attempt may wait for their nodes: longer than usual where nodes are added for them (rule Q11).
    public mutating func setGangTimeout(_ key: AttemptKey, _ timeout: Duration) {
        guard let index = node(of: key), nodes[index].gangTimeout != timeout else { return }
        nodes[index].gangTimeout = timeout
        list(index)
    }

    /// Why the attempt waits, in one word and in one sentence.
    public mutating func waiting(
        _ key: AttemptKey, reason: String, message: String, queue: String = "", position: Int? = nil
    ) {
        guard let index = node(of: key), nodes[index].admission == .waiting else { return }
        setWaitingReason(index, reason: reason, message: message)
        nodes[index].position = position
        if queuePlace?.name != queue { queuePlace = QueuePlace(name: queue, admittedTime: queuePlace?.admittedTime) }
        if !hasToldQueued, phase == .queued || phase == .pending, waitingCount == activeCount {
            hasToldQueued = true
            emit(reason: Reasons.queued, "the run waits\(queue.isEmpty ? "" : " in queue \(queue)"): \(message)")
        }
    }

    /// The admission of a running attempt is taken back: its pods are stopped and it asks again at once, which counts towards nothing
    /// (rule Q7).
    public mutating func revoked(_ key: AttemptKey, reason: String, message: String, now: Timestamp) {
        guard let index = node(of: key), nodes[index].admission == .admitted,
            nodes[index].status.phase == .running, nodes[index].status.stopping == nil
        else { return }
        noteDecision(index)
        stop(index, .failure(.infrastructure), reason: reason, message: message)
        // The time of the next attempt, set this early, says that nothing has failed: see `evaluateStopping`.
        nodes[index].status.nextAttemptTime = now
    }

    /// Begins a node whose turn has come. What its references ask for may not be there, or be wrong.
    private mutating func begin(_ index: Int, now: Timestamp) {
        nodes[index].isReady = false
        // Where pods prove that it had been started, that is not undone.
        if parked[index] == nil, let halt = halt(of: index) {
            skip(index, halt.cause, halt.message, now: now)
            return
        }
        do {
            switch nodes[index].kind {
            case .leaf: start(index, at: now)
            case .group:
                let items = try items(of: index)
                try checkRoom(for: items.count, in: index)
                start(index, at: nil)
                addInstances(of: index, items)
                isDemandOld = true
                unpark(index)
            case .pipeline:
                guard let plan = plan(of: index) else { return }
                let parameters = try parameters(of: index, plan)
                try checkRoom(for: plan.tasks.count, in: index)
                start(index, at: nil)
                addScope(plan, owner: index, parameters: parameters, pipelines: pipelineChain(of: index))
                isDemandOld = true
                unpark(index)
            }
        } catch {
            end(index, for: error, now: now)
        }
    }

    /// Whether what a node refers to is there and fits. Where it is not the node ends, for which it needs neither a slot nor a run that
    /// goes on (rule E13).
    private mutating func hasInputs(_ index: Int, now: Timestamp) -> Bool {
        do {
            switch nodes[index].kind {
            case .leaf: _ = try pod(of: index, replica: 0)
            case .group: _ = try items(of: index)
            case .pipeline: if let plan = plan(of: index) { _ = try parameters(of: index, plan) }
            }
            return true
        } catch {
            end(index, for: error, now: now)
            return false
        }
    }

    /// Ends a node that cannot begin.
    mutating func end(_ index: Int, for error: any Error, now: Timestamp) {
        switch error {
        case let problem as ReferenceProblem where problem.isMissingResult:
            skip(index, .missingResult, problem.message, now: now)
        case let problem as TooManyTasks:
            finish(index, .failed, reason: Reasons.tooManyTasks, message: problem.message, now: now)
        case let problem as InvalidItems:
            finish(index, .failed, reason: Reasons.invalidItems, message: problem.message, now: now)
        case let problem as InvalidParameters:
            finish(index, .failed, reason: Reasons.invalidParameters, message: problem.message, now: now)
        default:
            let message = (error as? ReferenceProblem)?.message ?? "\(error)"
            finish(index, .failed, reason: Reasons.invalidReference, message: message, now: now)
        }
    }

    /// A node is under way from now on.
    mutating func start(_ index: Int, at time: Timestamp?) {
        nodes[index].status.phase = .running
        nodes[index].status.reason = ""
        nodes[index].status.message = ""
        nodes[index].status.startTime = time
        nodes[index].isReady = false
        takeSlot(index)
        noteAdmission(index)
        output.statusChanged = true
        list(index)
    }

    mutating func skip(_ index: Int, _ cause: SkipCause, _ message: String, now: Timestamp) {
        finish(index, .skipped, reason: cause.rawValue, message: message, now: now)
    }
}
