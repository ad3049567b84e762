public import KubernetesClient
public import KubernetesModel

/// A watcher's source that reads from an API server.
public struct ResourceListWatch<Object: KubernetesObject>: ListWatch {
    private let resource: ResourceClient<Object>

    /// Creates a source of the objects of a resource client.
    public init(_ resource: ResourceClient<Object>) { self.resource = resource }

    public func list(_ options: ListOptions) async throws -> ObjectList<Object> { try await resource.list(options) }

    public func watch(_ options: WatchOptions, onEvents: ([WatchEvent<Object>]) async throws -> Void) async throws {
        let stream = try await resource.watch(options)
        do {
            try await onEvents([])
            for try await batch in stream { try await onEvents(batch) }
        } catch {
            stream.cancel()
            throw error
        }
    }
}

extension ResourceClient where Object: KubernetesObject {
    /// These objects as a watcher's source.
    public var listWatch: ResourceListWatch<Object> { ResourceListWatch(self) }
}
