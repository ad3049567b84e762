import Foundation
import KubernetesModel
import SeededRandom
import Testing

@testable import GangQueue

/// A random cluster that lives for a while, with a plain record of what was decided and what must hold.
struct SimulatedCluster {
    struct Running {
        var workload: Workload
        var pods: [PodPlacement]
        var admitted: Timestamp
    }

    var random: SeededGenerator
    var queue: GangQueue
    var queues: [String: QueuePolicy] = [:]
    var nodes: [String: NodeSpec] = [:]
    var now = Timestamp(seconds: 1_000_000)
    var waiting: [String: Workload] = [:]
    var running: [String: Running] = [:]
    var ending: [String: [PodPlacement]] = [:]
    var pendingFor: Set<String> = []
    var evictedSinceChange: Set<String> = []
    /// Who was evicted last for whom, until that gang runs or waits anew.
    var evictedFor: [String: String] = [:]
    var count = 0
    var problems: [String] = []

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        queue = GangQueue()
        for index in 0..<random.pick(1...6) { setNode("n\(index)") }
        if random.chance(0.8) {
            for index in 0..<random.pick(1...5) {
                let parent = index > 1 && random.chance(0.4) ? "q\(random.pick(0...1))" : nil
                set(
                    QueuePolicy(
                        "q\(index)", parent: parent, weight: Int64(random.pick(1...3)),
                        guarantee: random.chance(0.2) ? ["gpu": Int64(random.pick(1...3))] : [:],
                        deserved: random.chance(0.3) ? ["gpu": Int64(random.pick(1...8))] : [:],
                        capability: random.chance(0.3) ? ["gpu": Int64(random.pick(2...10))] : [:],
                        reclaimable: random.chance(0.8), dequeueStrategy: random.chance(0.3) ? .fifo : .traverse,
                        preemption: random.chance(0.7) ? .lowerPriority : .never,
                        maxRunningRuns: random.chance(0.2) ? random.pick(1...3) : nil))
            }
        }
    }

    mutating func set(_ spec: QueuePolicy) {
        queues[spec.name] = spec
        queue.setQueue(spec)
    }

    mutating func setNode(_ name: String) {
        let spec = NodeSpec(
            name, allocatable: ["cpu": Int64(random.pick(2...8)) * 1000, "gpu": Int64(random.pick(0...4)), "pods": 20],
            labels: ["zone": random.pick(["x", "y"])], schedulable: random.chance(0.95),
            foreign: random.chance(0.2) ? ["cpu": 1000, "pods": 3] : [:])
        nodes[name] = spec
        queue.setNode(spec)
    }

    mutating func submit() {
        count += 1
        let size = random.pick(1...3)
        let workload = World.gang(
            "g\(count)", queues.isEmpty ? nil : "q\(random.pick(0...max(0, queues.count - 1)))",
            random.chance(0.7) ? ["gpu": Int64(random.pick(1...3))] : ["cpu": Int64(random.pick(1...4)) * 500],
            count: size,
            required: random.chance(0.2) ? random.pick(1...size) : nil, at: now.seconds - 1_000_000,
            priority: Int64(random.pick(0...2)), run: "r\(random.pick(0...count))",
            namespace: "ns\(random.pick(0...2))",
            limit: random.chance(0.5) ? Int64(random.pick(60...3000)) : nil, separate: random.chance(0.2),
            topology: random.chance(0.15) ? Topology("zone", required: random.chance(0.7)) : nil)
        waiting[workload.key] = workload
        queue.submit(workload)
    }

    mutating func pickKey(_ keys: [String]) -> String? { keys.isEmpty ? nil : random.pick(keys.sorted()) }

    /// One event of the world.
    mutating func event() {
        evictedSinceChange = []
        switch random.pick(0...9) {
        case 0...3: submit()
        case 4, 5: if let key = pickKey(running.keys.filter { !pendingFor.contains($0) }) { finish(key) }
        case 6: if let key = pickKey(Array(ending.keys)) { endPods(key) }
        case 7:
            if let key = pickKey(Array(waiting.keys)), ending[key] == nil {
                waiting[key] = nil
                queue.remove(key)
            }
        case 8: if random.chance(0.3) { setNode("n\(random.pick(0...6))") }
        default:
            if random.chance(0.3), let name = pickKey(Array(queues.keys)), var spec = queues[name] {
                spec.weight = Int64(random.pick(1...3))
                spec.state = random.chance(0.8) ? .open : random.chance(0.7) ? .closed : .draining
                set(spec)
            }
        }
        now = Timestamp(seconds: now.seconds + Int64(random.pick(0...90)))
    }

    mutating func finish(_ key: String) {
        running[key] = nil
        ending[key] = nil
        queue.remove(key)
    }

    mutating func endPods(_ key: String) {
        queue.podsGone(key, ending.removeValue(forKey: key) ?? [])
    }

    // MARK: - Bookkeeping and what must hold

    mutating func decide() -> Decisions {
        let decisions = queue.cycle(now: now)
        checkCeilings()
        for eviction in decisions.evictions { apply(eviction) }
        for admission in decisions.admissions { apply(admission) }
        checkNodes()
        let pending = Set(queue.pending.map { queue.gangs[$0].order.name })
        evictedFor = evictedFor.filter { pending.contains($0.value) }
        return decisions
    }

    /// No queue gets more than its capability.
    private mutating func checkCeilings() {
        for (name, spec) in queues {
            let used = queue.report(name)?.used["gpu"] ?? 0
            if let limit = spec.capability["gpu"], used > limit { fail("\(name) has \(used) gpu of at most \(limit)") }
        }
    }

    private mutating func apply(_ eviction: Decisions.Eviction) {
        guard let gang = running[eviction.key] else { return fail("\(eviction.key) is evicted and does not run") }
        if eviction.asker != nil {
            if gang.admitted.microseconds + 60_000_000 > now.microseconds {
                fail("\(eviction.key) is evicted too early")
            }
            if eviction.isWhole, !evictedSinceChange.insert(eviction.key).inserted {
                fail("\(eviction.key) is evicted twice without a change")
            }
        }
        ending[eviction.key, default: []] += eviction.pods
        if eviction.isWhole, let asker = eviction.asker { evictedFor[eviction.key] = asker }
        if eviction.isWhole {
            if Set(eviction.pods) != Set(gang.pods) { fail("\(eviction.key) is evicted in part") }
            running[eviction.key] = nil
            waiting[eviction.key] = gang.workload
        } else {
            running[eviction.key]?.pods.removeAll { eviction.pods.contains($0) }
            let group = gang.workload.pods[0]
            if (running[eviction.key]?.pods.count ?? 0) < group.required { fail("\(eviction.key) keeps too few pods") }
        }
    }

    private mutating func apply(_ admission: Decisions.Admission) {
        guard admission.isStart else {
            guard let gang = running[admission.key], let pod = admission.pods.first,
                !gang.pods.contains(where: { $0.replica == pod.replica })
            else { return fail("surplus of \(admission.key) is wrong") }
            running[admission.key]?.pods += admission.pods
            return
        }
        guard let workload = waiting.removeValue(forKey: admission.key) else {
            return fail("\(admission.key) does not wait")
        }
        if let asker = evictedFor.removeValue(forKey: admission.key),
            queue.gangs.contains(where: { $0.order.name == asker && $0.isPending })
        {
            fail("\(admission.key) is back before \(asker), for which it was evicted")
        }
        let group = workload.pods[0]
        if admission.pods.count != group.required { fail("\(admission.key) starts with \(admission.pods.count) pods") }
        if group.separateHosts, Set(admission.pods.map(\.node)).count != admission.pods.count {
            fail("\(admission.key) is not on separate hosts")
        }
        if workload.topology?.required == true,
            Set(admission.pods.map { nodes[$0.node ?? ""]?.labels["zone"] }).count > 1
        {
            fail("\(admission.key) is in two zones")
        }
        if ending[admission.key] != nil { fail("\(admission.key) starts while former pods end") }
        running[admission.key] = Running(workload: workload, pods: admission.pods, admitted: now)
    }

    mutating func fail(_ text: String) { problems.append(text) }

    /// No node may get more than it has: what is on it may only be more when the node shrank.
    private mutating func checkNodes() {
        for (name, node) in nodes {
            var used: [String: Int64] = [:]
            for (key, gang) in running {
                for pod in gang.pods where pod.node == name { add(gang.workload, &used) }
                _ = key
            }
            let capacity = queue.nodes.indices[name].map { index in
                queue.table.names.indices.map { queue.nodes.capacity[index * queue.nodes.stride + $0] }
            }
            guard let capacity, node.schedulable else { continue }
            for (resource, amount) in used {
                guard let index = queue.table.names.firstIndex(of: resource) else { continue }
                if amount > capacity[index], !shrunk.contains(name) { fail("\(name) has \(amount) \(resource)") }
            }
        }
    }

    /// Nodes that were changed while something was on them.
    var shrunk: Set<String> = []

    private func add(_ workload: Workload, _ used: inout [String: Int64]) {
        for entry in workload.pods[0].requests.entries { used[entry.name, default: 0] += entry.amount }
        used["pods", default: 0] += 1
    }
}

