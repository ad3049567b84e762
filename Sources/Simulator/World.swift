import GangQueue
import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI

/// A cluster with its people and its operator, in virtual time. What happens in one instant is taken in before the operator decides.
final class World {
    /// Where nothing else is said and things may go on for ever.
    static let defaultLimit = Duration.seconds(24 * 3600)

    let input: SimulationInput
    var now: Timestamp
    var queue = EventQueue()
    /// All runs that ever were, in the order in which they came.
    var runs: [SimulatedRun] = []
    var runByName: [RunName: Int] = [:]
    var pipelines: [RunName: JSONValue] = [:]
    /// All ScheduledRuns that ever were, in the order in which they came.
    var schedules: [SimulatedSchedule] = []
    var scheduleByName: [RunName: Int] = [:]
    /// How often somebody has asked for a run by hand.
    var triggers = 0
    var admissions: [SimulationReport.Admission] = []
    var refused: [SimulationReport.Refusal]
    var podsCreated = 0

    /// Whether anything is there that a queue decides by: a Node, a Queue, or a run that names one. Without, every attempt begins at
    /// once.
    let usesQueue: Bool
    /// Whether no Node ever is: then the capacity has no end.
    let isEndless: Bool
    var cluster = SimulatedCluster()
    var admission = SimulatedAdmission()
    var usage: Usage
    var preemptions: [SimulationReport.Preemption] = []
    /// Pods that were let in and have no node.
    var unbound: [UnboundPod] = []
    /// For tests: all that happened in an instant has happened.
    var onInstant: ((World) -> Void)?
    private var knownChanges = -1

    struct UnboundPod {
        var run: Int
        var pod: Int
        var manifest: JSONValue
        var queue: String
    }

    var isOperatorRunning = true
    /// By how much the operator's wall clock is ahead of the world's time.
    var clockOffset = Duration.zero
    /// The spec that was looked at last, and what it comes to.
    var lastPrepared: (spec: JSONValue, preparation: RunPreparation)?
    /// Runs that the operator is to look at in this instant.
    private var touched: [Int] = []
    /// Likewise schedules.
    var touchedSchedules: [Int] = []
    /// What stands for runs that were deleted, of which there may be very many.
    let goneRun: SimulatedRun

    var start: Timestamp { input.scenario.start }
    /// What the operator's wall clock shows.
    var operatorNow: Timestamp { now + clockOffset }
    /// The operator's monotonic clock.
    var monotonic: Duration { now - start }

    init(_ input: SimulationInput) {
        self.input = input
        now = input.scenario.start
        refused = input.refused
        usesQueue = input.usesQueue
        isEndless = !input.hasNodes
        usage = Usage(start: now)
        goneRun = SimulatedRun(RunName(namespace: "", name: ""), uid: "", document: [:], now: now)
        goneRun.isDeleted = true
        for object in input.cluster { cluster.set(object) }
        for pipeline in input.pipelines { pipelines[pipeline.name] = pipeline.document["spec"] ?? [:] }
        for (index, arrival) in input.arrivals.enumerated() { queue.add(now + arrival.at, .arrival(index)) }
        for (index, action) in input.scenario.actions.enumerated() { queue.add(now + action.at, .action(index)) }
        for schedule in input.schedules { addSchedule(schedule) }
        rebuildQueue()
        noteUsage()
    }

    /// Lets everything happen.
    func run() {
        let limit = input.scenario.until.map { start + $0 }
        while let time = queue.nextTime {
            if let limit, time > limit { break }
            if limit == nil, time > start + Self.defaultLimit, neverEnds(at: time) {
                now = max(now, start + Self.defaultLimit)
                break
            }
            if usesQueue { usage.advance(to: time, isBusy: isBusy) }
            now = time
            while let event = queue.take(at: time) { handle(event) }
            repeat {
                if !unbound.isEmpty { bindPods() }
                if isOperatorRunning {
                    repeat {
                        settleTouched()
                        lookAtSchedules()
                    } while !touched.isEmpty
                }
            } while decide()
            noteUsage()
            onInstant?(self)
        }
        if let limit { now = limit }
        if usesQueue { usage.advance(to: now, isBusy: isBusy) }
        noteDeserved()
    }

    private func settleTouched() {
        let looked = touched.sorted()
        touched = []
        for index in looked {
            let run = runs[index]
            run.isTouched = false
            let wasFinished = run.finished != nil
            settle(index)
            if !wasFinished, run.finished != nil, let schedule = run.schedule { touchSchedule(schedule) }
        }
    }

    /// Whether anything waits or runs.
    private var isBusy: Bool { usage.pods > 0 || !admission.waiting.isEmpty }

    private func noteUsage() {
        guard usesQueue else { return }
        let isChanged = knownChanges != cluster.changes
        guard isChanged || usage.isChanged else { return }
        knownChanges = cluster.changes
        if isChanged { for name in cluster.queues.keys { usage.know(name) } }
        if !isEndless, isChanged || cluster.nodes.values.contains(where: { !$0.schedulable }) {
            usage.setCapacity(cluster.nodes, foreign: cluster.foreign)
        }
        usage.note(parents: cluster.queues.compactMapValues(\.parent))
    }

    /// Whether all that is left to happen is that pods ask for nodes which never come, or slots of schedules that have no end with
    /// what comes of them.
    private func neverEnds(at time: Timestamp) -> Bool {
        queue.hasOnlyDecisions
            || time > start + input.lastOffset && schedules.contains(where: \.isEndless)
            || queue.ownCount == 0
                && runs.contains { $0.mayWaitForEver && !$0.isDeleted && !$0.written.phase.isFinished }
    }

    /// Has the operator look at a run in this instant.
    func touch(_ index: Int) {
        guard !runs[index].isTouched, !runs[index].isDeleted else { return }
        runs[index].isTouched = true
        touched.append(index)
    }

    private func handle(_ event: EventQueue.Event) {
        switch event {
        case .podEnd(let run, let pod, let isDeadline): endPod(run, pod, isDeadline: isDeadline)
        case .arrival(let index): addRun(input.arrivals[index].run)
        case .action(let index): perform(input.scenario.actions[index].action)
        case .wake(let index):
            guard runs[index].wakeAt == now else { return }
            runs[index].wakeAt = nil
            touch(index)
        case .look(let index):
            guard schedules[index].wakeAt == now else { return }
            schedules[index].wakeAt = nil
            touchSchedule(index)
        case .decide:
            guard admission.wakeAt == now else { return }
            admission.wakeAt = nil
            if isOperatorRunning { admission.isDue = true }
        }
    }

    /// A run comes into being, by a schedule or by itself.
    func addRun(_ object: SimulationInput.Object, of schedule: Int? = nil) {
        guard runByName[object.name] == nil else {
            refuse(object, "it exists already")
            return
        }
        let index = runs.count
        runs.append(SimulatedRun(object.name, uid: "run-\(index)", document: object.document, now: now))
        if let schedule {
            runs[index].isOf(schedule, object.document)
            schedules[schedule].runs.append(index)
        }
        runByName[object.name] = index
        touch(index)
    }

    func refuse(_ object: SimulationInput.Object, _ message: String) {
        refused.append(
            SimulationReport.Refusal(
                kind: object.document["kind"]?.string ?? "", name: object.name.description, message: message))
    }
}
