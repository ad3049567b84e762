public import JSON
public import KubernetesModel

/// An object, or the metadata of one that could not be decoded, so that one bad object does not hide the others.
public enum Decoded<Object: Sendable>: Sendable {
    case object(Object)
    /// Its metadata could be read, but not the rest.
    case undecodable(ObjectMeta, JSONError)
}

/// One page of a list.
public struct ObjectList<Object: Sendable>: Sendable {
    public var items: [Decoded<Object>]
    /// The version from which a watch continues.
    public var resourceVersion: String
    /// The token for the next page; nil on the last one.
    public var continueToken: String?
    /// How many objects the following pages have, if the server says so.
    public var remainingItemCount: Int64?

    /// Creates a page.
    public init(
        items: [Decoded<Object>], resourceVersion: String, continueToken: String? = nil,
        remainingItemCount: Int64? = nil
    ) {
        self.items = items
        self.resourceVersion = resourceVersion
        self.continueToken = continueToken
        self.remainingItemCount = remainingItemCount
    }
}

/// One event of a watch.
public enum WatchEvent<Object: Sendable>: Sendable {
    case added(Decoded<Object>)
    case modified(Decoded<Object>)
    /// The object was deleted. This is its last known state.
    case deleted(Decoded<Object>)
    /// Everything up to this resourceVersion has been sent. `endsInitialEvents` marks the end of the initial events of
    /// a watch-list.
    case bookmark(resourceVersion: String, endsInitialEvents: Bool)
    /// The stream ended for this reason. 410 means that a new list is needed.
    case error(APIStatus)
}
