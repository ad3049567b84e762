import AsyncPrimitives
import Clocks
import FoundationEssentials
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import Synchronization

/// The provisioner of this node: gives each PersistentVolumeClaim a directory, whatever class it names, and lets it go when it is
/// deleted and no pod uses it any more.
///
/// The directory lies beside those of the pods and outlives them: what one task leaves there the next one finds, also after a restart of a
/// cluster with `--data`. Its size is what was asked for by name only: nothing holds a task to it.
final class VolumeClaims: Sendable {
    /// A PersistentVolumeClaim with its whole JSON.
    struct Claim: KubernetesObject {
        static var resourceType: ResourceType { VolumeClaims.type }
        var metadata: ObjectMeta
        var json: JSONValue

        init(from reader: inout JSONReader) throws {
            let object = try DynamicObject(from: &reader)
            (metadata, json) = (object.metadata, object.json)
        }
    }

    private let client: APIClient
    private let directory: String
    private let pods: Informer<NodePod>
    private let clock: SystemClock
    private let logger: Logger
    private let informer: Informer<Claim>
    private let changes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    static let type = ResourceType(version: "v1", kind: "PersistentVolumeClaim", plural: "persistentvolumeclaims")
    private static let protection = "kubernetes.io/pvc-protection"

    init(client: APIClient, node directory: String, pods: Informer<NodePod>, clock: SystemClock, logger: Logger) {
        self.client = client
        self.directory = directory + "/claims"
        self.pods = pods
        self.clock = clock
        self.logger = logger
        informer = Informer(client.resource(Claim.self).listWatch, logger: logger)
        informer.store.addHandler { [changes] _ in changes.continuation.yield() }
        pods.store.addHandler { [changes] event in
            // A pod that ends may have been the last one to use a claim.
            let isOver = if case .deleted = event.change { true } else { event.entry.object?.isFinished ?? false }
            if isOver { changes.continuation.yield() }
        }
    }

    /// Works until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in await informer.run() }
            group.addTask { [self] in
                // Before all pods are known none may be thought unused.
                guard (try? await pods.waitUntilSynced()) != nil else { return }
                for await _ in changes.stream {
                    guard await !lookAtAll() else { continue }
                    // Nothing else may come to have it looked at again. The sleep throws when the task is cancelled.
                    try? await clock.sleep(for: .seconds(1))
                    changes.continuation.yield()
                }
            }
        }
    }

    /// The directory of a claim that is bound; nil for one that is not.
    static func directory(of claim: JSONValue, node: String) -> String? {
        guard claim["status"]?["phase"] == "Bound", let uid = claim["metadata"]?["uid"]?.string, !uid.isEmpty,
            !uid.contains("/")
        else { return nil }
        return "\(node)/claims/\(uid)"
    }

    /// Whether nothing failed that has to be tried again.
    private func lookAtAll() async -> Bool {
        var isDone = true
        for entry in informer.store.entries() {
            guard let claim = entry.object?.json else { continue }
            do {
                try await lookAt(claim, entry.metadata)
            } catch is CancellationError {
                return true
            } catch let status as APIStatus where status.isNotFound || status.isConflict {
                // The watch tells what it is by now.
            } catch {
                isDone = false
                logger.warning("claim \(entry.key): \(error)")
            }
        }
        return isDone
    }

    private func lookAt(_ claim: JSONValue, _ metadata: ObjectMeta) async throws {
        let claims = client.dynamic(Self.type, namespace: metadata.namespace)
        let path = "\(directory)/\(metadata.uid)"
        if metadata.isBeingDeleted {
            guard metadata.finalizers.contains(Self.protection), !isUsed(metadata) else { return }
            try await DetachedThread.run {
                try PodFiles.remove(path)
            }
            let left = metadata.finalizers.filter { $0 != Self.protection }
            _ = try await claims.patch(
                metadata.name,
                .merge([
                    "metadata": [
                        "finalizers": JSONValue(left), "resourceVersion": .string(metadata.resourceVersion),
                    ]
                ]))
            return
        }
        // A claim for a certain volume, or for a raw device, is none that a directory can fill.
        guard claim["status"]?["phase"] != "Bound", claim["spec"]?["volumeMode"]?.string ?? "Filesystem" == "Filesystem"
        else { return }
        let name = "pvc-\(metadata.uid)"
        guard claim["spec"]?["volumeName"]?.string ?? name == name else { return }
        try await DetachedThread.run { try PodFiles.makeDirectory(path) }
        if claim["spec"]?["volumeName"] == nil {
            _ = try await claims.patch(metadata.name, .merge(["spec": ["volumeName": .string(name)]]))
        }
        let wanted = claim[path: "spec", "resources", "requests", "storage"] ?? "1Gi"
        _ = try await claims.patchStatus(
            metadata.name,
            .merge([
                "status": [
                    "phase": "Bound", "accessModes": claim["spec"]?["accessModes"] ?? ["ReadWriteOnce"],
                    "capacity": ["storage": wanted],
                ]
            ]))
    }

    /// Whether a pod that has not ended has it among its volumes.
    private func isUsed(_ claim: ObjectMeta) -> Bool {
        pods.store.entries().contains { entry in
            guard let pod = entry.object, !pod.isFinished, pod.metadata.namespace == claim.namespace else {
                return false
            }
            return (pod.spec["volumes"]?.array ?? []).contains { volume in
                volume["persistentVolumeClaim"]?["claimName"]?.string == claim.name
            }
        }
    }
}
