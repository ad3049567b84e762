import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import SluiceAPI
import Synchronization

/// Moves pods of a real API server through their phases as a kubelet would, from recordings of a real one.
struct RecordedKubelet {
    let client: KubernetesClient
    /// The recording that a pod follows.
    let recording: @Sendable (_ task: String, _ attempt: Int) -> String

    /// The events of a recording.
    static func events(_ name: String) throws -> [JSONValue] {
        let url = Bundle.module.url(forResource: name, withExtension: "jsonl", subdirectory: "Resources/pods")
        guard let url else { throw Missing(name: name) }
        return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
    }

    struct Missing: Error { let name: String }

    /// Plays every pod of Sluice in a namespace until the task is cancelled.
    func run(namespace: String) async {
        let informer = Informer(
            client.resource(Pod.self, namespace: namespace).listWatch,
            labelSelector: "\(Sluice.Label.managedBy)=\(Sluice.Label.manager)", logger: Logger(label: "kubelet"))
        let (pods, continuation) = AsyncStream.makeStream(of: Pod.self)
        informer.store.addHandler { event in
            if case .added(let entry) = event.change, let pod = entry.object, pod.status.phase == .pending {
                continuation.yield(pod)
            }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await informer.run() }
            group.addTask {
                await withDiscardingTaskGroup { players in
                    for await pod in pods { players.addTask { await play(pod) } }
                }
            }
        }
    }

    private func play(_ pod: Pod) async {
        let labels = pod.metadata.labels
        do {
            let name = recording(
                labels[Sluice.Label.task] ?? "", labels[Sluice.Label.attempt].flatMap { Int($0) } ?? 0)
            let resource = client.dynamic(Pod.resourceType, namespace: pod.metadata.namespace)
            var isBound = false
            var isDeleted = false
            for event in try Self.events(name).dropFirst() {
                let object = event["object"] ?? [:]
                if let node = object["spec"]?["nodeName"], !isBound {
                    isBound = true
                    _ = try await client.request(
                        "POST", "/api/v1/namespaces/\(pod.metadata.namespace)/pods/\(pod.metadata.name)/binding",
                        body: [
                            "apiVersion": "v1", "kind": "Binding", "metadata": ["name": .string(pod.metadata.name)],
                            "target": ["apiVersion": "v1", "kind": "Node", "name": node],
                        ])
                }
                if object["metadata"]?["deletionTimestamp"] != nil, !isDeleted {
                    isDeleted = true
                    _ = try await resource.delete(pod.metadata.name, DeleteOptions(uid: pod.metadata.uid))
                }
                guard event["type"] == "MODIFIED", var status = object["status"] else { continue }
                status["observedGeneration"] = nil
                _ = try await resource.patch(pod.metadata.name, .merge(["status": status]), subresource: "status")
            }
            // A kubelet lets go of a pod that is being deleted once its containers have ended.
            if isDeleted {
                _ = try await resource.delete(
                    pod.metadata.name, DeleteOptions(uid: pod.metadata.uid, gracePeriodSeconds: 0))
            }
        } catch {
            // The pod was deleted by the operator meanwhile; a kubelet confirms that.
            _ = try? await client.dynamic(Pod.resourceType, namespace: pod.metadata.namespace)
                .delete(pod.metadata.name, DeleteOptions(uid: pod.metadata.uid, gracePeriodSeconds: 0))
        }
    }
}
