public import JSON
public import KubernetesModel
public import SluiceAPI

/// One run as it goes on: told what happens to its pods and what its user wants, it says what to do next and what the
/// status is. Pure: no clock, no I/O; the same history gives the same decisions, and an engine made anew from the status it
/// wrote last and the pods that exist goes on where the old one was (rule E14).
///
/// Incremental: an event about one pod costs the work on its task and on what that task makes ready, not a walk over the graph.
public struct RunEngine: Sendable {
    let run: RunIdentity
    let spec: PipelineRunSpec
    let graph: TaskGraph
    let results: [ResultSpec]
    let parameters: JSONObject
    let settings: EngineSettings
    let pipelineSnapshot: JSONValue?

    var generation: Int64
    var desired: DesiredState
    var tasks: [TaskState]
    var pods = PodLedger()
    /// Pods of the run that belong to none of its tasks.
    private var strays: Set<String> = []

    var phase = RunPhase.pending
    var startTime: Timestamp?
    var completionTime: Timestamp?
    var finalReason = ""
    var finalMessage = ""
    var finalResults = JSONObject()
    var conditions: [Condition]
    var timedOut = false

    /// Tasks to look at, those that may start, those that want to be looked at later.
    var worklist: [Int] = []
    var ready: [Int] = []
    var timers = Timers()
    /// When the timer of the run's time-out is due, once it is set.
    var runTimer: Timestamp?
    var activeCount = 0
    var unfinishedMain: Int
    var unfinished: Int
    /// The task whose failure is the run's: the one that failed first.
    var firstFailure: Int?

    /// The number of the last decision that the pods do not tell (a time was over, a pod was refused, the user cancelled), and of
    /// the last one that the written status tells. While they differ no pod is created: what follows from a decision must not
    /// exist before the decision is written, or a crash in between would undo it.
    private var decisions = 0
    private var writtenDecisions = 0

    var output = EngineOutput()

    /// What is known of one task.
    struct TaskState: Sendable {
        var status: TaskStatus
        /// Dependencies that have not ended.
        var unmet = 0
        /// Names of its pods that are known to exist, of any attempt.
        var pods: [String] = []
        /// How often the API server refused a pod of this attempt, and when to ask again.
        var refusals = 0
        var createAfter: Timestamp?
        var isReady = false
        /// The timer that is set for it; a later one need not be, since each look at the task sets the next.
        var timer: Timestamp?
    }

    /// An engine for a run in the state that its status tells. `parameters` are resolved: defaults filled in, types right.
    /// `pipelineSnapshot` is kept in the status for runs by `pipelineRef`. O(tasks + edges).
    public init(
        run: RunIdentity, generation: Int64, spec: PipelineRunSpec, pipeline: PipelineSpec, parameters: JSONObject,
        status: PipelineRunStatus, pipelineSnapshot: JSONValue? = nil, settings: EngineSettings = EngineSettings()
    ) {
        self.run = run
        self.generation = generation
        self.spec = spec
        self.parameters = parameters
        self.settings = settings
        self.pipelineSnapshot = pipelineSnapshot
        graph = TaskGraph(pipeline)
        results = pipeline.results
        desired = spec.state
        conditions = status.conditions

        tasks = graph.nodes.map { TaskState(status: TaskStatus(name: $0.spec.name), unmet: $0.dependencies.count) }
        for known in status.tasks {
            if let index = graph.indexByName[known.name] { tasks[index].status = known }
        }
        unfinishedMain = 0
        unfinished = 0
        for index in tasks.indices {
            if tasks[index].status.phase.isFinished {
                for dependent in graph.nodes[index].dependents { tasks[dependent].unmet -= 1 }
            } else {
                unfinished += 1
                if index < graph.mainCount { unfinishedMain += 1 }
                if tasks[index].status.phase == .running { activeCount += 1 }
            }
        }
        phase = status.phase
        startTime = status.startTime
        completionTime = status.completionTime
        if phase.isFinished {
            finalReason = status.reason
            finalMessage = status.message
            finalResults = status.results
        }
        // What has been decided is not taken back.
        switch status.stop {
        case .terminated: desired = .terminated
        case .cancelled: if desired != .terminated { desired = .cancelled }
        case .timedOut: timedOut = true
        case nil: break
        }
        output.statusChanged = status.observedGeneration != generation
        if phase != .cancelling, desired == .cancelled || desired == .terminated { noteDecision() }
        // Which pipeline the run has is told by the status alone: an edit of the Pipeline must not reach a run that has pods.
        if pipelineSnapshot != nil, status.pipelineSpec == nil { noteDecision() }
        for index in tasks.indices { noteFailure(index) }
        worklist = Array(tasks.indices)
    }

