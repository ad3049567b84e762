import JSON
import KubernetesModel

/// Deletes objects whose owners are gone, as kube-controller-manager does.
///
/// All its checks throw `JSONError` when a stored object cannot be parsed, ``SQLiteError`` when the file cannot be
/// written, and `APIStatus` when the object is gone.
struct GarbageCollector: Sendable {
    let core: APIServerCore

    private var store: ObjectStore { core.store }
    private var registry: ResourceRegistry { core.registry }

    private func definition(_ key: StorageKey) -> ResourceDefinition? { registry.resource(storageName: key.resource) }

    /// What is known of an owner.
    private enum Owner {
        case present(StoredObject)
        /// It is gone, or another object has its name.
        case gone
        /// Its kind is not served, or the reference cannot be read: nobody can tell whether it is there.
        case unknown
    }

    /// Looks for the object that an owner reference names.
    private func owner(_ reference: JSONValue, of key: StorageKey) -> Owner {
        guard let apiVersion = reference["apiVersion"]?.string, let kind = reference["kind"]?.string,
            let name = reference["name"]?.string
        else { return .unknown }
        let parts = apiVersion.split(separator: "/")
        let group = parts.count > 1 ? String(parts[0]) : ""
        let version = parts.last.map { String($0) } ?? ""
        guard let resource = registry.resource(group: group, version: version, kind: kind) else { return .unknown }
        let ownerKey = StorageKey(
            resource: resource.storageName, namespace: resource.isNamespaced ? key.namespace : "", name: name)
        guard let object = store.get(ownerKey), object.uid == reference["uid"]?.string else { return .gone }
        return .present(object)
    }

    /// Deletes an object when all its owners are gone or wait for it in a foreground deletion. Does nothing as long as
    /// one of them may still be there. `gone` is the UID of an owner whose removal was seen, which is known also when
    /// its kind is served no more.
    func checkOwners(of key: StorageKey, gone: String? = nil) async throws {
        guard let object = store.get(key), !object.ownerUIDs.isEmpty, let resource = definition(key) else { return }
        let json = try JSONValue(parsing: object.body)
        var isWaitedFor = false
        for reference in json["metadata"]?["ownerReferences"]?.array ?? [] {
            if let gone, reference["uid"]?.string == gone { continue }
            switch owner(reference, of: key) {
            case .gone: break
            case .present(let owner) where isWaiting(owner): isWaitedFor = true
            case .present, .unknown: return
            }
        }
        if object.isBeingDeleted { return }
        var options = DeletionOptions()
        options.uid = object.uid
        // The owner waits for this object, so this object has to wait for its own dependents.
        let hasDependents = !store.dependents(of: object.uid).isEmpty
        options.propagation = isWaitedFor && hasDependents ? .foreground : .background
        _ = try await core.delete(key, resource, options)
    }

    /// Whether the object is in a foreground deletion, waiting for its dependents.
    private func isWaiting(_ object: StoredObject) -> Bool {
        guard object.isBeingDeleted, let json = try? JSONValue(parsing: object.body) else { return false }
        return json["metadata"]?["finalizers"]?.strings?.contains("foregroundDeletion") ?? false
    }

    /// Does what the finalizers of an object that is being deleted ask for (`orphan`, `foregroundDeletion`,
    /// `pvc-protection`), then removes them.
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

    /// Whether a dependent keeps its owner from going (`blockOwnerDeletion`).
    private func blocks(_ key: StorageKey, owner uid: String) -> Bool {
        guard let object = store.get(key), let json = try? JSONValue(parsing: object.body) else { return false }
        return (json["metadata"]?["ownerReferences"]?.array ?? []).contains {
            $0["uid"]?.string == uid && $0["blockOwnerDeletion"] == true
        }
    }

    /// Checks the owner with this UID again after one of its dependents is gone.
    func checkWaitingOwner(_ uid: String) async throws {
        for resource in registry.all where !resource.strategy.convertsStorage {
            let waiting = store.list(resource.storageName, namespace: nil).objects.first { $0.uid == uid }
            if let waiting {
                if waiting.isBeingDeleted { try await checkDeletion(of: waiting.key) }
                return
            }
        }
    }

    /// Takes the owner with this UID off a dependent.
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
