import AsyncPrimitives
import Clocks
import JSON
import KubernetesModel
import KubernetesSchema

extension APIServerCore {
    /// Answers a POST to a collection. Throws `APIStatus`, and ``SQLiteError`` when the object cannot be written.
    func create(_ call: ResourceCall) async throws -> InboundResponse {
        let resource = call.resource
        let form = try call.representation()
        let isDryRun = try call.isDryRun()
        var object = try decodeBody(call)
        let pipeline = ObjectPipeline(resource: resource, now: clock.now)
        let warnings = try pipeline.decode(&object, try ObjectPipeline.fieldValidation(call.request))
        try checkNamespace(of: object, call)
        let stored = try await create(object, call, pipeline, isDryRun: isDryRun)
        return try render(stored.object, resource, form, status: 201).withWarnings(warnings + stored.warnings)
    }

    /// Stores a decoded object as a new one and returns it as stored, once it is durable.
    func create(_ decoded: JSONValue, _ call: ResourceCall, _ pipeline: ObjectPipeline, isDryRun: Bool) async throws
        -> Admitted
    {
        let resource = call.resource
        var object = decoded
        try requireNamespace(call)
        pipeline.initialize(&object, namespace: call.namespace)
        let name = object["metadata"]?["name"]?.string ?? ""
        if let version = decoded["metadata"]?["resourceVersion"]?.string.flatMap({ UInt64($0) }), version != 0 {
            try pipeline.validate(object, old: nil)
            throw APIStatus(
                code: 500, reason: "", message: "resourceVersion should not be set on objects to be created")
        }
        var ownership = FieldOwnership(decoded) ?? FieldOwnership()
        ownership.update(
            from: resource.strategy.skeleton, to: object, resource.strategy.type,
            writer: writer(call, .update, pipeline.now), ignoresStatus: resource.hasStatus)
        return try await admit(ownership.stamped(on: object), call, pipeline, name: name, isDryRun: isDryRun)
    }

    /// The one way by which a new object of a client gets into the store: admission, validation, hooks, quotas. Returns
    /// the object as stored, once it is durable. Throws `APIStatus`, ``AdmissionRefusal`` and ``SQLiteError``.
    func admit(
        _ wanted: JSONValue, _ call: ResourceCall, _ pipeline: ObjectPipeline, name: String, isDryRun: Bool
    ) async throws -> Admitted {
        let resource = call.resource
        var object = wanted
        let isPod = resource.storageName == "pods"
        let limits = isPod ? limitRanger(call.namespace) : LimitRanger(ranges: [])
        if isPod { limits.setDefaults(of: &object) }
        try resource.strategy.admit(&object, cluster: StoreView(core: self), now: pipeline.now)
        try pipeline.validate(object, old: nil)
        if isPod, let why = limits.refusal(of: object) { throw APIStatus.forbidden(resource, name, why) }
        let warnings = try askHooks(object, old: nil, call, isDryRun: isDryRun)
        let key = StorageKey(resource: resource.storageName, namespace: call.namespace, name: name)
        guard let stored = try insertWithinQuotas(object, key, resource, isDryRun: isDryRun) else {
            return Admitted(object: object, warnings: warnings)
        }
        try await store.waitUntilDurable(stored.resourceVersion)
        return Admitted(
            object: try Renderer(resource: resource, form: .whole, now: pipeline.now).tree(stored), warnings: warnings)
    }

    /// Stores a finished object and adds the checks that follow. Does not wait until it is durable. Throws `APIStatus`
    /// when the store refuses it, and ``SQLiteError``.
    @discardableResult
    func insert(_ object: JSONValue, _ key: StorageKey, _ resource: ResourceDefinition) throws -> StoredObject {
        let object = resource.strategy.convertsStorage ? resource.strategy.toStorage(object) : object
        do {
            let stored = try store.insert(key, object, fields: resource.strategy.fieldValues(object))
            changed(stored, resource)
            return stored
        } catch let failure as ObjectStore.WriteFailure {
            switch failure {
            case .alreadyExists: throw APIStatus.alreadyExists(resource, key.name)
            case .missingNamespace: throw missingNamespace(key.namespace)
            case .terminatingNamespace:
                var status = APIStatus.forbidden(
                    resource, key.name,
                    "unable to create new content in namespace \(key.namespace) because it is being terminated")
                status.details?.causes = [
                    APIStatus.Cause(
                        reason: "NamespaceTerminating", message: "namespace \(key.namespace) is being terminated",
                        field: "metadata.namespace")
                ]
                throw status
            case .changedMeanwhile: throw APIStatus.conflict(resource, key.name)
            case .tooLarge: throw APIStatus.objectTooLarge
            }
        }
    }

