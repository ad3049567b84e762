import JSON
import KubernetesModel

/// Garbage collection by owner references, as kube-controller-manager does it.
struct GarbageCollector: Sendable {
    let core: APIServerCore

    private var store: ObjectStore { core.store }
    private var registry: ResourceRegistry { core.registry }

    private func definition(_ key: StorageKey) -> ResourceDefinition? { registry.resource(storageName: key.resource) }

    /// The object that an owner reference names, if it is there.
    private func owner(_ reference: JSONValue, of key: StorageKey) -> StoredObject? {
        guard let apiVersion = reference["apiVersion"]?.string, let kind = reference["kind"]?.string,
            let name = reference["name"]?.string
        else { return nil }
        let parts = apiVersion.split(separator: "/")
        let group = parts.count > 1 ? String(parts[0]) : ""
        guard let resource = registry.resource(group: group, kind: kind) else { return nil }
        let ownerKey = StorageKey(
            resource: resource.storageName, namespace: resource.isNamespaced ? key.namespace : "", name: name)
        guard let object = store.get(ownerKey), object.uid == reference["uid"]?.string else { return nil }
        return object
    }

    /// Deletes an object when all its owners are gone, or the only ones left are being deleted and wait for it.
    func checkOwners(of key: StorageKey) async throws {
        guard let object = store.get(key), !object.ownerUIDs.isEmpty, let resource = definition(key) else { return }
        let json = try JSONValue(parsing: object.body)
        let references = json["metadata"]?["ownerReferences"]?.array ?? []
        let owners = references.compactMap { owner($0, of: key) }
        if owners.contains(where: { !isWaiting($0) }) { return }
        if object.isBeingDeleted { return }
        var options = DeletionOptions()
        options.uid = object.uid
        // Under an owner that waits, the dependent waits for its own dependents in turn.
        let hasDependents = !store.dependents(of: object.uid).isEmpty
        options.propagation = owners.isEmpty || !hasDependents ? .background : .foreground
        _ = try await core.delete(key, resource, options)
    }

    private func isWaiting(_ object: StoredObject) -> Bool {
        guard object.isBeingDeleted, let json = try? JSONValue(parsing: object.body) else { return false }
        return json["metadata"]?["finalizers"]?.strings?.contains("foregroundDeletion") ?? false
    }

    /// Foreground and orphan deletion: deals with the dependents, then lets the object go.
    func checkDeletion(of key: StorageKey) async throws {
        guard let object = store.get(key), object.isBeingDeleted, let resource = definition(key) else { return }
        let json = try JSONValue(parsing: object.body)
        let finalizers = json["metadata"]?["finalizers"]?.strings ?? []
        if finalizers.contains("orphan") {
            for dependent in store.dependents(of: object.uid) { try await orphan(dependent, from: object.uid) }
            try await core.removeFinalizer("orphan", from: key, resource)
        } else if finalizers.contains("kubernetes.io/pvc-protection") {
            let isUsed = store.list("pods", namespace: key.namespace).objects.contains { pod in
                let json = try? JSONValue(parsing: pod.body)
                return (json?["spec"]?["volumes"]?.array ?? []).contains {
                    $0["persistentVolumeClaim"]?["claimName"]?.string == key.name
                }
            }
            if !isUsed { try await core.removeFinalizer("kubernetes.io/pvc-protection", from: key, resource) }
        } else if finalizers.contains("foregroundDeletion") {
            for dependent in store.dependents(of: object.uid) { try await checkOwners(of: dependent) }
            let blocking = store.dependents(of: object.uid).contains { blocks($0, owner: object.uid) }
            if !blocking { try await core.removeFinalizer("foregroundDeletion", from: key, resource) }
        }
    }

    private func blocks(_ key: StorageKey, owner uid: String) -> Bool {
        guard let object = store.get(key), let json = try? JSONValue(parsing: object.body) else { return false }
        return (json["metadata"]?["ownerReferences"]?.array ?? []).contains {
            $0["uid"]?.string == uid && $0["blockOwnerDeletion"] == true
        }
    }

    /// Looks at an owner again that may have waited for a dependent.
    func checkWaitingOwner(_ uid: String) async throws {
        for resource in registry.all where !resource.strategy.convertsStorage {
            let waiting = store.list(resource.storageName, namespace: nil).objects.first { $0.uid == uid }
            if let waiting {
                if waiting.isBeingDeleted { try await checkDeletion(of: waiting.key) }
                return
            }
        }
    }

    private func orphan(_ key: StorageKey, from uid: String) async throws {
        guard let resource = definition(key) else { return }
        try await core.edit(key, resource) { object in
            guard var metadata = object["metadata"] else { return }
            let rest = (metadata["ownerReferences"]?.array ?? []).filter { $0["uid"]?.string != uid }
            metadata["ownerReferences"] = rest.isEmpty ? nil : .array(rest)
            object["metadata"] = metadata
        }
    }
}
