import KubernetesModel
import Testing

@testable import GangQueue

struct RoomTests {
    @Test func `Q2: a capability of the queue or of one above is a ceiling, with its numbers`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 16]),
            queues: [
                QueuePolicy("p", capability: ["gpu": 8]), QueuePolicy("a", parent: "p"), QueuePolicy("b", parent: "p"),
            ])
        world.submit(World.gang("a0", "a", ["gpu": 6]))
        #expect(world.admitted() == ["a0"])
        world.submit(World.gang("b0", "b", ["gpu": 4], at: 1), World.gang("b1", "b", ["gpu": 2], at: 2))
        #expect(world.admitted() == ["b1"])
        #expect(world.text("b0") == "queue p uses 8 of at most 8 gpu, it asks for 4")
        world.queue.remove("a0")
        #expect(world.admitted() == ["b0"])
    }

    @Test func `Q3: a guarantee is not lent`() {
        var world = World(
            nodes: World.nodes(1, ["gpu": 8]), queues: [QueuePolicy("a", guarantee: ["gpu": 3]), QueuePolicy("b")])
        for index in 0..<8 { world.submit(World.gang("b\(index)", "b", ["gpu": 1])) }
        #expect(world.admitted().count == 5)
        #expect(world.kind("b5") == .guaranteed)
        world.submit(World.gang("a0", "a", ["gpu": 3]))
        #expect(world.admitted() == ["a0"])
        world.queue.setQueue(QueuePolicy("a"))
        world.queue.remove("a0")
        #expect(world.admitted().count == 3)
    }

    @Test func `Q5: a gang starts whole or not at all`() {
        var world = World(nodes: World.nodes(3, ["gpu": 1]))
        world.submit(World.gang("four", ["gpu": 1], count: 4), World.gang("three", ["gpu": 1], count: 3, at: 1))
        let decisions = world.decide()
        #expect(decisions.admissions.map(\.key) == ["three"])
        #expect(decisions.admissions[0].pods.map(\.node) == ["n0", "n1", "n2"])
        #expect(world.kind("four") == .neverFits)
        world.queue.setNode(NodeSpec("n3", allocatable: ["gpu": 1]))
        world.queue.remove("three")
        #expect(world.admitted() == ["four"])
    }

    @Test func `Q5: two jobs of 100 pods on 100 one-pod nodes: one runs, then the other`() {
        var world = World(nodes: World.nodes(100, ["cpu": 1000]))
        world.submit(World.gang("a", ["cpu": 1000], count: 100), World.gang("b", ["cpu": 1000], count: 100))
        #expect(world.admitted() == ["a"])
        #expect(world.text("b") == "it asks for 100 cpu, 0 of 100 are free")
        world.queue.podsGone("a", (0..<99).map { PodPlacement(replica: $0, node: nil) })
        #expect(world.admitted() == [])
        world.queue.remove("a")
        #expect(world.admitted() == ["b"])
    }

    @Test func `Q5: two half-free nodes do not take a pod that needs a whole one, and the reason is fragmentation`() {
        var world = World(nodes: World.nodes(2, ["gpu": 2]))
        world.submit(World.gang("a", ["gpu": 1], count: 2, separate: true))
        #expect(world.admitted() == ["a"])
        world.submit(World.gang("b", ["gpu": 2]))
        #expect(world.admitted() == [])
        #expect(world.kind("b") == .fragmentation)
        #expect(world.text("b") == "it asks for 2 gpu, 2 of 4 are free, but not on nodes as its pods need them")
        world.queue.podsGone("a", [PodPlacement(replica: 1, node: nil)])
        #expect(world.admitted() == ["b"])
    }

    @Test
    func
        `Q5: pods go where room is tight, so that whole nodes stay whole, and off nodes with devices they do not ask for`()
    {
        var world = World(nodes: [
            NodeSpec("cpu", allocatable: ["cpu": 64_000]), NodeSpec("gpu-1", allocatable: ["cpu": 8_000, "gpu": 8]),
            NodeSpec("gpu-2", allocatable: ["cpu": 8_000, "gpu": 8]),
        ])
        world.submit(
            World.gang("a", ["gpu": 2], at: 0), World.gang("b", ["gpu": 2], at: 1),
            World.gang("c", ["cpu": 1_000], at: 2),
            World.gang("d", ["gpu": 8], at: 3))
        let nodes = world.decide().admissions.map { $0.pods[0].node }
        #expect(nodes == ["gpu-1", "gpu-1", "cpu", "gpu-2"])
    }

    @Test func `Q5: of unlike pods the large are placed first`() {
        var world = World(nodes: [
            NodeSpec("n0", allocatable: ["cpu": 4_000]), NodeSpec("n1", allocatable: ["cpu": 3_000]),
        ])
        let pods = [PodGroup(["cpu": 1_000], count: 3), PodGroup(["cpu": 4_000])]
        world.queue.submit(Workload("a", arrival: world.now, pods: pods))
        let admission = world.decide().admissions.first
        #expect(admission?.pods.map(\.node) == ["n1", "n1", "n1", "n0"])
    }

    @Test func `Q5: taints, selectors, the number of pods and cordons keep pods off nodes`() {
        var world = World(nodes: [
            NodeSpec("tainted", allocatable: ["cpu": 9_000], taints: [Taint("gpu-only")]),
            NodeSpec("full", allocatable: ["cpu": 9_000, "pods": 2], foreign: ["pods": 2]),
            NodeSpec("cordoned", allocatable: ["cpu": 9_000], schedulable: false),
            NodeSpec("busy", allocatable: ["cpu": 9_000], foreign: ["cpu": 8_500]),
        ])
        world.submit(World.gang("a", ["cpu": 1_000]))
        #expect(world.admitted() == [])
        #expect(world.kind("a") == .neverFits)
        var tolerant = World.gang("b", ["cpu": 1_000])
        tolerant.pods[0].tolerations = [Toleration(key: "gpu-only")]
        world.submit(tolerant)
        #expect(world.decide().admissions.first?.pods.first?.node == "tainted")
        world.queue.setNode(NodeSpec("cordoned", allocatable: ["cpu": 9_000]))
        #expect(world.admitted() == ["a"])
    }

    static let requirements: [(NodeRequirement, Bool)] = [
        (NodeRequirement("zone", .isIn, ["a", "b"]), true), (NodeRequirement("zone", .isIn, ["c"]), false),
        (NodeRequirement("zone", .isNotIn, ["c"]), true), (NodeRequirement("zone", .isNotIn, ["a"]), false),
        (NodeRequirement("none", .isNotIn, ["a"]), true), (NodeRequirement("zone", .exists), true),
        (NodeRequirement("none", .exists), false), (NodeRequirement("none", .doesNotExist), true),
        (NodeRequirement("size", .isGreater, ["3"]), true), (NodeRequirement("size", .isGreater, ["4"]), false),
        (NodeRequirement("size", .isLess, ["5"]), true), (NodeRequirement("zone", .isLess, ["5"]), false),
        (NodeRequirement("metadata.name", .isIn, ["n"]), true),
    ]

    @Test(arguments: requirements.indices)
    func `Q5: required node affinity is read as Kubernetes reads it`(_ index: Int) {
        let node = NodeSpec("n", allocatable: [:], labels: ["zone": "a", "size": "4"])
        #expect(Self.requirements[index].0.holds(for: node) == Self.requirements[index].1)
        let constraint = NodeConstraint(
            tolerations: [], nodeSelector: [:], affinity: [[], [Self.requirements[index].0]])
        #expect(constraint.allows(node) == Self.requirements[index].1)
    }

    private func zones() -> [NodeSpec] {
        [("n0", "a", 2), ("n1", "a", 2), ("n2", "b", 2), ("n3", "b", 1)].map {
            NodeSpec($0.0, allocatable: ["gpu": $0.2], labels: ["zone": $0.1])
        }
    }

    @Test func `Q5: a topology domain holds all pods, the one with the least room that does`() {
        var world = World(nodes: zones())
        world.submit(World.gang("three", ["gpu": 1], count: 3, topology: Topology("zone")))
        #expect(
            world.decide().admissions.first?.pods.compactMap(\.node) == ["n2", "n2", "n3"].sorted()
                || world.kind("three") == nil)
        #expect(world.queue.nodes.free[0] == 2 || world.queue.nodes.total.count == 2)
        world.submit(World.gang("four", ["gpu": 1], count: 4, topology: Topology("zone")))
        #expect(world.decide().admissions.first?.pods.compactMap(\.node) == ["n0", "n0", "n1", "n1"])
        world.submit(World.gang("five", ["gpu": 1], count: 5, topology: Topology("zone")))
        #expect(world.admitted() == [] && world.kind("five") == .neverFits)
    }

    @Test func `Q5: a preferred domain is left when none holds all pods`() {
        var world = World(nodes: zones())
        world.submit(World.gang("five", ["gpu": 1], count: 5, topology: Topology("zone", required: false)))
        #expect(world.admitted() == ["five"])
    }

    @Test func `minAvailable: the rest joins one by one after the whole gangs of the queue`() {
        var world = World(nodes: World.nodes(5, ["gpu": 1]))
        world.submit(
            World.gang("a", ["gpu": 1], count: 4, required: 2, at: 0), World.gang("b", ["gpu": 1], count: 2, at: 1))
        let decisions = world.decide()
        #expect(decisions.admissions.map(\.key) == ["a", "b", "a"])
        #expect(decisions.admissions.map(\.isStart) == [true, true, false])
        #expect(decisions.admissions[2].pods.map(\.replica) == [2])
        world.queue.remove("b")
        #expect(world.decide().admissions.flatMap { $0.pods.map(\.replica) } == [3])
        #expect(world.admitted() == [])
    }

    @Test func `Q10: a reason is told once, until another kind of thing is in the way`() {
        var world = World(nodes: World.nodes(1, ["gpu": 2]))
        world.submit(
            World.gang("a", ["gpu": 2], at: 0), World.gang("b", ["gpu": 1], at: 1), World.gang("c", ["gpu": 1], at: 2))
        #expect(Set(world.decide().waiting.map(\.key)) == ["b", "c"])
        world.submit(World.gang("d", ["gpu": 1], at: 3))
        #expect(world.decide().waiting.map(\.key) == ["d"])
        #expect(["b", "c", "d"].map { world.queue.position($0) } == [1, 2, 3])
        world.queue.remove("b")
        #expect(world.decide().waiting == [])
        #expect(world.queue.position("d") == 2)
    }

    @Test func `Q9: after a restart usage is what the pods say, and counted once`() {
        var world = World(nodes: World.nodes(2, ["gpu": 2]))
        let gang = World.gang("a", ["gpu": 1], count: 3)
        let pods = [
            PodPlacement(replica: 0, node: "n0"), PodPlacement(replica: 1, node: "n0"),
            PodPlacement(replica: 2, node: "n1"),
        ]
        world.queue.restore(gang, pods: pods, admitted: world.now)
        world.queue.restore(gang, pods: pods, admitted: world.now)
        world.submit(gang, World.gang("b", ["gpu": 2]), World.gang("c", ["gpu": 1]))
        #expect(world.admitted() == ["c"])
        #expect(world.queue.report("default")?.used["gpu"] == 4)
    }
}
