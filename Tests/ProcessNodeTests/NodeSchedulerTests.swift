import JSON
import KubernetesModel
import Synchronization
import Testing

@testable import ProcessNode

/// Records what the scheduler asks for.
private final class Cluster: Sendable {
    struct State {
        var bound: [String] = []
        var told: [String: String] = [:]
        var tells = 0
        var events: [String] = []
        var node = NodeFacts(name: "local", labels: ["zone": "a", "cores": "8"])
        var refusesBinds = false
    }

    let state = Mutex(State())

    func scheduler(cpu: Int64 = 1000, pods: Int64 = 10_000) -> NodeScheduler {
        var requests = NodeScheduler.Requests(
            bind: { pod in
                self.state.withLock { state in
                    if state.refusesBinds { return false }
                    state.bound.append(pod.name)
                    return true
                }
            },
            tell: { pod, message in
                self.state.withLock { state in
                    state.told[pod.name] = message
                    state.tells += 1
                    return true
                }
            })
        requests.node = { self.state.withLock { $0.node } }
        requests.record = { pod, isWarning, reason, message in
            self.state.withLock {
                $0.events.append("\(isWarning ? "Warning" : "Normal") \(reason) \(pod.name): \(message)")
            }
        }
        return NodeScheduler(
            requests: requests, node: "local", labels: [:],
            allocatable: ["pods": Int128(pods) * 1_000_000_000, "cpu": Int128(cpu) * 1_000_000_000])
    }

    var bound: [String] { state.withLock { $0.bound } }
    var told: [String: String] { state.withLock { $0.told } }
}

private func pod(_ name: String, cpu: String = "1", _ spec: JSONValue = [:], status: JSONValue = [:]) throws -> NodePod
{
    var spec = spec
    spec["containers"] = [["name": "c", "resources": ["requests": ["cpu": .string(cpu)]]]]
    return try NodePod([
        "metadata": ["name": .string(name), "uid": .string(name), "namespace": "default"], "spec": spec,
        "status": status,
    ])
}

