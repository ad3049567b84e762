import Foundation
import GangQueue
import JSON
import KubernetesModel
import Queueing
import SeededRandom
import SluiceAPI
import Testing

@testable import Simulator

/// Small clusters with anything in them: what must hold at every instant, and what must have come of it.
struct QueueFuzzTests {
    @Test(arguments: 0..<150 as Range<UInt64>)
    func `Nothing is broken at any instant, and everybody has an end or a reason`(
        seed: UInt64
    ) {
        var random = SeededGenerator(mixing: seed, 21)
        let small = SmallWorld(&random)
        var problems: [String] = []
        let (world, report) = small.simulated([]) { Self.check($0, &problems) }
        problems += Self.checkEnd(world, report)
        #expect(problems.isEmpty, "seed \(seed): \(problems.prefix(3).joined(separator: "\n"))")
        #expect(report.json.text == small.simulated([]).report.json.text, "seed \(seed): another result")
    }

    @Test(arguments: Array(0..<SmallWorld.seeds(150)) + [1042, 1479, 557])
    func `Q1: nor with runs that are admitted as a whole, restarts or none`(seed: UInt64) {
        var random = SeededGenerator(mixing: seed, 24)
        var small = SmallWorld(&random)
        for index in small.runs.indices where random.chance(0.6) { small.runs[index]["spec"]?["gangScope"] = "Run" }
        let restarts = (0..<random.pick([0, 0, 1, 10])).map { _ -> JSONValue in
            ["at": .string("\(random.pick(0...3000))50ms"), "restartOperator": true]
        }
        var problems: [String] = []
        let (world, report) = small.simulated(restarts) { Self.check($0, &problems) }
        problems += Self.checkEnd(world, report)
        #expect(problems.isEmpty, "seed \(seed): \(problems.prefix(3).joined(separator: "\n"))")
        #expect(report.json.text == small.simulated(restarts).report.json.text, "seed \(seed): another result")
    }

    @Test(arguments: 0..<100 as Range<UInt64>) func `Restarts at any time change nothing of what comes`(seed: UInt64) {
        var random = SeededGenerator(mixing: seed, 22)
        var small = SmallWorld(&random)
        // Of what waits with the slots of a run, a restart may let another part ask first.
        for index in small.runs.indices { small.runs[index]["spec"]?["parallelism"] = nil }
        let plain = small.simulated([]).report
        let restarts = (0..<30).map { _ -> JSONValue in
            ["at": .string("\(random.pick(0...3000))50ms"), "restartOperator": true]
        }
        let restarted = small.simulated(restarts).report
        for (left, right) in zip(plain.runs, restarted.runs) {
            #expect(left.rows == right.rows && left.summary == right.summary, "seed \(seed): \(left.name)")
        }
        #expect(plain.admissions == restarted.admissions, "seed \(seed)")
        #expect(plain.preemptions == restarted.preemptions, "seed \(seed)")
        #expect(plain.waiting.map(\.workload) == restarted.waiting.map(\.workload), "seed \(seed)")
    }

    @Test(arguments: 0..<50 as Range<UInt64>) func `In a cluster without end a queue changes nothing`(seed: UInt64) {
        var random = SeededGenerator(mixing: seed, 23)
        var small = SmallWorld(&random)
        small.cluster = []
        small.actions = []
        let plain = small.simulated([]).report
        small.cluster = [
            ["apiVersion": "sluice.dev/v1alpha1", "kind": "Queue", "metadata": ["name": "all"], "spec": [:]]
        ]
        let queued = small.simulated([]).report
        #expect(queued.waiting == [] && queued.utilisation == [])
        for (left, right) in zip(plain.runs, queued.runs) {
            #expect(left.rows == right.rows && left.summary == right.summary, "seed \(seed): \(left.name)")
        }
    }

