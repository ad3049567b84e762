public import KubernetesClient
public import KubernetesModel

/// Where a watcher gets its objects: one resource type, in one namespace or in all.
public protocol ListWatch<Object>: Sendable {
    associatedtype Object: KubernetesObject

    /// One page of the list.
    func list(_ options: ListOptions) async throws -> ObjectList<Object>

    /// Hands over the events after `options.resourceVersion` in batches, in their order. Returns when the server has ended
    /// the watch; throws when it broke, or what `onEvents` threw, having closed the connection.
    func watch(_ options: WatchOptions, onEvents: ([WatchEvent<Object>]) async throws -> Void) async throws
}
