import KubernetesSchema

/// The structs of the built-in kinds, from the table of KubernetesSchema.
enum BuiltinTypes {
    /// The fields of a struct; empty when there is no struct of that name.
    static func fields(of name: String) -> [String: FieldType] { table[name] ?? [:] }

    private static let table = TypeTable.kubernetes.types.mapValues { type in
        Dictionary(type.fields.map { ($0.name, FieldType($0)) }) { $1 }
    }
}

extension FieldType {
    fileprivate init(_ field: TypeTable.Field) {
        self.init(field.shape)
        if field.isAtomic { self = .atomic(self) }
        guard case .list(let element, _) = self else { return }
        switch field.listType {
        case .atomic: break
        case .set: self = .list(element, .set)
        case .map: self = .list(element, .map(keys: field.listMapKeys))
        }
    }

    private init(_ shape: TypeTable.Shape) {
        self =
            switch shape {
            case .string: .scalar(.string)
            case .boolean: .scalar(.bool)
            case .int32, .int64: .scalar(.int)
            case .quantity: .scalar(.quantity)
            case .intOrString: .scalar(.intOrString)
            case .time: .scalar(.time)
            case .bytes: .scalar(.bytes)
            case .anything: .any
            case .list(let element): .list(FieldType(element), .atomic)
            case .map(let value): .map(FieldType(value))
            case .type(let name):
                TypeTable.kubernetes.types[name]?.isAtomic == true ? .atomic(.builtin(name)) : .builtin(name)
            }
    }
}
