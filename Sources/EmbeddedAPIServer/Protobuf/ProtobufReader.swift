import JSON
import KubernetesModel

/// Reads a Kubernetes protobuf body into JSON.
struct ProtobufReader: Sendable {
    /// What is wrong with a body; the text ends a sentence.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]

    /// Reads a body: `k8s`, a zero byte and a `runtime.Unknown`. Throws ``Failure`` for any other body, and for a kind
    /// that ``ProtobufTypes`` does not have.
    static func object(_ body: [UInt8]) throws -> JSONValue {
        guard body.starts(with: magic) else { throw Failure(description: "the body does not begin with k8s\\0") }
        var apiVersion = ""
        var kind = ""
        var raw: ArraySlice<UInt8> = []
        try fields(body.dropFirst(magic.count)) { number, value in
            guard case .bytes(let bytes) = value else { return }
            if number == 2 { raw = bytes }
            if number == 1 {
                try fields(bytes) { number, value in
                    guard case .bytes(let bytes) = value else { return }
                    if number == 1 { apiVersion = String(decoding: bytes, as: UTF8.self) }
                    if number == 2 { kind = String(decoding: bytes, as: UTF8.self) }
                }
            }
        }
        guard ProtobufTypes.messages[kind] != nil else {
            throw Failure(description: "objects of kind \(kind) are understood as JSON only")
        }
        var object = try message(raw, kind, depth: 0)
        object["apiVersion"] = .string(apiVersion)
        object["kind"] = .string(kind)
        return object
    }

    private enum Wire {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    /// Calls `body` for each field of a message with its number. Throws ``Failure`` when the bytes are malformed.
    private static func fields(_ bytes: ArraySlice<UInt8>, _ body: (UInt64, Wire) throws -> Void) throws {
        var rest = bytes
        while !rest.isEmpty {
            let tag = try varint(&rest)
            switch tag & 7 {
            case 0: try body(tag >> 3, .number(try varint(&rest)))
            case 1, 5:
                let count = tag & 7 == 1 ? 8 : 4
                guard rest.count >= count else { throw Failure(description: "the message is cut short") }
                rest = rest.dropFirst(count)
            case 2:
                let count = try varint(&rest)
                guard count <= UInt64(rest.count) else { throw Failure(description: "the message is cut short") }
                try body(tag >> 3, .bytes(rest.prefix(Int(count))))
                rest = rest.dropFirst(Int(count))
            default: throw Failure(description: "an unknown wire type")
            }
        }
    }

    private static func varint(_ bytes: inout ArraySlice<UInt8>) throws -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = bytes.popFirst() {
            guard shift < 64 else { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw Failure(description: "a number that does not end")
    }

    private static func message(_ bytes: ArraySlice<UInt8>, _ name: String, depth: Int) throws -> JSONValue {
        guard depth < 20 else { throw Failure(description: "nested too deeply") }
        let types = ProtobufTypes.messages[name] ?? [:]
        var object = JSONObject()
        try fields(bytes) { number, wire in
            guard let field = types[number] else { return }
            switch field.kind {
            case .list(let element):
                guard let value = try value(wire, element, depth: depth) else { return }
                object[field.name] = .array((object[field.name]?.array ?? []) + [value])
            case .map(let element):
                guard case .bytes(let entry) = wire else { return }
                var key = ""
                var content: JSONValue = ""
                try fields(entry) { number, wire in
                    if number == 1, case .bytes(let bytes) = wire { key = String(decoding: bytes, as: UTF8.self) }
                    if number == 2 { content = try value(wire, element, depth: depth) ?? "" }
                }
                var map = object[field.name] ?? [:]
                map[key] = content
                object[field.name] = map
            case .kept(let kind): object[field.name] = try value(wire, kind, depth: depth)
            default:
                let value = try value(wire, field.kind, depth: depth)
                let isZero = [nil, "", 0, false, .object([:])].contains(value)
                object[field.name] = isZero ? nil : value
            }
        }
        return .object(object)
    }

    private static func value(_ wire: Wire, _ kind: ProtobufTypes.Kind, depth: Int) throws -> JSONValue? {
        switch (kind, wire) {
        case (.string, .bytes(let bytes)): return .string(String(decoding: bytes, as: UTF8.self))
        case (.bytes, .bytes(let bytes)): return .string(Base64.encode(bytes))
        case (.int, .number(let number)): return .int(Int64(bitPattern: number))
        case (.bool, .number(let number)): return .bool(number != 0)
        case (.message(let name), .bytes(let bytes)): return try message(bytes, name, depth: depth + 1)
        case (.time, .bytes(let bytes)):
            var seconds: Int64 = 0
            try fields(bytes) { number, wire in
                if number == 1, case .number(let value) = wire { seconds = Int64(bitPattern: value) }
            }
            return seconds == 0 ? nil : .string(Timestamp(seconds: seconds).rfc3339)
        case (.quantity, .bytes(let bytes)):
            var text = ""
            try fields(bytes) { number, wire in
                if number == 1, case .bytes(let value) = wire { text = String(decoding: value, as: UTF8.self) }
            }
            return .string(text)
        case (.intOrString, .bytes(let bytes)):
            var (isString, number, text): (Bool, Int64, String) = (false, 0, "")
            try fields(bytes) { field, wire in
                switch (field, wire) {
                case (1, .number(let value)): isString = value == 1
                case (2, .number(let value)): number = Int64(bitPattern: value)
                case (3, .bytes(let value)): text = String(decoding: value, as: UTF8.self)
                default: break
                }
            }
            return isString ? .string(text) : .int(number)
        default: throw Failure(description: "a field of the wrong wire type")
        }
    }
}
