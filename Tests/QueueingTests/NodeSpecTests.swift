import GangQueue
import KubernetesModel
import Queueing
import Testing

struct NodeSpecTests {
    private static func node(isReady: Bool = true, unschedulable: Bool = false) -> Node {
        var node = Node()
        node.metadata = ObjectMeta(name: "n1")
        node.metadata.labels = ["zone": "a"]
        node.isReady = isReady
        node.unschedulable = unschedulable
        return node
    }

    @Test
    func `A node has what is allocatable, rounded down, its labels and its taints`() {
        var node = Self.node()
        node.allocatable = [
            "cpu": Quantity(nanoUnits: 3_999_999_999) ?? .zero, "memory": Quantity(milli: 1999), "pods": Quantity(110),
            "nvidia.com/gpu": Quantity(8), "odd": Quantity(-5), "huge": Quantity(.max),
        ]
        node.taints = [
            .init(key: "a", value: "b", effect: "NoSchedule"), .init(key: "c", effect: "PreferNoSchedule"),
            .init(key: "d", effect: "NoExecute"), .init(key: "e", effect: "Unheard"),
        ]
        #expect(
            NodeSpec(node)
                == NodeSpec(
                    "n1",
                    allocatable: [
                        "cpu": 3999, "memory": 1, "pods": 110, "nvidia.com/gpu": 8, "odd": 0, "huge": Resources.limit,
                    ],
                    labels: ["zone": "a"],
                    taints: [
                        Taint("a", value: "b"), Taint("c", effect: .preferNoSchedule), Taint("d", effect: .noExecute),
                    ]))
    }

    @Test(arguments: [(true, false, true), (true, true, false), (false, false, false), (false, true, false)])
    func `Q2: only nodes that are Ready and not cordoned take pods`(
        isReady: Bool, unschedulable: Bool, schedulable: Bool
    ) {
        #expect(
            NodeSpec(Self.node(isReady: isReady, unschedulable: unschedulable)).schedulable == schedulable)
    }
}
