public import KubernetesModel

/// A way to find objects: by each of the values that a function gives for them.
public struct StoreIndex<Object: KubernetesObject>: Sendable {
    public let name: String
    let values: @Sendable (StoreEntry<Object>) -> [String]

    /// An index; `values` must depend on the entry alone and be fast: it runs under the store's lock.
    public init(_ name: String, values: @escaping @Sendable (StoreEntry<Object>) -> [String]) {
        self.name = name
        self.values = values
    }

    /// By the UIDs of the owners; built into every store.
    static var owners: StoreIndex { StoreIndex("owners") { $0.metadata.ownerReferences.map(\.uid) } }
}

/// An index and what is in it.
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
