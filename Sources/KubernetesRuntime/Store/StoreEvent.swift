public import KubernetesModel

/// One change of a store.
public struct StoreEvent<Object: KubernetesObject>: Sendable {
    /// What changed.
    public enum Change: Sendable {
        case added(StoreEntry<Object>)
        case updated(old: StoreEntry<Object>, new: StoreEntry<Object>)
        /// The object was deleted. The entry is its last known state.
        case deleted(StoreEntry<Object>)
    }

    /// How the store learned of the change.
    public enum Origin: Sendable, Hashable {
        /// The first list found the object. Handlers may give it low priority.
        case initialList
        /// A later list found a change that the watch had missed.
        case relist
        case watch
        /// ``Store/noteWritten(_:)`` or ``Store/noteDeleted(_:uid:)`` was called, so the writer knows already.
        case ownWrite
    }

    public let change: Change
    public let origin: Origin

    /// The present entry, or the last one of a deleted object.
    public var entry: StoreEntry<Object> {
        switch change {
        case .added(let entry), .deleted(let entry): entry
        case .updated(_, let new): new
        }
    }

    public var key: ObjectKey { entry.key }
}