@Suite struct NodeSchedulerTests {
    @Test func `N19: What a new pod costs does not grow with the pods that wait`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler(cpu: 1)
        await scheduler.update(try pod("first"))
        _ = await scheduler.schedule()
        for number in 0..<2000 {
            await scheduler.update(try pod("w\(number)"))
            _ = await scheduler.schedule()
        }
        #expect(await scheduler.looks == 2001, "one look for each pod")
        #expect(cluster.state.withLock { $0.tells } == 2000)
        #expect(cluster.told["w7"] == "0/1 nodes are available: 1 Insufficient cpu.")
        // When one goes, one of 2000 equal ones is bound and one is looked at that no longer fits.
        await scheduler.remove("first")
        _ = await scheduler.schedule()
        #expect(await scheduler.looks == 2003)
        #expect(cluster.bound == ["first", "w0"])
        #expect(cluster.state.withLock { $0.tells } == 2000, "nobody is told the same twice")
        _ = await scheduler.schedule()
        #expect(await scheduler.looks == 2003, "nothing has changed")
    }

    @Test func `N19: Pods are bound by priority, then by name, whatever line they stand in`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler(cpu: 5)
        for (name, priority, cpu) in [("d", 0, "1"), ("a", 0, "2"), ("c", 5, "1"), ("b", 5, "2")] {
            await scheduler.update(try pod(name, cpu: cpu, ["priority": .int(Int64(priority))]))
        }
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["b", "c", "a"])
        #expect(cluster.told == ["d": "0/1 nodes are available: 1 Insufficient cpu."])
    }

    @Test func `N19: What a bind that failed had taken is given back, and it is tried again`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler(cpu: 1)
        cluster.state.withLock { $0.refusesBinds = true }
        await scheduler.update(try pod("a"))
        #expect(await scheduler.schedule())
        cluster.state.withLock { $0.refusesBinds = false }
        #expect(await !scheduler.schedule())
        #expect(cluster.bound == ["a"])
        await scheduler.update(try pod("a", ["nodeName": "local"], status: ["phase": "Succeeded"]))
        await scheduler.update(try pod("b"))
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["a", "b"])
    }

    @Test func `N21: A bind and a reason to wait are events`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler(cpu: 1)
        await scheduler.update(try pod("a"))
        await scheduler.update(try pod("b"))
        _ = await scheduler.schedule()
        #expect(
            cluster.state.withLock { $0.events } == [
                "Normal Scheduled a: Successfully assigned default/a to local",
                "Warning FailedScheduling b: 0/1 nodes are available: 1 Insufficient cpu.",
            ])
    }

    /// A pod with that label, and terms of that kind about pods with another.
    private func labelled(_ name: String, app: String, _ kind: String? = nil, about: String = "", key: String = "zone")
        throws
        -> NodePod
    {
        var spec: JSONValue = ["containers": [["name": "c"]]]
        if let kind {
            spec["affinity"] = .object([
                kind: [
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        ["topologyKey": .string(key), "labelSelector": ["matchLabels": ["app": .string(about)]]]
                    ]
                ]
            ])
        }
        return try NodePod([
            "metadata": [
                "name": .string(name), "uid": .string(name), "namespace": "default", "labels": ["app": .string(app)],
            ],
            "spec": spec,
        ])
    }

    @Test func `Pods that want to be apart are not beside each other, whoever came first`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler()
        await scheduler.update(try labelled("a", app: "web", "podAntiAffinity", about: "web"))
        await scheduler.update(try labelled("b", app: "web", "podAntiAffinity", about: "web"))
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["a"])
        // One that asks for nothing is kept away by the first, and keeps nobody else.
        await scheduler.update(try labelled("c", app: "web"))
        await scheduler.update(try labelled("d", app: "other"))
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["a", "d"])
        #expect(
            cluster.told == [
                "b": "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
                "c": "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
            ])
        _ = await scheduler.schedule()
        #expect(cluster.state.withLock { $0.tells } == 2, "nobody is told the same twice")
        // No topology of that name: nobody is beside anybody.
        await scheduler.update(try labelled("e", app: "x", "podAntiAffinity", about: "x", key: "rack"))
        await scheduler.update(try labelled("f", app: "x", "podAntiAffinity", about: "x", key: "rack"))
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["a", "d", "e", "f"])
        await scheduler.remove("a")
        _ = await scheduler.schedule()
        #expect(Set(cluster.bound) == ["a", "b", "d", "e", "f"])
        // Now the others are kept away by what b asks.
        #expect(cluster.told.keys.contains("c") && !cluster.bound.contains("c"))
    }

    @Test func `A pod that wants to be beside another waits until it is there`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler()
        await scheduler.update(try labelled("near", app: "x", "podAffinity", about: "cache"))
        await scheduler.update(try labelled("lost", app: "x", "podAffinity", about: "x", key: "rack"))
        await scheduler.update(try labelled("self", app: "y", "podAffinity", about: "y"))
        // Pods count that all terms select: none is both.
        var both = try labelled("both", app: "x", "podAffinity", about: "y").json
        let terms: [JSONValue] = ["y", "cache"].map {
            ["topologyKey": "zone", "labelSelector": ["matchLabels": ["app": .string($0)]]]
        }
        both["spec"]?["affinity"] = ["podAffinity": ["requiredDuringSchedulingIgnoredDuringExecution": .array(terms)]]
        await scheduler.update(try NodePod(both))
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["self"], "the first of a group begins it")
        #expect(cluster.told["near"] == "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.")
        await scheduler.update(try labelled("cache", app: "cache"))
        _ = await scheduler.schedule()
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["self", "cache", "near"])
        #expect(cluster.told["both"] == "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.")
    }

    @Test func `A node that has no label to spread over takes no pod that must be spread over it`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler()
        for (name, key) in [("a", "zone"), ("b", "rack")] {
            let constraint: JSONValue = [
                "maxSkew": 1, "topologyKey": .string(key), "whenUnsatisfiable": "DoNotSchedule",
            ]
            await scheduler.update(try pod(name, ["topologySpreadConstraints": [constraint]]))
        }
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["a"])
        #expect(cluster.told["b"]?.contains("missing required label") == true)
    }

    @Test func `N8: Pods of another scheduler are left to it`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler()
        await scheduler.update(try pod("other", ["schedulerName": "volcano"]))
        await scheduler.update(try pod("mine", ["schedulerName": "default-scheduler"]))
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["mine"])
        #expect(cluster.told.isEmpty)
    }

    @Test func `N8: A cordoned node takes nothing, and takes what waits once it is uncordoned`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler()
        cluster.state.withLock { $0.node.isUnschedulable = true }
        await scheduler.update(try pod("a"))
        await scheduler.update(
            try pod("daemon", ["tolerations": [["key": "node.kubernetes.io/unschedulable", "operator": "Exists"]]]))
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["daemon"])
        #expect(cluster.told == ["a": "0/1 nodes are available: 1 node(s) were unschedulable."])
        cluster.state.withLock { $0.node.isUnschedulable = false }
        // An event of any pod is enough.
        await scheduler.update(try pod("b"))
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["daemon", "a", "b"])
    }

    @Test func `N8: A pod whose selector does not match waits until the node gets the label`() async throws {
        let cluster = Cluster()
        let scheduler = cluster.scheduler()
        await scheduler.update(try pod("a", ["nodeSelector": ["disk": "ssd"]]))
        _ = await scheduler.schedule()
        #expect(
            cluster.told == ["a": "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."])
        cluster.state.withLock { $0.node.labels["disk"] = "ssd" }
        await scheduler.update(try pod("b"))
        _ = await scheduler.schedule()
        #expect(cluster.bound == ["a", "b"])
    }

    @Test(arguments: [
        (#"[{"matchExpressions":[{"key":"zone","operator":"In","values":["a","b"]}]}]"#, true),
        (#"[{"matchExpressions":[{"key":"zone","operator":"In","values":["b"]}]}]"#, false),
        (#"[{"matchExpressions":[{"key":"zone","operator":"NotIn","values":["b"]}]}]"#, true),
        (#"[{"matchExpressions":[{"key":"none","operator":"NotIn","values":["b"]}]}]"#, true),
        (#"[{"matchExpressions":[{"key":"zone","operator":"Exists"}]}]"#, true),
        (#"[{"matchExpressions":[{"key":"zone","operator":"DoesNotExist"}]}]"#, false),
        (#"[{"matchExpressions":[{"key":"cores","operator":"Gt","values":["4"]}]}]"#, true),
        (#"[{"matchExpressions":[{"key":"cores","operator":"Lt","values":["8"]}]}]"#, false),
        (#"[{"matchExpressions":[{"key":"zone","operator":"Gt","values":["1"]}]}]"#, false),
        (#"[{"matchFields":[{"key":"metadata.name","operator":"In","values":["local"]}]}]"#, true),
        (#"[{"matchFields":[{"key":"metadata.name","operator":"In","values":["other"]}]}]"#, false),
        (#"[{}]"#, false),
        (#"[]"#, false),
        (
            #"[{"matchExpressions":[{"key":"zone","operator":"In","values":["b"]}]},{"matchExpressions":[{"key":"zone","operator":"Exists"}]}]"#,
            true
        ),
    ])
    func `N8: A required node affinity is met by one of its terms`(_ terms: String, _ fits: Bool) throws {
        let affinity: JSONValue = [
            "nodeAffinity": [
                "requiredDuringSchedulingIgnoredDuringExecution": ["nodeSelectorTerms": try JSONValue(parsing: terms)]
            ]
        ]
        let node = NodeFacts(name: "local", labels: ["zone": "a", "cores": "8"])
        #expect((node.problem(PodNeeds(["affinity": affinity])) == nil) == fits)
    }

    @Test(arguments: [
        (#"[]"#, false), (#"[{"key":"gpu","operator":"Exists"}]"#, true), (#"[{"operator":"Exists"}]"#, true),
        (#"[{"key":"gpu","value":"yes","effect":"NoSchedule"}]"#, true), (#"[{"key":"gpu","value":"no"}]"#, false),
        (#"[{"key":"gpu","value":"yes","effect":"NoExecute"}]"#, false),
    ])
    func `N8: A tainted node takes only pods that tolerate it`(_ tolerations: String, _ fits: Bool) throws {
        let node = NodeFacts([
            "metadata": ["name": "local"],
            "spec": [
                "taints": [
                    ["key": "soft", "effect": "PreferNoSchedule"],
                    ["key": "gpu", "value": "yes", "effect": "NoSchedule"],
                ]
            ],
        ])
        let needs = PodNeeds(["tolerations": try JSONValue(parsing: tolerations)])
        #expect(node.problem(needs) == (fits ? nil : "1 node(s) had untolerated taint {gpu: yes}"))
    }
}
