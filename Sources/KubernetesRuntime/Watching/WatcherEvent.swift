public import KubernetesClient
public import KubernetesModel

/// An event of a watcher: a complete list between `initStart` and `initDone`, then single changes, then perhaps another
/// list.
public enum WatcherEvent<Object: KubernetesObject>: Sendable {
    /// A new list begins. Discard the items of an earlier list that was not finished.
    case initStart
    /// An object of the list.
    case initApply(Decoded<Object>)
    /// The list is complete: an object that is not in it does not exist.
    case initDone(resourceVersion: String)
    /// An object was added or changed.
    case apply(Decoded<Object>)
    /// An object was deleted. This is its last known state.
    case delete(Decoded<Object>)
    /// Every event up to this version has been reported.
    case progress(resourceVersion: String)
}
