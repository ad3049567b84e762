internal import JSON

/// A list: elements of JSON where they are, or values that an expression made.
public struct CELList: Sendable {
    enum Storage: Sendable {
        case json([JSONValue])
        case values([CELValue])
    }
    let storage: Storage

    init(storage: Storage) { self.storage = storage }
    /// Creates a list of values.
    public init(_ values: [CELValue]) { storage = .values(values) }

    /// How many elements there are. O(1).
    public var count: Int {
        switch storage {
        case .json(let elements): elements.count
        case .values(let values): values.count
        }
    }

    /// The element at an index of `0..<count`. O(1).
    public subscript(index: Int) -> CELValue {
        switch storage {
        case .json(let elements): CELValue(elements[index])
        case .values(let values): values[index]
        }
    }

    /// Both lists, one after the other. O(elements).
    func appending(_ other: CELList) -> CELList {
        if count == 0 { return other }
        if other.count == 0 { return self }
        if case .json(let left) = storage, case .json(let right) = other.storage {
            return CELList(storage: .json(left + right))
        }
        return CELList((0..<count).map { self[$0] } + (0..<other.count).map { other[$0] })
    }
}

/// A key of a map. An `int` and a `uint` of the same value are the same key; texts are compared by their bytes.
public enum CELKey: Sendable, Hashable {
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case string(String)

    public static func == (left: CELKey, right: CELKey) -> Bool {
        switch (left, right) {
        case (.string(let left), .string(let right)): isSameText(left, right)
        case (.int(let left), .int(let right)): left == right
        case (.uint(let left), .uint(let right)): left == right
        case (.int(let left), .uint(let right)), (.uint(let right), .int(let left)): UInt64(exactly: left) == right
        case (.bool(let left), .bool(let right)): left == right
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .bool(let value): hasher.combine(value)
        case .int(let value): hasher.combine(value)
        case .uint(let value): hasher.combine(Int64(truncatingIfNeeded: value))
        case .string(let value): hasher.combine(value)
        }
    }

    /// The key that a value is when it looks something up: a double counts where it is integral. Nil when a value can be
    /// no key.
    init?(lookup value: CELValue) {
        if case .double(let number) = value {
            if let int = Int64(exactly: number) {
                self = .int(int)
            } else if let uint = UInt64(exactly: number) {
                self = .uint(uint)
            } else {
                return nil
            }
        } else {
            self.init(value)
        }
    }

    /// The key that a value is in a map literal; nil when it cannot be one.
    init?(_ value: CELValue) {
        switch value {
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .uint(let value): self = .uint(value)
        case .string(let value): self = .string(value)
        default: return nil
        }
    }

    var value: CELValue {
        switch self {
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .uint(let value): .uint(value)
        case .string(let value): .string(value)
        }
    }

    /// The key as a name in JSON and in messages.
    var text: String {
        switch self {
        case .bool(let value): String(value)
        case .int(let value): String(value)
        case .uint(let value): String(value)
        case .string(let value): value
        }
    }
}

/// A map: a JSON object where it is, or what an expression made. The order of the keys is the one they were given in.
public struct CELMap: Sendable {
    enum Storage: Sendable {
        case json(JSONObject)
        case values(keys: [CELKey], values: [CELValue], index: [CELKey: Int])
    }
    private(set) var storage: Storage

    init(storage: Storage) { self.storage = storage }
    /// Creates an empty map.
    public init() { storage = .values(keys: [], values: [], index: [:]) }

    /// How many entries there are. O(1).
    public var count: Int {
        switch storage {
        case .json(let object): object.count
        case .values(let keys, _, _): keys.count
        }
    }

    /// The value of a key. O(1), or O(log n) in what came from JSON.
    public subscript(key: CELKey) -> CELValue? {
        switch storage {
        case .json(let object):
            guard case .string(let name) = key else { return nil }
            return object[name].map(CELValue.init)
        case .values(_, let values, let index): return index[key].map { values[$0] }
        }
    }

    /// The value of a name.
    subscript(name: String) -> CELValue? {
        if case .json(let object) = storage { return object[name].map(CELValue.init) }
        return self[.string(name)]
    }

    func contains(_ key: CELKey) -> Bool {
        switch storage {
        case .json(let object): if case .string(let name) = key { object.contains(name) } else { false }
        case .values(_, _, let index): index[key] != nil
        }
    }

    /// The entry at a position of `0..<count`. O(1).
    public func entry(at position: Int) -> (key: CELKey, value: CELValue) {
        switch storage {
        case .json(let object):
            let (key, value) = object[position]
            return (.string(key), CELValue(value))
        case .values(let keys, let values, _): return (keys[position], values[position])
        }
    }

    /// The key at a position of `0..<count`. O(1).
    func key(at position: Int) -> CELKey { entry(at: position).key }
}

/// A map in the making.
struct MapBuilder {
    private var keys: [CELKey] = []
    private var values: [CELValue] = []
    private var index: [CELKey: Int] = [:]

    /// Adds an entry. Throws for a key that is there already.
    mutating func insert(_ key: CELKey, _ value: CELValue) throws(Failure) {
        guard index.updateValue(keys.count, forKey: key) == nil else {
            throw .evaluation("a map has the key \(excerpt(key.value)) twice")
        }
        keys.append(key)
        values.append(value)
    }

    var map: CELMap { CELMap(storage: .values(keys: keys, values: values, index: index)) }
}

/// A value in a message: texts quoted and cut, lists and maps by their kind only.
func excerpt(_ value: CELValue) -> String {
    switch value {
    case .bool(let value): String(value)
    case .int(let value): String(value)
    case .uint(let value): "\(value)u"
    case .double(let value): goText(of: value)
    case .string(let value): excerpt(value)
    default: "a \(value.kindName)"
    }
}

/// A text in a message: quoted, its control characters as dots, cut after 60 characters.
func excerpt(_ text: String) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(60) { shown.append(scalar.value < 32 ? "·" : scalar) }
    return "'\(String(shown))\(text.unicodeScalars.dropFirst(60).isEmpty ? "" : "…")'"
}