    /// Whether the run has ended and every pod of it has ended and been released: nothing is left to do.
    public var isDone: Bool { phase.isFinished && pods.isSettled }

    /// Whether something was decided that only the status can tell, and that no written status tells yet: no pod is created until
    /// ``statusWritten(through:)`` says so.
    public var awaitsWrite: Bool { decisions > writtenDecisions }

    /// The number of the last decision that only the status can tell: what a status that is rendered now includes.
    public var decisionCount: Int { decisions }

    /// How many pods were asked for and are neither known nor refused yet.
    public var createsUnderWay: Int { pods.creating.count }

    /// Whether the run has come to its end.
    public var hasFinished: Bool { phase.isFinished }

    mutating func noteDecision() { decisions += 1 }

    // MARK: What happens

    /// The user wants something else of the run, or edited what does not matter here.
    public mutating func specChanged(_ state: DesiredState, generation: Int64) {
        if generation != self.generation { output.statusChanged = true }
        self.generation = generation
        guard state != desired, !phase.isFinished else { return }
        switch (desired, state) {
        case (.terminated, _), (.cancelled, .running), (.cancelled, .suspended): return
        default: desired = state
        }
        if state == .cancelled || state == .terminated { noteDecision() }
        worklist.append(contentsOf: tasks.indices)
    }

    /// A pod as it is now. Pods that are not of this run are passed over, and so is a state that the pod has left behind.
    public mutating func podObserved(_ pod: Pod) {
        guard let identity = PodIdentity(pod.metadata, in: run), let task = graph.indexByName[identity.task] else {
            strayObserved(pod)
            return
        }
        let name = pod.metadata.name
        switch pods.observe(pod, identity, task: task) {
        case .outdated: return
        case .update: break
        case .discovery: if !tasks[task].pods.contains(name) { tasks[task].pods.append(name) }
        }
        if let created = pod.metadata.creationTimestamp, startTime.map({ created < $0 }) ?? true, !phase.isFinished {
            startTime = created
            output.statusChanged = true
        }
        // A pod is proof that its task had been started, whether or not the status came to tell (rule Q9).
        if tasks[task].status.phase == .pending { start(task, at: pod.metadata.creationTimestamp ?? startTime) }
        let attemptIsCurrent = identity.attempt == tasks[task].status.attempt
        if attemptIsCurrent, tasks[task].status.phase == .running, !tasks[task].status.pods.contains(name) {
            tasks[task].status.pods.append(name)
            tasks[task].status.pods.sort()
            output.statusChanged = true
        }
        worklist.append(task)
    }

    /// A pod of this run that belongs to none of its tasks: of a pipeline that the run had before a crash, or with labels that
    /// somebody has changed. It is ended, and its finalizer taken off, or it and its namespace would stay for ever.
    private mutating func strayObserved(_ pod: Pod) {
        guard pod.metadata.controller?.uid == run.uid, pod.holdsFinalizer || pods[pod.metadata.name] != nil else {
            return
        }
        let identity = PodIdentity(task: "", attempt: 0, replica: 0)
        if pods.observe(pod, identity, task: nil) != .outdated { strays.insert(pod.metadata.name) }
    }

    private mutating func releaseStrays() {
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
        if let task = pods.markGone(name, uid: uid)?.task { worklist.append(task) }
    }

    /// The pod as the API server itself has it at that time (``EngineAction/confirmPod(name:uid:)``).
    public mutating func podConfirmed(_ pod: Pod, now: Timestamp) {
        podObserved(pod)
        pods.confirm(pod.metadata.name, at: now)
        if let task = pods[pod.metadata.name]?.task { worklist.append(task) }
    }

