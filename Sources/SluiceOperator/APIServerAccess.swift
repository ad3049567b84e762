public import JSON
public import KubernetesClient
public import KubernetesModel
public import KubernetesRuntime
public import SluiceAPI

/// ``ClusterAccess`` over a real API server.
public struct APIServerAccess: ClusterAccess {
    private let client: APIClient
    private let namespace: String?

    /// Access by a client, to the runs of one namespace or of all.
    public init(_ client: APIClient, namespace: String? = nil) {
        self.client = client
        self.namespace = namespace
    }

    public func runs() async throws -> [PipelineRun] {
        // One that cannot be read is left out, as in the cache.
        try await client.resource(PipelineRun.self, namespace: namespace).listAll().items.compactMap { item in
            if case .object(let run) = item { run } else { nil }
        }
    }

    public func run(_ key: ObjectKey) async throws -> PipelineRun {
        try await client.resource(PipelineRun.self, namespace: key.namespace).get(key.name)
    }

    public func writeStatus(
        _ status: JSONValue, of key: ObjectKey, resourceVersion: String
    ) async throws -> ObjectMeta {
        // A merge would have to name every field that went away; the resourceVersion in the patch makes it conditional.
        let patch: JSONValue = [
            ["op": "add", "path": "/metadata/resourceVersion", "value": .string(resourceVersion)],
            ["op": "add", "path": "/status", "value": status],
        ]
        return try await client.resource(PipelineRun.self, namespace: key.namespace)
            .patchForMetadata(key.name, .json(patch), subresource: "status")
    }

    public func writeStatus(_ status: JSONValue, ofQueue name: String) async throws -> ObjectMeta {
        let patch: JSONValue = [["op": "add", "path": "/status", "value": status]]
        return try await client.resource(Queue.self).patchForMetadata(name, .json(patch), subresource: "status")
    }

    public func createRun(_ run: JSONValue, namespace: String) async throws -> PipelineRun {
        try await client.resource(PipelineRun.self, namespace: namespace).create(run)
    }

    public func cancelRun(_ key: ObjectKey, uid: String) async throws {
        let patch: JSONValue = ["metadata": ["uid": .string(uid)], "spec": ["state": "Cancelled"]]
        _ = try await client.resource(PipelineRun.self, namespace: key.namespace)
            .patchForMetadata(key.name, .merge(patch))
    }

    public func writeStatus(
        _ status: JSONValue, ofSchedule key: ObjectKey, resourceVersion: String
    ) async throws -> ObjectMeta {
        let patch: JSONValue = [
            ["op": "add", "path": "/metadata/resourceVersion", "value": .string(resourceVersion)],
            ["op": "add", "path": "/status", "value": status],
        ]
        return try await client.resource(ScheduledRun.self, namespace: key.namespace)
            .patchForMetadata(key.name, .json(patch), subresource: "status")
    }

    public func deleteRun(_ key: ObjectKey, uid: String) async throws {
        _ = try await client.resource(PipelineRun.self, namespace: key.namespace)
            .delete(key.name, DeleteOptions(uid: uid, propagation: .background))
    }

    public func pod(_ key: ObjectKey) async throws -> Pod {
        try await client.resource(Pod.self, namespace: key.namespace).get(key.name)
    }

    public func createPod(_ pod: JSONValue, namespace: String) async throws -> Pod {
        try await client.resource(Pod.self, namespace: namespace).create(pod)
    }

    private static let services = ResourceType(version: "v1", kind: "Service", plural: "services")

    public func service(_ key: ObjectKey) async throws -> ObjectMeta {
        try await client.dynamic(Self.services, namespace: key.namespace).get(key.name).metadata
    }

    public func createService(_ service: JSONValue, namespace: String) async throws {
        _ = try await client.dynamic(Self.services, namespace: namespace).create(service)
    }

    public func stopPod(_ key: ObjectKey, uid: String) async throws {
        let patch: JSONValue = ["metadata": ["uid": .string(uid)], "spec": ["activeDeadlineSeconds": 1]]
        _ = try await client.resource(Pod.self, namespace: key.namespace).patchForMetadata(key.name, .merge(patch))
    }

    public func deletePod(_ key: ObjectKey, uid: String) async throws {
        _ = try await client.resource(Pod.self, namespace: key.namespace).delete(key.name, DeleteOptions(uid: uid))
    }

    public func removeFinalizer(_ key: ObjectKey, uid: String) async throws {
        // Takes out this one finalizer whatever others there are; the UID makes it conditional.
        let patch: JSONValue = [
            "metadata": [
                "uid": .string(uid), "$deleteFromPrimitiveList/finalizers": [.string(Sluice.podFinalizer)],
            ]
        ]
        _ = try await client.resource(Pod.self, namespace: key.namespace).patchForMetadata(key.name, .strategic(patch))
    }
}
