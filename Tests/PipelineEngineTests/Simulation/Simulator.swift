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
    var seen = PipelineRunStatus() {
        didSet { seenRows = Rows(seen) }
    }
    var seenRows = Rows(PipelineRunStatus())
    /// The attempts of the pipelines that a pod lay in when it was made, by name.
    var attemptsAbove: [String: [Int]] = [:]
    /// The write of a status that is under way.
    var writing: RunDriver.Write?
    private var lastUnanswered = Timestamp(seconds: 0)
    var answers: [(PodIdentity, Result<Pod, Refused>)] = []
    var steps = 0
    /// What happened, one line each; kept only where a single seed is looked at.
    var log: Log?
    var crashes = 0
    /// Whether the status leaves most out, since the API server did not store all of it.
    var isShort = false
    var pendingWants: [(time: Timestamp, state: DesiredState)]
    var createdNames: [String: Int] = [:]
    var failuresOfName: [String: Int] = [:]
    /// Whether attempts ask a queue for admission.
    let isQueued: Bool
    var queue = SimulatedQueue()
    var revocations = 0

    struct Refused: Error { var refusal: PodCreateFailure }

    init(_ scenario: Scenario, _ roughness: Roughness, seed: UInt64) {
        self.scenario = scenario
        self.roughness = roughness
        random = SeededGenerator(mixing: scenario.seed, seed, 99)
        var ofQueue = SeededGenerator(mixing: scenario.seed, seed, 98)
        isQueued = ofQueue.chance(0.5)
        desired = scenario.spec.state
        world = World(scenario, now: Bench.start)
        pendingWants = scenario.wants.map { (Bench.start + .seconds($0.after), $0.state) }
        settings = RunDriver.Settings(
            firstStatusDelay: .seconds(random.pick([0, 1])), statusInterval: .seconds(random.pick([0, 0, 1, 10])),
            createBatch: random.pick([1, 2, 64]),
            retryDelay: .seconds(random.pick([0, 1])))
        driver = RunDriver(
            RunEngine(
                run: identity, created: Bench.start, generation: 1, spec: scenario.spec, pipeline: scenario.pipeline,
                parameters: scenario.parameters, status: PipelineRunStatus(),
                admission: isQueued ? .queue : .always, settings: scenario.engine),
            written: PipelineRunStatus(), settings: settings)
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
        if isQueued {
            if random.chance(0.5) { decideAdmissions() }
            hearAdmissions()
        }
        hear()
        if random.chance(0.7) { tellOfPipelines(&driver) }
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
        let isQuiet = effects.isIdle && world.untold.isEmpty && answers.isEmpty && queue.answers.isEmpty
        if isQuiet, writing == nil {
            try checkAdmissions()
            if driver.isDone {
                try checkEnd()
                return true
            }
            let told = driver.wantedPipelines
            tellOfPipelines(&driver)
            if driver.wantedPipelines != told { return false }
            if effects.wakeAfter == nil, random.chance(0.5) { try checkTakeover() }
            // What is calm has room at once.
            if !queue.waiting.isEmpty, scenario.isCalm || random.chance(0.3) {
                decideAdmissions(all: scenario.isCalm)
                return false
            }
            let nextAdmission = queue.waiting.isEmpty ? nil : world.now + .seconds(Int64(random.pick(1...20)))
            let wakeAfter = effects.wakeAfter.map { world.now + $0 }
            let times = [
                world.nextTime, effects.wakeUp, wakeAfter, pendingWants.first?.time, nextPipeline, nextAdmission,
            ]
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
            case .failure(let refused):
                if case .indeterminate = refused.refusal { lastUnanswered = world.now }
                driver.podCreateFailed(identity, refused.refusal, now: world.now)
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
        try takeAdmission(effects)
        if let wakeUp = effects.wakeUp, wakeUp <= world.now { throw Broken(description: "a wake-up in the past") }
        if random.chance(0.3) {
            let again = driver.next(now: world.now, monotonic: monotonic)
            steps += 1
            try takeAdmission(again)
            // More of the same batch may follow, and what waited for a status that told nothing new.
            let mayGoOn = effects.creates.count == settings.createBatch || effects.wakeAfter == .zero
            guard mayGoOn || (again.isIdle && again.events.isEmpty && again.wakeUp == effects.wakeUp) else {
                throw Broken(
                    description: "E14: a second step does \(again.creates.map(\.name)) \(again.releases) "
                        + "\(again.write.map { summary($0.status) } ?? "") \(again.events) \(again.enqueued) \(again.withdrawn)"
                )
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
        try check(seen, seenRows, status, Rows(status), wanted: wanted)
        seen = status
        note("decided: \(summary(status))")
    }

    func note(_ line: @autoclosure () -> String) {
        log?.lines.append("\(world.now) \(line())")
    }

    func summary(_ status: PipelineRunStatus) -> String {
        "\(status.phase) \(status.reason) "
            + status.tasks.map {
                "\($0.name)=\($0.phase)/\($0.reason)/\($0.attempt)/\($0.stopping?.rawValue ?? "")"
            }.joined(separator: " ") + status.folded.map { " \($0.phase)/\($0.reason): \($0.tasks)" }.joined()
    }

    /// What two statuses tell differently.
    func difference(_ old: PipelineRunStatus, _ new: PipelineRunStatus) -> String {
        let (before, after) = (Rows(old), Rows(new))
        let rows = Set(before.all.keys).union(after.all.keys).sorted()
            .filter { before.all[$0] != after.all[$0] }
            .map { "\n\(before.all[$0]?.json.text ?? "no \($0)")\nto \(after.all[$0]?.json.text ?? "no \($0)")" }
        var (short, other) = (old, new)
        (short.tasks, other.tasks) = ([], [])
        return rows.joined() + (short == other ? "" : "\n\(short.json.text)\nto \(other.json.text)")
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
        driver = rebuilt(from: status)
        seen = status
        writing = nil
        // What is left out of the last status never comes again.
        isShort = isShort && persisted.phase.isFinished
        answers = []
        world.untold = [:]
        queue.asked = []
        queue.known = []
        queue.knownReplicas = [:]
        queue.revoked = []
        // A new operator has a new queue; where only the run's driver is made anew, the queue remains what it was, until it is told.
        if random.chance(0.7) { queue = SimulatedQueue() } else { queue.isNewDriver = true }
    }

    /// A new operator's driver: of what was written last, and the pods that exist, in any order.
    private mutating func rebuilt(from status: PipelineRunStatus) -> RunDriver {
        var spec = scenario.spec
        spec.state = desired
        var driver = RunDriver(
            RunEngine(
                run: identity, created: Bench.start, generation: generation, spec: spec, pipeline: scenario.pipeline,
                parameters: scenario.parameters, status: status, admission: isQueued ? .queue : .always,
                settings: scenario.engine),
            written: status, settings: settings)
        for name in world.pods.keys.sorted().shuffled(using: &random) {
            if let pod = world.pods[name]?.pod { driver.podObserved(pod) }
        }
        return driver
    }

    /// With nothing under way, an operator that takes over knows and decides what this one does.
    private mutating func checkTakeover() throws {
        // Of creates without an answer it knows nothing, and need not wait for them.
        guard !isShort, persisted.reason != "StatusTooLarge", driver.status(now: world.now) == persisted,
            world.now >= lastUnanswered + .seconds(60), isAdmissionProved
        else { return }
        var other = rebuilt(from: persisted)
        _ = other.next(now: world.now, monotonic: monotonic)
        let status = other.status(now: world.now)
        guard status == persisted else {
            throw Broken(
                description: "E14: a new operator sees it otherwise: \(difference(persisted, status))")
        }
    }

    /// A pod that has just been made follows from what a new operator would know as well.
    private mutating func checkFollows(_ identity: PodIdentity, _ name: String) throws {
        guard desired != .terminated, world.pods[name] != nil, persisted.reason != "StatusTooLarge" else { return }
        var other = rebuilt(from: persisted)
        tellOfPipelines(&other)
        let effects = other.next(now: world.now, monotonic: monotonic)
        if effects.creates.contains(where: { world.history[$0.name] != nil }) {
            throw Broken(description: "E4: a new operator makes \(effects.creates.map(\.name)) again")
        }
        let rows = Rows(other.status(now: world.now))
        let row = rows[identity.path]
        guard row.attempt >= identity.attempt || rows.attempts(scenario.place(identity.path)) != attemptsAbove[name]
        else {
            throw Broken(description: "E14: \(name) is made, and a new operator has \(row.json.text)")
        }
        if row.attempt == identity.attempt, row.phase == .skipped || row.reason == "ExpressionError" {
            throw Broken(description: "E14: \(name) is made, and a new operator skips its task")
        }
        let place = scenario.place(identity.path)
        if let above = (place.map { $0.pipelines + $0.instances.map(\.group) } ?? [])
            .first(where: {
                rows[$0].phase.isFinished && rows.attempts(scenario.place($0)) == seenRows.attempts(scenario.place($0))
                    && rows[$0].attempt == seenRows[$0].attempt
            })
        {
            throw Broken(description: "E14: \(name) is made, and a new operator has \(rows[above].json.text)")
        }
        if row.attempt == identity.attempt {
            do { try checkDependencies(of: identity.path, rows) } catch {
                throw Broken(description: "E14: by a new operator: \(error)")
            }
        }
    }

    /// Has the Pipelines that are there by now found.
    private func tellOfPipelines(_ driver: inout RunDriver) {
        for name in driver.wantedPipelines {
            guard let library = scenario.libraries[name] else { continue }
            if let arrives = library.arrives, Bench.start + .seconds(arrives) <= world.now {
                driver.pipelineFound(name, library.json)
            } else if library.isInvalidBefore {
                driver.pipelineInvalid(name, "not valid", now: world.now)
            }
        }
    }

    private var nextPipeline: Timestamp? {
        driver.wantedPipelines.compactMap { scenario.libraries[$0]?.arrives.map { Bench.start + .seconds($0) } }
            .filter { $0 > world.now }.min()
    }

    // MARK: Effects

    private mutating func perform(_ write: RunDriver.Write) throws {
        try crashPoint()
        writing = nil
        if write.status.reason != "StatusTooLarge", write.status.json.text.utf8.count > scenario.statusLimit {
            note("too large")
            isShort = true
            return driver.statusTooLarge(write)
        }
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
        try checkPersisted(persisted, Rows(persisted), write.status, Rows(write.status))
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
            case 0:
                lastUnanswered = world.now
                answer = .failure(Refused(refusal: .indeterminate(message: "")))
            case 1 where !scenario.isCalm || scenario.place(identity.path)?.spec.replicas == 1:
                answer = .failure(Refused(refusal: .denied(reason: "QuotaExceeded", message: "exceeded quota")))
            default:
                // It was made, but the answer got lost.
                lastUnanswered = world.now
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
        try checkAdmitted(identity)
        guard let pod = try world.create(identity, name, manifest) else {
            throw Broken(description: "\(name) cannot be made")
        }
        createdNames[name, default: 0] += 1
        attemptsAbove[name] = seenRows.attempts(scenario.place(identity.path))
        if random.chance(0.1) { try checkFollows(identity, name) }
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
