import Clocks
import JSON
import KubernetesModel
import Synchronization

/// Creates the system's namespaces, puts the default objects into every namespace, and empties a namespace before it
/// goes.
struct NamespaceController: Sendable {
    let core: APIServerCore

    private var store: ObjectStore { core.store }
    private var registry: ResourceRegistry { core.registry }

    /// What Kubernetes says of that config map.
    private static let authorityDescription =
        "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal "
        + "service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."

    static let systemNamespaces = ["default", "kube-node-lease", "kube-public", "kube-system"]

    /// Creates the system's namespaces and priority classes where they are missing. Throws `APIStatus` and
    /// ``SQLiteError``.
    func seed(certificateAuthorityPEM: String) throws {
        guard let namespaces = registry.resource("", "v1", "namespaces") else { return }
        let pipeline = ObjectPipeline(resource: namespaces, now: core.clock.now)
        for name in Self.systemNamespaces where store.get(Self.namespaceKey(name)) == nil {
            var object: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
            _ = try pipeline.decode(&object, .ignore)
            pipeline.initialize(&object, namespace: "")
            try namespaces.strategy.admit(&object, cluster: StoreView(core: core), now: core.clock.now)
            try core.insert(object, Self.namespaceKey(name), namespaces)
        }
        core.certificateAuthority.withLock { $0 = certificateAuthorityPEM }
        for object in store.list("namespaces", namespace: nil).objects { try fill(object.key.name) }
        if let classes = registry.resource("scheduling.k8s.io", "v1", "priorityclasses") {
            for (name, value, text) in [
                (
                    "system-cluster-critical", 2_000_000_000,
                    "Used for system critical pods that must run in the cluster."
                ),
                ("system-node-critical", 2_000_001_000, "Used for system critical pods that must not be moved."),
            ] as [(String, Int64, String)] {
                let key = StorageKey(resource: classes.storageName, namespace: "", name: name)
                guard store.get(key) == nil else { continue }
                var object: JSONValue = [
                    "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": ["name": .string(name)],
                    "value": .int(value), "description": .string(text),
                ]
                let pipeline = ObjectPipeline(resource: classes, now: core.clock.now)
                _ = try pipeline.decode(&object, .ignore)
                pipeline.initialize(&object, namespace: "")
                try core.insert(object, key, classes)
            }
        }
    }

    /// The key of a Namespace object.
    static func namespaceKey(_ name: String) -> StorageKey {
        StorageKey(resource: "namespaces", namespace: "", name: name)
    }

    /// Creates the objects that every namespace has: the default service account and the server's certificate.
    private func fill(_ namespace: String) throws {
        let contents: [(String, JSONValue)] = [
            (
                "configmaps",
                [
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": [
                        "name": "kube-root-ca.crt",
                        "annotations": ["kubernetes.io/description": .string(Self.authorityDescription)],
                    ],
                    "data": ["ca.crt": .string(core.certificateAuthority.withLock { $0 })],
                ]
            ),
            ("serviceaccounts", ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": "default"]]),
        ]
        for (plural, template) in contents {
            guard let resource = registry.resource("", "v1", plural), let name = template["metadata"]?["name"]?.string
            else { continue }
            let key = StorageKey(resource: plural, namespace: namespace, name: name)
            if let there = store.get(key) {
                try renew(there, template, resource)
                continue
            }
            let pipeline = ObjectPipeline(resource: resource, now: core.clock.now)
            var object = template
            pipeline.initialize(&object, namespace: namespace)
            var ownership = FieldOwnership()
            ownership.update(
                from: resource.strategy.skeleton, to: object, resource.strategy.type,
                writer: ManagedFieldsEntry(
                    manager: "kube-controller-manager", operation: .update, apiVersion: resource.apiVersion,
                    time: pipeline.now.wholeSecond, subresource: "", fields: FieldSet()))
            object = ownership.stamped(on: object)
            do {
                try core.insert(object, key, resource)
            } catch let status as APIStatus where status.isAlreadyExists || status.code == 403 || status.isNotFound {
                // Another request has created it, or the namespace is being deleted.
            }
        }
    }

    /// Puts the server's certificate into the config map of an earlier server that had another one. Throws `JSONError`
    /// and ``SQLiteError``.
    private func renew(_ there: StoredObject, _ template: JSONValue, _ resource: ResourceDefinition) throws {
        guard let data = template["data"] else { return }
        var object = try JSONValue(parsing: there.body)
        guard object["data"] != data, !there.isBeingDeleted else { return }
        object["data"] = data
        do {
            core.changed(try store.replace(there, with: object, fields: there.fields), resource)
        } catch ObjectStore.WriteFailure.changedMeanwhile {
            // The next check of the namespace looks again.
        }
    }

    /// Fills a new namespace; deletes the contents of one that is being deleted, and lets it go once it is empty.
    /// Throws `APIStatus`, `JSONError` and ``SQLiteError``.
    func check(_ name: String) async throws {
        guard let object = store.get(Self.namespaceKey(name)) else { return }
        guard object.isBeingDeleted else {
            try fill(name)
            return
        }
        for storageName in store.occupiedResources(namespace: name) {
            guard let resource = registry.resource(storageName: storageName) else { continue }
            let contents = store.list(storageName, namespace: name).objects.filter { !$0.isBeingDeleted }
            try await core.delete(contents, resource, DeletionOptions())
        }
        guard store.occupiedResources(namespace: name).isEmpty,
            let namespaces = registry.resource("", "v1", "namespaces")
        else { return }
        try await core.edit(object.key, namespaces) { namespace in
            let rest = (namespace["spec"]?["finalizers"]?.array ?? []).filter { $0 != "kubernetes" }
            namespace["spec"] = rest.isEmpty ? [:] : ["finalizers": .array(rest)]
        }
    }
}
