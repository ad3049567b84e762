import JSON
import KubernetesModel
import PipelineEngine
import SeededRandom
import SluiceAPI

/// An operator over a ``World``, which dies, is told things late, twice or not at all, and whose requests fail; checks the
/// rules at every turn.
struct Simulator {
    /// How rough the world is.
    struct Roughness {
        var crash = 0.0
        var requestFails = 0.0
        var duplicate = 0.0
        var skip = 0.0
        var lateAnswer = 0.0
        /// Time passes while news are still on their way.
        var lag = 0.0
        /// Time passes while the status is still to be written, as where writes are kept apart.
        var slowWrites = 0.0
        static let none = Roughness()
    }

    struct Broken: Error, CustomStringConvertible {
        var description: String
    }

    struct Crash: Error {}

    final class Log { var lines: [String] = [] }

    let scenario: Scenario
    let roughness: Roughness
    var random: SeededGenerator
    let identity = RunIdentity(namespace: "ns", name: "run", uid: "uid")
    var world: World
    var engine: RunEngine
    var desired: DesiredState
    var generation: Int64 = 1
    var persisted = PipelineRunStatus()
    var seen = PipelineRunStatus()
    var held: [EngineAction] = []
    var answers: [(PodIdentity, Result<Pod, Refused>)] = []
    var isDirty = true
    /// The engine held pods back until the status was written.
    var hasWaited = false
    var steps = 0
    /// What happened, one line each; kept only where a single seed is looked at.
    var log: Log?
    var crashes = 0
    var pendingWants: [(time: Timestamp, state: DesiredState)]
    var createdNames: [String: Int] = [:]
    var failuresOfName: [String: Int] = [:]

    struct Refused: Error { var refusal: PodRefusal }

    init(_ scenario: Scenario, _ roughness: Roughness, seed: UInt64) {
        self.scenario = scenario
        self.roughness = roughness
        random = SeededGenerator(mixing: scenario.seed, seed, 99)
        desired = scenario.spec.state
        world = World(scenario, now: Bench.start)
        pendingWants = scenario.wants.map { (Bench.start + .seconds($0.after), $0.state) }
        engine = RunEngine(
            run: identity, generation: 1, spec: scenario.spec, pipeline: scenario.pipeline, parameters: [:],
            status: PipelineRunStatus())
    }

    // MARK: The loop

    /// Runs to the end; throws what is broken.
    mutating func run() throws -> PipelineRunStatus {
        for _ in 0..<20_000 {
            do {
                if try turn() { return persisted }
            } catch is Crash {
                try restart()
            }
        }
        throw Broken(description: "no end after 20,000 turns: \(persisted.json.text)")
    }

    /// One turn of the operator; whether all is over.
    private mutating func turn() throws -> Bool {
        hasWaited = false
        hear()
        // People do not wait until everything is quiet.
        if !answers.isEmpty, !pendingWants.isEmpty, random.chance(0.1) { obey() }
        let output = try step()
        isDirty = isDirty || output.statusChanged
        held += output.actions.filter(\.needsStatus)
        for action in output.actions where !action.needsStatus { try create(action) }
        let isIdle = !hasWaited && output.actions.isEmpty && world.untold.isEmpty && answers.isEmpty
        let isSlow = random.chance(roughness.slowWrites)
        if isDirty, !isSlow, isIdle || random.chance(0.5) { try writeStatus() }
        if !isDirty, !held.isEmpty {
            let actions = held
            held = []
            for action in actions { try carryOut(action) }
            return false
        }
        if isIdle, !isDirty, !hasWaited {
            if engine.isDone {
                try checkEnd()
                return true
            }
            guard let next = [world.nextTime, output.wakeUp, pendingWants.first?.time].compactMap(\.self).min() else {
                throw Broken(description: "stands still: \(persisted.json.text)")
            }
            pass(to: next)
        } else if isIdle && isSlow || random.chance(roughness.lag), let next = world.nextTime {
            pass(to: next)
        }
        return false
    }

    private mutating func pass(to time: Timestamp) {
        world.advance(to: time)
        while let want = pendingWants.first, want.time <= world.now { obey() }
    }

    private mutating func obey() {
        desired = pendingWants.removeFirst().state
        generation += 1
        engine.wants(desired, generation: generation)
    }

    /// Takes in some of the news, in any order between pods; leaves out states that later ones have overtaken.
    private mutating func hear() {
        while !answers.isEmpty, roughness.lateAnswer == 0 || random.chance(0.5) {
            let (identity, answer) = answers.remove(at: random.pick(0...answers.count - 1))
            switch answer {
            case .success(let pod): engine.podCreated(pod)
            case .failure(let refused): engine.podRefused(identity, refused.refusal, now: world.now)
            }
        }
        let names = world.untold.keys.sorted().shuffled(using: &random)
        for name in names.prefix(roughness.lag > 0 ? random.pick(0...3) : random.pick(1...6)) {
            guard var changes = world.untold[name], !changes.isEmpty else { continue }
            var change = changes.removeFirst()
            while random.chance(roughness.skip), case .observed? = changes.first { change = changes.removeFirst() }
            world.untold[name] = changes.isEmpty ? nil : changes
            for _ in 0...(random.chance(roughness.duplicate) ? 1 : 0) {
                switch change {
                case .observed(let pod): engine.podObserved(pod)
                case .gone(let name, let uid): engine.podGone(name: name, uid: uid)
                }
            }
        }
    }

