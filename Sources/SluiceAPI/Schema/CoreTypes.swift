import JSON
import KubernetesSchema

/// Types of core/v1 as Sluice checks them, from the table of KubernetesSchema.
enum CoreTypes {
    /// What a field holds.
    indirect enum Shape: Sendable {
        case string(allowed: [String])
        case boolean, int32, int64, quantity, intOrString, anything
        case list(Shape)
        case map(Shape)
        case type(String)
    }

    /// One field of a type.
    struct Field: Sendable {
        var name: String
        var isRequired: Bool
        var shape: Shape
    }

    /// The fields of every type, by its name.
    static let types: [String: [Field]] = TypeTable.kubernetes.types.mapValues { type in
        type.fields.map { Field(name: $0.name, isRequired: $0.isRequired, shape: Shape($0.shape)) }
    }

    /// The elements of these lists have names that must differ.
    private static let namedLists: Set<String> = ["containers", "initContainers", "volumes"]

    /// The schema of a type. The table has no type inside of itself.
    static func schema(of type: String, without omitted: Set<String> = []) -> StructuralSchema {
        var schema = StructuralSchema.Fields()
        schema.type = .object
        for field in types[type] ?? [] where !omitted.contains(field.name) {
            var property = self.schema(of: field.shape)
            if namedLists.contains(field.name) {
                property.listType = .map
                property.listMapKeys = ["name"]
            }
            schema.properties[field.name] = property
            if field.isRequired { schema.required.append(field.name) }
        }
        return StructuralSchema(schema)
    }

    private static func schema(of shape: Shape) -> StructuralSchema {
        switch shape {
        // Allowed values are checked in code: a reference stands where one of them is expected.
        case .string: .string()
        case .boolean: .boolean()
        case .int32: .integer(format: "int32")
        case .int64: .integer(format: "int64")
        case .quantity, .intOrString: .intOrString()
        case .anything: .object(preservingUnknownFields: true)
        case .list(let element): .list(of: schema(of: element))
        case .map(let value): .map(of: schema(of: value))
        case .type(let name): schema(of: name)
        }
    }
}

extension CoreTypes.Shape {
    fileprivate init(_ shape: TypeTable.Shape) {
        self =
            switch shape {
            case .string(let allowed): .string(allowed: allowed)
            case .time, .bytes: .string(allowed: [])
            case .boolean: .boolean
            case .int32: .int32
            case .int64: .int64
            case .quantity: .quantity
            case .intOrString: .intOrString
            case .anything: .anything
            case .list(let element): .list(Self(element))
            case .map(let value): .map(Self(value))
            case .type(let name): .type(name)
            }
    }
}