    /// The pod that was asked for exists: the one just made, or one that an earlier create had made.
    public mutating func podCreated(_ pod: Pod) {
        pods.endCreate(pod.metadata.name)
        podObserved(pod)
    }

    /// The API server did not take a pod.
    public mutating func podCreateFailed(_ identity: PodIdentity, _ failure: PodCreateFailure, now: Timestamp) {
        guard let index = graph.indexByName[identity.task] else { return }
        let name = identity.name(in: run)
        pods.endCreate(name)
        if case .indeterminate = failure { pods.createUnanswered(name, until: now + settings.unansweredGrace) }
        worklist.append(index)
        guard tasks[index].status.phase == .running, tasks[index].status.attempt == identity.attempt,
            tasks[index].status.stopping == nil
        else { return }
        if case .invalid(let reason, let message) = failure {
            tasks[index].status.exitCode = nil
            noteDecision()
            stop(index, .failure(.failed), reason: reason, message: message)
            return
        }
        if tasks[index].createAfter == nil {
            // However many pods of a gang a round of creates has left out, it counts once.
            tasks[index].refusals += 1
            tasks[index].createAfter = now + settings.refusalBackoff.wait(afterFailures: tasks[index].refusals)
        }
        if case .indeterminate(let message) = failure, !message.isEmpty {
            setWaitingReason(index, reason: Reasons.podCreateFailed, message: message)
        }
        if case .denied(let reason, let message) = failure {
            setWaitingReason(index, reason: reason, message: message)
            if graph.nodes[index].spec.replicas > 1 {
                // Half a gang must not hold what the other half needs (rule Q8): all of it goes, and comes again together.
                noteDecision()
                stop(index, .failure(.infrastructure), reason: reason, message: message)
                // The time of the next attempt, set this early, says that nothing has failed: see `evaluateStopping`.
                tasks[index].status.nextAttemptTime = tasks[index].createAfter
            }
        }
    }

    /// A create that a step asked for is not sent after all, since ``stillWants(_:)`` is false by now.
    public mutating func createWithdrawn(_ identity: PodIdentity) {
        pods.endCreate(identity.name(in: run))
        if let index = graph.indexByName[identity.task] { worklist.append(index) }
    }

    /// Whether a pod that was asked for is still to be created: its attempt goes on. O(1).
    public func stillWants(_ identity: PodIdentity) -> Bool {
        guard let index = graph.indexByName[identity.task] else { return false }
        let status = tasks[index].status
        return status.phase == .running && status.attempt == identity.attempt && status.stopping == nil
    }

    /// A delete or the removal of a finalizer has failed: it is asked for again at the next step.
    public mutating func requestFailed(name: String) {
        pods.requestFailed(name)
        if let task = pods[name]?.task { worklist.append(task) }
    }

    /// A status is written that includes so many decisions (``decisionCount`` when it was rendered). Whether pods were held back
    /// until then: another step asks for them.
    public mutating func statusWritten(through count: Int) -> Bool {
        let wasWaiting = awaitsWrite
        writtenDecisions = max(writtenDecisions, count)
        guard wasWaiting, !awaitsWrite else { return false }
        worklist.append(contentsOf: tasks.indices)
        return true
    }

    // MARK: The step

    /// Decides on all that has happened since the last step. A second step with nothing in between does nothing (rule E14).
    public mutating func step(now: Timestamp) -> EngineOutput {
        updateRunTimeout(now: now)
        while let timer = timers.takeDue(now) {
            switch timer {
            case .run: runTimer = nil
            case .task(let task):
                tasks[task].timer = nil
                worklist.append(task)
            }
        }
        var next = 0
        var finallyIsOpen = unfinishedMain == 0
        while true {
            while next < worklist.count {
                evaluate(worklist[next], now: now)
                next += 1
            }
            if !finallyIsOpen, unfinishedMain == 0 {
                finallyIsOpen = true
                worklist.append(contentsOf: graph.mainCount..<tasks.count)
                continue
            }
            if startNext(now: now) { continue }
            break
        }
        worklist.removeAll(keepingCapacity: true)
        if !strays.isEmpty { releaseStrays() }
        finishIfOver(now: now)
        updatePhase()
        output.wakeUp = phase.isFinished ? nil : timers.earliest
        defer { output = EngineOutput() }
        return output
    }

