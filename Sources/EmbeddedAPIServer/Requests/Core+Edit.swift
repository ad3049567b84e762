import JSON
import KubernetesModel

/// Changes that the server makes on its own behalf.
extension APIServerCore {
    /// Takes a finalizer off an object, and removes the object when nothing else keeps it. Throws `JSONError` when the
    /// stored object cannot be parsed, and ``SQLiteError``.
    func removeFinalizer(_ name: String, from key: StorageKey, _ resource: ResourceDefinition) async throws {
        try await edit(key, resource) { object in
            guard var metadata = object["metadata"] else { return }
            let rest = (metadata["finalizers"]?.array ?? []).filter { $0.string != name }
            metadata["finalizers"] = rest.isEmpty ? nil : .array(rest)
            object["metadata"] = metadata
        }
    }

    /// Changes an object without validation and without a field manager, and removes it when nothing keeps it any more.
    /// Does nothing when the object is gone.
    ///
    /// Returns the version of the change, which may not be durable yet; nil when there was nothing to do.
    ///
    /// `change` is called again when another writer came first. Throws what `change` throws, `JSONError` when the
    /// stored object cannot be parsed, and ``SQLiteError``.
    @discardableResult
    func edit(_ key: StorageKey, _ resource: ResourceDefinition, _ change: (inout JSONValue) throws -> Void)
        async throws -> UInt64?
    {
        while let current = store.get(key) {
            let old = try JSONValue(parsing: current.body)
            var object = old
            try change(&object)
            if object == old { return nil }
            let fields = resource.strategy.fieldValues(object)
            do {
                if isReleased(object, resource) {
                    let gone = try store.remove(current, last: object, fields: fields)
                    removed(gone, resource)
                    return gone.resourceVersion
                }
                let stored = try store.replace(current, with: object, fields: fields)
                changed(stored, resource)
                return stored.resourceVersion
            } catch ObjectStore.WriteFailure.changedMeanwhile {
                continue
            }
        }
        return nil
    }
}
