import JSON
import KubernetesModel

extension JSONReadable where Self: Sendable {
    /// Reads an object. Items in a list of a built-in kind have no apiVersion and kind; a dynamic object gets those of
    /// `type`. Throws `JSONError` when the object does not have the expected form.
    init(completing reader: inout JSONReader, type: ResourceType) throws {
        let object = try Self(from: &reader)
        guard var dynamic = object as? DynamicObject, dynamic.json.object != nil,
            dynamic.json["kind"] == nil || dynamic.json["apiVersion"] == nil
        else {
            self = object
            return
        }
        dynamic.json["apiVersion"] = dynamic.json["apiVersion"] ?? .string(type.apiVersion)
        dynamic.json["kind"] = dynamic.json["kind"] ?? .string(type.kind)
        self = dynamic as? Self ?? object
    }
}

extension Decoded where Object: JSONReadable {
    /// Reads an object, or only its metadata if the object does not have the form that its type expects. Throws
    /// `JSONError` only for malformed JSON.
    init(from reader: inout JSONReader, type: ResourceType) throws {
        let start = reader
        do {
            self = .object(try Object(completing: &reader, type: type))
        } catch {
            let failure = error as? JSONError ?? JSONError("\(error)", offset: start.offset)
            reader = start
            var metadata = ObjectMeta()
            let raw = try reader.readRaw()
            // If the metadata cannot be read either, the result is an object without a name, and the error.
            if let partial = try? PartialObject(parsing: raw) { metadata = partial.metadata }
            self = .undecodable(metadata, failure)
        }
    }
}

/// The metadata of an object, without the rest.
struct PartialObject: JSONReadable {
    var metadata = ObjectMeta()

    init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            if case "metadata" = key { metadata = try ObjectMeta(from: &reader) } else { try reader.skip() }
        }
    }
}

extension ObjectList where Object: JSONReadable {
    /// Reads a `...List` object. Throws `JSONError` when it is malformed or has no items.
    init(from reader: inout JSONReader, type: ResourceType) throws {
        self.init(items: [], resourceVersion: "")
        var hasItems = false
        try reader.readFields { key, reader in
            switch key {
            case "metadata":
                try reader.readFields { key, reader in
                    switch key {
                    case "resourceVersion": resourceVersion = try reader.readOptional { try $0.readString() } ?? ""
                    case "continue":
                        let token = try reader.readOptional { try $0.readString() } ?? ""
                        continueToken = token.isEmpty ? nil : token
                    case "remainingItemCount":
                        remainingItemCount = try reader.readOptional { try $0.readInt64() }
                    default: try reader.skip()
                    }
                }
            case "items":
                hasItems = true
                items = try reader.readArray { try Decoded(from: &$0, type: type) }
            default: try reader.skip()
            }
        }
        guard hasItems else { throw JSONError("expected a list with items", offset: reader.offset) }
    }
}
