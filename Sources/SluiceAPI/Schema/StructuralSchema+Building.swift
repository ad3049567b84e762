import JSON
import KubernetesSchema

/// Schemas in few words.
extension StructuralSchema {
    private static func make(
        _ type: ValueType?, _ description: String?, _ change: (inout Fields) -> Void = { _ in }
    ) -> StructuralSchema {
        var fields = Fields()
        fields.type = type
        fields.description = description
        change(&fields)
        return StructuralSchema(fields)
    }

    static func string(
        _ description: String? = nil, oneOf allowed: [String] = [], maximumLength: Int? = nil, format: String? = nil
    ) -> StructuralSchema {
        make(.string, description) { fields in
            fields.allowedValues = allowed.map(JSONValue.string)
            fields.maximumLength = maximumLength
            fields.format = format
        }
    }

    static func boolean(_ description: String? = nil) -> StructuralSchema { make(.boolean, description) }

    static func integer(
        _ description: String? = nil, from minimum: Double? = nil, to maximum: Double? = nil, format: String? = "int32"
    ) -> StructuralSchema {
        make(.integer, description) { fields in
            fields.minimum = minimum
            fields.maximum = maximum
            fields.format = format
        }
    }

    static func number(_ description: String? = nil, from minimum: Double? = nil, to maximum: Double? = nil)
        -> StructuralSchema
    {
        make(.number, description) { fields in
            fields.minimum = minimum
            fields.maximum = maximum
        }
    }

    static func intOrString(_ description: String? = nil) -> StructuralSchema {
        make(nil, description) { $0.isIntOrString = true }
    }

    /// Any value at all.
    static func anything(_ description: String? = nil) -> StructuralSchema {
        make(nil, description) { $0.preservesUnknownFields = true }
    }

    static func list(
        of items: StructuralSchema, _ description: String? = nil, by key: String? = nil, atMost maximum: Int? = nil
    ) -> StructuralSchema {
        make(.array, description) { fields in
            fields.items = items
            fields.maximumItems = maximum
            if let key {
                fields.listType = .map
                fields.listMapKeys = [key]
            }
        }
    }

    static func map(of values: StructuralSchema, _ description: String? = nil) -> StructuralSchema {
        make(.object, description) { $0.additionalProperties = .schema(values) }
    }

    static func object(
        _ description: String? = nil, required: [String] = [], preservingUnknownFields: Bool = false,
        _ properties: [String: StructuralSchema] = [:]
    ) -> StructuralSchema {
        make(.object, description) { fields in
            fields.required = required
            fields.properties = properties
            fields.preservesUnknownFields = preservingUnknownFields
        }
    }

    /// The same schema with another description.
    func described(_ description: String) -> StructuralSchema {
        var schema = self
        schema.description = description
        return schema
    }

    /// The same schema with a rule that forbids a change.
    func immutable(_ name: String) -> StructuralSchema {
        var schema = self
        schema.rules.append(ValidationRule("self == oldSelf", message: "\(name) is immutable"))
        return schema
    }
}
