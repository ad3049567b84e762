import GangQueue
import JSON
import KubernetesModel
import Queueing
import Testing

struct ForeignPodTests {
    private static func pod(nodeName: String = "n1", phase: String = "Running", labels: String = "{}") -> String {
        #"""
        {"status": {"phase": "\#(phase)", "containerStatuses": [{"name": "a"}]},
         "spec": {"nodeName": "\#(nodeName)", "overhead": {"cpu": "100m"}, "volumes": [{"name": "v"}],
           "containers": [{"name": "a", "image": "x", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]},
         "metadata": {"namespace": "kube-system", "name": "dns-1", "uid": "u", "resourceVersion": "12", "labels": \#(labels),
           "annotations": {"a": "b"}, "managedFields": [{}]}}
        """#
    }

    @Test
    func `A pod is read to its node and what it takes there`() throws {
        let pod = try ForeignPod(parsing: Self.pod(labels: #"{"app": "dns"}"#))
        var expected = ForeignPod()
        expected.namespace = "kube-system"
        expected.name = "dns-1"
        expected.uid = "u"
        expected.resourceVersion = "12"
        expected.nodeName = "n1"
        expected.phase = .running
        expected.requests = PodRequests(["cpu": Quantity(milli: 1100), "memory": Quantity(1 << 30)])
        #expect(pod == expected)
        #expect(pod.takesRoom)
        #expect(Resources(pod.requests) == ["cpu": 1100, "memory": 1 << 30])
        var metadata = ObjectMeta(name: "dns-1", namespace: "kube-system")
        metadata.uid = "u"
        metadata.resourceVersion = "12"
        #expect(pod.metadata == metadata)
    }

    @Test
    func `A pod of ours is told by its label`() throws {
        let pod = try ForeignPod(parsing: Self.pod(labels: #"{"sluice.dev/task": "t", "sluice.dev/run": "r"}"#))
        #expect(pod.run == "r")
        #expect(pod.metadata.labels == ["sluice.dev/run": "r"])
        #expect(try ForeignPod(parsing: Self.pod(labels: "null")).run == nil)
    }

    @Test(
        arguments: [
            ("n1", "Pending", true), ("n1", "Running", true), ("n1", "Unknown", true), ("n1", "", true),
            ("n1", "Strange", true), ("n1", "Succeeded", false), ("n1", "Failed", false), ("", "Pending", false),
        ])
    func `Q2: a pod takes room on its node until it has ended, and none without a node`(
        nodeName: String, phase: String, takesRoom: Bool
    ) throws {
        let pod = try ForeignPod(parsing: Self.pod(nodeName: nodeName, phase: phase))
        #expect(pod.takesRoom == takesRoom)
        #expect((pod.requests == .none) == !takesRoom)
    }

    @Test
    func `An empty pod is read`() throws {
        #expect(try ForeignPod(parsing: "{}") == ForeignPod())
        #expect(try ForeignPod(parsing: #"{"metadata": null, "spec": null, "status": null}"#) == ForeignPod())
        #expect(
            try ForeignPod(parsing: #"{"spec": {"nodeName": null}, "status": {"phase": null}}"#) == ForeignPod())
    }

    @Test
    func `Tens of thousands fit in memory`() {
        // With a name, a UID and a node that need memory of their own, and three resources, about 0.7 KB.
        #expect(MemoryLayout<ForeignPod>.stride <= 192)
        #expect(MemoryLayout<PodRequests.Amount>.stride <= 48)
    }
}