    /// The run's time-out counts from its first pod; once it is over, that stays so.
    private mutating func updateRunTimeout(now: Timestamp) {
        guard let timeout = spec.timeout, let startTime, !timedOut, !phase.isFinished, unfinishedMain > 0 else {
            return
        }
        let due = startTime + timeout
        if due <= now {
            timedOut = true
            noteDecision()
            output.statusChanged = true
            worklist.append(contentsOf: tasks.indices)
        } else if runTimer == nil {
            runTimer = due
            timers.add(due, .run)
        }
    }

    private mutating func updatePhase() {
        guard !phase.isFinished else { return }
        let newPhase: RunPhase =
            switch desired {
            case .cancelled, .terminated: .cancelling
            case .suspended: .suspended
            case .running: .running
            }
        if phase == .pending, newPhase == .running {
            emit(reason: Reasons.started, "the run has started: \(tasks.count) tasks")
        } else if newPhase != phase, phase != .pending || newPhase != .running {
            switch newPhase {
            case .suspended: emit(reason: Reasons.suspended, "the run is suspended: nothing new starts")
            case .cancelling: emit(reason: Reasons.cancelling, "the run is being cancelled")
            default: emit(reason: Reasons.resumed, "the run goes on")
            }
        }
        if newPhase != phase {
            phase = newPhase
            output.statusChanged = true
        }
    }

    /// Ends the run once no task of it is left.
    private mutating func finishIfOver(now: Timestamp) {
        guard unfinished == 0, !phase.isFinished else { return }
        let last = tasks.compactMap(\.status.completionTime).max()
        completionTime = last ?? now
        output.statusChanged = true
        if desired == .cancelled || desired == .terminated {
            phase = .cancelled
            finalReason = desired.rawValue
            finalMessage = "the run was \(desired == .cancelled ? "cancelled" : "terminated") by its spec.state"
        } else if timedOut, firstFailure ?? .max >= graph.mainCount {
            phase = .failed
            finalReason = Reasons.runTimeout
            finalMessage = "the run took longer than its timeout of \(spec.timeout.map(\.goText) ?? "")"
        } else if let firstFailure {
            phase = .failed
            let task = tasks[firstFailure].status
            finalReason = task.reason
            finalMessage = "task \(task.name) failed: \(task.message)"
        } else {
            phase = .succeeded
            finalReason = Reasons.succeeded
            let forgiven = tasks.indices.filter(isForgiven).map { tasks[$0].status.name }
            finalMessage =
                forgiven.isEmpty
                ? "all tasks have ended well"
                : "the run succeeded; forgiven failures: \(forgiven.prefix(10).joined(separator: ", "))"
                    + (forgiven.count > 10 ? " and \(forgiven.count - 10) more" : "")
            for result in results {
                if let value = try? result.value.substitutingReferences({ try resolve($0, in: nil) }) {
                    finalResults[result.name] = value
                }
            }
        }
        emit(isWarning: phase != .succeeded, reason: phase.rawValue, finalMessage)
    }

    /// Has a task looked at again at that time, or before.
    mutating func wake(_ index: Int, at time: Timestamp) {
        if let timer = tasks[index].timer, timer <= time { return }
        tasks[index].timer = time
        timers.add(time, .task(index))
    }

    mutating func emit(isWarning: Bool = false, reason: String, _ message: String) {
        output.events.append(EngineEvent(isWarning: isWarning, reason: reason, message: message))
    }

    /// Shows why a task waits, without deciding anything.
    mutating func setWaitingReason(_ index: Int, reason: String, message: String) {
        guard tasks[index].status.reason != reason || tasks[index].status.message != message else { return }
        tasks[index].status.reason = reason
        tasks[index].status.message = message
        output.statusChanged = true
    }
}

extension Pod {
    /// Whether the pod still holds Sluice's finalizer.
    var holdsFinalizer: Bool { metadata.finalizers.contains(Sluice.podFinalizer) }
}
