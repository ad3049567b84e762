public import KubernetesClient
public import KubernetesModel

/// What a watcher tells: a whole list between `initStart` and `initDone`, then single changes; again and again.
public enum WatcherEvent<Object: KubernetesObject>: Sendable {
    /// A new list begins; what came of an unfinished one before is void.
    case initStart
    /// An object of the list.
    case initApply(Decoded<Object>)
    /// The list is whole: what is not in it does not exist.
    case initDone(resourceVersion: String)
    /// An object came or changed.
    case apply(Decoded<Object>)
    /// An object went; as it last was.
    case delete(Decoded<Object>)
    /// Everything up to that version has been told.
    case progress(resourceVersion: String)
}
