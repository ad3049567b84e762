import JSON

/// The type of a value, as far as merging, ownership and unknown fields need it.
indirect enum FieldType: Sendable, Hashable {
    enum Scalar: String, Sendable { case string, int, number, bool, quantity, time, intOrString, bytes }

    /// How a list is merged (x-kubernetes-list-type).
    enum ListKind: Sendable, Hashable {
        case atomic
        case set
        case map(keys: [String])
    }

    case scalar(Scalar)
    /// Without a schema: maps are merged field by field, lists are atomic.
    case any
    /// A struct of ``BuiltinTypes``.
    case builtin(String)
    /// Known fields; `rest` is the type of all others, nil when no others are allowed.
    case object([String: FieldType], rest: FieldType?)
    case map(FieldType)
    case list(FieldType, ListKind)
    /// Owned and replaced as a whole.
    case atomic(FieldType)

    /// The type without its atomic mark, with a built-in struct replaced by its fields.
    var resolved: FieldType {
        switch self {
        case .atomic(let inner): inner.resolved
        case .builtin(let name): .object(BuiltinTypes.fields(of: name), rest: nil)
        default: self
        }
    }

    var isAtomic: Bool {
        switch self {
        case .atomic, .scalar, .list(_, .atomic): true
        default: false
        }
    }

    /// The type of a field; nil when the type does not allow it.
    func field(_ name: String) -> FieldType? {
        switch resolved {
        case .any: .any
        case .object(let fields, let rest): fields[name] ?? rest
        case .map(let element): element
        default: nil
        }
    }

    /// The type of a list's elements.
    var element: FieldType {
        switch resolved {
        case .list(let element, _): element
        default: .any
        }
    }

    /// How a list of this type is merged.
    var listKind: ListKind {
        switch self {
        case .list(_, let kind): kind
        default: .atomic
        }
    }
}
