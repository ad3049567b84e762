import JSON
import KubernetesModel
import PipelineEngine
import SeededRandom
import SluiceAPI

/// An operator over a ``World``: the same ``RunDriver`` as the real one, which dies, is told things late, twice or not at all, and
/// whose requests fail. Checks the rules at every turn.
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
        /// Time passes and news come in while the write of a status is under way.
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
    let settings: RunDriver.Settings
    var random: SeededGenerator
    let identity = RunIdentity(namespace: "ns", name: "run", uid: "uid")
    var world: World
    var driver: RunDriver
    var desired: DesiredState
    var generation: Int64 = 1
    var persisted = PipelineRunStatus()
    var seen = PipelineRunStatus()
    /// The write of a status that is under way.
    var writing: RunDriver.Write?
    var answers: [(PodIdentity, Result<Pod, Refused>)] = []
    var steps = 0
    /// What happened, one line each; kept only where a single seed is looked at.
    var log: Log?
    var crashes = 0
    var pendingWants: [(time: Timestamp, state: DesiredState)]
    var createdNames: [String: Int] = [:]
    var failuresOfName: [String: Int] = [:]

    struct Refused: Error { var refusal: PodCreateFailure }

    init(_ scenario: Scenario, _ roughness: Roughness, seed: UInt64) {
        self.scenario = scenario
        self.roughness = roughness
        random = SeededGenerator(mixing: scenario.seed, seed, 99)
        desired = scenario.spec.state
        world = World(scenario, now: Bench.start)
        pendingWants = scenario.wants.map { (Bench.start + .seconds($0.after), $0.state) }
        settings = RunDriver.Settings(
            firstStatusDelay: .seconds(random.pick([0, 1])), statusInterval: .seconds(random.pick([0, 0, 1, 10])),
            createBatch: random.pick([1, 2, 64]),
            retryDelay: .seconds(random.pick([0, 1])))
        driver = RunDriver(
            RunEngine(
                run: identity, generation: 1, spec: scenario.spec, pipeline: scenario.pipeline, parameters: [:],
                status: PipelineRunStatus()), written: PipelineRunStatus(), settings: settings)
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

    /// The monotonic clock: nobody sets it.
    private var monotonic: Duration { world.now - Bench.start }

    /// One turn of the operator; whether all is over.
    private mutating func turn() throws -> Bool {
        hear()
        // People do not wait until everything is quiet.
        if !answers.isEmpty, !pendingWants.isEmpty, random.chance(0.1) { obey() }
        let effects = try step()
        for create in effects.creates { try perform(create) }
        for release in effects.releases { try perform(release) }
        if let write = effects.write {
            guard writing == nil else { throw Broken(description: "a second write while one is under way") }
            writing = write
        }
        if let write = writing, !random.chance(roughness.slowWrites) {
            try perform(write)
            return false
        }
        let isQuiet = effects.isIdle && world.untold.isEmpty && answers.isEmpty
        if isQuiet, writing == nil {
            if driver.isDone {
                try checkEnd()
                return true
            }
            let wakeAfter = effects.wakeAfter.map { world.now + $0 }
            let times = [world.nextTime, effects.wakeUp, wakeAfter, pendingWants.first?.time]
            guard let next = times.compactMap(\.self).min() else {
                throw Broken(description: "stands still: \(persisted.json.text)")
            }
            pass(to: next)
        } else if isQuiet || random.chance(roughness.lag), let next = world.nextTime {
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
        driver.specChanged(to: desired, generation: generation)
    }

    /// Takes in some of the news, in any order between pods; leaves out states that later ones have overtaken.
    private mutating func hear() {
        while !answers.isEmpty, roughness.lateAnswer == 0 || random.chance(0.5) {
            let (identity, answer) = answers.remove(at: random.pick(0...answers.count - 1))
            switch answer {
            case .success(let pod): driver.podCreated(pod)
            case .failure(let refused): driver.podCreateFailed(identity, refused.refusal, now: world.now)
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
                case .observed(let pod): driver.podObserved(pod)
                case .gone(let name, let uid): driver.podDeleted(name: name, uid: uid)
                }
            }
        }
    }

    private mutating func step() throws -> RunDriver.Effects {
        let wanted = desired
        let effects = driver.next(now: world.now, monotonic: monotonic)
        steps += 1
        if let wakeUp = effects.wakeUp, wakeUp <= world.now { throw Broken(description: "a wake-up in the past") }
        if random.chance(0.3) {
            let again = driver.next(now: world.now, monotonic: monotonic)
            steps += 1
            // More of the same batch may follow, and what waited for a status that told nothing new.
            let mayGoOn = effects.creates.count == settings.createBatch || effects.wakeAfter == .zero
            guard mayGoOn || (again.isIdle && again.events.isEmpty && again.wakeUp == effects.wakeUp) else {
                throw Broken(
                    description: "E14: a second step does \(again.creates.map(\.name)) \(again.releases) "
                        + "\(again.write.map { summary($0.status) } ?? "") \(again.events)")
            }
            if mayGoOn { return try merged(effects, again, wanted) }
        }
        try look(effects, wanted)
        return effects
    }

    /// What two calls in a row ask for.
    private mutating func merged(
        _ first: RunDriver.Effects, _ second: RunDriver.Effects, _ wanted: DesiredState
    ) throws -> RunDriver.Effects {
        var effects = second
        effects.creates = first.creates + second.creates
        effects.releases = first.releases + second.releases
        if let write = first.write {
            guard second.write == nil else { throw Broken(description: "a second write while one is under way") }
            effects.write = write
        }
        try look(effects, wanted)
        return effects
    }

    /// Checks what was decided.
    private mutating func look(_ effects: RunDriver.Effects, _ wanted: DesiredState) throws {
        for create in effects.creates { note("create \(create.name)") }
        for release in effects.releases { note("\(release)") }
        let status = driver.status(now: world.now)
        guard status != seen else { return }
        try check(seen, status, wanted: wanted)
        seen = status
        note("decided: \(summary(status))")
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
        driver = RunDriver(
            RunEngine(
                run: identity, generation: generation, spec: spec, pipeline: scenario.pipeline, parameters: [:],
                status: status), written: status, settings: settings)
        seen = status
        writing = nil
        answers = []
        world.untold = [:]
        for name in world.pods.keys.sorted().shuffled(using: &random) {
            if let pod = world.pods[name]?.pod { driver.podObserved(pod) }
        }
    }

    // MARK: Effects

    private mutating func perform(_ write: RunDriver.Write) throws {
        try crashPoint()
        writing = nil
        if random.chance(roughness.requestFails) {
            // Half of them had their effect, and only the answer is lost: the run is read anew then, as after a crash.
            guard random.chance(0.5) else { return driver.statusWriteFailed(write) }
            try store(write)
            throw Crash()
        }
        try store(write)
        try crashPoint()
        driver.statusWritten(write, monotonic: monotonic)
        try crashPoint()
    }

    private mutating func store(_ write: RunDriver.Write) throws {
        try checkPersisted(persisted, write.status)
        persisted = write.status
        note("written: \(summary(write.status))")
    }

    private mutating func perform(_ create: RunDriver.Create) throws {
        let (identity, name, manifest) = (create.identity, create.name, create.manifest)
        try crashPoint()
        var answer: Result<Pod, Refused>
        if random.chance(roughness.requestFails), failuresOfName[name, default: 0] < 2 {
            failuresOfName[name, default: 0] += 1
            switch random.pick(0...2) {
            case 0: answer = .failure(Refused(refusal: .indeterminate(message: "")))
            case 1 where !scenario.isCalm || world.specs[identity.task]?.replicas == 1:
                answer = .failure(Refused(refusal: .denied(reason: "QuotaExceeded", message: "exceeded quota")))
            default:
                // It was made, but the answer got lost.
                _ = try make(identity, name, manifest)
                answer = .failure(Refused(refusal: .indeterminate(message: "")))
            }
        } else {
            answer = .success(try make(identity, name, manifest))
        }
        try crashPoint()
        answers.append((identity, answer))
        if !random.chance(roughness.lateAnswer) {
            answers.removeLast()
            switch answer {
            case .success(let pod): driver.podCreated(pod)
            case .failure(let refused): driver.podCreateFailed(identity, refused.refusal, now: world.now)
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

    private mutating func perform(_ release: RunDriver.Release) throws {
        try crashPoint()
        if random.chance(roughness.requestFails) {
            return driver.requestFailed(name: release.name, monotonic: monotonic)
        }
        switch release {
        case .confirm(let name, let uid):
            if let pod = world.pods[name]?.pod, pod.metadata.uid == uid {
                driver.podConfirmed(pod, now: world.now)
            } else {
                driver.podDeleted(name: name, uid: uid)
            }
        case .stop(let name, let uid):
            try checkGivenUp(name, "deleted")
            world.stop(name, uid: uid)
        case .delete(let name, let uid):
            try checkGivenUp(name, "deleted")
            world.delete(name, uid: uid)
        case .removeFinalizer(let name, let uid):
            try checkGivenUp(name, "let go")
            world.removeFinalizer(name, uid: uid)
        }
        try crashPoint()
    }
}
