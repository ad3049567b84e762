import HTTPServing
import JSON
import KubernetesModel
import KubernetesSchema

/// The OpenAPI v3 document of one group version, for kubectl's validation, apply and `explain`.
struct OpenAPIV3: Sendable {
    let registry: ResourceRegistry

    /// The index of documents for an empty name, else the document of a group version, else 404.
    func respond(_ name: String) -> InboundResponse {
        if name.isEmpty {
            var paths = JSONObject()
            for name in groupVersions {
                let hash = SecureRandom.sha512(document(name).bytes)
                paths[name] = ["serverRelativeURL": .string("/openapi/v3/\(name)?hash=\(hash)")]
            }
            var response = InboundResponse(["paths": .object(paths)])
            response.contentType = "text/plain; charset=utf-8"
            return response
        }
        guard groupVersions.contains(name) else { return InboundResponse(text: "404 page not found\n", status: 404) }
        return InboundResponse(document(name))
    }

    private var groupVersions: [String] {
        var names: [String] = []
        for resource in registry.all where !names.contains(Self.path(resource)) { names.append(Self.path(resource)) }
        return names
    }

    private static func path(_ resource: ResourceDefinition) -> String {
        resource.group.isEmpty ? "api/\(resource.version)" : "apis/\(resource.group)/\(resource.version)"
    }

    private func document(_ name: String) -> JSONValue {
        let resources = registry.all.filter { Self.path($0) == name }
        var paths = JSONObject()
        for resource in resources {
            for (path, operations) in Self.paths(resource, Self.schemaName(resource)) { paths[path] = operations }
        }
        return [
            "openapi": "3.0.0",
            "info": ["title": "Kubernetes", "version": .string(Discovery.kubernetesVersion.git)],
            "paths": .object(paths), "components": ["schemas": .object(schemas(of: resources))],
        ]
    }

    // MARK: Schemas

    /// The schemas of everything that is served.
    var schemas: JSONObject { schemas(of: registry.all) }

    /// The schemas of resources, and of all that they refer to.
    private func schemas(of resources: [ResourceDefinition]) -> JSONObject {
        var schemas = JSONObject()
        for resource in resources {
            let schemaName = Self.schemaName(resource)
            schemas[schemaName] = schema(resource)
            schemas[schemaName + "List"] = listSchema(resource, item: schemaName)
        }
        var missing = Self.references(in: .object(schemas)).union(["meta.v1.DeleteOptions"])
        while let next = missing.popFirst() {
            let full = Self.structName(next)
            if schemas.contains(full) { continue }
            let json = Self.structSchema(next)
            schemas[full] = json
            missing.formUnion(Self.references(in: json))
        }
        return schemas
    }

    private static func schemaName(_ resource: ResourceDefinition) -> String {
        if resource.strategy.isCustom {
            return
                (resource.group.split(separator: ".").reversed().map(String.init) + [resource.version, resource.kind])
                .joined(separator: ".")
        }
        return structName(builtinName(resource))
    }

    /// The name of a built-in resource's struct in the table.
    private static func builtinName(_ resource: ResourceDefinition) -> String {
        resource.group == "events.k8s.io" ? "EventV1" : resource.kind
    }

    private static func structName(_ name: String) -> String {
        switch name {
        case "ObjectMeta", "OwnerReference", "ListMeta", "LabelSelector", "meta.v1.DeleteOptions":
            "io.k8s.apimachinery.pkg.apis.meta.v1.\(name.split(separator: ".").last ?? "")"
        case "CustomResourceDefinition": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.\(name)"
        case "Lease": "io.k8s.api.coordination.v1.Lease"
        case "PriorityClass": "io.k8s.api.scheduling.v1.PriorityClass"
        case "EventV1": "io.k8s.api.events.v1.Event"
        default: "io.k8s.api.core.v1.\(name)"
        }
    }

    /// The names of the structs that a schema refers to. ``finished(_:)`` turns the references into full names.
    private static func references(in json: JSONValue) -> Set<String> {
        var found: Set<String> = []
        switch json {
        case .object(let fields):
            if let mark = fields["x-struct"]?.string { found.insert(mark) }
            for (_, value) in fields { found.formUnion(references(in: value)) }
        case .array(let items): for item in items { found.formUnion(references(in: item)) }
        default: break
        }
        return found
    }

