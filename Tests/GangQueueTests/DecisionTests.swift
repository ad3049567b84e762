import KubernetesModel
import Testing

@testable import GangQueue

/// What the rules leave open and DECISIONS.md settles, and dead-locks that other queues are known for.
struct DecisionTests {
    @Test func `Q3: what can never fit, or waits in a queue that is not open, is no demand`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 8]),
            queues: [QueuePolicy("a"), QueuePolicy("b", state: .closed), QueuePolicy("c")])
        world.submit(
            World.gang("never", "a", ["gpu": 9]), World.gang("closed", "b", ["gpu": 4]),
            World.gang("c", "c", ["gpu": 1], count: 8))
        #expect(world.admitted() == ["c"])
        #expect(["a", "b", "c"].map { world.queue.report($0)?.deserved["gpu"] ?? 0 } == [0, 0, 8])
    }

    @Test func `Q5, Q10: a gang that can never fit is looked at again when nodes change`() {
        var world = World(nodes: World.nodes(1, ["gpu": 2]), queues: [QueuePolicy("a", dequeueStrategy: .fifo)])
        world.submit(World.gang("large", "a", ["gpu": 4]), World.gang("small", "a", ["gpu": 1], at: 1))
        #expect(world.admitted(after: 700) == ["small"])
        #expect(world.kind("large") == .neverFits && world.queue.reservations.isEmpty)
        world.queue.setNode(NodeSpec("n9", allocatable: ["gpu": 4]))
        #expect(world.admitted() == ["large"])
    }

    @Test
    func `Q6: when its room is there the reserved gang is first, also where it borrows and others would be within`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 4]),
            queues: [QueuePolicy("a", deserved: ["gpu": 1]), QueuePolicy("b", deserved: ["gpu": 3])])
        world.submit(World.gang("runs", "b", ["gpu": 3], limit: 3600))
        #expect(world.admitted() == ["runs"])
        world.submit(World.gang("large", "a", ["gpu": 4]))
        #expect(world.admitted(after: 700) == [])
        world.queue.remove("runs")
        world.submit(World.gang("b0", "b", ["gpu": 1], at: 700))
        #expect(world.admitted() == ["large"])
    }

    @Test func `Q6: of two reservations that meet the older wins`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 4]),
            queues: [
                QueuePolicy("a", deserved: ["gpu": 2]), QueuePolicy("b", deserved: ["gpu": 2]),
                QueuePolicy("c", reclaimable: false),
            ])
        world.submit(World.gang("x", "c", ["gpu": 2], limit: 3600), World.gang("y", "c", ["gpu": 2], limit: 3600))
        #expect(world.admitted() == ["x", "y"])
        world.submit(World.gang("younger", "a", ["gpu": 2], at: 2), World.gang("older", "b", ["gpu": 2], at: 1))
        #expect(world.admitted(after: 700) == [])
        world.queue.remove("x")
        #expect(world.admitted() == ["older"])
    }

    @Test func `Q6: a second decision at the same instant lets nobody pass whom the first held`() {
        var world = World(nodes: World.nodes(1, ["gpu": 4]), queues: [QueuePolicy("a")])
        world.submit(World.gang("r1", "a", ["gpu": 2], limit: 3600), World.gang("r2", "a", ["gpu": 1], limit: 3600))
        #expect(world.admitted() == ["r1", "r2"])
        world.submit(World.gang("large", "a", ["gpu": 4], at: 1))
        #expect(world.admitted(after: 700) == [])
        world.queue.remove("r2")
        world.submit(World.gang("late", "a", ["gpu": 1], at: 700))
        #expect(world.admitted() == [] && world.admitted() == [])
        #expect(world.kind("late") == .reserved)
    }

    @Test func `Q7: an eviction that failed is tried again when a single gang ends or starts`() {
        var world = World(
            nodes: World.nodes(2, ["gpu": 2]),
            queues: [
                QueuePolicy("a", deserved: ["gpu": 1]), QueuePolicy("b", deserved: ["gpu": 2]),
                QueuePolicy("c", deserved: ["gpu": 1], reclaimable: false),
            ])
        world.submit(
            World.gang("a0", "a", ["gpu": 1], at: 0), World.gang("c0", "c", ["gpu": 1], at: 1),
            World.gang("a1", "a", ["gpu": 1], at: 2), World.gang("c1", "c", ["gpu": 1], at: 3))
        #expect(world.decide().admissions.count == 4)
        world.submit(World.gang("b0", "b", ["gpu": 2], at: 5))
        // Each node holds one of either: no eviction gives it a whole node that may not take the other's.
        let tried = world.decide(after: 100).evictions
        world.queue.remove("c1")
        #expect((tried + world.decide(after: 1).evictions).map(\.key).allSatisfy { $0.hasPrefix("a") })
        #expect(world.kind("b0") == .evicting || world.kind("b0") == nil)
    }

    @Test func `Q7: the least run time shields surplus replicas too`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 4]),
            queues: [QueuePolicy("a", deserved: ["gpu": 2]), QueuePolicy("b", deserved: ["gpu": 2])])
        world.submit(World.gang("elastic", "a", ["gpu": 1], count: 4, required: 1))
        #expect(world.admitted().count == 4)
        world.submit(World.gang("b0", "b", ["gpu": 1]))
        #expect(world.decide(after: 59).evictions == [])
        #expect(world.decide(after: 1).evictions.map(\.isWhole) == [false])
    }

    @Test func `Q7: who frees nothing that the asker can use is no candidate (volcano 4926)`() {
        var world = World(
            nodes: [
                NodeSpec("cpu", allocatable: ["cpu": 8_000]), NodeSpec("gpu", allocatable: ["cpu": 1_000, "gpu": 1]),
            ],
            queues: [QueuePolicy("a", deserved: ["cpu": 1_000]), QueuePolicy("b", deserved: ["cpu": 8_000, "gpu": 1])])
        world.submit(World.gang("wide", "a", ["cpu": 8_000]), World.gang("holder", "a", ["gpu": 1], at: 1))
        #expect(Set(world.admitted()) == ["wide", "holder"])
        world.submit(World.gang("asker", "b", ["gpu": 1], at: 2))
        #expect(world.decide(after: 60).evictions.allSatisfy { $0.key == "holder" })
    }

    @Test func `minAvailable: surplus pods evict nobody`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 4]),
            queues: [QueuePolicy("a", deserved: ["gpu": 1]), QueuePolicy("b", deserved: ["gpu": 3])])
        for index in 0..<3 { world.submit(World.gang("a\(index)", "a", ["gpu": 1])) }
        #expect(world.admitted().count == 3)
        world.submit(World.gang("b0", "b", ["gpu": 1], count: 3, required: 1))
        #expect(world.decide(after: 100).admissions.map(\.key) == ["b0"])
        #expect(world.decide(after: 100).evictions == [])
    }

    @Test func `maxRunningRuns: a run whose next task can never fit does not count`() {
        var world = World(nodes: World.nodes(1, ["gpu": 2]), queues: [QueuePolicy("a", maxRunningRuns: 1)])
        world.submit(World.gang("r-1", "a", ["gpu": 1], run: "r"))
        #expect(world.admitted() == ["r-1"])
        world.submit(World.gang("s-1", "a", ["gpu": 1], at: 1, run: "s"))
        #expect(world.admitted() == [])
        world.queue.remove("r-1")
        world.submit(World.gang("r-2", "a", ["gpu": 9], run: "r"))
        #expect(world.admitted() == ["s-1"])
    }

    @Test func `order: all events of one instant are applied before one decision`() {
        var world = World(nodes: World.nodes(1, ["gpu": 1]))
        world.submit(World.gang("runs", ["gpu": 1]))
        #expect(world.admitted() == ["runs"])
        world.submit(World.gang("late", ["gpu": 1], at: 5))
        world.queue.remove("runs")
        world.submit(World.gang("urgent", ["gpu": 1], at: 5, priority: 1))
        #expect(world.admitted() == ["urgent"])
    }

    @Test func `Q5: a node that comes back is for the stranded gang, not for a newcomer (volcano 5805)`() {
        var world = World(nodes: World.nodes(2, ["gpu": 4]))
        world.submit(World.gang("stranded", ["gpu": 4], count: 2))
        #expect(world.admitted() == ["stranded"])
        // One of its pods is lost with its node; the attempt is taken down and asks again, at its old age.
        world.queue.removeNode("n1")
        world.queue.remove("stranded")
        var again = World.gang("stranded", ["gpu": 4], count: 2)
        again.underWay = true
        world.submit(again)
        #expect(world.admitted() == [])
        world.queue.setNode(NodeSpec("n1", allocatable: ["gpu": 4]))
        world.submit(World.gang("newcomer", ["gpu": 4], at: 50))
        #expect(world.admitted() == ["stranded"])
    }

    @Test func `Q11: an Autoscaler queue without a capability in what the gang asks for is misconfigured`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 2]),
            queues: [QueuePolicy("a", capability: ["gpu": 6], provisioning: .autoscaler)])
        world.submit(World.gang("0", "a", ["gpu": 2, "cpu": 1_000]))
        #expect(world.admitted() == [] && world.kind("0") == .misconfigured)
        #expect(
            world.text("0")
                == "queue a adds nodes (provisioning: Autoscaler) and says no capability in cpu, of which it asks for 1"
        )
        world.queue.setQueue(QueuePolicy("a", capability: ["gpu": 6, "cpu": 9_000], provisioning: .autoscaler))
        #expect(world.admitted() == ["0"])
    }

    @Test func `names: a default queue that was described and is deleted goes`() {
        var world = World(nodes: World.nodes(1, ["gpu": 4]), queues: [QueuePolicy("a"), QueuePolicy("z")])
        world.submit(World.gang("z0", "z", ["gpu": 1]))
        world.queue.removeQueue("z")
        #expect(world.admitted() == [] && world.text("z0") == "queue z does not exist")
    }

    /// One cohort of Kueue's published performance load, in virtual time.
    @Test func `load: a cohort of six queues is kept busy to the end, and large jobs wait least`() {
        var world = World(nodes: [NodeSpec("n", allocatable: ["unit": 120, "pods": 120])])
        world.queue.setQueue(QueuePolicy("cohort", deserved: ["unit": 120]))
        for index in 0..<6 {
            world.queue.setQueue(
                QueuePolicy("q\(index)", parent: "cohort", deserved: ["unit": 20], capability: ["unit": 120]))
        }
        let kinds: [(units: Int64, runs: Int64, priority: Int64, every: Int64, count: Int64)] = [
            (1, 200, 50, 100, 350), (5, 500, 100, 500, 100), (20, 1_000, 200, 1_200, 50),
        ]
        var running: [String: (end: Int64, kind: Int, units: Int64)] = [:]
        var waits = [0, 0, 0] as [Int64]
        var arrived: [String: (at: Int64, kind: Int)] = [:]
        var now: Int64 = 0
        var used: Int64 = 0
        repeat {
            now += 100
            for (key, gang) in running where gang.end <= now {
                world.queue.remove(key)
                running[key] = nil
                used -= gang.units
            }
            for (kind, job) in kinds.enumerated() where now % job.every == 0 && now / job.every <= job.count {
                for queue in 0..<6 {
                    let key = "\(kind)-\(queue)-\(now)"
                    arrived[key] = (now, kind)
                    world.queue.submit(
                        Workload(
                            key, queue: "q\(queue)", priority: job.priority,
                            arrival: Timestamp(microseconds: now * 1000),
                            pods: [PodGroup(["unit": job.units])]))
                }
            }
            let decisions = world.queue.cycle(now: Timestamp(microseconds: now * 1000))
            #expect(decisions.evictions.isEmpty)
            for admission in decisions.admissions {
                guard let (at, kind) = arrived[admission.key] else { continue }
                waits[kind] += now - at
                running[admission.key] = (now + kinds[kind].runs, kind, kinds[kind].units)
                used += kinds[kind].units
            }
            #expect(used <= 120)
        } while !running.isEmpty
        let work = kinds.reduce(0) { $0 + $1.units * $1.runs * $1.count * 6 }
        #expect(arrived.count == 3_000 && now < 100_000)
        #expect(now * 100 <= work / 120 * 103, "makespan \(now) ms of \(work / 120) ms")
        #expect(waits[2] / 300 < waits[1] / 600 && waits[1] / 600 < waits[0] / 2_100)
    }
}