    private mutating func step() throws -> EngineOutput {
        let wanted = desired
        let output = engine.step(now: world.now)
        steps += 1
        if let wakeUp = output.wakeUp, wakeUp <= world.now { throw Broken(description: "a wake-up in the past") }
        if random.chance(0.3) {
            let again = engine.step(now: world.now)
            steps += 1
            guard again.actions.isEmpty, !again.statusChanged, again.events.isEmpty, again.wakeUp == output.wakeUp
            else {
                throw Broken(description: "E14: a second step does \(again.actions) \(again.events)")
            }
        }
        for action in output.actions {
            switch action {
            case .createPod(_, let name, _): note("create \(name)")
            case .deletePod(let name, _): note("delete \(name)")
            case .untrackPod(let name, _): note("let go \(name)")
            }
        }
        if output.statusChanged {
            let status = engine.status(now: world.now)
            try check(seen, status, wanted: wanted)
            seen = status
            note("decided: \(summary(status))")
        }
        return output
    }

    private func note(_ line: @autoclosure () -> String) {
        log?.lines.append("\(world.now) \(line())")
    }

    private func summary(_ status: PipelineRunStatus) -> String {
        "\(status.phase) \(status.reason) "
            + status.tasks.map {
                "\($0.name)=\($0.phase)/\($0.reason)/\($0.attempt)/\($0.stopping?.rawValue ?? "")"
            }.joined(separator: " ")
    }

    private mutating func crashPoint() throws {
        if crashes < 25, random.chance(roughness.crash) { throw Crash() }
    }

    private mutating func restart() throws {
        crashes += 1
        note("restart from \(summary(persisted)); pods \(world.pods.keys.sorted())")
        var status = persisted
        if crashes % 4 == 1 {
            status = try PipelineRunStatus(JSONValue(parsing: persisted.json.text))
            guard status == persisted else { throw Broken(description: "the status does not read back as it was") }
        }
        var spec = scenario.spec
        spec.state = desired
        engine = RunEngine(
            run: identity, generation: generation, spec: spec, pipeline: scenario.pipeline, parameters: [:],
            status: status)
        seen = status
        held = []
        answers = []
        isDirty = false
        world.untold = [:]
        for name in world.pods.keys.sorted().shuffled(using: &random) {
            if let pod = world.pods[name]?.pod { engine.podObserved(pod) }
        }
    }

    // MARK: Effects

    private mutating func writeStatus() throws {
        try crashPoint()
        if random.chance(roughness.requestFails) { return }
        let status = engine.status(now: world.now)
        try checkPersisted(persisted, status)
        persisted = status
        isDirty = false
        hasWaited = engine.statusWritten()
        note("written: \(summary(status))")
        try crashPoint()
    }

    private mutating func create(_ action: EngineAction) throws {
        guard case .createPod(let identity, let name, let manifest) = action else { return }
        try crashPoint()
        var answer: Result<Pod, Refused>
        if random.chance(roughness.requestFails), failuresOfName[name, default: 0] < 2 {
            failuresOfName[name, default: 0] += 1
            switch random.pick(0...2) {
            case 0: answer = .failure(Refused(refusal: .unknown))
            case 1 where !scenario.isCalm || world.specs[identity.task]?.replicas == 1:
                answer = .failure(Refused(refusal: .refused(reason: "QuotaExceeded", message: "exceeded quota")))
            default:
                // It was made, but the answer got lost.
                _ = try make(identity, name, manifest)
                answer = .failure(Refused(refusal: .unknown))
            }
        } else {
            answer = .success(try make(identity, name, manifest))
        }
        try crashPoint()
        answers.append((identity, answer))
        if !random.chance(roughness.lateAnswer) {
            answers.removeLast()
            switch answer {
            case .success(let pod): engine.podCreated(pod)
            case .failure(let refused): engine.podRefused(identity, refused.refusal, now: world.now)
            }
        }
    }

    private mutating func make(_ identity: PodIdentity, _ name: String, _ manifest: JSONValue) throws -> Pod {
        if let existing = world.pods[name]?.pod { return existing }
        try checkCreation(identity, name)
        guard let pod = try world.create(identity, name, manifest) else {
            throw Broken(description: "\(name) cannot be made")
        }
        createdNames[name, default: 0] += 1
        return pod
    }

    private mutating func carryOut(_ action: EngineAction) throws {
        try crashPoint()
        switch action {
        case .createPod: break
        case .deletePod(let name, let uid):
            if random.chance(roughness.requestFails) { return engine.actionFailed(name: name) }
            try checkGivenUp(name, "deleted")
            world.delete(name, uid: uid)
        case .untrackPod(let name, let uid):
            if random.chance(roughness.requestFails) { return engine.actionFailed(name: name) }
            try checkGivenUp(name, "let go")
            world.untrack(name, uid: uid)
        }
        try crashPoint()
    }
}
