import KubernetesModel
import Testing

@testable import GangQueue

struct LifeTests {
    @Test
    func `Q11: a gang within quota that lacks nodes alone is admitted where nodes can be added, up to the capability`()
    {
        var world = World(
            nodes: World.nodes(1, ["gpu": 2]),
            queues: [QueuePolicy("a", capability: ["gpu": 6], provisioning: .autoscaler)])
        world.submit(
            World.gang("0", "a", ["gpu": 2]), World.gang("1", "a", ["gpu": 4], at: 1),
            World.gang("2", "a", ["gpu": 1], at: 2))
        let decisions = world.decide()
        #expect(decisions.admissions.map(\.key) == ["0", "1"])
        #expect(decisions.admissions.map { $0.pods[0].node } == ["n0", nil])
        #expect(world.kind("2") == .quota)
        world.queue.setNode(NodeSpec("new", allocatable: ["gpu": 5]))
        world.queue.podsBound("1", [PodPlacement(replica: 0, node: "new")])
        world.submit(World.gang("other", "default", ["gpu": 2]))
        #expect(world.admitted() == [] && world.kind("other") == .resources)
    }

    @Test func `Run scope: a hold shrinks with what the run still needs`() {
        var world = World(nodes: World.nodes(2, ["gpu": 4]))
        var hold = World.gang("run", ["gpu": 1], count: 6)
        hold.pods.append(PodGroup(["gpu": 2]))
        world.submit(hold, World.gang("other", ["gpu": 3], at: 1))
        #expect(world.admitted() == ["run"])
        world.queue.podsGone("run", (2..<6).map { PodPlacement(group: 0, replica: $0, node: nil) })
        #expect(world.admitted() == ["other"])
    }

    @Test func `Q5: a pod that the scheduler put elsewhere counts where it is`() {
        var world = World(nodes: World.nodes(2, ["gpu": 2]))
        world.submit(World.gang("a", ["gpu": 2]))
        #expect(world.decide().admissions.first?.pods.first?.node == "n0")
        world.queue.podsBound("a", [PodPlacement(replica: 0, node: "n1")])
        world.submit(World.gang("b", ["gpu": 2]))
        #expect(world.decide().admissions.first?.pods.first?.node == "n0")
    }

    @Test
    func `Q2: a node that is cordoned or goes admits nothing, what ran there counts in its queue until it is gone`() {
        var world = World(nodes: World.nodes(2, ["gpu": 2]))
        world.submit(World.gang("a", ["gpu": 2]))
        #expect(world.admitted() == ["a"])
        world.queue.removeNode("n0")
        world.queue.setNode(NodeSpec("n1", allocatable: ["gpu": 2], schedulable: false))
        world.submit(World.gang("b", ["gpu": 1]))
        #expect(world.admitted() == [] && world.kind("b") == .neverFits)
        #expect(world.queue.report("default")?.used["gpu"] == 2)
        world.queue.setNode(NodeSpec("n1", allocatable: ["gpu": 2]))
        #expect(world.admitted() == ["b"])
    }

    @Test func `Q7: a gang whose freed node goes waits again`() {
        var world = World(nodes: World.nodes(1, ["gpu": 1]))
        world.submit(World.gang("low", ["gpu": 1]))
        world.admitted()
        world.submit(World.gang("high", ["gpu": 1], priority: 1))
        #expect(world.decide(after: 60).evictions.map(\.key) == ["low"])
        world.queue.removeNode("n0")
        #expect(world.admitted() == [] && world.kind("high") == .neverFits && world.kind("low") == .ending)
        world.queue.podsGone("low", [PodPlacement(replica: 0, node: nil)])
        world.queue.setNode(NodeSpec("n1", allocatable: ["gpu": 1]))
        #expect(world.admitted() == ["high"])
    }

    @Test func `names: queues that are edited or deleted while work runs lose no count`() {
        var world = World(nodes: World.nodes(1, ["gpu": 4]), queues: [QueuePolicy("a"), QueuePolicy("b")])
        world.submit(World.gang("a0", "a", ["gpu": 3]), World.gang("a1", "a", ["gpu": 3], at: 1))
        #expect(world.admitted() == ["a0"])
        world.queue.setQueue(QueuePolicy("a", weight: 3))
        #expect(world.decide().waiting == [])
        world.queue.removeQueue("a")
        #expect(world.decide().waiting.map(\.reason.kind) == [.misconfigured])
        world.queue.setQueue(QueuePolicy("a"))
        #expect(world.admitted() == [] && world.queue.report("a")?.used["gpu"] == 3)
        world.queue.remove("a0")
        #expect(world.admitted() == ["a1"])
    }
}
