import JSON
import KubernetesModel
import SeededRandom
import SluiceAPI

/// The runs of a seed, what their tasks do, and how they have to end where nobody interferes.
struct WorldScenario: Sendable {
    struct Task: Sendable {
        var name: String
        var spec: JSONValue
        var dependencies: [Int] = []
        var isFinally = false
        var replicas = 1
        var hasLeader = false
        /// Attempts that fail by themselves before one succeeds.
        var failures = 0
        var hangs = false
        var limit = 0
        var isIgnored = false
        var message = ""
        var milliseconds: Int64 = 50

        /// How many items it runs for; nil where it has no forEach.
        var items: Int?
        /// Whether it runs a pipeline of one task, `in`.
        var isPipeline = false

        /// The paths of what has pods.
        var paths: [String] {
            if isPipeline { return ["\(name)/in"] }
            return items.map { (0..<$0).map { "\(name)[\($0)]" } } ?? [name]
        }

        var succeeds: Bool { !hangs && failures <= limit }
    }

    struct Run: Sendable {
        var name: String
        var tasks: [Task] = []
        var spec: JSONValue = ["pipelineSpec": [:]]
        var policy = FailurePolicy.continueOthers
        /// When it is added.
        var after: Duration = .zero
        var hasDeadline = false

        /// How each task has to end, where failures do not stop others.
        var ends: [TaskPhase] {
            var ends: [TaskPhase] = []
            for task in tasks {
                let isOpen = task.dependencies.allSatisfy {
                    ends[$0] == .succeeded || (ends[$0] == .failed && tasks[$0].isIgnored)
                }
                ends.append(!isOpen ? .skipped : task.succeeds ? .succeeded : .failed)
            }
            return ends
        }

        var end: RunPhase {
            zip(tasks, ends).contains { $0.1 == .failed && !$0.0.isIgnored } ? .failed : .succeeded
        }
    }

    var runs: [Run] = []

    /// From here on tasks may have items, or run pipelines.
    static let firstNestedSeed: UInt64 = 100_000
    /// From here on attempts are besides admitted by a queue, to nodes with few places.
    static let firstQueuedSeed: UInt64 = 200_000
    /// From here on some runs are besides admitted as a whole.
    static let firstWholeSeed: UInt64 = 300_000

    /// The most pods that one of the runs which are admitted as a whole may have at once; 0 where there is none.
    var mostPods: Int {
        runs.filter { $0.spec["gangScope"] == "Run" }.map { run in
            run.tasks.reduce(0) { $0 + $1.replicas * max($1.items ?? 1, 1) }
        }.max() ?? 0
    }

    init(seed: UInt64) {
        var random = SeededGenerator(mixing: seed, 0x5CE4)
        // The seeds below are what they were before there was anything inside of tasks.
        let isNested = seed >= Self.firstNestedSeed
        for number in 0..<random.pick(1...4) { runs.append(Self.run("run-\(number)", isNested, &random)) }
        guard seed >= Self.firstWholeSeed else { return }
        for index in runs.indices where random.chance(0.7) { runs[index].spec["gangScope"] = "Run" }
    }

    private static func run(_ name: String, _ isNested: Bool, _ random: inout SeededGenerator) -> Run {
        var run = Run(name: name)
        run.after = .milliseconds(Int64(random.pick(0...8000)))
        let count = random.pick(1...7)
        let shape = random.pick(0...3)
        for index in 0..<count {
            let dependencies: [Int] =
                switch shape {
                case 0: index > 0 ? [index - 1] : []
                case 1: index == 0 ? [] : index == count - 1 ? Array(0..<index) : [0]
                case 2: index == 0 ? [] : [0]
                default: (0..<index).filter { _ in random.chance(0.35) }
                }
            run.tasks.append(task("t\(index)", dependencies, run.tasks, &random))
        }
        if isNested {
            for index in run.tasks.indices { nest(&run.tasks[index], &random) }
        }
        let main = run.tasks.count
        for index in 0..<random.pick(0...2) {
            var task = task("f\(index)", [], [], &random)
            task.isFinally = true
            run.tasks.append(task)
        }
        run.policy = random.chance(0.5) ? .continueOthers : random.pick(FailurePolicy.allCases)
        run.spec["failurePolicy"] = .string(run.policy.rawValue)
        if random.chance(0.3) { run.spec["parallelism"] = .int(Int64(random.pick(1...3))) }
        run.spec["pipelineSpec"] = [
            "tasks": .array(run.tasks[..<main].map(\.spec)), "finally": .array(run.tasks[main...].map(\.spec)),
        ]
        return run
    }

