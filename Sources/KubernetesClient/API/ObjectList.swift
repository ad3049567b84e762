public import JSON
public import KubernetesModel

/// An object as it came, or what is known of one that could not be decoded: one bad object must not hide the others.
public enum Decoded<Object: Sendable>: Sendable {
    case object(Object)
    /// Its metadata could be read, the rest could not.
    case undecodable(ObjectMeta, JSONError)
}

/// One page of a list.
public struct ObjectList<Object: Sendable>: Sendable {
    public var items: [Decoded<Object>]
    /// Where a watch goes on from.
    public var resourceVersion: String
    /// The token of the next page; nil on the last one.
    public var continueToken: String?
    public var remainingItemCount: Int64?

    /// A page.
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
    /// The object as it last was.
    case deleted(Decoded<Object>)
    /// Everything up to that resourceVersion has been sent; `endsInitialEvents` marks the end of a watch-list's first part.
    case bookmark(resourceVersion: String, endsInitialEvents: Bool)
    /// The stream is over for that reason; 410 means: list again.
    case error(APIStatus)
}
