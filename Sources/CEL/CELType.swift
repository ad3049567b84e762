/// What is known of a value before it is evaluated; ``dyn`` is anything.
public indirect enum CELType: Sendable, Hashable {
    case dyn, null, bool, int, uint, double, string, bytes
    case list(CELType)
    case map(CELType, CELType)
    case timestamp, duration, type
    /// A map whose keys are known strings: to select another name is a type error unless it stands inside `has()`. An
    /// `open` one allows others, of any type.
    case object([String: CELType], open: Bool)
}

/// The variables that an expression may read.
public struct CELEnvironment: Sendable {
    let variables: [String: CELType]

    /// Creates an environment of these variables. A name has to be an identifier to be of use.
    public init(_ variables: [String: CELType]) { self.variables = variables }
}

extension CELType: CustomStringConvertible {
    /// The type as CEL writes it.
    public var description: String {
        switch self {
        case .dyn: "dyn"
        case .null: "null"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .list(let element): element == .dyn ? "list" : "list(\(element))"
        case .map(let key, let value): key == .dyn && value == .dyn ? "map" : "map(\(key), \(value))"
        case .timestamp: "timestamp"
        case .duration: "duration"
        case .type: "type"
        case .object: "object"
        }
    }

    /// Whether some value may have both types. Numbers of different types do not convert, so they do not fit.
    func fits(_ other: CELType) -> Bool {
        switch (self, other) {
        case (.dyn, _), (_, .dyn): true
        case (.list(let left), .list(let right)): left.fits(right)
        case (.map(let leftKey, let leftValue), .map(let rightKey, let rightValue)):
            leftKey.fits(rightKey) && leftValue.fits(rightValue)
        case (.object(let fields, let isOpen), .map(let key, let value)),
            (.map(let key, let value), .object(let fields, let isOpen)):
            key.fits(.string) && (isOpen || fields.values.allSatisfy { $0.fits(value) })
        case (.object, .object), (.object, .null), (.null, .object): true
        default: self == other
        }
    }

    /// The type of a value that is one of two: what they have in common, else `dyn`.
    func joined(with other: CELType) -> CELType {
        switch (self, other) {
        case _ where self == other: self
        case (.list(let left), .list(let right)): .list(left.joined(with: right))
        case (.map(let leftKey, let leftValue), .map(let rightKey, let rightValue)):
            .map(leftKey.joined(with: rightKey), leftValue.joined(with: rightValue))
        default: .dyn
        }
    }

    var isNumber: Bool { self == .int || self == .uint || self == .double }
}
