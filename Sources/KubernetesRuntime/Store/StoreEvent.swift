public import KubernetesModel

/// One change of a store.
public struct StoreEvent<Object: KubernetesObject>: Sendable {
    /// What changed.
    public enum Change: Sendable {
        case added(StoreEntry<Object>)
        case updated(old: StoreEntry<Object>, new: StoreEntry<Object>)
        /// The object as it last was, as far as that is known.
        case deleted(StoreEntry<Object>)
    }

    /// How the store came to know.
    public enum Origin: Sendable, Hashable {
        /// Objects that were there at the start: work that may wait for changes.
        case initialList
        /// A list taken later, which found what the watch had missed.
        case relist
        case watch
        /// ``Store/noteWritten(_:)`` or ``Store/noteDeleted(_:uid:)``: the caller knows already.
        case ownWrite
    }

    public let change: Change
    public let origin: Origin

    /// The entry as it is now, or as it last was when it is gone.
    public var entry: StoreEntry<Object> {
        switch change {
        case .added(let entry), .deleted(let entry): entry
        case .updated(_, let new): new
        }
    }

    public var key: ObjectKey { entry.key }
}
