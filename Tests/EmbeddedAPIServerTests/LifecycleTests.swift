// swift-format-ignore-file: NeverForceUnwrap
// A test that does not find what it counts on has to stop.

import AsyncPrimitives
import JSON
import KubernetesModel
import Testing

@testable import EmbeddedAPIServer

@Suite struct LifecycleTests {
    private func owned(_ name: String, by owner: JSONValue, blocks: Bool = false, namespace: String = "default")
        -> JSONValue
    {
        [
            "metadata": [
                "name": .string(name),
                "ownerReferences": [
                    [
                        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]!["name"]!,
                        "uid": owner["metadata"]!["uid"]!, "blockOwnerDeletion": .bool(blocks),
                    ]
                ],
            ]
        ]
    }

    static let maps = "/api/v1/namespaces/default/configmaps"
    static let pods = "/api/v1/namespaces/default/pods"

    private func names(_ test: TestServer) async -> [String] {
        (await test.send("GET", Self.maps).json["items"]!.array!).map { $0["metadata"]!["name"]!.string! }
            .filter { $0 != "kube-root-ca.crt" }
    }

    @Test func `Background deletion takes the dependents of dependents with it`() async throws {
        let test = try TestServer()
        let first = await test.send("POST", Self.maps, ["metadata": ["name": "a"]]).json
        let second = await test.send("POST", Self.maps, owned("b", by: first)).json
        await test.send("POST", Self.maps, owned("c", by: second))
        await test.server.core.settle()
        #expect(await names(test) == ["a", "b", "c"])
        await test.send("DELETE", "\(Self.maps)/a")
        await test.server.core.settle()
        #expect(await names(test) == [])
    }

    @Test func `Foreground deletion waits for what blocks it`() async throws {
        let test = try TestServer()
        let first = await test.send("POST", Self.maps, ["metadata": ["name": "a"]]).json
        var dependent = owned("b", by: first, blocks: true)
        dependent["metadata"]!["finalizers"] = ["example.dev/hold"]
        await test.send("POST", Self.maps, dependent)
        let answer = await test.send("DELETE", "\(Self.maps)/a", ["propagationPolicy": "Foreground"])
        #expect(answer.json["metadata"]?["finalizers"] == ["foregroundDeletion"])
        await test.server.core.settle()
        #expect(await names(test) == ["a", "b"])
        await test.send(
            "PATCH", "\(Self.maps)/b", ["metadata": ["finalizers": .null]], type: "application/merge-patch+json")
        await test.server.core.settle()
        #expect(await names(test) == [])
    }

    @Test func `Orphans lose their owner and stay`() async throws {
        let test = try TestServer()
        let first = await test.send("POST", Self.maps, ["metadata": ["name": "a"]]).json
        await test.send("POST", Self.maps, owned("b", by: first))
        await test.send("DELETE", "\(Self.maps)/a?propagationPolicy=Orphan")
        await test.server.core.settle()
        #expect(await names(test) == ["b"])
        #expect(await test.send("GET", "\(Self.maps)/b").json["metadata"]?["ownerReferences"] == nil)
    }

    @Test(arguments: [
        ("apps/v1", "Deployment"), ("example.dev/v1", "Widget"), ("v2", "ConfigMap"), ("v1", "Nothing"),
    ])
    func `An object whose owner is of a kind that is not served stays`(version: String, kind: String) async throws {
        let test = try TestServer()
        var dependent = owned("b", by: ["metadata": ["name": "ghost", "uid": "0-0"]])
        dependent["metadata"]!["ownerReferences"] = [
            ["apiVersion": .string(version), "kind": .string(kind), "name": "ghost", "uid": "0-0"],
            ["apiVersion": "v1", "kind": "ConfigMap", "name": "ghost", "uid": "0-1"],
        ]
        await test.send("POST", Self.maps, dependent)
        await test.server.core.settle()
        #expect(await names(test) == ["b"])
        // A removal that was seen is certain, whatever is served; the other owner is still unknown.
        test.server.core.checks.add(.ownerGone("0-1"))
        await test.server.core.settle()
        #expect(await names(test) == ["b"])
        test.server.core.checks.add(.ownerGone("0-0"))
        await test.server.core.settle()
        #expect(await names(test) == [])
    }

    @Test func `An object whose owner is gone is collected when the owner's kind begins to be served`() async throws {
        let test = try TestServer()
        let crd = try #require(try Recording.exchanges("crd")[0].body)
        let version = crd["spec"]!["versions"]!.array![0]["name"]!.string!
        var dependent = owned("b", by: ["metadata": ["name": "ghost", "uid": "0-0"]])
        dependent["metadata"]!["ownerReferences"]! = [
            [
                "apiVersion": .string("\(crd["spec"]!["group"]!.string!)/\(version)"),
                "kind": crd["spec"]!["names"]!["kind"]!, "name": "ghost", "uid": "0-0",
            ]
        ]
        await test.send("POST", Self.maps, dependent)
        await test.server.core.settle()
        #expect(await names(test) == ["b"])
        await test.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        await test.server.core.settle()
        #expect(await names(test) == [])
    }

    @Test func `An object whose owner never was is collected`() async throws {
        let test = try TestServer()
        let ghost: JSONValue = ["metadata": ["name": "ghost", "uid": "0-0"]]
        await test.send("POST", Self.maps, owned("b", by: ghost))
        await test.server.core.settle()
        #expect(await names(test) == [])
    }

    @Test func `A namespace empties before it goes, and takes nothing new meanwhile`() async throws {
        let test = try TestServer()
        await test.send("POST", "/api/v1/namespaces", ["metadata": ["name": "n"]])
        let path = "/api/v1/namespaces/n/configmaps"
        await test.send("POST", path, ["metadata": ["name": "a", "finalizers": ["example.dev/hold"]]])
        let answer = await test.send("DELETE", "/api/v1/namespaces/n")
        #expect(answer.json["status"]?["phase"] == "Terminating")
        await test.server.core.settle()
        #expect(await test.send("POST", path, ["metadata": ["name": "b"]]).status == 403)
        #expect(await test.send("GET", "/api/v1/namespaces/n").status == 200)
        await test.send("PATCH", "\(path)/a", ["metadata": ["finalizers": .null]], type: "application/merge-patch+json")
        await test.server.core.settle()
        #expect(await test.send("GET", "/api/v1/namespaces/n").status == 404)
    }

    private static let pod: JSONValue = [
        "metadata": ["name": "p"],
        "spec": ["containers": [["name": "main", "image": "busybox", "command": ["true"]]], "restartPolicy": "Never"],
    ]

    @Test func `A bound pod is marked with its grace period, and goes when its node confirms`() async throws {
        let test = try TestServer()
        await test.send("POST", Self.pods, Self.pod)
        let binding: JSONValue = ["target": ["kind": "Node", "name": "n"]]
        #expect(await test.send("POST", "\(Self.pods)/p/binding", binding).status == 201)
        #expect(await test.send("POST", "\(Self.pods)/p/binding", binding).status == 409)
        let marked = await test.send("DELETE", "\(Self.pods)/p", ["gracePeriodSeconds": 5])
        #expect(marked.status == 200)
        #expect(marked.json["metadata"]?["deletionGracePeriodSeconds"] == 5)
        #expect(marked.json["metadata"]?["generation"] == 2)
        #expect(await test.send("GET", "\(Self.pods)/p").status == 200)
        let again = await test.send("DELETE", "\(Self.pods)/p", ["gracePeriodSeconds": 60])
        #expect(again.json["metadata"]?["deletionGracePeriodSeconds"] == 5, "a deletion is never put off")
        let gone = await test.send("DELETE", "\(Self.pods)/p", ["gracePeriodSeconds": 0])
        #expect(gone.status == 200)
        #expect(await test.send("GET", "\(Self.pods)/p").status == 404)
    }

    @Test func `A finished pod with a finalizer goes with its last finalizer`() async throws {
        let test = try TestServer()
        var pod = Self.pod
        pod["metadata"]!["finalizers"] = ["sluice.dev/track"]
        await test.send("POST", Self.pods, pod)
        await test.send("POST", "\(Self.pods)/p/binding", ["target": ["kind": "Node", "name": "n"]])
        await test.send(
            "PATCH", "\(Self.pods)/p/status", ["status": ["phase": "Succeeded"]], type: "application/merge-patch+json")
        let marked = await test.send("DELETE", "\(Self.pods)/p")
        #expect(marked.json["metadata"]?["deletionGracePeriodSeconds"] == 0)
        #expect(await test.send("GET", "\(Self.pods)/p").status == 200)
        await test.send(
            "PATCH", "\(Self.pods)/p", ["metadata": ["finalizers": .null]], type: "application/merge-patch+json")
        #expect(await test.send("GET", "\(Self.pods)/p").status == 404)
    }

    @Test func `A pod that no node has goes at once`() async throws {
        let test = try TestServer()
        await test.send("POST", Self.pods, Self.pod)
        #expect(await test.send("DELETE", "\(Self.pods)/p").json["kind"] == "Pod")
        #expect(await test.send("GET", "\(Self.pods)/p").status == 404)
    }

    @Test func `Deleting a definition deletes its objects first`() async throws {
        let test = try TestServer()
        try await test.prepare()
        await test.send(
            "POST", WatchTests.widgets,
            [
                "apiVersion": "golden.example.dev/v1", "kind": "Widget",
                "metadata": ["name": "w", "finalizers": ["example.dev/hold"]], "spec": ["size": 1],
            ])
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.golden.example.dev"
        await test.send("DELETE", path)
        await test.server.core.settle()
        #expect(await test.send("GET", path).json["metadata"]?["deletionTimestamp"] != nil)
        await test.send(
            "PATCH", "\(WatchTests.widgets)/w", ["metadata": ["finalizers": .null]],
            type: "application/merge-patch+json")
        await test.server.core.settle()
        #expect(await test.send("GET", path).status == 404)
        #expect(await test.send("GET", WatchTests.widgets).status == 404)
    }

    @Test func `Events are deleted an hour after they happened last`() async throws {
        let test = try TestServer()
        let path = "/api/v1/namespaces/default/events"
        await test.send(
            "POST", path,
            ["metadata": ["name": "e"], "involvedObject": ["kind": "Pod", "name": "p", "namespace": "default"]])
        test.time.advance(by: .seconds(3599))
        await test.server.core.expireEvents()
        #expect(await test.send("GET", "\(path)/e").status == 200)
        test.time.advance(by: .seconds(2))
        await test.server.core.expireEvents()
        #expect(await test.send("GET", "\(path)/e").status == 404)
    }

    /// Seen once on the optimised build: the controllers had taken the definition out of their queue and not served it yet.
    @Test func `A definition is served by the time its create is answered, whatever runs beside it`() async throws {
        let server = try TestServer()
        let controllers = Task { await server.server.core.runControllers() }
        let crd = try Recording.exchanges("crd")[0].body ?? [:]
        let unserved = await withTaskGroup(of: [String].self) { group in
            for half in 0..<2 {
                group.addTask {
                    var unserved: [String] = []
                    for number in 0..<60 {
                        let kind = "Widget\(half)x\(number)"
                        let plural = kind.lowercased() + "s"
                        var definition = crd
                        definition["metadata"] = ["name": .string("\(plural).golden.example.dev")]
                        definition["spec"]?["names"] = ["kind": .string(kind), "plural": .string(plural)]
                        let answer = await server.send(
                            "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
                        let version = definition["spec"]?["versions"]?.array?.first?["name"]?.string ?? ""
                        let list = await server.send("GET", "/apis/golden.example.dev/\(version)")
                        let names = (list.json["resources"]?.array ?? []).compactMap { $0["name"]?.string }
                        if answer.status != 201 || !names.contains(plural) {
                            unserved.append("\(plural): \(answer.status), then \(list.status)")
                        }
                    }
                    return unserved
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(unserved.isEmpty)
        controllers.cancel()
        server.server.core.stopping.open()
        await controllers.value
    }
}
