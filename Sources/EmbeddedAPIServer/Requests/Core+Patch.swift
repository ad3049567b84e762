import Clocks
import JSON
import KubernetesModel
import KubernetesSchema

extension APIServerCore {
    /// Answers a PATCH. Throws `APIStatus` and ``SQLiteError``.
    func patch(_ call: ResourceCall) async throws -> InboundResponse {
        let form = try call.representation()
        let isDryRun = try call.isDryRun()
        let validation = try ObjectPipeline.fieldValidation(call.request)
        let pipeline = ObjectPipeline(resource: call.resource, now: clock.now)
        if call.request.mediaType == "application/apply-patch+yaml" {
            let (result, isNew) = try await apply(call, pipeline, validation, isDryRun: isDryRun)
            return try render(result.object, call.resource, form, status: isNew ? 201 : 200).withWarnings(
                result.warnings)
        }
        let strategy = call.resource.strategy
        let type = call.request.mediaType
        var accepted = ["application/json-patch+json", "application/merge-patch+json"]
        if !strategy.isCustom { accepted.append("application/strategic-merge-patch+json") }
        guard accepted.contains(type) else {
            throw APIStatus.unsupportedMediaType(accepted + ["application/apply-patch+yaml"])
        }
        let patch: JSONValue
        do {
            guard let json = try RequestBody.json(call.request) else { throw APIStatus.badRequest("EOF") }
            patch = json
        } catch let error as JSONError {
            throw APIStatus.badRequest("error decoding patch: \(GoJSONError.text(error, call.request.body))")
        }
        if type != "application/json-patch+json", patch.object == nil {
            throw APIStatus.badRequest("error decoding patch: a patch must be an object")
        }
        var warnings: [String] = []
        let result = try await update(call, pipeline, isDryRun: isDryRun) { old in
            var object: JSONValue
            switch type {
            case "application/json-patch+json": object = try JSONPatch.apply(patch, to: old)
            case "application/merge-patch+json": object = MergePatch.apply(patch, to: old)
            default: object = try StrategicMergePatch.apply(patch, to: old, strategy.type)
            }
            warnings = try pipeline.decode(&object, validation)
            guard object["metadata"]?["name"]?.string == call.name else {
                throw APIStatus.badRequest(
                    "the name of the object (\(object["metadata"]?["name"]?.rendered ?? "")) does not match the name on the"
                        + " URL (\(call.name))")
            }
            return (object, nil)
        }
        return try render(result.object, call.resource, form).withWarnings(warnings + result.warnings)
    }

    /// Server-side apply: creates the object when it does not exist, unless the request is for a subresource.
    private func apply(
        _ call: ResourceCall, _ pipeline: ObjectPipeline, _ validation: ObjectPipeline.FieldValidation, isDryRun: Bool
    ) async throws -> (result: Admitted, isNew: Bool) {
        let resource = call.resource
        guard call.request.nonEmptyParameter("fieldManager") != nil else {
            throw APIStatus.invalid(
                kind: "PatchOptions", group: "meta.k8s.io", name: "",
                [.required("fieldManager", "is required for apply patch")])
        }
        let configuration = try configuration(call)
        if configuration["metadata"]?["managedFields"] != nil {
            throw APIStatus.badRequest("metadata.managedFields must be nil")
        }
        let writer = writer(call, .apply, pipeline.now)
        let apply = ServerSideApply(
            type: resource.strategy.type, writer: writer, force: call.request.flag("force"))
        // Look for unknown fields in what was sent, before defaults are added.
        var warnings: [String] = []
        var probe = configuration
        warnings = try pipeline.decode(&probe, validation)
        var wanted = configuration
        resource.strategy.type.dropUnknownFields(in: &wanted)
        if store.get(call.key) == nil, call.subresource == nil {
            if let version = wanted["metadata"]?["resourceVersion"]?.string, !version.isEmpty {
                throw APIStatus.conflict(resource, call.name)
            }
            var object = try apply.apply(wanted, to: resource.strategy.skeleton)
            let ownership = FieldOwnership(object) ?? FieldOwnership()
            object["metadata"]?["name"] = .string(call.name)
            do {
                var created = try await createApplied(object, ownership, call, pipeline, isDryRun: isDryRun)
                created.warnings = warnings + created.warnings
                return (created, true)
            } catch let status as APIStatus where status.isAlreadyExists {
                // Another request has created it meanwhile: apply to that object.
            }
        }
        var result = try await update(call, pipeline, isDryRun: isDryRun) { old in
            var object = try apply.apply(wanted, to: old)
            let ownership = FieldOwnership(object)
            object["metadata"]?["managedFields"] = nil
            _ = try pipeline.decode(&object, .ignore)
            // Preconditions are those that the client sent, not the live object's.
            object["metadata"]?["resourceVersion"] = wanted["metadata"]?["resourceVersion"]
            object["metadata"]?["uid"] = wanted["metadata"]?["uid"]
            return (object, ownership)
        }
        result.warnings = warnings + result.warnings
        return (result, false)
    }

    private func createApplied(
        _ applied: JSONValue, _ ownership: FieldOwnership, _ call: ResourceCall, _ pipeline: ObjectPipeline,
        isDryRun: Bool
    ) async throws -> Admitted {
        try requireNamespace(call)
        var object = applied
        object["metadata"]?["managedFields"] = nil
        _ = try pipeline.decode(&object, .ignore)
        pipeline.initialize(&object, namespace: call.namespace)
        return try await admit(
            ownership.stamped(on: object), call, pipeline, name: call.name, isDryRun: isDryRun)
    }

    /// The configuration of an apply request, in YAML or JSON. Throws `APIStatus` 400.
    private func configuration(_ call: ResourceCall) throws -> JSONValue {
        let value: JSONValue
        if let json = try? JSONValue(parsing: call.request.body) {
            value = json
        } else {
            value = try ApplyYAML.parse(call.request.body)
        }
        guard value.object != nil else { throw APIStatus.badRequest("error decoding YAML: the body is not an object") }
        let metadata = value["metadata"]
        guard value["apiVersion"]?.string == call.resource.apiVersion, value["kind"]?.string == call.resource.kind
        else {
            throw APIStatus.badRequest(
                "the API version or kind in the data (\(value["apiVersion"]?.rendered ?? ""),"
                    + " \(value["kind"]?.rendered ?? "")) does not match the expected (\(call.resource.apiVersion),"
                    + " \(call.resource.kind))")
        }
        if let name = metadata?["name"]?.string, name != call.name {
            throw APIStatus.badRequest(
                "the name of the object (\(name)) does not match the name on the URL (\(call.name))")
        }
        try checkNamespace(of: value, call)
        return value
    }
}
