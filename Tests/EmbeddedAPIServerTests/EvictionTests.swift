import JSON
import KubernetesModel
import Testing

@testable import EmbeddedAPIServer

@Suite struct EvictionTests {
    private static let pods = "/api/v1/namespaces/default/pods"

    /// The status of a running pod in the form in which the node patches it: its own conditions, and an order of them and
    /// of those of others that it has seen.
    private static func nodeStatus(_ round: Int) -> JSONValue {
        let types: [JSONValue] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"]
        let conditions = types.map { type -> JSONValue in
            ["type": type, "status": round.isMultiple(of: 2) ? "True" : "False", "reason": .null, "message": .null]
        }
        return [
            "status": [
                "phase": "Running", "conditions": .array(conditions),
                "$setElementOrder/conditions": .array((types + ["PodScheduled"]).map { ["type": $0] }),
            ]
        ]
    }

    @Test func `N11: Evictions and conditions of others survive the status writes of a node, however they meet`()
        async throws
    {
        let test = try TestServer()
        let names = (0..<60).map { "p\($0)" }
        for name in names {
            let pod: JSONValue = [
                "metadata": ["name": .string(name)], "spec": ["containers": [["name": "c", "image": "x"]]],
            ]
            #expect(await test.send("POST", Self.pods, pod).status == 201)
            let binding: JSONValue = ["target": ["name": "local"]]
            #expect(await test.send("POST", "\(Self.pods)/\(name)/binding", binding).status == 201)
            await test.send(
                "PATCH", "\(Self.pods)/\(name)/status", Self.nodeStatus(0),
                type: "application/strategic-merge-patch+json")
        }
        await withTaskGroup(of: Int.self) { group in
            for name in names {
                for round in 1...6 {
                    group.addTask {
                        await test.send(
                            "PATCH", "\(Self.pods)/\(name)/status", Self.nodeStatus(round),
                            type: "application/strategic-merge-patch+json"
                        ).status
                    }
                    if round == 2 {
                        group.addTask { await test.send("POST", "\(Self.pods)/\(name)/eviction", [:]).status }
                    }
                    if round == 4 {
                        let other: JSONValue = [
                            "status": ["conditions": [["type": "example.dev/seen", "status": "True"]]]
                        ]
                        group.addTask {
                            await test.send(
                                "PATCH", "\(Self.pods)/\(name)/status", other,
                                type: "application/strategic-merge-patch+json"
                            ).status
                        }
                    }
                }
            }
            for await status in group { #expect(status == 200 || status == 201) }
        }
        for name in names {
            let pod = await test.send("GET", "\(Self.pods)/\(name)").json
            let types = (pod["status"]?["conditions"]?.array ?? []).compactMap { $0["type"]?.string }
            #expect(pod["metadata"]?["deletionTimestamp"] != nil)
            #expect(
                types.sorted() == [
                    "ContainersReady", "DisruptionTarget", "Initialized", "PodReadyToStartContainers", "PodScheduled",
                    "Ready", "example.dev/seen",
                ], "\(name)")
        }
    }
}