    /// Adds the checks that follow from a new or changed object.
    func changed(_ object: StoredObject, _ resource: ResourceDefinition) {
        if resource.storageName == CustomResources.storageName { checks.add(.definition(object.key.name)) }
        if !object.ownerUIDs.isEmpty { checks.add(.owners(object.key)) }
        if object.isBeingDeleted { checks.add(.deletion(object.key)) }
        if resource.storageName == "namespaces" { checks.add(.namespace(object.key.name)) }
        if hasQuotas(object.key.namespace) { checks.add(.quotas(object.key.namespace)) }
        checks.signal.signal()
    }

    /// 404: the namespace does not exist.
    func missingNamespace(_ name: String) -> APIStatus {
        var details = APIStatus.Details()
        details.name = name
        details.kind = "namespaces"
        return APIStatus(
            code: 404, reason: "NotFound", message: "namespaces \"\(name)\" not found", details: details)
    }

    /// Throws 404 when the namespace of a namespaced object does not exist.
    func requireNamespace(_ call: ResourceCall) throws {
        guard call.resource.isNamespaced, store.get(NamespaceController.namespaceKey(call.namespace)) == nil else {
            return
        }
        throw missingNamespace(call.namespace)
    }

    /// The object in the body of a request. Throws `APIStatus` 400 and 415.
    func decodeBody(_ call: ResourceCall) throws -> JSONValue {
        guard let json = try RequestBody.object(call.request, kind: call.resource.kind) else {
            throw APIStatus.badRequest("EOF")
        }
        return json
    }

    /// Throws `APIStatus` 400 when the object names another namespace than the path.
    func checkNamespace(of object: JSONValue, _ call: ResourceCall) throws {
        let namespace = object["metadata"]?["namespace"]?.string ?? ""
        if call.resource.isNamespaced, !namespace.isEmpty, namespace != call.namespace {
            throw APIStatus.badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
    }

    /// The managedFields entry of this request, with no fields yet.
    func writer(_ call: ResourceCall, _ operation: ManagedFieldsEntry.Operation, _ now: Timestamp) -> ManagedFieldsEntry
    {
        ManagedFieldsEntry(
            manager: call.fieldManager, operation: operation, apiVersion: call.resource.apiVersion,
            time: now.wholeSecond, subresource: call.subresource ?? "", fields: FieldSet())
    }
}

extension InboundResponse {
    /// The response with a Warning header for each text (RFC 7234, code 299).
    func withWarnings(_ warnings: [String]) -> InboundResponse {
        var response = self
        for warning in warnings.prefix(50) {
            response.headers.append(("warning", "299 - \(JSONValue.string(warning).text)"))
        }
        return response
    }
}

/// The store as admission reads it.
struct StoreView: ClusterView {
    let core: APIServerCore

    func object(_ resource: String, namespace: String, name: String) -> JSONValue? {
        core.store.get(StorageKey(resource: resource, namespace: namespace, name: name)).flatMap {
            try? JSONValue(parsing: $0.body)
        }
    }

    func objects(_ resource: String, namespace: String?) -> [JSONValue] {
        core.store.list(resource, namespace: namespace).objects.compactMap { try? JSONValue(parsing: $0.body) }
    }
}

/// The most frequent messages of Go's JSON decoder, so that clients see what they expect.
enum GoJSONError {
    /// Go's message for a JSON error.
    static func text(_ error: JSONError, _ body: [UInt8]) -> String {
        guard error.offset < body.count else { return "unexpected end of JSON input" }
        let character = String(decoding: [body[error.offset]], as: UTF8.self)
        let before = body[..<error.offset].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        let place =
            switch before {
            case UInt8(ascii: "{")?: "looking for beginning of object key string"
            case UInt8(ascii: "\"")?: "after object key"
            default: "looking for beginning of value"
            }
        return "invalid character '\(character)' \(place)"
    }
}
