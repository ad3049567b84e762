import JSON
import KubernetesSchema

/// Types of core/v1 as Sluice checks them, from the table of KubernetesSchema.
enum CoreTypes {
    /// The fields of a type, by its name.
    static func fields(of type: String) -> [TypeTable.Field] { TypeTable.kubernetes.types[type]?.fields ?? [] }

    /// The elements of these lists have names that must differ.
    private static let namedLists: Set<String> = ["containers", "initContainers", "volumes"]

    /// The schema of a type. The table has no type inside of itself.
    static func schema(of type: String, without omitted: Set<String> = []) -> StructuralSchema {
        var schema = StructuralSchema.Fields()
        schema.type = .object
        for field in fields(of: type) where !omitted.contains(field.name) {
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

    private static func schema(of shape: TypeTable.Shape) -> StructuralSchema {
        switch shape {
        // Allowed values are checked in code: a reference stands where one of them is expected.
        case .string, .time, .bytes: .string()
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
