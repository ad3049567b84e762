import Clocks
import JSON
import KubernetesModel
import Synchronization

/// Turns custom resource definitions into resources that the server serves.
enum CustomResources {
    static let storageName = "customresourcedefinitions.apiextensions.k8s.io"
    /// The finalizer that keeps a definition until its objects are gone.
    static let finalizer = "customresourcecleanup.apiextensions.k8s.io"

    /// One resource for each served version of a definition. Leaves out a version whose schema is invalid: such a
    /// definition is refused when it is created, so it can only come from a file that a newer program wrote.
    static func definitions(_ crd: JSONValue) -> [ResourceDefinition] {
        guard let spec = crd["spec"], let group = spec["group"]?.string, let names = spec["names"],
            let kind = names["kind"]?.string, let plural = names["plural"]?.string
        else { return [] }
        let hash = crd["metadata"]?["uid"]?.string ?? ""
        return (spec["versions"]?.array ?? []).compactMap { version in
            guard version["served"] == true, let name = version["name"]?.string,
                let strategy = try? CustomResourceStrategy(version: version)
            else { return nil }
            var resource = ResourceDefinition(
                group: group, version: name, kind: kind, plural: plural,
                singular: names["singular"]?.string ?? kind.lowercased(),
                strategy: strategy)
            resource.listKind = names["listKind"]?.string ?? kind + "List"
            resource.shortNames = names["shortNames"]?.strings ?? []
            resource.categories = names["categories"]?.strings ?? []
            resource.isNamespaced = spec["scope"] == "Namespaced"
            resource.verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
            resource.storageVersionHash = String(hash.prefix(8))
            if version["subresources"]?["status"] != nil {
                resource.subresources = [
                    ResourceDefinition.Subresource(name: "status", kind: kind, verbs: ["get", "patch", "update"])
                ]
            }
            return resource
        }
    }
}

extension APIServerCore {
    /// Serves the resources of the stored definitions. Runs under a lock: of two refreshes that overlap, the one with
    /// the older list must not finish last.
    func refreshDefinitions() {
        refreshing.withLock { _ in
            let all = store.list(CustomResources.storageName, namespace: nil).objects.flatMap { object in
                (try? JSONValue(parsing: object.body)).map { CustomResources.definitions($0) } ?? []
            }
            let known = Set(registry.custom.map { "\($0.apiVersion) \($0.kind)" })
            registry.setCustom(all)
            checkDependents(of: Set(all.map { "\($0.apiVersion) \($0.kind)" }).subtracting(known))
        }
    }

    /// Asks for a check of the objects that name an owner of these kinds (`apiVersion kind`): before the kinds were
    /// served, nobody could tell whether it was there.
    private func checkDependents(of kinds: Set<String>) {
        guard !kinds.isEmpty else { return }
        for resource in registry.all where !resource.strategy.convertsStorage {
            for object in store.list(resource.storageName, namespace: nil).objects where !object.ownerUIDs.isEmpty {
                let references = (try? JSONValue(parsing: object.body))?["metadata"]?["ownerReferences"]?.array ?? []
                let isConcerned = references.contains {
                    kinds.contains("\($0["apiVersion"]?.string ?? "") \($0["kind"]?.string ?? "")")
                }
                if isConcerned { checks.add(.owners(object.key)) }
            }
        }
    }

    /// Serves a changed definition and writes its status; for one that is being deleted, deletes its objects first.
    /// Throws `APIStatus`, `JSONError` and ``SQLiteError``.
    func checkDefinition(_ name: String) async throws {
        refreshDefinitions()
        let key = StorageKey(resource: CustomResources.storageName, namespace: "", name: name)
        guard let object = store.get(key), let resource = registry.resource(storageName: key.resource) else { return }
        let json = try JSONValue(parsing: object.body)
        if object.isBeingDeleted {
            for served in CustomResources.definitions(json).prefix(1) {
                let contents = store.list(served.storageName, namespace: nil).objects.filter { !$0.isBeingDeleted }
                try await delete(contents, served, DeletionOptions())
                guard store.list(served.storageName, namespace: nil).objects.isEmpty else { return }
            }
            try await removeFinalizer(CustomResources.finalizer, from: key, resource)
            return
        }
        try await establish(key, resource)
    }

    /// Accepts the definition's names and marks it as established, unless that is done already.
    private func establish(_ key: StorageKey, _ resource: ResourceDefinition) async throws {
        let now = clock.now.wholeSecond
        try await edit(key, resource) { crd in
            let names = crd["spec"]?["names"] ?? [:]
            guard crd["status"]?["acceptedNames"] != names else { return }
            let old = crd
            var conditions: [JSONValue] = []
            for (type, reason, message) in [
                ("NamesAccepted", "NoConflicts", "no conflicts found"),
                ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            ] {
                let known = (crd["status"]?["conditions"]?.array ?? []).first { $0["type"]?.string == type }
                conditions.append([
                    "type": .string(type), "status": "True", "reason": .string(reason), "message": .string(message),
                    "lastTransitionTime": known?["lastTransitionTime"] ?? .string(now.rfc3339),
                ])
            }
            var status = crd["status"] ?? [:]
            status["conditions"] = .array(conditions)
            status["acceptedNames"] = names
            crd["status"] = status
            var ownership = FieldOwnership(crd) ?? FieldOwnership()
            ownership.update(
                from: old, to: crd, resource.strategy.type,
                writer: ManagedFieldsEntry(
                    manager: "kube-apiserver", operation: .update, apiVersion: resource.apiVersion, time: now,
                    subresource: "status", fields: FieldSet()))
            crd = ownership.stamped(on: crd)
        }
    }
}
