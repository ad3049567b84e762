public import KubernetesModel

/// An index of a store: finds objects by values computed from them.
public struct StoreIndex<Object: KubernetesObject>: Sendable {
    public let name: String
    let values: @Sendable (StoreEntry<Object>) -> [String]

    /// Creates an index. `values` runs under the store's lock: it must be fast and depend on the entry alone.
    public init(_ name: String, values: @escaping @Sendable (StoreEntry<Object>) -> [String]) {
        self.name = name
        self.values = values
    }

    /// The index by the owners' UIDs, which every store has.
    static var owners: StoreIndex { StoreIndex("owners") { $0.metadata.ownerReferences.map(\.uid) } }
}

/// An index with its contents.
struct StoreIndexState<Object: KubernetesObject>: Sendable {
    let index: StoreIndex<Object>
    private(set) var keys: [String: Set<ObjectKey>] = [:]

    init(_ index: StoreIndex<Object>) { self.index = index }

    mutating func replace(_ old: StoreEntry<Object>?, with new: StoreEntry<Object>?) {
        let oldValues = old.map(index.values) ?? []
        let newValues = new.map(index.values) ?? []
        guard let key = new?.key ?? old?.key, oldValues != newValues else { return }
        for value in oldValues {
            keys[value]?.remove(key)
            if keys[value]?.isEmpty == true { keys[value] = nil }
        }
        for value in newValues { keys[value, default: []].insert(key) }
    }
}
