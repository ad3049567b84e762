import KubernetesModel
import Testing

@testable import GangQueue

struct LineTests {
    @Test func `Q6: in fifo nobody passes the head, in traverse smaller ones do`() {
        for strategy in QueuePolicy.DequeueStrategy.allCases {
            var world = World(nodes: World.nodes(1, ["gpu": 4]), queues: [QueuePolicy("a", dequeueStrategy: strategy)])
            world.submit(
                World.gang("0", "a", ["gpu": 3]), World.gang("1", "a", ["gpu": 4], at: 1),
                World.gang("2", "a", ["gpu": 1], at: 2))
            #expect(world.admitted() == (strategy == .fifo ? ["0"] : ["0", "2"]))
            #expect(world.kind("2") == (strategy == .fifo ? .line : nil))
            world.queue.remove("0")
            world.queue.remove("2")
            #expect(world.admitted() == ["1"])
        }
    }

    @Test func `Q6: what can never start blocks no fifo`() {
        var world = World(nodes: World.nodes(1, ["gpu": 4]), queues: [QueuePolicy("a", dequeueStrategy: .fifo)])
        world.submit(World.gang("0", "a", ["gpu": 9]), World.gang("1", "a", ["gpu": 4], at: 1))
        #expect(world.admitted() == ["1"])
        #expect(world.kind("0") == .neverFits)
    }

    @Test
    func `Q6: a head that has waited ten minutes holds its room: others pass only if they end before or fit beside it`()
    {
        var world = World(nodes: World.nodes(1, ["gpu": 4, "cpu": 8]), queues: [QueuePolicy("a")])
        world.submit(World.gang("runs", "a", ["gpu": 2], limit: 3600))
        #expect(world.admitted() == ["runs"])
        world.submit(World.gang("large", "a", ["gpu": 4], at: 1))
        let decisions = world.decide(after: 1)
        #expect(decisions.admissions == [] && decisions.wakeUp == Timestamp(seconds: 1_000_601))
        world.submit(World.gang("early", "a", ["gpu": 1], at: 2))
        #expect(world.admitted() == ["early"])
        world.queue.remove("early")
        #expect(world.admitted(after: 600) == [])
        world.submit(
            World.gang("endless", "a", ["gpu": 1], at: 700), World.gang("long", "a", ["gpu": 1], at: 701, limit: 4000),
            World.gang("short", "a", ["gpu": 1], at: 702, limit: 600), World.gang("beside", "a", ["cpu": 1], at: 703))
        #expect(world.admitted() == ["short", "beside"])
        #expect(world.kind("endless") == .reserved)
        #expect(
            world.text("long")
                == "what it needs is reserved for large of queue a, which has waited since 1970-01-12T13:46:41Z")
        world.queue.remove("short")
        world.queue.remove("runs")
        #expect(world.admitted() == ["large"])
        world.queue.remove("large")
        #expect(world.admitted() == ["endless", "long"])
    }

    @Test func `Q6: a reservation within the deserved share holds against all queues, one that borrows does not`() {
        for (deserved, size, passes) in [(4, 4, []), (2, 5, ["b0"])] as [(Int64, Int64, [String])] {
            var world = World(
                nodes: World.nodes(1, ["gpu": 8]),
                queues: [
                    QueuePolicy("a", deserved: ["gpu": deserved]),
                    QueuePolicy("b", deserved: ["gpu": 4], reclaimable: false),
                    QueuePolicy("default", reclaimable: false),
                ])
            world.submit(World.gang("runs", "b", ["gpu": 3], limit: 3600), World.gang("more", ["gpu": 2], limit: 3600))
            #expect(Set(world.admitted()) == ["runs", "more"])
            world.submit(World.gang("large", "a", ["gpu": size], at: 1))
            #expect(world.admitted(after: 700) == [])
            // A borrower is held by both, a queue within its share by none: its share is not what is reserved.
            world.submit(World.gang("borrows", ["gpu": 2], at: 700))
            #expect(world.admitted() == [] && world.kind("borrows") == .reserved)
            if size == 5 { world.submit(World.gang("b0", "b", ["gpu": 1], at: 700)) }
            #expect(world.admitted() == passes)
        }
    }

    @Test func `Q6: when its room is there the reserved gang is admitted before anybody`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 4]),
            queues: [
                QueuePolicy("a", deserved: ["gpu": 3]),
                QueuePolicy("b", deserved: ["gpu": 4], reclaimable: false, preemption: .never),
                QueuePolicy("default", reclaimable: false),
            ])
        world.submit(
            World.gang("x", "b", ["gpu": 2], limit: 3600), World.gang("y", "b", ["gpu": 2], at: 1, limit: 3600))
        #expect(world.admitted() == ["x", "y"])
        world.submit(World.gang("large", "a", ["gpu": 2], at: 2), World.gang("z", "b", ["gpu": 2], at: 3, priority: 9))
        #expect(world.admitted(after: 700) == [])
        world.queue.remove("x")
        #expect(world.admitted() == ["large"])
    }

    @Test func `maxRunningRuns: another run waits, another task of a run that counts does not`() {
        var world = World(nodes: World.nodes(1, ["gpu": 9]), queues: [QueuePolicy("a", maxRunningRuns: 1)])
        world.submit(
            World.gang("r-1", "a", ["gpu": 1], at: 0, run: "r"), World.gang("s-1", "a", ["gpu": 1], at: 1, run: "s"),
            World.gang("r-2", "a", ["gpu": 1], at: 2, run: "r"))
        #expect(world.admitted() == ["r-1", "r-2"])
        #expect(world.text("s-1") == "queue a has 1 running runs of at most 1")
        world.queue.remove("r-1")
        #expect(world.admitted() == [])
        world.queue.remove("r-2")
        #expect(world.admitted() == ["s-1"])
    }

    @Test func `Closed: nothing new is admitted, what runs goes on, demand does not count`() {
        var world = World(nodes: World.nodes(1, ["gpu": 4]), queues: [QueuePolicy("a"), QueuePolicy("b")])
        world.submit(World.gang("a0", "a", ["gpu": 1]))
        #expect(world.admitted() == ["a0"])
        world.queue.setQueue(QueuePolicy("a", state: .closed))
        world.submit(World.gang("a1", "a", ["gpu": 1]), World.gang("b0", "b", ["gpu": 3]))
        #expect(world.admitted() == ["b0"])
        #expect(world.kind("a1") == .queueClosed)
        #expect(world.queue.report("a")?.deserved["gpu"] == 1)
        world.queue.setQueue(QueuePolicy("a"))
        world.queue.remove("b0")
        #expect(world.admitted() == ["a1"])
    }

    @Test func `Closed: a queue below one that is closed is closed`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 4]),
            queues: [QueuePolicy("p", state: .closed), QueuePolicy("a", parent: "p")])
        world.submit(World.gang("a0", "a", ["gpu": 1]))
        #expect(world.admitted() == [] && world.text("a0") == "queue p is closed")
    }
}