    /// What must hold when all of an instant has happened.
    private static func check(_ world: World, _ problems: inout [String]) {
        let foreign = world.cluster.foreign
        for (name, amounts) in world.usage.byNode where !amounts.isEmpty {
            guard let node = world.cluster.nodes[name] else {
                problems.append("\(world.monotonic): pods on node \(name), which is gone")
                continue
            }
            for (resource, amount) in amounts {
                let whole = node.allocatable[resource] ?? 0
                if amount + (foreign[name]?[resource] ?? 0) > whole {
                    problems.append("\(world.monotonic): \(amount) \(resource) of \(whole) used on \(name)")
                }
            }
        }
        for (name, use) in world.usage.queues {
            for entry in Resources(world.cluster.queues[name]?.capability ?? [:], rounding: .down).entries
            where use.now[entry.name] ?? 0 > entry.amount {
                problems.append("\(world.monotonic): queue \(name) is above its capability in \(entry.name)")
            }
        }
        for run in world.runs where !run.isDeleted {
            for (path, attempts) in run.attempts {
                let replicas = run.task(ofPath: path)?.replicas ?? 1
                for attempt in attempts where attempt.pods.count != replicas {
                    problems.append("\(world.monotonic): \(run.name)/\(path) has \(attempt.pods.count) pods")
                }
            }
        }
        // What the queue believes is what there is; a pod that no node takes has its room in the queue all the same.
        let isUnbound = world.runs.contains { run in
            !run.isDeleted && run.pods.contains { !$0.isGone && $0.pod.isLive && $0.pod.nodeName.isEmpty }
        }
        guard world.isOperatorRunning, !isUnbound else { return }
        for (name, use) in world.usage.queues {
            guard let believed = world.admission.driver.report(name)?.used else { continue }
            let entries = believed.entries.filter { $0.amount > 0 }
            if world.runs.contains(where: { $0.spec["gangScope"] == "Run" }) {
                // What is kept for a run may not be in use, and of pods the run may have more, smaller ones.
                let known = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.amount) })
                for (resource, amount) in use.now where resource != "pods" && amount > known[resource] ?? 0 {
                    problems.append("\(world.monotonic): queue \(name) uses \(use.now), but is said to use \(entries)")
                }
                continue
            }
            if Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.amount) }) != use.now {
                problems.append("\(world.monotonic): queue \(name) uses \(use.now), but is said to use \(entries)")
            }
        }
    }

    /// What must have come of it.
    private static func checkEnd(_ world: World, _ report: SimulationReport) -> [String] {
        var problems: [String] = []
        let waiting = Set(report.waiting.map { "\($0.workload.namespace)/\($0.workload.run)" })
        for run in report.runs {
            let isEnded = ["Succeeded", "Failed", "Cancelled"].contains(run.phase)
            let asksForEver = world.runs.contains { $0.name.name == run.name && $0.mayWaitForEver }
            if !isEnded, !asksForEver, run.phase != "Suspended", !waiting.contains("\(run.namespace)/\(run.name)") {
                problems.append("\(run.name) is \(run.phase) and waits for nothing\n\(report.table)")
            }
        }
        for waiting in report.waiting where waiting.reason.isEmpty || waiting.workload.queue.isEmpty {
            problems.append("\(waiting) has no reason")
        }
        guard world.usage.pods == 0 else { return problems + ["pods run at the end"] }
        // Pods that no node takes have room kept for them while they wait, and those of a run keep all of its room.
        guard !world.runs.contains(where: { $0.mayWaitForEver && $0.spec["gangScope"] == "Run" }) else {
            return problems
        }
        let reasons = world.admission.waiting.keys.map { world.admission.driver.reason(of: $0)?.kind }
        for key in world.admission.waiting.keys {
            switch world.admission.driver.reason(of: key)?.kind {
            case .neverFits?, .misconfigured?, .queueClosed?, .guaranteed?: break
            // The head may be one whose room is guaranteed to others.
            case .line? where reasons.contains(.guaranteed): break
            case let kind:
                problems.append(
                    "nothing runs, and \(key) waits: \(kind?.rawValue ?? "") "
                        + "\(world.admission.driver.reason(of: key)?.text ?? "")")
            }
        }
        return problems
    }
}