    private static func structSchema(_ name: String) -> JSONValue {
        if name == "meta.v1.DeleteOptions" {
            return [
                "type": "object",
                "properties": ["gracePeriodSeconds": ["type": "integer"], "propagationPolicy": ["type": "string"]],
            ]
        }
        var json = schema(of: .object(BuiltinTypes.fields(of: name), rest: nil))
        complete(&json, of: name)
        return json
    }

    /// Adds to the schema of a struct what it and its fields are, and how a strategic merge patch changes its lists.
    private static func complete(_ json: inout JSONValue, of name: String) {
        let texts = TypeTexts.kubernetes
        json["description"] = texts.text(of: name).map { .string($0) }
        for field in TypeTable.kubernetes.types[name]?.fields ?? [] {
            guard var property = json["properties"]?[field.name] else { continue }
            property["description"] = texts.text(of: name, field: field.name).map { .string($0) }
            if field.listPatch != .replace { property["x-kubernetes-patch-strategy"] = "merge" }
            switch field.listPatch {
            case .replace, .add: break
            case .merge(let key): property["x-kubernetes-patch-merge-key"] = .string(key)
            // Only the server merges so; OpenAPI has one key at most.
            case .join(let keys): property["x-kubernetes-patch-merge-key"] = keys.first.map { .string($0) }
            }
            json["properties"]?[field.name] = property
        }
    }

    /// Adds what the fields are that all objects have.
    private static func describeObject(_ json: inout JSONValue) {
        for name in BuiltinTypes.fields(of: "Object").keys {
            guard var property = json["properties"]?[name] else { continue }
            property["description"] = TypeTexts.kubernetes.text(of: "Object", field: name).map { .string($0) }
            json["properties"]?[name] = property
        }
    }

    private func schema(_ resource: ResourceDefinition) -> JSONValue {
        var json: JSONValue
        if let strategy = resource.strategy as? CustomResourceStrategy {
            json = strategy.openAPI
            var properties = json["properties"] ?? [:]
            for (name, field) in BuiltinTypes.fields(of: "Object") {
                properties[name] = Self.schema(of: field)
            }
            json["properties"] = properties
            json["type"] = "object"
        } else {
            json = Self.schema(of: resource.strategy.type)
            Self.complete(&json, of: Self.builtinName(resource))
        }
        Self.describeObject(&json)
        json["x-kubernetes-group-version-kind"] = [Self.kind(resource, resource.kind)]
        return json
    }

    private func listSchema(_ resource: ResourceDefinition, item: String) -> JSONValue {
        [
            "type": "object", "required": ["items"],
            "properties": [
                "apiVersion": ["type": "string"], "kind": ["type": "string"],
                "metadata": Self.schema(of: .builtin("ListMeta")),
                "items": ["type": "array", "items": ["$ref": .string("#/components/schemas/\(item)")]],
            ],
            "x-kubernetes-group-version-kind": [Self.kind(resource, resource.listKind)],
        ]
    }

    private static func kind(_ resource: ResourceDefinition, _ kind: String) -> JSONValue {
        ["group": .string(resource.group), "version": .string(resource.version), "kind": .string(kind)]
    }

