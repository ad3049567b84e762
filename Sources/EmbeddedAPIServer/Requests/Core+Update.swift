import AsyncPrimitives
import Clocks
import JSON
import KubernetesModel
import KubernetesSchema

extension APIServerCore {
    /// Answers a PUT. Throws `APIStatus` and ``SQLiteError``.
    func replace(_ call: ResourceCall) async throws -> InboundResponse {
        let form = try call.representation()
        let isDryRun = try call.isDryRun()
        let validation = try ObjectPipeline.fieldValidation(call.request)
        var object = try decodeBody(call)
        let pipeline = ObjectPipeline(resource: call.resource, now: clock.now)
        let warnings = try pipeline.decode(&object, validation)
        try checkNamespace(of: object, call)
        let name = object["metadata"]?["name"]?.string ?? ""
        guard name == call.name else {
            throw APIStatus.badRequest(
                name.isEmpty
                    ? "name must be provided"
                    : "the name of the object (\(name)) does not match the name on the URL (\(call.name))")
        }
        let replacement = object
        let result = try await update(call, pipeline, isDryRun: isDryRun) { _ in
            if call.resource.strategy.isCustom, replacement["metadata"]?["resourceVersion"]?.string ?? "" == "" {
                var details = APIStatus.Details()
                details.name = call.name
                details.group = call.resource.group
                details.kind = call.resource.plural
                let error = FieldError.invalid("metadata.resourceVersion", 0, "must be specified for an update")
                details.causes = [error.cause]
                throw APIStatus(
                    code: 422, reason: "Invalid",
                    message: "\(call.resource.qualifiedName) \"\(call.name)\" is invalid: \(error)", details: details)
            }
            return (replacement, nil)
        }
        return try render(result.object, call.resource, form).withWarnings(warnings + result.warnings)
    }

    /// Changes an object and returns it as stored, once it is durable. Starts again when another writer came first.
    ///
    /// `change` gets the current object and returns the new one, decoded, with its field ownership if it has computed
    /// that. Throws what `change` throws, `APIStatus`, ``AdmissionRefusal`` and ``SQLiteError``.
    func update(
        _ call: ResourceCall, _ pipeline: ObjectPipeline, isDryRun: Bool,
        _ change: (JSONValue) throws -> (object: JSONValue, ownership: FieldOwnership?)
    ) async throws -> Admitted {
        let resource = call.resource
        let renderer = Renderer(resource: resource, form: .whole, now: pipeline.now)
        while true {
            guard let current = store.get(call.key) else { throw APIStatus.notFound(resource, call.name) }
            let old = try renderer.tree(current)
            var (object, applied) = try change(old)
            // Before anything is worked out about it.
            if object.isLarger(than: ObjectStore.maximumObjectSize) { throw APIStatus.objectTooLarge }
            try checkPreconditions(object["metadata"], current, resource)
            let provided = FieldOwnership(object)
            pipeline.reconcile(&object, with: old, subresource: call.subresource)
            var ownership = applied ?? provided ?? FieldOwnership(old) ?? FieldOwnership()
            if applied == nil {
                ownership.update(
                    from: old, to: object, resource.strategy.type, writer: writer(call, .update, pipeline.now),
                    ignoresStatus: resource.hasStatus && call.subresource != "status")
            }
            object = ownership.stamped(on: object)
            try pipeline.validate(object, old: old, subresource: call.subresource)
            let warnings = try askHooks(object, old: old, call, isDryRun: isDryRun)
            if isUnchanged(object, old) {
                // Another writer's change may be on its way to the disk.
                try await store.waitUntilDurable(current.resourceVersion)
                return Admitted(object: old, warnings: warnings)
            }
            if isDryRun { return Admitted(object: object, warnings: warnings) }
            let storedForm = resource.strategy.convertsStorage ? resource.strategy.toStorage(object) : object
            let fields = resource.strategy.fieldValues(storedForm)
            do {
                if isReleased(object, resource) {
                    // Nothing keeps the object any more: it is removed, and the answer is its last state.
                    let removed = try store.remove(current, last: storedForm, fields: fields)
                    self.removed(removed, resource)
                    try await store.waitUntilDurable(removed.resourceVersion)
                    return Admitted(object: object, warnings: warnings)
                }
                let stored = try store.replace(current, with: storedForm, fields: fields)
                changed(stored, resource)
                try await store.waitUntilDurable(stored.resourceVersion)
                return Admitted(object: try renderer.tree(stored), warnings: warnings)
            } catch ObjectStore.WriteFailure.changedMeanwhile {
                continue
            } catch ObjectStore.WriteFailure.tooLarge {
                throw APIStatus.objectTooLarge
            }
        }
    }

    /// Whether an object that is being deleted can be removed: it has no finalizers and no grace period left.
    func isReleased(_ object: JSONValue, _ resource: ResourceDefinition) -> Bool {
        guard let metadata = object["metadata"], metadata["deletionTimestamp"] != nil,
            metadata["finalizers"]?.array?.isEmpty ?? true
        else { return false }
        if resource.storageName == "namespaces" { return object["spec"]?["finalizers"]?.array?.isEmpty ?? true }
        return resource.storageName != "pods" || metadata["deletionGracePeriodSeconds"]?.int ?? 0 == 0
    }

    /// Whether an update changes nothing but the times in managedFields.
    private func isUnchanged(_ new: JSONValue, _ old: JSONValue) -> Bool {
        guard FieldOwnership.stripped(new) == FieldOwnership.stripped(old) else { return false }
        let before = FieldOwnership(old)?.entries ?? []
        let after = FieldOwnership(new)?.entries ?? []
        return before.count == after.count
            && after.allSatisfy { entry in
                before.contains { $0.hasSameIdentity(as: entry) && $0.fields == entry.fields }
            }
    }

    /// Checks the UID and resourceVersion that the writer sent. Throws `APIStatus`: 409 when they differ, 400 when
    /// malformed.
    private func checkPreconditions(_ metadata: JSONValue?, _ current: StoredObject, _ resource: ResourceDefinition)
        throws
    {
        if let uid = metadata?["uid"]?.string, !uid.isEmpty, uid != current.uid {
            throw APIStatus.conflict(
                resource, current.key.name,
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(current.uid)")
        }
        if let version = metadata?["resourceVersion"]?.string, !version.isEmpty, version != "0" {
            guard let number = UInt64(version) else {
                throw APIStatus.badRequest("invalid resource version \"\(version)\"")
            }
            if number != current.resourceVersion { throw APIStatus.conflict(resource, current.key.name) }
        }
    }

    /// Adds the checks that follow from the removal of an object.
    func removed(_ object: StoredObject, _ resource: ResourceDefinition) {
        checks.add(.ownerGone(object.uid))
        if resource.storageName == CustomResources.storageName { checks.add(.definition(object.key.name)) }
        // The definition may be waiting for its last object to go.
        if resource.strategy.isCustom { checks.add(.definition(resource.storageName)) }
        if !object.key.namespace.isEmpty { checks.add(.namespace(object.key.namespace)) }
        for owner in object.ownerUIDs { checks.add(.dependentGone(owner)) }
        if hasQuotas(object.key.namespace) { checks.add(.quotas(object.key.namespace)) }
        checks.signal.signal()
    }
}
