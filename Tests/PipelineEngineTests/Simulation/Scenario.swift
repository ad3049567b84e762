import JSON
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
    let seed: UInt64
    var spec: PipelineRunSpec
    var pipeline: PipelineSpec
    var isCalm: Bool
    /// What the user asks for, and how many seconds after the start.
    var wants: [(after: Int64, state: DesiredState)] = []
    var text: String

    var tasks: [TaskSpec] { pipeline.tasks + pipeline.finally }

    /// A calm scenario has one end, whatever the order of events: nobody cancels, no policy stops others, no two causes race.
    init(seed: UInt64, isCalm: Bool) {
        self.seed = seed
        self.isCalm = isCalm
        var random = SeededGenerator(mixing: seed, isCalm ? 1 : 2)
        let count = random.chance(0.7) ? random.pick(1...8) : random.pick(1...30)
        var tasks: [JSONValue] = []
        for index in 0..<count { tasks.append(Self.task("t\(index)", earlier: index, calm: isCalm, &random)) }
        var finally: [JSONValue] = []
        for index in 0..<random.pick(0...3) {
            finally.append(Self.task("f\(index)", earlier: index, calm: isCalm, &random))
        }
        var run: JSONValue = ["failurePolicy": "Continue"]
        if random.chance(0.5) { run["parallelism"] = .int(Int64(random.pick(1...4))) }
        if !isCalm {
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
        let pipelineJSON: JSONValue = ["tasks": .array(tasks), "finally": .array(finally)]
        spec = PipelineRunSpec(validated: run)
        pipeline = PipelineSpec(validated: pipelineJSON)
        text = "run \(run.text) pipeline \(pipelineJSON.text) wants \(wants)"
    }

    private static func task(_ name: String, earlier: Int, calm: Bool, _ random: inout SeededGenerator) -> JSONValue {
        var json: JSONValue = ["name": .string(name), "container": ["image": "x"]]
        let prefix = String(name.prefix(1))
        var dependencies: [JSONValue] = []
        for index in 0..<earlier where random.chance(earlier > 8 ? 0.1 : 0.3) {
            let on = random.pick([
                "SucceededOrSkipped", "SucceededOrSkipped", "Succeeded", "Finished", "Finished", "Failed",
            ])
            dependencies.append(["task": .string("\(prefix)\(index)"), "on": .string(on)])
        }
        if !dependencies.isEmpty { json["dependsOn"] = .array(dependencies) }
        if random.chance(0.25) {
            json["replicas"] = .int(Int64(random.pick(2...4)))
            if random.chance(0.3) { json["successPolicy"] = "Leader" }
        }
        if random.chance(0.5) {
            var retry: JSONValue = ["limit": .int(Int64(random.pick(0...3)))]
            if random.chance(0.5) {
                retry["backoff"] = ["initial": .string("\(random.pick(0...20))s"), "factor": 2, "max": "1m"]
            }
            if random.chance(0.3) {
                retry["on"] = .array(
                    FailureClass.allCases.filter { _ in random.chance(0.6) }.map { .string($0.rawValue) })
            }
            if random.chance(0.3) { retry["exitCodes"] = [1, 2] }
            json["retry"] = retry
        }
        if calm || random.chance(0.3) { json["timeout"] = calm ? "5m" : .string("\(random.pick(3...100))s") }
        if random.chance(0.3) { json["onFailure"] = "Ignore" }
        if random.chance(0.3) { json["results"] = ["r"] }
        return json
    }

    // MARK: Fates

    private func random(_ task: String, _ attempt: Int, _ replica: Int) -> SeededGenerator {
        var number: UInt64 = 0
        for byte in task.utf8 { number = number << 8 | UInt64(byte) }
        return SeededGenerator(mixing: seed, number, UInt64(attempt), UInt64(replica))
    }

    /// What becomes of that pod: the same whenever it is asked.
    func fate(_ task: TaskSpec, attempt: Int, replica: Int) -> PodFate {
        var ofAttempt = random(task.name, attempt, 1_000_000)
        var ofPod = random(task.name, attempt, replica)
        guard isCalm, task.replicas > 1 else { return Self.fate(&ofPod, calm: isCalm) }
        // One pod of the gang decides: the leader, where there is one and it succeeds, or the one that fails.
        let decisive = Self.fate(&ofAttempt, calm: true)
        let quick = PodFate.succeed(after: Int64(ofPod.pick(1...30)))
        if decisive.failureClass == nil {
            return task.successPolicy == .leader && replica > 0 ? .hang : quick
        }
        if replica == ofAttempt.pick(0...task.replicas - 1) { return decisive }
        return task.successPolicy == .leader ? .hang : ofPod.chance(0.5) ? .hang : quick
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
