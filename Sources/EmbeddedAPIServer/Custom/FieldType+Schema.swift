import KubernetesSchema

extension FieldType {
    /// What merging and field ownership need of a schema.
    init(_ schema: StructuralSchema) {
        let fields = schema.fields
        guard !fields.isIntOrString else {
            self = .scalar(.intOrString)
            return
        }
        switch fields.type {
        case .object:
            let type = Self.object(fields)
            self = fields.mapType == "atomic" ? .atomic(type) : type
        case .array:
            let kind: ListKind =
                switch fields.listType {
                case .map: .map(keys: fields.listMapKeys)
                case .set: .set
                case .atomic, nil: .atomic
                }
            self = .list(fields.items.map { FieldType($0) } ?? .any, kind)
        case .string: self = .scalar(.string)
        case .integer: self = .scalar(.int)
        case .number: self = .scalar(.number)
        case .boolean: self = .scalar(.bool)
        case nil: self = .any
        }
    }

    private static func object(_ schema: StructuralSchema.Fields) -> FieldType {
        guard schema.properties.isEmpty else {
            var fields = schema.properties.mapValues { FieldType($0) }
            if schema.isEmbeddedResource { fields.merge(BuiltinTypes.fields(of: "Object")) { own, _ in own } }
            return .object(fields, rest: schema.preservesUnknownFields ? .any : nil)
        }
        switch schema.additionalProperties {
        case .schema(let inner): return .map(FieldType(inner))
        case .allowed(true): return .any
        case .allowed(false), nil: return schema.preservesUnknownFields ? .any : .object([:], rest: nil)
        }
    }
}
