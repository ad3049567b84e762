import JSON
import KubernetesModel
import Testing

struct NodeTests {
    @Test
    func `Of a node is read what decides which pods may be on it`() throws {
        let node = try Node(
            parsing: #"""
                {"apiVersion": "v1", "kind": "Node",
                 "metadata": {"name": "n1", "resourceVersion": "7", "labels": {"zone": "a"}, "annotations": {"big": "text"}},
                 "spec": {"podCIDR": "10.0.0.0/24", "unschedulable": true, "taints": [
                   {"key": "gpu", "value": "yes", "effect": "NoSchedule"},
                   {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"}]},
                 "status": {"capacity": {"cpu": "9"}, "allocatable": {"cpu": "8", "memory": "31Gi", "bad": "x", "pods": 110},
                   "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
                   "images": [{"names": ["a"], "sizeBytes": 5}]}}
                """#)
        var expected = Node()
        expected.metadata = ObjectMeta(name: "n1")
        expected.metadata.resourceVersion = "7"
        expected.metadata.labels = ["zone": "a"]
        expected.allocatable = ["cpu": Quantity(8), "memory": try Quantity(parsing: "31Gi"), "pods": Quantity(110)]
        expected.taints = [
            .init(key: "gpu", value: "yes", effect: "NoSchedule"),
            .init(key: "node.kubernetes.io/unschedulable", effect: "NoSchedule"),
        ]
        expected.unschedulable = true
        expected.isReady = true
        #expect(node == expected)
    }

    @Test(arguments: [
        (#"[{"type": "Ready", "status": "True"}]"#, true), (#"[{"type": "Ready", "status": "False"}]"#, false),
        (#"[{"type": "Ready", "status": "Unknown"}]"#, false), ("[]", false), ("null", false),
        (#"[{"type": "Other", "status": "True"}]"#, false),
    ])
    func `A node is ready when its condition Ready is True`(conditions: String, isReady: Bool) throws {
        let node = try Node(parsing: #"{"spec": null, "status": {"conditions": \#(conditions), "allocatable": null}}"#)
        #expect(node.isReady == isReady)
        #expect(!node.unschedulable && node.taints.isEmpty && node.allocatable.isEmpty)
    }

    @Test
    func `Namespaces and priority classes are read without their annotations`() throws {
        let namespace = try Namespace(
            parsing:
                #"{"metadata": {"name": "a", "labels": {"team": "x"}, "annotations": {"b": "c"}}, "spec": {}, "status": {}}"#
        )
        var metadata = ObjectMeta(name: "a")
        metadata.labels = ["team": "x"]
        #expect(namespace == Namespace(metadata: metadata))
        #expect(
            try PriorityClass(
                parsing: #"{"metadata": {"name": "high"}, "value": 1000000, "globalDefault": true, "description": "d"}"#
            )
                == PriorityClass(metadata: ObjectMeta(name: "high"), value: 1_000_000, globalDefault: true))
        #expect(
            try PriorityClass(parsing: #"{"metadata": {"name": "low"}, "value": -5}"#)
                == PriorityClass(metadata: ObjectMeta(name: "low"), value: -5))
        #expect(PriorityClass.resourceType.basePath == "/apis/scheduling.k8s.io/v1")
        #expect(!Namespace.resourceType.isNamespaced && !Node.resourceType.isNamespaced)
    }
}
