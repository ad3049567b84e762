import HeapModule
public import JSON
public import KubernetesModel
public import SluiceAPI

/// One run as it goes on: told what happens to its pods and what its user wants, it says what to do next and what the
/// status is. Pure: no clock, no I/O; the same history gives the same decisions, and an engine made anew from the status it
/// wrote last and the pods that exist goes on where the old one was (rule E14).
///
/// A run is a tree: a scope has a node for each task of its plan; a node with forEach has one for each item; a node that runs a
/// pipeline has a scope. Nodes and scopes lie in arrays that only grow, and nothing here is recursive.
///
/// Incremental: an event about one pod costs the work on its node and on what that makes ready, not a walk over the tree.
public struct RunEngine: Sendable {
    let run: RunIdentity
    let spec: PipelineRunSpec
    let settings: EngineSettings
    let pipelineSnapshot: JSONValue?
    let template: PodBuilder
    let admissionMode: AdmissionMode

    var generation: Int64
    var desired: DesiredState
    var nodes: [RunNode] = []
    var scopes: [RunScope] = []
    var groups: [RunGroup] = []
    /// The newest node of each path.
    var nodeByPath: [String: Int] = [:]
    /// What the newest expanded node of each path was expanded to.
    var lastBodies: [String: RunNode.Body] = [:]
    var pods = PodLedger()
    /// Pods of the run that belong to none of its tasks.
    var strays: Set<String> = []
    /// Pods of nodes that do not exist yet, under the deepest node above them that does: to be had when that one is expanded.
    var parked: [Int: [Pod]] = [:]

    /// The Pipelines of tasks as they are kept in the status, their plans, and the nodes that wait for those that are not there.
    var pipelines: JSONObject
    var plans: [String: Plan] = [:]
    var awaitedPipelines: [String: [Int]] = [:]
    /// What the tasks of each wait for: a status that tells what it is.
    var pipelineBarriers: [String: Int] = [:]

    var phase = RunPhase.pending
    var startTime: Timestamp?
    var completionTime: Timestamp?
    var finalReason = ""
    var finalMessage = ""
    var finalResults = JSONObject()
    /// The status of a run that had ended when this engine was made.
    private(set) var finalStatus: PipelineRunStatus?
    var conditions: [Condition]
    var timedOut = false
    /// Whether nothing was admitted in time.
    var queueTimedOut = false
    /// When the run was created; nil where that is not known.
    let arrival: Timestamp?
    /// Whether the API server refused the status for its size.
    var isTooLarge = false

    /// Nodes to look at, and those that wait for a slot: of pods, and of what needs no slot of the run.
    private var worklist: [Int] = []
    var readyPods = Heap<ReadyEntry>()
    var readyOthers = Heap<ReadyEntry>()
    var timers = Timers()
    /// When the timer of the run's time-out is due, once it is set.
    var runTimer: Timestamp?
    /// Attempts of pods that run: what the run's parallelism limits.
    var activeCount = 0
    /// How many of these wait for admission.
    var waitingCount = 0
    /// Where the run waits, or waited.
    var queuePlace: QueuePlace?
    /// Whether the user was told that the run waits.
    var hasToldQueued = false

    /// What is left of a run that is admitted as a whole, as it was told last, and what it is made of.
    var toldDemand: RunDemand?
    var demandTemplates: [JSONValue] = []
    var demandTemplateIndices: [ObjectIdentifier: Int] = [:]
    /// Whether something else than an end has changed it since, and how many tasks have ended.
    var isDemandOld = true
    /// Whether all of it waits since nodes did not take its pods in time.
    var wasTakenDown = false
    var endsUntold = 0

    /// Nodes that the status tells of: not those of earlier attempts of sub-pipelines, which a restart does not know.
    var liveCount = 0
    /// Bytes of the results that are kept, as JSON.
    var resultBytes = 0
    /// The number of the last decision to keep results, or to refuse them.
    private var resultBarrier = 0

