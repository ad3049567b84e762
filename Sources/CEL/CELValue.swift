public import JSON

/// What an expression evaluates to.
///
/// Two values are equal when they have the same type and CEL's `==` holds for them.
public enum CELValue: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case list(CELList)
    case map(CELMap)
    case timestamp(CELTimestamp)
    case duration(CELDuration)
    /// A type, by its name: `int`, `list`, `google.protobuf.Timestamp`.
    case type(String)
}

extension CELValue {
    /// The value of a JSON value, in O(1): lists and objects are read where they are. Integers are `int`.
    public init(_ json: JSONValue) {
        self =
            switch json {
            case .null: .null
            case .bool(let value): .bool(value)
            case .int(let value): .int(value)
            case .double(let value): .double(value)
            case .string(let value): .string(value)
            case .array(let elements): .list(CELList(storage: .json(elements)))
            case .object(let object): .map(CELMap(storage: .json(object)))
            }
    }

    /// The value as JSON: bytes as base64, timestamps and durations as text, keys of maps as text. Nil where JSON has
    /// nothing for it: a type, a number that is not finite, an unsigned integer beyond 64 signed bits, two keys of a map
    /// that are the same text. Nil as well for more than a million elements: parts of a value may be shared, so that it
    /// looks larger than it is. O(1) for what came from JSON, else O(size).
    public var json: JSONValue? {
        var elementsLeft = 1_000_000
        return json(&elementsLeft)
    }

    private func json(_ elementsLeft: inout Int) -> JSONValue? {
        switch self {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .uint(let value): return Int64(exactly: value).map(JSONValue.int)
        case .double(let value): return value.isFinite ? .double(value) : nil
        case .string(let value): return .string(value)
        case .bytes(let bytes): return .string(base64(bytes))
        case .timestamp(let value): return .string(value.description)
        case .duration(let value): return .string(value.description)
        case .type: return nil
        case .list(let list):
            if case .json(let elements) = list.storage { return .array(elements) }
            var elements: [JSONValue] = []
            for index in 0..<list.count {
                elementsLeft -= 1
                guard elementsLeft >= 0, let json = list[index].json(&elementsLeft) else { return nil }
                elements.append(json)
            }
            return .array(elements)
        case .map(let map):
            if case .json(let object) = map.storage { return .object(object) }
            var fields: [(String, JSONValue)] = []
            for position in 0..<map.count {
                let entry = map.entry(at: position)
                elementsLeft -= 1
                guard elementsLeft >= 0, let json = entry.value.json(&elementsLeft) else { return nil }
                fields.append((entry.key.text, json))
            }
            let object = JSONObject(fields)
            return object.count == fields.count ? .object(object) : nil
        }
    }

    /// The name of the type as CEL's `type()` gives it.
    public var typeName: String {
        switch self {
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .list: "list"
        case .map: "map"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .type: "type"
        }
    }

    /// The name of the type in sentences.
    var kindName: String {
        switch self {
        case .null: "null"
        case .timestamp: "timestamp"
        case .duration: "duration"
        default: typeName
        }
    }
}

extension CELValue: Hashable {
    public static func == (left: CELValue, right: CELValue) -> Bool {
        guard left.typeName == right.typeName else { return false }
        // Enough for what can be evaluated; parts may be shared, so that a value looks larger than it is.
        var meter = Meter(limit: 100_000_000)
        return (try? areEqual(left, right, &meter)) ?? false
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .int(let value): hasher.combine(value)
        case .uint(let value): hasher.combine(value)
        case .double(let value): hasher.combine(value)
        case .string(let value), .type(let value): hasher.combine(value)
        case .bytes(let value): hasher.combine(value)
        case .timestamp(let value): hasher.combine(value)
        case .duration(let value): hasher.combine(value)
        case .list(let list): hasher.combine(list.count)
        case .map(let map): hasher.combine(map.count)
        }
    }
}

private func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var result: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
        for place in 0..<4 {
            let digit = alphabet[Int(bits >> UInt32(18 - 6 * place)) & 63]
            result.append(place <= group.count ? digit : UInt8(ascii: "="))
        }
    }
    return String(decoding: result, as: UTF8.self)
}
