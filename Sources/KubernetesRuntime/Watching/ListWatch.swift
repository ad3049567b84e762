public import KubernetesClient
public import KubernetesModel

/// A source of objects for a watcher: one resource type, in one namespace or in all.
public protocol ListWatch<Object>: Sendable {
    associatedtype Object: KubernetesObject

    /// Returns one page of the list. Throws when the server refused the request or could not be reached.
    func list(_ options: ListOptions) async throws -> ObjectList<Object>

    /// Passes the events after `options.resourceVersion` to `onEvents`, in order and in batches; first an empty batch when
    /// the server has accepted the watch. Returns when the
    /// server has ended the watch. Throws when the watch broke, and rethrows errors of `onEvents` after closing the
    /// connection.
    func watch(_ options: WatchOptions, onEvents: ([WatchEvent<Object>]) async throws -> Void) async throws
}
