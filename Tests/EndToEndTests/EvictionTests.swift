import JSON
import KubernetesClient
import KubernetesModel
import Logging
import Testing

@Suite struct EvictionTests {
    private static let pods = ResourceType(version: "v1", kind: "Pod", plural: "pods")
    private static let names = (0..<40).map { "p\($0)" }

    /// Its containers end one after the other, so that its status changes all the time. The finalizer keeps it for a look at
    /// the end.
    private static func pod(_ name: String) -> JSONValue {
        let containers = (1...4).map { index -> JSONValue in
            ["name": .string("c\(index)"), "image": "x", "command": ["sleep", .string("\(index)")]]
        }
        return [
            "metadata": ["name": .string(name), "finalizers": ["example.dev/look"]],
            "spec": ["restartPolicy": "Never", "containers": .array(containers)],
        ]
    }

    @Test(.timeLimit(.minutes(2))) func `N11: No eviction is lost to what the node writes of the pod meanwhile`()
        async throws
    {
        try await LocalUp.with(["--no-operator"]) { cluster in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let client = try APIClient(
                configuration: try .load(kubeconfig: cluster.kubeconfig), settings: APIClient.Settings(),
                logger: logger)
            let pods = client.dynamic(Self.pods, namespace: "default")
            let events = try await pods.watch()
            for name in Self.names { _ = try await pods.create(Self.pod(name)) }
            var running: Set<String> = []
            var evicted: Set<String> = []
            var ended: Set<String> = []
            try await withThrowingTaskGroup(of: Void.self) { group in
                for try await batch in events {
                    for case .modified(.object(let pod)) in batch {
                        let name = pod.metadata.name
                        let status = pod.json["status"]
                        let reasons = (status?["conditions"]?.array ?? []).filter { $0["type"] == "DisruptionTarget" }
                            .map { $0["reason"] }
                        if !reasons.isEmpty { evicted.insert(name) }
                        // Once it is there, it is there in every version.
                        if evicted.contains(name) { #expect(reasons == ["EvictionByEvictionAPI"], "\(name)") }
                        if status?["phase"] == "Succeeded" || status?["phase"] == "Failed" { ended.insert(name) }
                        if status?["phase"] == "Running", running.insert(name).inserted {
                            group.addTask { try await pods.evict(name) }
                        }
                    }
                    if ended.count == Self.names.count { break }
                }
                try await group.waitForAll()
            }
            // Some have ended before: how many, the machine decides.
            #expect(evicted.count >= 5)
        }
    }
}