/// A few nodes, queues and runs.
struct SmallWorld {
    /// So many seeds, or as many as SLUICE_SIMULATION_SEEDS says.
    static func seeds(_ count: UInt64) -> UInt64 {
        ProcessInfo.processInfo.environment["SLUICE_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? count
    }

    var cluster: [JSONValue] = []
    var runs: [JSONValue] = []
    var outcomes: [JSONValue] = []
    var arrivals: [JSONValue] = []
    var actions: [JSONValue] = []
    private var nodes: [JSONValue] = []

    init(_ random: inout SeededGenerator) {
        addNodes(&random)
        addQueues(&random)
        for number in 0..<random.pick(2...9) { addRun(number, &random) }
        outcomes = (0..<random.pick(1...4)).map { _ in Self.outcome(&random) }
        outcomes.append(["duration": .string("\(random.pick(1...90))s")])
        for _ in 0..<random.pick(0...4) { addAction(&random) }
    }

    func simulated(
        _ extra: [JSONValue], onInstant: ((World) -> Void)? = nil
    ) -> (world: World, report: SimulationReport) {
        let scenario: JSONValue = [
            "apiVersion": "sluice.dev/v1alpha1", "kind": "Scenario", "arrivals": .array(arrivals),
            "outcomes": .array(outcomes), "actions": .array(actions + extra),
        ]
        let (input, mistakes) = SimulationInput.read(cluster + runs + [scenario])
        #expect(mistakes.isEmpty && input.refused.isEmpty, "\(mistakes) \(input.refused)")
        let world = World(input)
        world.onInstant = onInstant
        world.run()
        return (world, world.report)
    }

    private mutating func addNodes(_ random: inout SeededGenerator) {
        for number in 0..<random.pick(1...4) {
            var spec: JSONValue = [:]
            if random.chance(0.15) { spec["taints"] = [["key": "k", "effect": "NoSchedule"]] }
            let allocatable: JSONValue = [
                "cpu": .int(Int64(random.pick(1...8))), "memory": .string("\(random.pick(4...16))Gi"),
                "pods": .int(Int64(random.pick([3, 110]))), "gpu": .int(Int64(random.pick(0...2))),
            ]
            nodes.append([
                "apiVersion": "v1", "kind": "Node",
                "metadata": ["name": .string("n\(number)"), "labels": ["zone": .string(random.pick(["a", "b"]))]],
                "spec": spec, "status": ["allocatable": allocatable],
            ])
            if random.chance(0.2) {
                let resources: JSONValue = ["requests": ["cpu": 1, "memory": "1Gi"]]
                cluster.append([
                    "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string("other-\(number)")],
                    "spec": [
                        "nodeName": .string("n\(number)"), "containers": [["name": "c", "resources": resources]],
                    ],
                ])
            }
        }
        cluster += nodes
    }

    private mutating func addQueues(_ random: inout SeededGenerator) {
        for number in 0..<random.pick([0, 0, 1, 2, 3]) {
            var spec: JSONValue = ["namespaces": [.string("ns\(number)")]]
            if random.chance(0.5) { spec["weight"] = .int(Int64(random.pick(1...4))) }
            if random.chance(0.3) { spec["capability"] = ["cpu": .int(Int64(random.pick(2...8)))] }
            if random.chance(0.2) { spec["guarantee"] = ["cpu": 1] }
            if random.chance(0.2) { spec["deserved"] = ["cpu": .int(Int64(random.pick(1...2)))] }
            if random.chance(0.3) { spec["dequeueStrategy"] = "fifo" }
            if random.chance(0.2) { spec["preemption"] = "Never" }
            if random.chance(0.2) { spec["reclaimable"] = false }
            if random.chance(0.2) { spec["maxRunningRuns"] = .int(Int64(random.pick(1...2))) }
            cluster.append([
                "apiVersion": "sluice.dev/v1alpha1", "kind": "Queue", "metadata": ["name": .string("q\(number)")],
                "spec": spec,
            ])
        }
    }

    private mutating func addRun(_ number: Int, _ random: inout SeededGenerator) {
        var tasks: [JSONValue] = []
        for place in 0..<random.pick(1...3) {
            var requests: JSONValue = ["cpu": .string("\(random.pick([1, 2, 5, 10, 20, 30]))00m")]
            if random.chance(0.3) { requests["memory"] = .string("\(random.pick(1...6))Gi") }
            if random.chance(0.1) { requests["gpu"] = 1 }
            var task: JSONValue = [
                "name": .string("t\(place)"),
                "container": ["image": "x", "resources": ["requests": requests, "limits": requests]],
            ]
            if random.chance(0.4) { task["replicas"] = .int(Int64(random.pick(2...4))) }
            if place > 0, random.chance(0.5) { task["dependsOn"] = [["task": .string("t\(place - 1)")]] }
            if random.chance(0.2) { task["forEach"] = ["items": [1, 2, 3]] }
            if random.chance(0.4) {
                task["retry"] = ["limit": 2, "backoff": ["initial": .string(random.pick(["0s", "1500ms", "4s"]))]]
            }
            if random.chance(0.3) { task["timeout"] = .string("\(random.pick(5...200))s") }
            if random.chance(0.1) { task["podTemplate"] = ["spec": ["nodeSelector": ["zone": "a"]]] }
            if random.chance(0.1) {
                task["podTemplate"] = ["spec": ["tolerations": [["key": "k", "operator": "Exists"]]]]
            }
            tasks.append(task)
        }
        var spec: JSONValue = ["pipelineSpec": ["tasks": .array(tasks)]]
        if random.chance(0.3) { spec["priority"] = .int(Int64(random.pick(0...2))) }
        if random.chance(0.2) { spec["parallelism"] = .int(Int64(random.pick(1...2))) }
        if random.chance(0.1) { spec["queueTimeout"] = .string("\(random.pick(10...1000))s") }
        let namespace = "ns\(random.pick(0...2))"
        runs.append([
            "apiVersion": "sluice.dev/v1alpha1", "kind": "PipelineRun",
            "metadata": ["name": .string("r\(number)"), "namespace": .string(namespace)], "spec": spec,
        ])
        guard random.chance(0.6) else { return }
        arrivals.append([
            "run": .string("\(namespace)/r\(number)"), "at": .string("\(random.pick(0...1500))00ms"),
        ])
    }

    private static func outcome(_ random: inout SeededGenerator) -> JSONValue {
        var outcome: JSONValue = [:]
        if random.chance(0.6) { outcome["task"] = .string("t\(random.pick(0...2))*") }
        if random.chance(0.6) { outcome["attempt"] = .int(Int64(random.pick(0...1))) }
        if random.chance(0.3) { outcome["replica"] = .int(Int64(random.pick(0...1))) }
        switch random.pick(0...3) {
        case 0: outcome["exitCode"] = .int(Int64(random.pick(0...2)))
        case 1:
            outcome["failure"] = .string(
                random.pick([PodEnd.oomKilled, .evicted, .preempted, .nodeLost, .deleted, .unschedulable]).rawValue)
            if outcome["failure"] == "Unschedulable" { return outcome }
        default: break
        }
        outcome["duration"] = .string("\(random.pick(0...300))00ms")
        return outcome
    }

    private mutating func addAction(_ random: inout SeededGenerator) {
        let seconds = random.pick(1...200)
        func action(_ after: Int, _ name: String, _ value: JSONValue) -> JSONValue {
            ["at": .string("\(seconds + after)s"), name: value]
        }
        let number = random.pick(0...nodes.count - 1)
        switch random.pick(0...5) {
        case 0:
            actions.append(action(0, "delete", ["kind": "Node", "name": .string("n\(number)")]))
            if random.chance(0.7) { actions.append(action(random.pick(0...60), "apply", nodes[number])) }
        case 1:
            for (after, value) in [(0, true), (random.pick(1...60), false)] {
                actions.append(
                    action(
                        after, "patch",
                        [
                            "kind": "Node", "name": .string("n\(number)"),
                            "spec": ["unschedulable": .bool(value)],
                        ]))
            }
        case 2:
            guard let queue = cluster.last, queue["kind"] == "Queue" else { return }
            let name = queue["metadata"]?["name"] ?? .null
            let state = random.pick(["Closed", "Draining"])
            actions.append(action(0, "patch", ["kind": "Queue", "name": name, "spec": ["state": .string(state)]]))
            guard random.chance(0.7) else { return }
            actions.append(action(30, "patch", ["kind": "Queue", "name": name, "spec": ["state": "Open"]]))
        case 3:
            guard let queue = cluster.last, queue["kind"] == "Queue" else { return }
            let spec: JSONValue = ["weight": .int(Int64(random.pick(1...9)))]
            actions.append(
                action(0, "patch", ["kind": "Queue", "name": queue["metadata"]?["name"] ?? .null, "spec": spec]))
        case 4:
            let run = random.pick(runs)["metadata"]
            let name = "\(run?["namespace"]?.string ?? "")/\(run?["name"]?.string ?? "")"
            for (after, state) in [(0, random.pick(["Cancelled", "Suspended", "Terminated"])), (50, "Running")] {
                var entry = action(after, "state", .string(state))
                entry["run"] = .string(name)
                actions.append(entry)
            }
        default:
            let run = random.pick(runs)["metadata"]
            let name = "\(run?["namespace"]?.string ?? "")/\(run?["name"]?.string ?? "")"
            actions.append(action(0, "delete", ["kind": "PipelineRun", "name": .string(name)]))
        }
    }
}
