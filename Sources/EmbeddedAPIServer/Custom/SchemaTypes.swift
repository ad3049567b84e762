import JSON
import KubernetesSchema

/// Reads from an OpenAPI v3 schema what merging and field ownership need.
enum SchemaTypes {
    /// The type that a schema describes.
    static func type(of schema: JSONValue) -> FieldType {
        let preserves = schema["x-kubernetes-preserve-unknown-fields"] == true
        if schema["x-kubernetes-int-or-string"] == true { return .scalar(.intOrString) }
        switch schema["type"]?.string {
        case "object":
            let isAtomic = schema["x-kubernetes-map-type"] == "atomic"
            let type: FieldType
            if let properties = schema["properties"]?.object {
                var fields: [String: FieldType] = [:]
                for (name, inner) in properties { fields[name] = Self.type(of: inner) }
                if schema["x-kubernetes-embedded-resource"] == true {
                    fields.merge(BuiltinTypes.fields(of: "Object")) { own, _ in own }
                }
                type = .object(fields, rest: preserves ? .any : nil)
            } else if let inner = schema["additionalProperties"], inner.object != nil {
                type = .map(Self.type(of: inner))
            } else {
                type = preserves || schema["additionalProperties"] == true ? .any : .object([:], rest: nil)
            }
            return isAtomic ? .atomic(type) : type
        case "array":
            let element = Self.type(of: schema["items"] ?? [:])
            switch schema["x-kubernetes-list-type"]?.string {
            case "map": return .list(element, .map(keys: schema["x-kubernetes-list-map-keys"]?.strings ?? []))
            case "set": return .list(element, .set)
            default: return .list(element, .atomic)
            }
        case "string": return .scalar(.string)
        case "integer": return .scalar(.int)
        case "number": return .scalar(.number)
        case "boolean": return .scalar(.bool)
        default: return .any
        }
    }
}
