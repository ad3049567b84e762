import JSON
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import SeededRandom
import SluiceAPI
import Synchronization

/// One seed: its runs, in a world as rough as its profile says, until all of them have ended.
struct World {
    let seed: UInt64
    let scenario: WorldScenario
    let profile: FaultProfile
    private var leader: OperatorHarness
    private var standby: OperatorHarness?
    private var random: SeededGenerator
    /// Runs that a user has cancelled, and names under which one was deleted.
    private var cancelled: Set<String> = []
    private var deleted: Set<String> = []

    private var cluster: FakeCluster { leader.cluster }

    init(seed: UInt64, tellsStory: Bool = false) {
        self.seed = seed
        let scenario = WorldScenario(seed: seed)
        self.scenario = scenario
        profile = FaultProfile(seed: seed)
        leader = OperatorHarness(
            seed: seed, profile: profile,
            plan: scenario.plan)
        random = SeededGenerator(mixing: seed, 0xD0)
        if seed >= WorldScenario.firstQueuedSeed {
            leader.hasQueues = true
            // Small enough that most worlds have to wait; the largest gang fits.
            let least = (scenario.mostPods + 2) / 3
            for number in 0..<3 { leader.cluster.setNode("node-\(number)", pods: max(least, random.pick(3...6))) }
        }
        if tellsStory { leader.cluster.state.withLock { $0.story = [] } }
    }

    /// What was wrong.
    mutating func run() -> [String] {
        defer {
            standby?.end()
            leader.end()
        }
        let cluster = cluster
        drawLags()
        for run in scenario.runs {
            cluster.after(run.after) { cluster.addRun(run.name, spec: run.spec) }
        }
        leader.startOperator()
        var moments: [(time: Int, isKill: Bool)] = []
        for _ in 0..<profile.kills { moments.append((random.pick(0...15_000), true)) }
        for _ in 0..<profile.userActions { moments.append((random.pick(0...15_000), false)) }
        var time = 0
        for moment in moments.sorted(by: { ($0.time, $0.isKill ? 1 : 0) < ($1.time, $1.isKill ? 1 : 0) }) {
            leader.simulation.run(for: .milliseconds(Int64(moment.time - time)))
            time = moment.time
            if moment.isKill { changeOperator() } else { act() }
        }
        leader.simulation.run(for: .milliseconds(Int64(max(0, 16_000 - time))))
        var problems: [String] = []
        if !runUntilDone() {
            let held = cluster.state.withLock { state in
                state.pods.sorted { $0.key < $1.key }
                    .filter { !($0.value["metadata"]?["finalizers"]?.array ?? []).isEmpty }
            }
            problems.append("not all runs ended and let go of their pods: \(held.map(\.key.name))")
            for (_, pod) in held { cluster.tell("held: \(pod.text)") }
        }
        // Nothing fails any more: what is left of them goes.
        cluster.profile.withLock { $0.requests = [:] }
        cluster.state.withLock { $0.lags = [:] }
        for _ in 0..<30 where leader.observer.keptRuns > 0 || leader.observer.keptChanges > 0 {
            leader.simulation.run(for: .seconds(20))
        }
        if leader.observer.keptRuns > 0 { problems.append("the operator keeps \(leader.observer.keptRuns) runs") }
        if leader.observer.keptChanges > 0 { problems.append("the operator keeps changes of pods") }
        let state = cluster.state.withLock { $0 }
        problems += state.violations
        for run in scenario.runs { check(run, state, &problems) }
        if let story = state.story { print(story.joined(separator: "\n")) }
        return problems
    }

    private mutating func drawLags() {
        guard profile.lag > .zero else { return }
        for kind in ["pods", "runs"] {
            let lag = random.chance(0.7) ? profile.lag * random.chance01() : .zero
            cluster.state.withLock { $0.lags[kind] = lag }
        }
    }

    private mutating func changeOperator() {
        let isHanded = profile.hasStandby && random.chance(0.6)
        if isHanded {
            var next = OperatorHarness(beside: leader)
            next.hasQueues = leader.hasQueues
            next.startOperator(asStandby: true)
            leader.simulation.run(for: .milliseconds(Int64(random.pick(0...3000))))
            cluster.tell("the operator is killed, the standby leads")
            leader.killOperator()
            leader = next
            drawLags()
            leader.simulation.run(for: .milliseconds(Int64(random.pick(0...500))))
            leader.promote()
        } else {
            cluster.tell("the operator is killed")
            leader.killOperator()
            leader.simulation.run(for: .milliseconds(Int64(random.chance(0.7) ? random.pick(0...300) : 5000)))
            drawLags()
            cluster.tell("the operator is started")
            leader.startOperator()
        }
    }

