import KubernetesModel
import Testing

@testable import GangQueue

struct OrderTests {
    @Test func `Q4: inside a queue priority, then age, then the longer critical path, then the name`() {
        var world = World(nodes: World.nodes(1, ["cpu": 10_000]))
        for workload in [
            World.gang("d", ["cpu": 100], at: 5), World.gang("c", ["cpu": 100], at: 5),
            World.gang("b", ["cpu": 100], at: 5, critical: 9),
            World.gang("old", ["cpu": 100], at: 1), World.gang("urgent", ["cpu": 100], at: 9, priority: 1),
        ] { world.queue.submit(workload) }
        #expect(world.admitted() == ["urgent", "old", "b", "c", "d"])
    }

    @Test func `Q4: a room passes to the next task of the run before others of its priority`() {
        var world = World(nodes: World.nodes(1, ["cpu": 100]))
        world.submit(World.gang("late-1", ["cpu": 100], at: 9, run: "late"))
        #expect(world.admitted() == ["late-1"])
        world.submit(World.gang("old", ["cpu": 100], at: 1), World.gang("late-2", ["cpu": 100], at: 9, run: "late"))
        #expect(world.admitted() == [])
        world.queue.remove("late-1")
        #expect(world.admitted() == ["late-2"])
        world.submit(World.gang("urgent", ["cpu": 100], at: 20, priority: 1))
        world.submit(World.gang("late-3", ["cpu": 100], at: 9, run: "late"))
        world.queue.remove("late-2")
        #expect(world.admitted() == ["urgent"])
    }

    @Test func `Q4: of two tasks of one run the second follows the first at once`() {
        var world = World(nodes: World.nodes(1, ["cpu": 200]))
        world.submit(
            World.gang("a-1", ["cpu": 100], at: 1, run: "a"), World.gang("b", ["cpu": 100], at: 2),
            World.gang("a-2", ["cpu": 100], at: 1, run: "a"))
        #expect(world.admitted() == ["a-1", "a-2"])
    }

    @Test func `Q4: the queue with the lowest dominant share over weight is next`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 6]), queues: [QueuePolicy("a"), QueuePolicy("b", weight: 2)])
        for index in 0..<6 {
            world.submit(
                World.gang("a\(index)", "a", ["gpu": 1], at: 0), World.gang("b\(index)", "b", ["gpu": 1], at: 1))
        }
        #expect(world.admitted() == ["a0", "b0", "b1", "a1", "b2", "b3"])
    }

    @Test func `Q4: queues whose next gang keeps them within their deserved share are first`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 10]),
            queues: [QueuePolicy("a", deserved: ["gpu": 8]), QueuePolicy("b", deserved: ["gpu": 2])])
        for index in 0..<9 {
            world.submit(World.gang("a\(index)", "a", ["gpu": 1]), World.gang("b\(index)", "b", ["gpu": 1]))
        }
        let names = world.admitted()
        #expect(names.count { $0.hasPrefix("a") } == 8 && names.count { $0.hasPrefix("b") } == 2)
    }

    @Test func `Q4: level by level, so that a crowd of queues below one parent gets no more than the parent`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 8]),
            queues: [
                QueuePolicy("a"), QueuePolicy("a1", parent: "a"), QueuePolicy("a2", parent: "a"), QueuePolicy("b"),
            ])
        for index in 0..<8 {
            for queue in ["a1", "a2", "b"] { world.submit(World.gang("\(queue)-\(index)", queue, ["gpu": 1])) }
        }
        let names = world.admitted()
        #expect(names.count { $0.hasPrefix("b") } == 4)
        #expect(names.count { $0.hasPrefix("a1") } == 2)
    }

    @Test func `Q3, Q4: weights 1, 2 and 3 under contention share within one gang of the ideal`() {
        var world = World(
            nodes: World.nodes(6, ["gpu": 8]),
            queues: [QueuePolicy("a", weight: 1), QueuePolicy("b", weight: 2), QueuePolicy("c", weight: 3)])
        for index in 0..<60 {
            for queue in ["a", "b", "c"] { world.submit(World.gang("\(queue)\(index)", queue, ["gpu": 1])) }
        }
        let names = world.admitted()
        #expect(["a", "b", "c"].map { queue in names.count { $0.hasPrefix(queue) } } == [8, 16, 24])
    }

    @Test func `Q2: with no Queue at all every namespace has its share`() {
        var world = World(nodes: World.nodes(1, ["gpu": 4]))
        for index in 0..<4 {
            world.submit(
                World.gang("x\(index)", ["gpu": 1], namespace: "x"),
                World.gang("y\(index)", ["gpu": 1], at: 5, namespace: "y"))
        }
        #expect(world.admitted() == ["x0", "y0", "x1", "y1"])
    }

    @Test
    func
        `names: a namespace that no Queue covers is in default, an unknown queue or one with children waits with a reason`()
    {
        var world = World(
            nodes: World.nodes(1, ["gpu": 9]),
            queues: [QueuePolicy("a", namespaces: ["x"]), QueuePolicy("p"), QueuePolicy("q", parent: "p")])
        world.submit(
            World.gang("covered", ["gpu": 1], namespace: "x"), World.gang("other", ["gpu": 1], namespace: "z"),
            World.gang("lost", "nowhere", ["gpu": 1]), World.gang("inner", "p", ["gpu": 1]))
        #expect(Set(world.admitted()) == ["covered", "other"])
        #expect(world.queue.report("default")?.admitted == 1)
        #expect(world.text("lost") == "queue nowhere does not exist")
        #expect(world.text("inner") == "queue p has queues below it; only those without take work")
        world.queue.setQueue(QueuePolicy("nowhere"))
        #expect(world.admitted() == ["lost"])
    }
}