/// So many seeds from 0 on, or those of `GANGQUEUE_SEEDS`: `200..400`.
private func seeds(_ count: UInt64) -> Range<UInt64> {
    let wanted = ProcessInfo.processInfo.environment["GANGQUEUE_SEEDS"]?.split(separator: ".").compactMap { UInt64($0) }
    if let wanted, wanted.count == 2, wanted[0] <= wanted[1] { return wanted[0]..<wanted[1] }
    return 0..<count
}

struct SimulationTests {
    @Test
    func
        `simulation: no node above what it has, no half gang, no early or repeated eviction, and what can run does in the end`()
    {
        for seed in Array(seeds(60)) + [76, 175, 427, 443, 458, 1324, 1864, 2181, 2853, 3632] {
            var cluster = SimulatedCluster(seed: seed)
            for _ in 0..<120 {
                let nodes = cluster.nodes
                cluster.event()
                for (name, node) in cluster.nodes where nodes[name] != nil && nodes[name] != node {
                    cluster.shrunk.insert(name)
                }
                _ = cluster.decide()
                let again = cluster.decide()
                if !again.admissions.isEmpty || !again.evictions.isEmpty {
                    cluster.fail("a second decision without any event does something: \(again)")
                }
                if !cluster.problems.isEmpty { break }
            }
            #expect(cluster.problems.isEmpty, "seed \(seed): \(cluster.problems.first ?? "")")
            if cluster.problems.isEmpty { settle(&cluster, seed) }
            if !cluster.problems.isEmpty { return }
        }
    }