    /// The number of the last decision that the pods do not tell (a time was over, a pod was refused, the user cancelled), and of
    /// the last one that the written status tells. What follows from a decision must not exist before the decision is written, or a
    /// crash in between would undo it: so each node has a barrier, and its pods wait until the status has come that far.
    private var decisions = 0
    private var writtenDecisions = 0
    /// The last one that the status is to tell at once.
    private var urgentDecisions = 0
    /// The barrier of all nodes.
    private var commonBarrier = 0
    /// The barrier of those that take a slot which was given back.
    var slotBarrier = 0
    /// Nodes that wait at their barrier.
    private var waiting: Set<Int> = []

    var output = EngineOutput()

    /// The scope of the run itself.
    static let root = 0

    /// An engine for a run in the state that its status tells. `parameters` are resolved: defaults filled in, types right.
    /// `pipelineSnapshot` is kept in the status for runs by `pipelineRef`. O(tasks + edges).
    public init(
        run: RunIdentity, created arrival: Timestamp? = nil, generation: Int64, spec: PipelineRunSpec,
        pipeline: PipelineSpec, parameters: JSONObject,
        status: PipelineRunStatus, pipelineSnapshot: JSONValue? = nil, admission: AdmissionMode = .always,
        settings: EngineSettings = EngineSettings()
    ) {
        self.run = run
        self.arrival = arrival
        admissionMode = admission
        self.generation = generation
        self.spec = spec
        self.settings = settings
        self.pipelineSnapshot = pipelineSnapshot
        template = PodBuilder(run: run, runTemplate: spec.podTemplate)
        desired = spec.state
        conditions = status.conditions
        queuePlace = status.queue
        hasToldQueued = status.phase == .queued
        pipelines = status.pipelines
        for (name, pipeline) in pipelines { plans[name] = Plan(PipelineSpec(validated: pipeline)) }

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
        case .queueTimedOut: queueTimedOut = true
        case .tooLarge: isTooLarge = true
        case nil: break
        }
        addScope(Plan(pipeline), owner: nil, parameters: parameters)
        restore(status.allTasks)
        if phase.isFinished {
            // Rows that had no room are not known any more: what is left to do is to let pods go.
            finalStatus = status
            for index in nodes.indices where !nodes[index].status.phase.isFinished {
                nodes[index].status.phase = .skipped
            }
        }
        output.statusChanged = status.observedGeneration != generation
        if phase != .cancelling, desired == .cancelled || desired == .terminated { noteCommonDecision() }
        // Which pipeline the run has is told by the status alone: an edit of the Pipeline must not reach a run that has pods.
        if pipelineSnapshot != nil, status.pipelineSpec == nil { noteCommonDecision() }
        listAll()
    }

    /// Whether the run has ended and every pod of it has ended and been released: nothing is left to do.
    public var isDone: Bool { phase.isFinished && parked.isEmpty && pods.isSettled }

    /// Whether something was decided that only the status can tell, that no written status tells yet, and that is worth a write.
    public var awaitsWrite: Bool { urgentDecisions > writtenDecisions }

    /// The number of the last decision that only the status can tell: what a status that is rendered now includes.
    public var decisionCount: Int { decisions }

    /// How many pods were asked for and are neither known nor refused yet.
    public var createsUnderWay: Int { pods.creating.count }

    /// The names of the pods that a status tells of and that may run.
    public var runningPods: [String] { nodes.flatMap { $0.status.phase == .running ? $0.status.pods : [] } }

    /// Whether the run has asked for admission and nobody has answered.
    public var awaitsAnswer: Bool { phase == .queued && !hasToldQueued }

    /// Whether the run has come to its end.
    public var hasFinished: Bool { phase.isFinished }

    /// The names of the Pipelines that tasks wait for: answer with ``pipelineFound(_:_:)``, or when one comes.
    public var wantedPipelines: [String] { awaitedPipelines.keys.sorted() }

    // MARK: Decisions that only the status tells

    /// A decision about one node: what it and its dependents do next waits for a status that tells it.
    mutating func noteDecision(_ index: Int) {
        decisions += 1
        urgentDecisions = decisions
        nodes[index].barrier = decisions
    }

    /// A decision about the whole run.
    mutating func noteCommonDecision() {
        decisions += 1
        urgentDecisions = decisions
        commonBarrier = decisions
    }

    /// A decision about results. Where room for them is scarce it depends on who came first, and no pod is made before a status tells
    /// it; in all other runs nothing waits for that.
    mutating func noteResultDecision() {
        decisions += 1
        resultBarrier = decisions
    }

    /// Whether the node must wait for a status before it may have pods; it is looked at again when that is written.
    mutating func isHeldBack(_ index: Int) -> Bool {
        let node = nodes[index]
        let scope = scopes[node.scope]
        let barrier = max(
            node.barrier, commonBarrier, scope.barrier, node.task.isFinally ? scope.endBarrier : 0,
            areResultsScarce ? resultBarrier : 0)
        guard barrier > writtenDecisions else { return false }
        waiting.insert(index)
        return true
    }

    /// A status is written that includes so many decisions (``decisionCount`` when it was rendered). Whether pods were held back
    /// until then: another step asks for them.
    public mutating func statusWritten(through count: Int) -> Bool {
        writtenDecisions = max(writtenDecisions, count)
        guard !waiting.isEmpty else { return false }
        let held = waiting.sorted()
        waiting = []
        for index in held where !isHeldBack(index) { list(index) }
        return waiting.count < held.count
    }

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
        if state == .cancelled || state == .terminated { noteCommonDecision() }
        if desired == .suspended {
            for index in nodes.indices where nodes[index].admission == .waiting { askLater(index) }
        }
        isDemandOld = true
        listAll()
    }

    /// The API server does not store the status, which is too large. All that runs is stopped, and from now on the status tells only
    /// what a person needs, so that the run can end.
    public mutating func statusTooLarge() {
        guard !isTooLarge else { return }
        isTooLarge = true
        output.statusChanged = true
        if !phase.isFinished { noteCommonDecision() }
        listAll()
    }

    /// A Pipeline that tasks wait for, validated: the run goes by it as it is now, whatever becomes of it later.
    public mutating func pipelineFound(_ name: String, _ pipeline: JSONValue) {
        guard plans[name] == nil, let nodes = awaitedPipelines.removeValue(forKey: name) else { return }
        pipelines[name] = pipeline
        plans[name] = Plan(PipelineSpec(validated: pipeline))
        output.statusChanged = true
        for index in nodes {
            noteDecision(index)
            list(index)
        }
        pipelineBarriers[name] = decisions
    }

    /// A Pipeline that tasks wait for is there, and not valid.
    public mutating func pipelineInvalid(_ name: String, _ message: String, now: Timestamp) {
        for index in awaitedPipelines.removeValue(forKey: name) ?? [] {
            noteDecision(index)
            finish(index, .failed, reason: Reasons.invalidPipeline, message: message, now: now)
        }
    }

    // MARK: What is to be looked at

    /// Has a node looked at in this step or the next.
    mutating func list(_ index: Int) {
        guard !nodes[index].isListed else { return }
        nodes[index].isListed = true
        worklist.append(index)
    }

    mutating func listAll() {
        for index in nodes.indices { list(index) }
    }

    /// Has all of a scope looked at, at every depth; what it does waits for a status that tells so many decisions.
    mutating func listTree(of scope: Int, barrier: Int = 0) {
        var open = [scope]
        while let next = open.popLast() {
            for index in scopes[next].nodes {
                var members = index..<index + 1
                if case .group(let group) = nodes[index].body {
                    list(index)
                    nodes[index].barrier = max(nodes[index].barrier, barrier)
                    members = groups[group].nodes
                }
                for member in members {
                    list(member)
                    nodes[member].barrier = max(nodes[member].barrier, barrier)
                    if case .scope(let inner) = nodes[member].body { open.append(inner) }
                }
            }
        }
    }

    /// Has a node looked at again at that time, or before.
    mutating func wake(_ index: Int, at time: Timestamp) {
        if let timer = nodes[index].timer, timer <= time { return }
        nodes[index].timer = time
        timers.add(time, .node(index))
    }

    // MARK: The step

    /// Decides on all that has happened since the last step: ends first, then time-outs, then starts. A second step with nothing in
    /// between does nothing (rule E14).
    public mutating func step(now: Timestamp) -> EngineOutput {
        repeat {
            // What needs no slot is under way before time-outs are looked at, as it was in an operator that was there all the time.
            repeat { evaluateListed(now: now) } while startNext(now: now, withSlots: false)
            takeDueTimers(now: now)
        } while !worklist.isEmpty || startNext(now: now)
        if !strays.isEmpty { releaseStrays() }
        finishIfOver(now: now)
        updatePhase()
        tellDemand()
        // A pod that came to light after the end may still have to be ended, and not have ended in time.
        output.wakeUp = phase.isFinished && pods.isSettled ? nil : timers.earliest
        defer { output = EngineOutput() }
        return output
    }

    private mutating func evaluateListed(now: Timestamp) {
        var next = 0
        while next < worklist.count {
            let index = worklist[next]
            nodes[index].isListed = false
            evaluate(index, now: now)
            next += 1
        }
        worklist.removeAll(keepingCapacity: true)
    }

    private mutating func takeDueTimers(now: Timestamp) {
        updateRunTimeout(now: now)
        while let timer = timers.takeDue(now) {
            switch timer {
            case .run:
                runTimer = nil
                updateRunTimeout(now: now)
            case .node(let index):
                nodes[index].timer = nil
                updateTimeout(ofPipeline: index, now: now)
                list(index)
            }
        }
    }

    private mutating func evaluate(_ index: Int, now: Timestamp) {
        switch (nodes[index].status.phase, nodes[index].kind) {
        case (.pending, _): considerStart(index, now: now)
        case (.running, .leaf): evaluateAttempt(index, now: now)
        case (.running, .group): evaluateGroup(index, now: now)
        case (.running, .pipeline): evaluatePipeline(index, now: now)
        default: break
        }
        if nodes[index].status.phase.isFinished, parked[index] != nil { unpark(index) }
        releasePods(of: index, now: now)
    }

    /// The run's time-out counts from its first pod; once it is over, that stays so.
    private mutating func updateRunTimeout(now: Timestamp) {
        updateQueueTimeout(now: now)
        guard let timeout = spec.timeout, timeout > .zero, let startTime, !timedOut, !phase.isFinished,
            scopes[Self.root].unfinishedMain > 0
        else { return }
        let due = startTime + timeout
        if due <= now {
            timedOut = true
            noteCommonDecision()
            output.statusChanged = true
            listAll()
        } else {
            wakeRun(at: due)
        }
    }

    /// The time in the queue counts from the run's creation, and is over with the first admission.
    private mutating func updateQueueTimeout(now: Timestamp) {
        guard let timeout = spec.queueTimeout, timeout > .zero, let arrival, !queueTimedOut, startTime == nil,
            activeCount == waitingCount, !phase.isFinished, scopes[Self.root].unfinishedMain > 0
        else { return }
        let due = arrival + timeout
        if due <= now {
            queueTimedOut = true
            noteCommonDecision()
            output.statusChanged = true
            listAll()
        } else {
            wakeRun(at: due)
        }
    }

    /// Has the run's time-outs looked at again at that time, or before.
    private mutating func wakeRun(at time: Timestamp) {
        if let runTimer, runTimer <= time { return }
        runTimer = time
        timers.add(time, .run)
    }

    private mutating func updatePhase() {
        guard !phase.isFinished else { return }
        let newPhase: RunPhase =
            switch desired {
            case _ where isTooLarge: .cancelling
            case .cancelled, .terminated: .cancelling
            case .suspended: .suspended
            case .running: waitingCount > 0 && waitingCount == activeCount && startTime == nil ? .queued : .running
            }
        if phase == .pending || phase == .queued, newPhase == .running {
            let count = scopes[Self.root].nodes.count
            emit(reason: Reasons.started, "the run has started: \(count == 1 ? "1 task" : "\(count) tasks")")
        } else if newPhase != phase, newPhase != .queued {
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

    mutating func emit(isWarning: Bool = false, reason: String, _ message: String) {
        output.events.append(EngineEvent(isWarning: isWarning, reason: reason, message: message))
    }

    /// Shows why a task waits, without deciding anything.
    mutating func setWaitingReason(_ index: Int, reason: String, message: String) {
        guard nodes[index].status.reason != reason || nodes[index].status.message != message else { return }
        nodes[index].status.reason = reason
        nodes[index].status.message = message
        output.statusChanged = true
    }
}

extension Pod {
    /// Whether the pod still holds Sluice's finalizer.
    var holdsFinalizer: Bool { metadata.finalizers.contains(Sluice.podFinalizer) }
}
