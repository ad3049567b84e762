import Foundation
import JSON
import KubernetesClient
import KubernetesModel
import Testing

/// Runs against a real kube-apiserver, if KUBECONFIG names one.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["KUBECONFIG"]?.isEmpty == false, "KUBECONFIG is not set"))
struct LiveServerTests {
    static let configMaps = ResourceType(version: "v1", kind: "ConfigMap", plural: "configmaps")
    static let namespaces = ResourceType(version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false)

    @Test(.timeLimit(.minutes(1))) func `Objects are made, listed, watched, changed and deleted`() async throws {
        let client = try APIClient(configuration: .load())
        let namespace = "client-\(UUID().uuidString.prefix(8).lowercased())"
        _ = try await client.dynamic(Self.namespaces).create(["metadata": ["name": .string(namespace)]] as JSONValue)
        let maps = client.dynamic(Self.configMaps, namespace: namespace)

        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    let made = try await maps.create(
                        [
                            "metadata": [
                                "name": "map-\(number)", "labels": ["parity": number % 2 == 0 ? "even" : "odd"],
                            ],
                            "data": ["number": .string(String(number))],
                        ] as JSONValue)
                    #expect(made.kind == "ConfigMap")
                }
            }
            try await group.waitForAll()
        }
        let even = try await maps.listAll(ListOptions(labelSelector: "parity=even"), limit: 7)
        #expect(even.items.count == 20)
        guard case .object(let first)? = even.items.first else { throw Unexpected("an undecodable item") }
        #expect(first.kind == "ConfigMap" && first.apiVersion == "v1")

        await #expect { try await maps.create(["metadata": ["name": "map-1"]] as JSONValue) } throws: { error in
            (error as? APIStatus)?.isAlreadyExists == true
        }
        await #expect { try await maps.get("nobody") } throws: { ($0 as? APIStatus)?.isNotFound == true }

        let watch = try await maps.watch(
            WatchOptions(fieldSelector: "metadata.name=map-3", resourceVersion: even.resourceVersion))
        let merged = try await maps.patch("map-3", .merge(["data": ["a": "1"]]))
        #expect(merged.json[path: "data", "a"] == "1")
        let patched = try await maps.patch("map-3", .json([["op": "add", "path": "/data/b", "value": "2"]]))
        #expect(patched.json[path: "data", "b"] == "2")
        _ = try await maps.patch("map-3", .strategic(["data": ["c": "3"]]))
        let applied = try await maps.patch(
            "map-3", .apply(["metadata": ["name": "map-3"], "data": ["d": "4"]]),
            WriteOptions(fieldManager: "tests", force: true))
        #expect(applied.json[path: "data", "d"] == "4")
        _ = try await maps.patch("map-3", .merge(["data": ["dry": "run"]]), WriteOptions(dryRun: true))
        var replaced = try await maps.get("map-3")
        #expect(replaced.json[path: "data", "dry"] == nil)
        let stale = replaced
        replaced.json["data"] = ["only": "this"]
        _ = try await maps.replace(replaced)
        await #expect { try await maps.replace(stale) } throws: { ($0 as? APIStatus)?.isConflict == true }
        await #expect { try await maps.delete("map-3", DeleteOptions(uid: "another")) } throws: {
            ($0 as? APIStatus)?.code == 409
        }
        guard case .deleted = try await maps.delete("map-3", DeleteOptions(uid: stale.metadata.uid)) else {
            throw Unexpected("a config map is gone at once")
        }
        var seen: [String] = []
        for try await batch in watch {
            for event in batch {
                switch event {
                case .modified: seen.append("modified")
                case .deleted: seen.append("deleted")
                default: break
                }
            }
            if seen.last == "deleted" { break }
        }
        #expect(seen == Array(repeating: "modified", count: 5) + ["deleted"])
        // Only apply and merge accept unknown fields.
        await #expect {
            try await maps.create(
                ["metadata": ["name": "strict"], "dta": [:]] as JSONValue, WriteOptions(fieldValidation: "Strict"))
        } throws: { "\($0)".contains("unknown field") }
        try await maps.deleteCollection(ListOptions(labelSelector: "parity"))
        #expect(try await maps.listAll().items.filter { "\($0)".contains("map-") }.isEmpty)
        _ = try await client.dynamic(Self.namespaces).delete(namespace)
    }
}