    /// Everything ends, queues open: whoever could ever start does, but for those whose room is guaranteed to others and who is behind them in fifo.
    private func settle(_ cluster: inout SimulatedCluster, _ seed: UInt64) {
        for (name, spec) in cluster.queues.sorted(by: { $0.key < $1.key }) {
            var open = spec
            open.state = .open
            cluster.set(open.self)
            _ = name
        }
        for _ in 0..<400 where !cluster.waiting.isEmpty {
            cluster.now = Timestamp(seconds: cluster.now.seconds + 1)
            _ = cluster.decide()
            for key in cluster.ending.keys.sorted() { cluster.endPods(key) }
            if let key = cluster.running.keys.min() { cluster.finish(key) }
        }
        for key in cluster.waiting.keys.sorted() {
            let kind = cluster.queue.reason(key)?.kind
            #expect(
                [.neverFits, .misconfigured, .guaranteed, .line].contains(kind),
                "seed \(seed): \(key) waits: \(cluster.queue.reason(key)?.text ?? "-")")
        }
    }

    @Test func `simulation: a decision does not depend on the order in which things were said`() {
        for seed in 0..<100 as Range<UInt64> {
            var first = SimulatedCluster(seed: seed)
            for _ in 0..<30 { first.submit() }
            var shuffled = GangQueue()
            for workload in first.waiting.values.sorted(by: { $0.key < $1.key }).shuffled(using: &first.random) {
                shuffled.submit(workload)
            }
            for node in first.nodes.values.sorted(by: { $0.name < $1.name }).shuffled(using: &first.random) {
                shuffled.setNode(node)
            }
            for spec in first.queues.values.sorted(by: { $0.name < $1.name }).shuffled(using: &first.random) {
                shuffled.setQueue(spec)
            }
            let one = first.queue.cycle(now: first.now)
            let two = shuffled.cycle(now: first.now)
            #expect(one.admissions == two.admissions && one.evictions == two.evictions, "seed \(seed)")
            #expect(Set(one.waiting) == Set(two.waiting), "seed \(seed)")
        }
    }

    @Test func `Q9: the incremental engine decides as one built anew from the same state`() {
        for seed in Array(seeds(40)) + [175, 628, 1844, 1925, 3384] {
            var cluster = SimulatedCluster(seed: seed)
            for step in 0..<80 {
                cluster.event()
                // What ends has no part in a state that is built anew: it is left out of this comparison.
                if cluster.ending.isEmpty {
                    var anew = GangQueue()
                    for spec in cluster.queues.values.sorted(by: { $0.name < $1.name }) { anew.setQueue(spec) }
                    for node in cluster.nodes.values.sorted(by: { $0.name < $1.name }) { anew.setNode(node) }
                    for gang in cluster.running.values.sorted(by: { $0.workload.key < $1.workload.key }) {
                        anew.restore(gang.workload, pods: gang.pods, admitted: gang.admitted)
                    }
                    for workload in cluster.waiting.values.sorted(by: { $0.key < $1.key }) {
                        var told = workload
                        if let gang = cluster.queue.gangIndices[workload.key] {
                            told.since = cluster.queue.gangs[gang].since
                            told.underWay = cluster.queue.gangs[gang].order.underWay
                        }
                        anew.submit(told)
                    }
                    // What is reserved or was freed for somebody is history, not state.
                    if cluster.queue.reservations.isEmpty, cluster.queue.pending.isEmpty {
                        let expected = anew.cycle(now: cluster.now)
                        let decided = cluster.decide()
                        guard expected.admissions == decided.admissions, expected.evictions == decided.evictions else {
                            Issue.record(
                                "seed \(seed) step \(step): anew \(expected.admissions) \(expected.evictions), incremental \(decided.admissions) \(decided.evictions)"
                            )
                            return
                        }
                        continue
                    }
                }
                _ = cluster.decide()
            }
        }
    }
}
