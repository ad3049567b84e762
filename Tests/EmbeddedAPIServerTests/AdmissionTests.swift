import JSON
import KubernetesModel
import Testing

@testable import EmbeddedAPIServer

/// What is refused and what is added when objects are created.
@Suite struct AdmissionTests {
    static let namespace = "/api/v1/namespaces/default"

    private func pod(_ name: String, requests: JSONValue = [:], limits: JSONValue = [:], spec: JSONValue = [:])
        -> JSONValue
    {
        var all = spec
        all["containers"] = [
            ["name": "c", "image": "busybox", "resources": ["requests": requests, "limits": limits]]
        ]
        return ["metadata": ["name": .string(name)], "spec": all]
    }

    private func quota(_ test: TestServer, _ hard: JSONValue, spec: JSONValue = [:]) async {
        var spec = spec
        spec["hard"] = hard
        let answer = await test.send(
            "POST", "\(Self.namespace)/resourcequotas", ["metadata": ["name": "q"], "spec": spec])
        #expect(answer.status == 201)
        await test.server.core.settle()
    }

    private func used(_ test: TestServer) async -> JSONValue? {
        await test.server.core.settle()
        return await test.send("GET", "\(Self.namespace)/resourcequotas/q").json["status"]?["used"]
    }

    @Test func `N24: A pod beyond a quota is refused with the numbers, and the quota's status has what is used`()
        async throws
    {
        let test = try TestServer()
        await quota(test, ["pods": "3", "requests.cpu": "1", "limits.memory": "1Gi"])
        #expect(await used(test) == ["limits.memory": "0", "pods": "0", "requests.cpu": "0"])
        let path = "\(Self.namespace)/pods"
        #expect(
            await test.send("POST", path, pod("a", requests: ["cpu": "600m"], limits: ["memory": "512Mi"])).status
                == 201)
        #expect(await used(test) == ["limits.memory": "512Mi", "pods": "1", "requests.cpu": "600m"])
        let refused = await test.send("POST", path, pod("b", requests: ["cpu": "500m"], limits: ["memory": "513Mi"]))
        #expect(refused.status == 403)
        #expect(
            refused.json["message"]?.string
                == "pods \"b\" is forbidden: exceeded quota: q, requested: limits.memory=513Mi,requests.cpu=500m, used: "
                + "limits.memory=512Mi,requests.cpu=600m, limited: limits.memory=1Gi,requests.cpu=1")
        let silent = await test.send("POST", path, pod("b"))
        #expect(silent.status == 403)
        #expect(
            silent.json["message"]?.string
                == "pods \"b\" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c")
        #expect(
            await test.send(
                "POST", "\(path)?dryRun=All", pod("b", requests: ["cpu": "500m"], limits: ["memory": "1Mi"])
            ).status == 403)
        // A pod that has ended makes room.
        await test.send(
            "PATCH", "\(path)/a/status", ["status": ["phase": "Succeeded"]], type: "application/merge-patch+json")
        #expect(await used(test) == ["limits.memory": "0", "pods": "0", "requests.cpu": "0"])
        #expect(
            await test.send("POST", path, pod("b", requests: ["cpu": "1"], limits: ["memory": "1Gi"])).status == 201)
        await test.send("DELETE", "\(path)/b")
        #expect(await used(test)?["pods"] == "0")
    }

    @Test
    func `N24: Quotas count objects of every kind by count/, and many creates at once get no more than is allowed`()
        async throws
    {
        let test = try TestServer()
        try await test.prepare()
        await quota(test, ["count/configmaps": "6", "count/widgets.golden.example.dev": "0", "pods": "5"])
        await withTaskGroup(of: Int.self) { group in
            for index in 0..<20 {
                group.addTask {
                    await test.send(
                        "POST", "\(Self.namespace)/configmaps", ["metadata": ["name": .string("c-\(index)")]]
                    ).status
                }
            }
            var made = 0
            for await status in group where status == 201 { made += 1 }
            #expect(made == 5, "kube-root-ca.crt is the sixth")
        }
        #expect(await used(test)?["count/configmaps"] == "6")
        let custom = await test.send(
            "POST", "/apis/golden.example.dev/v1/namespaces/default/widgets",
            ["apiVersion": "golden.example.dev/v1", "kind": "Widget", "metadata": ["name": "w"], "spec": ["size": 1]])
        #expect(custom.status == 403)
        #expect(
            custom.json["message"]?.string
                == "widgets.golden.example.dev \"w\" is forbidden: exceeded quota: q, requested: "
                + "count/widgets.golden.example.dev=1, used: count/widgets.golden.example.dev=0, limited: "
                + "count/widgets.golden.example.dev=0")
        let applied = await test.send(
            "PATCH", "\(Self.namespace)/configmaps/x?fieldManager=t",
            ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "x"]], type: "application/apply-patch+yaml")
        #expect(applied.status == 403)
        #expect(
            applied.json["message"]?.string
                == "configmaps \"x\" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: "
                + "count/configmaps=6, limited: count/configmaps=6")
    }

    @Test func `N24: A quota with scopes counts only their pods`() async throws {
        let test = try TestServer()
        await quota(test, ["pods": "0"], spec: ["scopes": ["BestEffort"]])
        #expect(await test.send("POST", "\(Self.namespace)/pods", pod("a")).status == 403)
        #expect(await test.send("POST", "\(Self.namespace)/pods", pod("a", requests: ["cpu": "1m"])).status == 201)
        #expect(await used(test) == ["pods": "0"])
    }

    @Test func `N24: A LimitRange gives defaults and says so, and refuses what is outside of it`() async throws {
        let test = try TestServer()
        let range: JSONValue = [
            "metadata": ["name": "l"],
            "spec": [
                "limits": [
                    [
                        "type": "Container", "default": ["cpu": "500m"], "defaultRequest": ["cpu": "200m"],
                        "min": ["cpu": "100m"], "max": ["cpu": "1", "memory": "1Gi"],
                    ]
                ]
            ],
        ]
        let made = await test.send("POST", "\(Self.namespace)/limitranges", range)
        #expect(made.status == 201)
        #expect(made.json["spec"]?["limits"]?.array?.first?["default"] == ["cpu": "500m", "memory": "1Gi"])
        let path = "\(Self.namespace)/pods"
        let answer = await test.send("POST", path, pod("a"))
        #expect(answer.status == 201)
        #expect(
            answer.json["spec"]?["containers"]?.array?.first?["resources"]
                == ["limits": ["cpu": "500m", "memory": "1Gi"], "requests": ["cpu": "200m", "memory": "1Gi"]])
        #expect(
            answer.json["metadata"]?["annotations"]?["kubernetes.io/limit-ranger"]?.string
                == "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c")
        #expect(answer.json["status"]?["qosClass"] == "Burstable")
        for (requests, limits, why) in [
            (["cpu": "50m"], [:], "minimum cpu usage per Container is 100m, but request is 50m"),
            ([:], ["cpu": "2"], "maximum cpu usage per Container is 1, but limit is 2"),
            (
                ["cpu": "50m"], ["memory": "2Gi"],
                "[minimum cpu usage per Container is 100m, but request is 50m, maximum memory usage per Container is 1Gi, "
                    + "but limit is 2Gi]"
            ),
        ] as [(JSONValue, JSONValue, String)] {
            let refused = await test.send("POST", path, pod("b", requests: requests, limits: limits))
            #expect(refused.status == 403)
            #expect(refused.json["message"]?.string == "pods \"b\" is forbidden: \(why)")
        }
    }

    @Test func `N24: A pod gets the priority of its class, and one that claims another or an unknown class is refused`()
        async throws
    {
        let test = try TestServer()
        let classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
        #expect(
            await test.send(
                "POST", classes,
                ["metadata": ["name": "high"], "value": 1000, "preemptionPolicy": "Never"]
            ).status == 201)
        let path = "\(Self.namespace)/pods"
        let good = await test.send("POST", path, pod("a", spec: ["priorityClassName": "high"]))
        #expect(good.json["spec"]?["priority"] == 1000)
        #expect(good.json["spec"]?["preemptionPolicy"] == "Never")
        for (spec, why) in [
            (["priorityClassName": "none"], "no PriorityClass with name none was found"),
            (
                ["priorityClassName": "high", "priority": 7],
                "the integer value of priority (7) must not be provided in pod spec; priority admission controller "
                    + "computed 1000 from the given PriorityClass name"
            ),
        ] as [(JSONValue, String)] {
            let refused = await test.send("POST", path, pod("b", spec: spec))
            #expect(refused.status == 403)
            #expect(refused.json["message"]?.string == "pods \"b\" is forbidden: \(why)")
        }
        let large = await test.send("POST", classes, ["metadata": ["name": "huge"], "value": 2_000_000_000])
        #expect(large.status == 422)
    }
}
