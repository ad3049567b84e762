import JSON
import KubernetesModel

/// JSON Patch (RFC 6902).
enum JSONPatch {
    /// The largest number of operations in one patch, as in Kubernetes.
    static let maximumOperations = 10_000

    /// How many bytes of JSON the copies of one patch may have together, as in Kubernetes: twice the largest object.
    static let maximumCopied = 2 * ObjectStore.maximumObjectSize

    /// Applies the operations in order. Throws `APIStatus`: 400 for a malformed patch, 422 for one that does not fit
    /// the object.
    static func apply(_ patch: JSONValue, to object: JSONValue) throws -> JSONValue {
        guard let operations = patch.array else {
            throw APIStatus.badRequest("error decoding patch: a JSON patch must be an array of operations")
        }
        guard operations.count <= maximumOperations else {
            throw APIStatus(
                code: 413, reason: "RequestEntityTooLarge",
                message:
                    "The allowed maximum operations in a JSON patch is \(maximumOperations), got \(operations.count)")
        }
        var object = object
        var room = maximumCopied
        for operation in operations { object = try step(operation, object, &room) }
        return object
    }

    private static let doesNotFit = APIStatus(
        code: 422, reason: "Invalid", message: "the server rejected our request due to an error in our request",
        details: APIStatus.Details())

    private static func step(_ operation: JSONValue, _ object: JSONValue, _ room: inout Int) throws -> JSONValue {
        guard let name = operation["op"]?.string, let path = try pointer(operation["path"]) else { throw doesNotFit }
        switch name {
        case "test":
            guard try value(at: path[...], in: object) ?? .null == operation["value"] ?? .null else { throw doesNotFit }
            return object
        case "add":
            guard let value = operation["value"] else { throw doesNotFit }
            return try change(object, path[...]) { .add(value, $0) }
        case "replace":
            guard let value = operation["value"] else { throw doesNotFit }
            return try change(object, path[...]) { _ in .replace(value) }
        case "remove":
            return try change(object, path[...]) { _ in .remove }
        case "move", "copy":
            guard let from = try pointer(operation["from"]), let value = try value(at: from[...], in: object) else {
                throw doesNotFit
            }
            guard name == "copy" || !path.starts(with: from) || path == from else { throw doesNotFit }
            if name == "copy" {
                guard let size = value.size(upTo: room) else { throw doesNotFit }
                room -= size
            }
            let source = name == "move" ? try change(object, from[...]) { _ in .remove } : object
            return try change(source, path[...]) { .add(value, $0) }
        default: throw doesNotFit
        }
    }

    private static func pointer(_ json: JSONValue?) throws -> [String]? {
        guard let text = json?.string else { return nil }
        if text.isEmpty { return [] }
        guard text.hasPrefix("/") else { throw doesNotFit }
        return text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { part in
            part.split(separator: "~1", omittingEmptySubsequences: false).map { piece in
                piece.split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
            }.joined(separator: "/")
        }
    }

    private static func index(_ text: String, count: Int, canAppend: Bool) throws -> Int {
        if text == "-", canAppend { return count }
        guard let index = Int(text), String(index) == text, index >= 0, index < count + (canAppend ? 1 : 0) else {
            throw doesNotFit
        }
        return index
    }

    private static func value(at path: ArraySlice<String>, in value: JSONValue) throws -> JSONValue? {
        guard let first = path.first else { return value }
        switch value {
        case .object(let fields):
            return try fields[first].flatMap { try Self.value(at: path.dropFirst(), in: $0) }
        case .array(let items):
            return try Self.value(
                at: path.dropFirst(), in: items[index(first, count: items.count, canAppend: false)])
        default: throw doesNotFit
        }
    }

    private enum Change {
        case add(JSONValue, isListItem: Bool)
        case replace(JSONValue)
        case remove

        static func add(_ value: JSONValue, _ isListItem: Bool) -> Change { .add(value, isListItem: isListItem) }
    }

    private static func change(_ value: JSONValue, _ path: ArraySlice<String>, _ make: (Bool) -> Change) throws
        -> JSONValue
    {
        guard let first = path.first else {
            switch make(false) {
            case .add(let new, _), .replace(let new): return new
            case .remove: return .null
            }
        }
        let isLast = path.count == 1
        switch value {
        case .object(var fields):
            if isLast {
                switch make(false) {
                case .add(let new, _): fields[first] = new
                case .replace(let new):
                    guard fields.contains(first) else { throw doesNotFit }
                    fields[first] = new
                case .remove:
                    guard fields.contains(first) else { throw doesNotFit }
                    fields[first] = nil
                }
                return .object(fields)
            }
            guard let inner = fields[first] else { throw doesNotFit }
            fields[first] = try change(inner, path.dropFirst(), make)
            return .object(fields)
        case .array(var items):
            if isLast {
                switch make(true) {
                case .add(let new, _): items.insert(new, at: try index(first, count: items.count, canAppend: true))
                case .replace(let new): items[try index(first, count: items.count, canAppend: false)] = new
                case .remove: items.remove(at: try index(first, count: items.count, canAppend: false))
                }
                return .array(items)
            }
            let position = try index(first, count: items.count, canAppend: false)
            items[position] = try change(items[position], path.dropFirst(), make)
            return .array(items)
        default: throw doesNotFit
        }
    }
}
