/// Any JSON value, with Kubernetes' number rule: a number with no fraction and no exponent that fits 64 bits is an
/// integer, every other one a double (what `unstructured` does in Go).
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
    /// The boolean inside, or nil for any other kind.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The integer inside, or nil for any other kind; doubles are not rounded, but a double with an integral value counts.
    public var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }
    /// The number inside as a double, or nil for any other kind.
    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
    /// The string inside, or nil for any other kind.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The elements inside, or nil for any other kind.
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    /// The fields inside, or nil for any other kind.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// Whether this is `null`.
    public var isNull: Bool { self == .null }

    /// The name of the kind as JSON schema spells it: null, boolean, integer, number, string, array, object.
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

    /// The field of an object; nil when this is no object or has no such field. Setting a field of something that is
    /// not an object makes it an object; setting nil removes the field.
    public subscript(key: String) -> JSONValue? {
        get { object?[key] }
        set {
            var fields = object ?? JSONObject()
            self = .null  // so that the fields are unique and are changed in place
            fields[key] = newValue
            self = .object(fields)
        }
    }

    /// The element of an array; nil when this is no array or is shorter.
    public subscript(index: Int) -> JSONValue? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }

    /// The value below a chain of fields, nil as soon as one is missing.
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
    /// An array of strings as JSON.
    public init(_ strings: [String]) { self = .array(strings.map(JSONValue.string)) }
    /// A map of strings as JSON.
    public init(_ map: [String: String]) { self = .object(JSONObject(map.map { ($0.key, .string($0.value)) })) }

    /// The strings of an array of strings; nil when this is anything else.
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

    /// The pairs of an object of strings; nil when this is anything else.
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
