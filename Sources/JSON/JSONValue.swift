/// Any JSON value, with Kubernetes' rule for numbers: one without fraction and exponent that fits 64 bits is an
/// integer, any other a double (as `unstructured` does in Go).
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue {
    // Written out because strings are compared by their bytes. Two that only look the same are two values: a change of
    // one to the other is a change.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.string(let left), .string(let right)): JSONObject.isSame(left, right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    /// The boolean, or nil for any other kind.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The integer, or nil for any other kind. A double counts if its value is integral; others are not rounded.
    public var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }
    /// The number as a double, or nil for any other kind.
    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
    /// The string, or nil for any other kind.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The elements, or nil for any other kind.
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    /// The fields, or nil for any other kind.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// Whether this is `null`.
    public var isNull: Bool { self == .null }

    /// The name of the kind in JSON schema: null, boolean, integer, number, string, array, object.
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .int: "integer"
        case .double: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// A field of an object; nil when this is not an object or has no such field. Setting a field of any other value
    /// turns it into an object; setting nil removes the field.
    public subscript(key: String) -> JSONValue? {
        get { object?[key] }
        set {
            var fields = object ?? JSONObject()
            self = .null  // so that no second reference to the fields makes the change copy them
            fields[key] = newValue
            self = .object(fields)
        }
    }

    /// An element of an array; nil when this is not an array or is too short.
    public subscript(index: Int) -> JSONValue? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }

    /// The value at the end of a chain of fields; nil when one of them is missing.
    public subscript(path path: String...) -> JSONValue? {
        var value = self
        for key in path {
            guard let next = value[key] else { return nil }
            value = next
        }
        return value
    }
}

// No ExpressibleByNilLiteral: `json["x"] == nil` would compare with `.null` and be false for a missing field.
extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
}

extension JSONValue {
    /// Creates an array of strings.
    public init(_ strings: [String]) { self = .array(strings.map(JSONValue.string)) }
    /// Creates an object of strings.
    public init(_ map: [String: String]) { self = .object(JSONObject(map.map { ($0.key, .string($0.value)) })) }

    /// The elements of an array of strings; nil for any other value.
    public var strings: [String]? {
        guard let array else { return nil }
        var result: [String] = []
        result.reserveCapacity(array.count)
        for element in array {
            guard let string = element.string else { return nil }
            result.append(string)
        }
        return result
    }

    /// The fields of an object of strings; nil for any other value.
    public var stringMap: [String: String]? {
        guard let object else { return nil }
        var result: [String: String] = [:]
        for (key, value) in object {
            guard let string = value.string else { return nil }
            result[key] = string
        }
        return result
    }
}
