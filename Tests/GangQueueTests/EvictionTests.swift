import KubernetesModel
import Testing

@testable import GangQueue

struct EvictionTests {
    private let share = [QueuePolicy("a", deserved: ["gpu": 2]), QueuePolicy("b", deserved: ["gpu": 2])]

    /// Tells that all pods of what was evicted have ended.
    private func end(_ decisions: Decisions, _ world: inout World) {
        for eviction in decisions.evictions { world.queue.podsGone(eviction.key, eviction.pods) }
    }

    private func borrowed(_ queues: [QueuePolicy], gpus: Int64 = 4) -> World {
        var world = World(nodes: World.nodes(1, ["gpu": gpus]), queues: queues)
        for index in 0..<gpus { world.submit(World.gang("a\(index)", "a", ["gpu": 1], at: index)) }
        world.admitted()
        return world
    }

    @Test func `Q7: a queue within its deserved share takes back what others borrow, from the youngest`() {
        var world = borrowed(share)
        world.submit(World.gang("b0", "b", ["gpu": 2], at: 9))
        let decisions = world.decide(after: 60)
        #expect(decisions.evictions.map(\.key) == ["a2", "a3"])
        #expect(
            decisions.evictions.first?.text == "queue b takes back for b0 what it deserves; queue a is over its share")
        #expect(decisions.admissions == [] && world.kind("b0") == .evicting)
        #expect(world.queue.report("a")?.used["gpu"] == 2 && world.queue.report("b")?.used["gpu"] == 2)
        #expect(world.admitted() == [])
        end(decisions, &world)
        #expect(world.admitted() == ["b0"])
        #expect(world.kind("a2") == .resources && world.queue.position("a2") == 1)
        #expect(world.decide(after: 600).evictions == [])
    }

    @Test func `Q7: what is freed belongs to the gang it was freed for`() {
        var world = borrowed(share)
        world.submit(World.gang("b0", "b", ["gpu": 2], at: 9))
        let decisions = world.decide(after: 60)
        world.queue.podsGone("a2", decisions.evictions[0].pods)
        world.submit(World.gang("urgent", "b", ["gpu": 1], at: 10, priority: 99))
        #expect(world.admitted() == [])
        world.queue.podsGone("a3", decisions.evictions[1].pods)
        #expect(world.admitted() == ["b0"])
    }

    @Test func `Q7: a queue at or under its deserved share loses nothing, one that is not reclaimable neither`() {
        var world = borrowed([QueuePolicy("a", deserved: ["gpu": 4]), QueuePolicy("b", deserved: ["gpu": 1])])
        world.submit(World.gang("b0", "b", ["gpu": 2]))
        #expect(world.decide(after: 60).evictions == [])
        var other = borrowed([
            QueuePolicy("a", deserved: ["gpu": 2], reclaimable: false), QueuePolicy("b", deserved: ["gpu": 2]),
        ])
        other.submit(World.gang("b0", "b", ["gpu": 2]))
        #expect(other.decide(after: 60).evictions == [])
    }

    @Test func `Q7: a queue that would be over its share reclaims nothing`() {
        var world = borrowed(share)
        world.submit(World.gang("b0", "b", ["gpu": 3]))
        #expect(world.decide(after: 60).evictions == [])
    }

    @Test func `Q7: nobody is evicted before the least run time, and the queue says when to ask again`() {
        var world = borrowed(share)
        world.submit(World.gang("b0", "b", ["gpu": 1]))
        let early = world.decide(after: 59)
        #expect(early.evictions == [] && early.wakeUp == Timestamp(seconds: 1_000_060))
        #expect(world.decide(after: 1).evictions.map(\.key) == ["a3"])
    }

    @Test
    func `Q7: nobody is evicted for a gang that would still not fit, and who frees nothing usable is no candidate`() {
        var world = World(
            nodes: [
                NodeSpec("x", allocatable: ["gpu": 2], labels: ["kind": "x"]),
                NodeSpec("y", allocatable: ["gpu": 2], labels: ["kind": "y"]),
            ], queues: [QueuePolicy("a", deserved: [:]), QueuePolicy("b", deserved: ["gpu": 4])])
        world.submit(
            World.gang("ax", "a", ["gpu": 2], selector: ["kind": "x"]),
            World.gang("ay", "a", ["gpu": 2], at: 5, selector: ["kind": "y"]))
        #expect(world.admitted() == ["ax", "ay"])
        world.submit(World.gang("b0", "b", ["gpu": 2], selector: ["kind": "x"]))
        #expect(world.decide(after: 60).evictions.map(\.key) == ["ax"])
    }

    @Test func `Q7: lowest priority first, and what proves unnecessary is spared`() {
        var world = World(nodes: World.nodes(1, ["gpu": 4]), queues: share)
        world.submit(
            World.gang("low", "a", ["gpu": 1], priority: 1), World.gang("high", "a", ["gpu": 1], priority: 5),
            World.gang("large", "a", ["gpu": 2], priority: 3))
        #expect(Set(world.admitted()) == ["low", "high", "large"])
        world.submit(World.gang("b0", "b", ["gpu": 2]))
        // First low, then large; with large gone low is not needed.
        #expect(world.decide(after: 60).evictions.map(\.key) == ["large"])
    }

    @Test func `Q7: preemption inside a queue takes lower priority only, and Never takes none`() {
        for preemption in QueuePolicy.Preemption.allCases {
            var world = World(nodes: World.nodes(1, ["gpu": 2]), queues: [QueuePolicy("a", preemption: preemption)])
            world.submit(World.gang("x", "a", ["gpu": 1], priority: 1), World.gang("y", "a", ["gpu": 1], priority: 2))
            #expect(world.admitted() == ["y", "x"])
            world.submit(World.gang("z", "a", ["gpu": 1], priority: 2))
            #expect(world.decide(after: 60).evictions.map(\.key) == (preemption == .never ? [] : ["x"]))
            world.submit(World.gang("w", "a", ["gpu": 2], priority: 2))
            #expect(world.decide(after: 60).evictions == [])
        }
    }

    @Test func `Q7: a ceiling of the queue is made room under by its own lower priority`() {
        var world = World(nodes: World.nodes(1, ["gpu": 9]), queues: [QueuePolicy("a", capability: ["gpu": 2])])
        world.submit(World.gang("x", "a", ["gpu": 2], priority: 1))
        world.admitted()
        world.submit(World.gang("y", "a", ["gpu": 2], priority: 2))
        let decisions = world.decide(after: 60)
        #expect(decisions.evictions.map(\.text) == ["y of priority 2 goes before its priority 1 in queue a"])
        #expect(decisions.admissions.map(\.key) == ["y"])
    }

    @Test func `Q7: surplus replicas go before whole gangs`() {
        var world = World(nodes: World.nodes(1, ["gpu": 4]), queues: share)
        world.submit(
            World.gang("elastic", "a", ["gpu": 1], count: 3, required: 1), World.gang("plain", "a", ["gpu": 1], at: 1))
        #expect(world.admitted() == ["elastic", "plain", "elastic", "elastic"])
        world.submit(World.gang("b0", "b", ["gpu": 2]))
        let decisions = world.decide(after: 60)
        #expect(decisions.evictions.map(\.key) == ["elastic"])
        #expect(
            decisions.evictions.first?.isWhole == false && decisions.evictions.first?.pods.map(\.replica) == [1, 2])
        end(decisions, &world)
        #expect(world.admitted() == ["b0"])
        world.queue.remove("b0")
        #expect(world.admitted() == ["elastic", "elastic"])
    }

    @Test func `Q7: in a tree reclaim acts below the lowest common ancestor`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 8]),
            queues: [
                QueuePolicy("p", deserved: ["gpu": 4]), QueuePolicy("p1", parent: "p"), QueuePolicy("p2", parent: "p"),
                QueuePolicy("q", deserved: ["gpu": 4]),
            ])
        for index in 0..<4 {
            world.submit(
                World.gang("p1-\(index)", "p1", ["gpu": 1], at: Int64(index)), World.gang("q-\(index)", "q", ["gpu": 1])
            )
        }
        #expect(world.admitted().count == 8)
        world.submit(World.gang("p2-0", "p2", ["gpu": 2]))
        #expect(world.decide(after: 60).evictions.map(\.key) == ["p1-2", "p1-3"])
    }

    @Test func `Q7: an evicted gang does not come back before its asker, nor evict it in turn`() {
        var world = borrowed(share)
        world.submit(World.gang("b0", "b", ["gpu": 1], at: 9), World.gang("b1", "b", ["gpu": 1], at: 10))
        var evictions = 0
        var started: [String] = []
        for _ in 0..<20 {
            let decisions = world.decide(after: 61)
            evictions += decisions.evictions.count
            started += decisions.admissions.map(\.key)
            end(decisions, &world)
        }
        #expect(evictions == 2 && started == ["b0", "b1"])
    }

    @Test func `Draining: all that runs is evicted at once and waits`() {
        var world = borrowed(share)
        world.queue.setQueue(QueuePolicy("a", state: .draining))
        let decisions = world.decide()
        #expect(decisions.evictions.map(\.text) == Array(repeating: "queue a is draining", count: 4))
        end(decisions, &world)
        #expect(world.admitted() == [] && world.kind("a0") == .queueClosed)
    }
}