    private static func task(
        _ name: String, _ dependencies: [Int], _ earlier: [Task], _ random: inout SeededGenerator
    ) -> Task {
        var task = Task(name: name, spec: ["name": .string(name), "container": ["image": "x"]])
        task.dependencies = dependencies
        task.milliseconds = Int64(random.chance(0.7) ? random.pick(10...800) : random.pick(1000...8000))
        if !dependencies.isEmpty { task.spec["dependsOn"] = JSONValue(dependencies.map { earlier[$0].name }) }
        if random.chance(0.2) {
            task.replicas = random.pick(2...8)
            task.spec["replicas"] = .int(Int64(task.replicas))
            if random.chance(0.3) {
                task.hasLeader = true
                task.spec["successPolicy"] = "Leader"
                task.spec["framework"] = "pytorch"
            }
        }
        if random.chance(0.4) {
            task.limit = random.pick(1...3)
            task.failures = random.pick(0...task.limit)
            task.spec["retry"] = [
                "limit": .int(Int64(task.limit)), "backoff": ["initial": .string("\(random.pick(0...3000))ms")],
            ]
        }
        if random.chance(0.12) { task.failures = .max }
        if random.chance(0.06) {
            task.hangs = true
            task.spec["timeout"] = .string("\(random.pick(1...20))s")
        }
        if random.chance(0.2) {
            task.isIgnored = true
            task.spec["onFailure"] = "Ignore"
        }
        if random.chance(0.3) {
            task.spec["results"] = ["r"]
            task.message = random.pick([
                "{\"r\": 1.0}", "{\"r\": \"text\"}", "{\"r\": [1.0, 2.5]}", "{\"r\": {\"a\": 1e2, \"b\": \"\"}}",
                "{\"r\": \"\", \"more\": null}",
            ])
        }
        // What an earlier task has written goes on, where that has to have succeeded.
        if let source = dependencies.map({ earlier[$0] }).first(where: { !$0.message.isEmpty && !$0.isIgnored }) {
            task.spec["container"]?["env"] = [
                ["name": "FROM", "value": .string("$(tasks.\(source.name).results.r)")]
            ]
        }
        return task
    }

    /// Gives a task items, or puts it into a pipeline of its own.
    private static func nest(_ task: inout Task, _ random: inout SeededGenerator) {
        if random.chance(0.25) {
            let count = random.pick(1...5)
            task.items = count
            task.spec["forEach"] = ["items": .array((0..<count).map { .int(Int64($0)) })]
            if random.chance(0.4) { task.spec["forEach"]?["parallelism"] = .int(Int64(random.pick(1...3))) }
        } else if random.chance(0.35), task.spec["container"]?["env"] == nil {
            task.isPipeline = true
            var inner = task.spec
            inner["name"] = "in"
            inner["dependsOn"] = nil
            inner["onFailure"] = nil
            var outer: JSONValue = ["name": .string(task.name), "pipelineSpec": ["tasks": [inner]]]
            if !task.message.isEmpty {
                outer["pipelineSpec"]?["results"] = [["name": "r", "value": "$(tasks.in.results.r)"]]
            }
            for field in ["dependsOn", "onFailure"] { outer[field] = task.spec[field] }
            task.spec = outer
        }
    }

    /// What a pod does.
    @Sendable func plan(_ pod: StartedPod) -> PodPlan {
        guard let run = runs.first(where: { $0.name == pod.run }),
            let task = run.tasks.first(where: { $0.name == pod.task })
        else { return PodPlan() }
        var plan = PodPlan(duration: .milliseconds(task.milliseconds + Int64(pod.replica * 7)))
        plan.hangs = task.hangs || (task.hasLeader && pod.replica > 0)
        if pod.replica == 0 {
            plan.message = task.message
            if pod.failures < task.failures { plan.exitCode = 3 }
        }
        return plan
    }
}