    /// A user does something to a run.
    private mutating func act() {
        let run = random.pick(scenario.runs)
        let key = ObjectKey(namespace: "team", name: run.name)
        let cluster = cluster
        let kind = random.pick(0...9)
        let pause = Duration.milliseconds(Int64(random.pick(10...20_000)))
        let again = random.chance(0.4)
        guard cluster.state.withLock({ $0.runs[key] != nil }) else { return }
        switch kind {
        case 0, 1:
            cluster.tell("user cancels \(run.name)")
            cancelled.insert(run.name)
            cluster.editRun(key) { $0["spec"]?["state"] = kind == 0 ? "Cancelled" : "Terminated" }
        case 2, 3, 4:
            cluster.tell("user suspends \(run.name)")
            cluster.editRun(key) { if $0["spec"]?["state"] == nil { $0["spec"]?["state"] = "Suspended" } }
            cluster.after(pause) {
                cluster.tell("user resumes \(run.name)")
                cluster.editRun(key) { if $0["spec"]?["state"] == "Suspended" { $0["spec"]?["state"] = nil } }
            }
        case 5:
            cluster.tell("user deletes \(run.name)")
            deleted.insert(run.name)
            cluster.deleteRunAsUser(key)
            if again {
                cluster.after(pause) {
                    if cluster.state.withLock({ $0.runs[key] == nil }) { cluster.addRun(run.name, spec: run.spec) }
                }
            }
        case 6, 7:
            let pods = cluster.state.withLock { $0.pods.keys.sorted() }
            guard !pods.isEmpty else { return }
            let pod = random.pick(pods)
            cluster.tell("user deletes pod \(pod.name)")
            cluster.deletePodAsUser(pod, grace: 3)
        default:
            cluster.tell("user labels \(run.name)")
            cluster.editRun(key) { $0["metadata"]?["labels"] = ["edited": "yes"] }
        }
    }

    private func runUntilDone() -> Bool {
        let end = leader.simulation.clock.monotonic + .seconds(6 * 3600)
        var step = Duration.milliseconds(200)
        while leader.simulation.clock.monotonic < end {
            leader.simulation.run(for: step)
            step = min(step * 1.3, .seconds(60))
            let isDone = cluster.state.withLock { state in
                state.runs.values.allSatisfy { run in
                    run["status"]?["phase"]?.string.flatMap(RunPhase.init(rawValue:))?.isFinished ?? false
                }
                    && state.pods.values.allSatisfy {
                        ($0["metadata"]?["finalizers"]?.array ?? []).isEmpty
                    }
            }
            if isDone { return true }
        }
        return false
    }

    private func check(_ run: WorldScenario.Run, _ state: FakeCluster.State, _ problems: inout [String]) {
        guard let object = state.runs[ObjectKey(namespace: "team", name: run.name)],
            let found = try? PipelineRun(object)
        else {
            if !deleted.contains(run.name) { problems.append("\(run.name) is not there") }
            return
        }
        let isRejected = state.rejected.contains { $0.hasPrefix("create \(run.name)-") }
        var ends: Set<RunPhase> = isRejected ? [.failed, .succeeded] : [run.end]
        if cancelled.contains(run.name) { ends.insert(.cancelled) }
        if !ends.contains(found.status.phase) {
            problems.append(
                "\(run.name) ended as \(found.status.phase) (\(found.status.reason): \(found.status.message)), not as "
                    + ends.map(\.rawValue).sorted().joined(separator: " or "))
        }
        guard !isRejected, !cancelled.contains(run.name) else { return }
        for (task, end) in zip(run.tasks, run.ends) {
            let status = found.status.tasks.first { $0.name == task.name }
            if run.policy == .continueOthers, status?.phase != end {
                problems.append("\(run.name): task \(task.name) is \(status?.phase.rawValue ?? "-"), not \(end)")
            }
            guard task.replicas == 1, run.policy != .cancel else { continue }
            // Whether the main container or the deletion was first, two clocks that differ cannot tell.
            if profile.clockSkew > .zero, profile.sidecars > 0 { continue }
            // Nor can they within one second, where the sidecar keeps the pod from ending and it is evicted or deleted by force.
            if profile.forcedDeletions > 0 || profile.evictions > 0, profile.sidecars > 0 { continue }
            // A create whose answer was lost, and that had its effect after it was repeated: see `WorldTests.limits`.
            let isLate = state.lateCreates.contains {
                $0.hasPrefix("\(run.name)-\(task.name)-") && state.created[$0, default: 0] > 1
            }
            if isLate { continue }
            for path in task.paths {
                let status = found.status.tasks.first { $0.name == path }
                let successes = state.ownSuccesses["\(found.metadata.uid)/\(path)"] ?? []
                for attempt in successes.sorted() where status?.phase != .succeeded || status?.attempt != attempt {
                    problems.append(
                        "\(run.name): attempt \(attempt) of task \(path) ended well, the task is "
                            + "\(status?.phase.rawValue ?? "-") with attempt \(status?.attempt ?? -1) "
                            + "(\(status?.message ?? ""))")
                }
            }
        }
    }
}

extension SeededGenerator {
    mutating func chance01() -> Double { Double.random(in: 0..<1, using: &self) }
}
