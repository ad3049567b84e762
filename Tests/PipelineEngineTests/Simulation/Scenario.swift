import JSON
import PipelineEngine
import SeededRandom

@testable import SluiceAPI

/// What becomes of one pod.
enum PodFate: Hashable {
    case succeed(after: Int64)
    case exit(Int, after: Int64)
    case oom(after: Int64)
    case evicted(after: Int64)
    case nodeLost(after: Int64)
    case deleted(after: Int64)
    case badImage, pullStuck, unschedulable, hang

    var failureClass: FailureClass? {
        switch self {
        case .succeed: nil
        case .exit: .failed
        case .oom: .oomKilled
        case .evicted, .nodeLost, .deleted, .unschedulable: .infrastructure
        case .badImage, .pullStuck: .imageError
        case .hang: .timeout
        }
    }
}

/// A run with all that its world will do to it, out of a seed.
struct Scenario {
    /// A Pipeline of the namespace.
    struct Library {
        var json: JSONValue
        var spec: PipelineSpec
        /// How many seconds after the start it is there; nil: never.
        var arrives: Int64?
        /// Whether something that is not valid has its name until then.
        var isInvalidBefore = false
    }

    let seed: UInt64
    var run: JSONValue = ["failurePolicy": "Continue"]
    var json: JSONValue = [:] {
        didSet {
            pipeline = PipelineSpec(validated: json)
            places = Places()
        }
    }
    private(set) var pipeline = PipelineSpec()
    /// Found places, until the pipeline changes.
    private(set) var places = Places()
    var spec: PipelineRunSpec { PipelineRunSpec(validated: run) }
    var isCalm: Bool
    var parameters: JSONObject = [:]
    var libraries: [String: Library] = [:]
    var engine = EngineSettings()
    /// Most bytes of a status that the API server stores.
    var statusLimit = Int.max
    /// What the user asks for, and how many seconds after the start.
    var wants: [(after: Int64, state: DesiredState)] = []

    var text: String {
        let libraries = libraries.sorted { $0.key < $1.key }.map {
            "\n\($0.key) at \($0.value.arrives.map(String.init) ?? "never"): \($0.value.json.text)"
        }
        return """
            run \(run.text) pipeline \(json.text) parameters \(JSONValue.object(parameters).text) wants \(wants) \
            folds \(engine.foldThreshold)/\(engine.runningFoldThreshold) results \(engine.resultLimit) \
            tasks \(engine.taskLimit) status \(statusLimit)\
            \(libraries.joined())
            """
    }

    /// A calm scenario has one end, whatever the order of events: nobody cancels, no policy stops others, no two causes race.
    init(seed: UInt64, isCalm: Bool) {
        self.seed = seed
        self.isCalm = isCalm
        var random = SeededGenerator(mixing: seed, isCalm ? 1 : 2)
        // A third has tasks of pods only.
        var draw = PipelineDraw(isCalm: isCalm, isFlat: random.chance(0.3), random: random)
        let json = draw.pipeline(depth: 0)
        random = draw.random
        libraries = draw.libraries
        parameters = ["list": draw.list(random.chance(0.8) ? 4 : 8)]
        if random.chance(0.5) { run["parallelism"] = .int(Int64(random.pick(1...4))) }
        if random.chance(0.3) {
            engine.foldThreshold = random.pick([0, 0, 4, 10])
            engine.runningFoldThreshold = random.pick([0, 6, 2000])
        }
        if !isCalm {
            if random.chance(0.2) { engine.resultLimit = random.pick(20...400) }
            if random.chance(0.1) { engine.taskLimit = random.pick(5...60) }
            if random.chance(0.05) { statusLimit = random.pick(3000...9000) }
            if random.chance(0.1) { run["queueTimeout"] = .string("\(random.pick(5...100))s") }
            run["failurePolicy"] = .string(random.pick(FailurePolicy.allCases).rawValue)
            if random.chance(0.2) { run["timeout"] = .string("\(random.pick(5...200))s") }
            if random.chance(0.1) { run["state"] = "Suspended" }
            var time: Int64 = 0
            for _ in 0..<(random.chance(0.5) ? random.pick(0...4) : 0) {
                time += Int64(random.pick(0...40))
                let state: DesiredState =
                    random.pick([.suspended, .running, .suspended, .running, .cancelled, .terminated])
                wants.append((time, state))
            }
            wants.append((time + 50, .running))
        }
        self.json = json
        pipeline = PipelineSpec(validated: json)
    }

    /// Another pipeline under the name of a library.
    mutating func replace(_ name: String, _ json: JSONValue) {
        libraries[name]?.json = json
        libraries[name]?.spec = PipelineSpec(validated: json)
        places = Places()
    }

    // MARK: Fates

    private func random(_ path: String, _ attempt: Int, _ replica: Int) -> SeededGenerator {
        var number: UInt64 = 0
        for byte in path.utf8 { number = number &* 257 &+ UInt64(byte) }
        return SeededGenerator(mixing: seed, number, UInt64(attempt), UInt64(replica))
    }

    /// What becomes of that pod: the same whenever it is asked.
    func fate(_ task: TaskSpec, _ path: String, attempt: Int, replica: Int) -> PodFate {
        var ofAttempt = random(path, attempt, 1_000_000)
        var ofPod = random(path, attempt, replica)
        guard isCalm, task.replicas > 1 else { return Self.fate(&ofPod, calm: isCalm) }
        // One pod of the gang decides: the leader, where there is one and it succeeds, or the one that fails.
        let decisive = Self.fate(&ofAttempt, calm: true)
        let quick = PodFate.succeed(after: Int64(ofPod.pick(1...30)))
        let least = task.minAvailable ?? task.replicas
        if decisive.failureClass == nil {
            if replica >= least, ofPod.chance(0.5) { return .unschedulable }
            return task.successPolicy == .leader && replica > 0 ? .hang : quick
        }
        if replica == ofAttempt.pick(0...task.replicas - 1) { return decisive }
        // Without one that has no node yet, the others must not be enough.
        return task.successPolicy == .leader || least < task.replicas || ofPod.chance(0.5) ? .hang : quick
    }

    /// What the pod of that attempt writes as its results, where it declares some: `r` a list, `o` an object with a list in it.
    func results(_ path: String, attempt: Int) -> JSONObject {
        var random = random(path, attempt, 2_000_000)
        let isNested = path.contains("/") || path.contains("[")
        let list = JSONValue.array((0..<random.pick(0...(isNested ? 2 : 4))).map { .int(Int64($0)) })
        return ["r": random.chance(0.05) ? "[1, 2]" : list, "o": ["xs": list]]
    }

    private static func fate(_ random: inout SeededGenerator, calm: Bool) -> PodFate {
        let after = Int64(random.pick(0...30))
        switch random.pick(0...99) {
        case 0..<58: return .succeed(after: after)
        case 58..<76: return .exit(random.pick(1...3), after: after)
        case 76..<80: return .oom(after: after)
        case 80..<85: return .evicted(after: after)
        case 85..<88: return .nodeLost(after: after)
        case 88..<91: return .deleted(after: after)
        case 91..<94: return .badImage
        case 94..<96: return .pullStuck
        case 96..<97: return calm ? .succeed(after: after) : .unschedulable
        default: return .hang
        }
    }
}
