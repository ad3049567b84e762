import JSON
import KubernetesModel

/// Writes objects in the representation that the client asked for.
struct Renderer: Sendable {
    let resource: ResourceDefinition
    let form: Representation
    var now: Timestamp

    /// One object. In a watch of tables only the first carries the column definitions.
    func single(_ object: StoredObject, isFirst: Bool = true) throws -> [UInt8] {
        if form == .whole, !resource.strategy.convertsStorage {
            return object.bytes(apiVersion: resource.apiVersion, kind: resource.kind)
        }
        return try single(tree(object), isFirst: isFirst)
    }

    /// The object as a tree, converted to this resource's version.
    func tree(_ object: StoredObject) throws -> JSONValue {
        let json = try object.json(apiVersion: resource.apiVersion, kind: resource.kind)
        return resource.strategy.convertsStorage ? resource.strategy.fromStorage(json) : json
    }

    func single(_ json: JSONValue, isFirst: Bool = true) throws -> [UInt8] {
        switch form {
        case .whole: return json.bytes
        case .metadata: return Self.partial(json).bytes
        case .table:
            return table(
                [json], metadata: ["resourceVersion": json["metadata"]?["resourceVersion"] ?? ""],
                hasDefinitions: isFirst
            ).bytes
        }
    }

    /// A page of objects.
    func list(_ page: ObjectPage, hasSelector: Bool) throws -> [UInt8] {
        var metadata: JSONValue = ["resourceVersion": .string(String(page.revision))]
        if !page.continueToken.isEmpty {
            metadata["continue"] = .string(page.continueToken)
            // With a selector the number of objects left is not known.
            if page.remaining > 0, !hasSelector { metadata["remainingItemCount"] = .int(Int64(page.remaining)) }
        }
        switch form {
        case .table: return table(try page.objects.map { try tree($0) }, metadata: metadata, hasDefinitions: true).bytes
        case .metadata:
            return
                ([
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                    "items": .array(try page.objects.map { Self.partial(try tree($0)) }),
                ] as JSONValue).bytes
        case .whole:
            let isCustom = resource.strategy.isCustom
            if isCustom, page.continueToken.isEmpty { metadata["continue"] = "" }
            var bytes = Array(
                "{\"apiVersion\":\"\(resource.apiVersion)\",\"kind\":\"\(resource.listKind)\",\"metadata\":\(metadata.text),\"items\":["
                    .utf8)
            bytes.reserveCapacity(bytes.count + page.objects.reduce(64) { $0 + $1.body.count + 64 })
            for (index, object) in page.objects.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                if isCustom {
                    bytes += object.bytes(apiVersion: resource.apiVersion, kind: resource.kind)
                } else if resource.strategy.convertsStorage {
                    var json = try tree(object)
                    json["apiVersion"] = nil
                    json["kind"] = nil
                    bytes += json.bytes
                } else {
                    bytes += object.body
                }
            }
            bytes.append(contentsOf: "]}".utf8)
            return bytes
        }
    }

    /// The object of a bookmark: only kind and resourceVersion. `ends` marks the end of the initial events.
    func bookmark(_ revision: UInt64, ends: Bool) -> [UInt8] {
        var metadata: JSONValue = ["resourceVersion": .string(String(revision))]
        if resource.strategy.isCustom == false { metadata["creationTimestamp"] = .null }
        if ends { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        switch form {
        case .table:
            return table([], metadata: metadata, hasDefinitions: false).bytes
        case .metadata:
            return
                (["kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata] as JSONValue)
                .bytes
        case .whole:
            return
                ([
                    "kind": .string(resource.kind), "apiVersion": .string(resource.apiVersion), "metadata": metadata,
                ] as JSONValue).bytes
        }
    }

    private static func partial(_ json: JSONValue) -> JSONValue {
        ["kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": json["metadata"] ?? [:]]
    }

    private func table(_ objects: [JSONValue], metadata: JSONValue, hasDefinitions: Bool) -> JSONValue {
        let columns = resource.strategy.columns
        var includes = Representation.TableObject.metadata
        if case .table(let object) = form { includes = object }
        let rows = objects.map { object -> JSONValue in
            var row: JSONValue = ["cells": .array(columns.map { $0.cell(object, now) })]
            if let conditions = RowConditions.of(object, kind: resource.kind) { row["conditions"] = conditions }
            switch includes {
            case .none: row["object"] = nil
            case .metadata: row["object"] = Self.partial(object)
            case .object: row["object"] = object
            }
            return row
        }
        return [
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "columnDefinitions": hasDefinitions ? .array(columns.map(\.definition)) : .null,
            "rows": .array(rows),
        ]
    }
}

/// The conditions of a table row: pods that have ended are marked as completed.
enum RowConditions {
    /// The conditions of a row; nil when it has none.
    static func of(_ object: JSONValue, kind: String) -> JSONValue? {
        guard kind == "Pod", let phase = object["status"]?["phase"]?.string, ["Succeeded", "Failed"].contains(phase)
        else { return nil }
        let message = phase == "Succeeded" ? "The pod has completed successfully." : "The pod failed."
        return [["type": "Completed", "status": "True", "reason": .string(phase), "message": .string(message)]]
    }
}
