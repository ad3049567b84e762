import Foundation
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import SluiceAPI
import Testing

/// Moves pods of a real API server through their phases as a kubelet would, from recordings of a real one.
struct RecordedKubelet {
    let client: APIClient
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
            guard let pod = event.entry.object else { return }
            switch event.change {
            case .added where pod.status.phase == .pending: continuation.yield(pod)
            case .updated(let old, _) where pod.metadata.isBeingDeleted && !old.metadata.isBeingDeleted:
                continuation.yield(pod)
            default: break
            }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await informer.run() }
            group.addTask {
                await withDiscardingTaskGroup { players in
                    for await pod in pods {
                        players.addTask {
                            if pod.metadata.isBeingDeleted { await end(pod) } else { await play(pod) }
                        }
                    }
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
                // What follows from the spec, which is another one here, may not change.
                for field in ["observedGeneration", "qosClass", "resources"] { status[field] = nil }
                if let containers = status["containerStatuses"]?.array {
                    status["containerStatuses"] = .array(
                        containers.map { container in
                            var container = container
                            for field in ["resources", "allocatedResources"] { container[field] = nil }
                            return container
                        })
                }
                _ = try await resource.patch(pod.metadata.name, .merge(["status": status]), subresource: "status")
            }
            if isDeleted { await end(pod) }
        } catch let status as APIStatus where status.isNotFound || status.isConflict {
            // The operator has deleted the pod meanwhile.
        } catch {
            Issue.record("the pod \(pod.metadata.name) could not be played: \(error)")
        }
    }

    /// Ends a pod that is being deleted as a kubelet does: its containers have ended, and it may go. Recordings that end with a
    /// deletion have said how already.
    private func end(_ pod: Pod) async {
        do {
            let resource = client.dynamic(Pod.resourceType, namespace: pod.metadata.namespace)
            let phase = try await resource.get(pod.metadata.name).json["status"]?["phase"]?.string
            let task = pod.metadata.labels[Sluice.Label.task] ?? ""
            let name = recording(task, pod.metadata.labels[Sluice.Label.attempt].flatMap { Int($0) } ?? 0)
            let isRecorded = try Self.events(name).contains { $0["object"]?["metadata"]?["deletionTimestamp"] != nil }
            if phase != "Failed", phase != "Succeeded" {
                if isRecorded { return }
                _ = try await resource.patch(
                    pod.metadata.name, .merge(["status": ["phase": "Failed"]]), subresource: "status")
            }
            _ = try await resource.delete(
                pod.metadata.name, DeleteOptions(uid: pod.metadata.uid, gracePeriodSeconds: 0))
        } catch let status as APIStatus where status.isNotFound || status.isConflict {
            // Gone already.
        } catch {
            Issue.record("the pod \(pod.metadata.name) could not be ended: \(error)")
        }
    }
}
