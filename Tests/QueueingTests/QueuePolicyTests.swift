import GangQueue
import JSON
import KubernetesModel
import Queueing
import SluiceAPI
import Testing

struct QueuePolicyTests {
    private static func namespace(_ name: String, _ labels: [String: String] = [:]) -> Namespace {
        var metadata = ObjectMeta(name: name)
        metadata.labels = labels
        return Namespace(metadata: metadata)
    }

    private static func queue(_ spec: JSONValue) -> Queue { Queue(metadata: ObjectMeta(name: "q"), spec: spec) }

    @Test
    func `An empty queue has the defaults of GangQueue`() {
        #expect(QueuePolicy(Self.queue([:]), namespaces: [Namespace]()) == QueuePolicy("q"))
    }

    @Test
    func `All of a queue becomes its policy, amounts rounded down`() {
        let policy = QueuePolicy(
            Self.queue([
                "parent": "all", "weight": 3, "guarantee": ["cpu": "1500u", "memory": "1.9"],
                "deserved": ["nvidia.com/gpu": 4], "capability": ["cpu": 8, "pods": "100"], "reclaimable": false,
                "dequeueStrategy": "fifo", "preemption": "Never", "state": "Draining", "maxRunningRuns": 7,
                "provisioning": "Autoscaler", "namespaces": ["b", "a"],
            ]), namespaces: [Self.namespace("c")])
        #expect(
            policy
                == QueuePolicy(
                    "q", parent: "all", weight: 3, guarantee: ["cpu": 1, "memory": 1], deserved: ["nvidia.com/gpu": 4],
                    capability: ["cpu": 8000, "pods": 100], reclaimable: false, dequeueStrategy: .fifo,
                    preemption: .never, state: .draining, maxRunningRuns: 7, provisioning: .autoscaler,
                    namespaces: ["a", "b"]))
        #expect(QueuePolicy(Self.queue(["state": "Closed"]), namespaces: [Namespace]()).state == .closed)
    }

    @Test(
        arguments: [
            ([:], ["x", "y", "z"]), (["matchLabels": ["team": "a"]], ["x", "z"]),
            (["matchExpressions": [["key": "team", "operator": "Exists"]]], ["x", "y", "z"]),
            (["matchLabels": ["team": "nobody"]], ["z"]),
            (["matchExpressions": [["key": "team", "operator": "Unheard"]]], ["z"]), (.null, ["z"]),
        ] as [(JSONValue, [String])])
    func `The namespaces are those listed and those selected`(selector: JSONValue, expected: [String]) {
        let spec: JSONValue = ["namespaces": ["z"], "namespaceSelector": selector]
        let known = [Self.namespace("y", ["team": "b"]), Self.namespace("x", ["team": "a"])]
        #expect(QueuePolicy(Self.queue(spec), namespaces: known).namespaces == expected)
    }
}