    static func schema(of type: FieldType) -> JSONValue {
        switch type {
        case .scalar(let scalar):
            switch scalar {
            case .string, .quantity: return ["type": "string"]
            case .bytes: return ["type": "string", "format": "byte"]
            case .time: return ["type": "string", "format": "date-time"]
            case .int: return ["type": "integer", "format": "int64"]
            case .number: return ["type": "number", "format": "double"]
            case .bool: return ["type": "boolean"]
            case .intOrString: return ["format": "int-or-string", "oneOf": [["type": "integer"], ["type": "string"]]]
            }
        case .any: return ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
        case .builtin(let name):
            return [
                "allOf": [["$ref": .string("#/components/schemas/\(structName(name))")]], "x-struct": .string(name),
            ]
        case .object(let fields, _):
            var properties = JSONObject()
            for (name, field) in fields { properties[name] = schema(of: field) }
            return ["type": "object", "properties": .object(properties)]
        case .map(let element): return ["type": "object", "additionalProperties": schema(of: element)]
        case .list(let element, let kind):
            var json: JSONValue = ["type": "array", "items": schema(of: element)]
            switch kind {
            case .atomic: json["x-kubernetes-list-type"] = "atomic"
            case .set: json["x-kubernetes-list-type"] = "set"
            case .map(let keys):
                json["x-kubernetes-list-type"] = "map"
                json["x-kubernetes-list-map-keys"] = JSONValue(keys)
            }
            return json
        case .atomic(let inner):
            var json = schema(of: inner)
            json["x-kubernetes-map-type"] = "atomic"
            return json
        }
    }

    // MARK: Paths

    private static func parameters(_ names: [String]) -> JSONValue {
        .array(
            names.map { name in
                let type =
                    ["watch", "allowWatchBookmarks", "force", "sendInitialEvents"].contains(name) ? "boolean" : "string"
                return [
                    "name": .string(name), "in": "query", "schema": ["type": .string(type), "uniqueItems": true],
                ]
            })
    }

    private static let listParameters = parameters([
        "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
        "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
    ])
    private static let writeParameters = ["dryRun", "fieldManager", "fieldValidation"]

    private static func operation(
        _ resource: ResourceDefinition, _ action: String, _ parameters: JSONValue, body: String?, result: String
    ) -> JSONValue {
        func content(_ name: String) -> JSONValue {
            ["application/json": ["schema": ["$ref": .string("#/components/schemas/\(name)")]]]
        }
        var json: JSONValue = [
            "operationId": .string("\(action)\(resource.group)\(resource.version)\(resource.kind)"),
            "parameters": parameters, "responses": ["200": ["description": "OK", "content": content(result)]],
            "x-kubernetes-action": .string(action), "x-kubernetes-group-version-kind": kind(resource, resource.kind),
        ]
        if let body {
            var types = JSONObject()
            if action == "patch" {
                var names = [
                    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
                ]
                if !resource.strategy.isCustom { names.append("application/strategic-merge-patch+json") }
                for name in names { types[name] = ["schema": ["type": "object"]] }
            } else {
                types["*/*"] = ["schema": ["$ref": .string("#/components/schemas/\(body)")]]
            }
            json["requestBody"] = ["content": .object(types), "required": true]
        }
        return json
    }

    private static func paths(_ resource: ResourceDefinition, _ schema: String) -> [(String, JSONValue)] {
        let base = "/" + path(resource)
        let scope = resource.isNamespaced ? "\(base)/namespaces/{namespace}" : base
        let collection = "\(scope)/\(resource.plural)"
        var result: [(String, JSONValue)] = []
        let list = operation(resource, "list", listParameters, body: nil, result: schema + "List")
        result.append(
            (
                collection,
                [
                    "get": list,
                    "post": operation(resource, "post", parameters(writeParameters), body: schema, result: schema),
                    "delete": operation(
                        resource, "deletecollection", listParameters, body: nil, result: schema),
                ]
            ))
        if resource.isNamespaced { result.append(("\(base)/\(resource.plural)", ["get": list])) }
        let writes: [(String, JSONValue)] = [
            ("get", operation(resource, "get", parameters([]), body: nil, result: schema)),
            ("put", operation(resource, "put", parameters(writeParameters), body: schema, result: schema)),
            (
                "patch",
                operation(resource, "patch", parameters(writeParameters + ["force"]), body: schema, result: schema)
            ),
        ]
        let delete = operation(
            resource, "delete", parameters(["dryRun", "gracePeriodSeconds", "propagationPolicy"]), body: nil,
            result: schema)
        result.append(("\(collection)/{name}", .object(JSONObject(writes + [("delete", delete)]))))
        if resource.hasStatus { result.append(("\(collection)/{name}/status", .object(JSONObject(writes)))) }
        return result
    }
}
