import JSON

/// A set of field paths as a tree, as `metadata.managedFields` stores them (FieldsV1 of structured-merge-diff).
struct FieldSet: Sendable, Hashable {
    /// One step of a path.
    enum Element: Sendable, Hashable, Comparable {
        case field(String)
        /// An item of a list map, by its keys.
        case key(JSONObject)
        /// An item of a set.
        case value(JSONValue)
        case index(Int)

        /// The element as FieldsV1 writes it.
        var text: String {
            switch self {
            case .field(let name): "f:\(name)"
            case .key(let keys): "k:\(JSONValue.object(keys).text)"
            case .value(let value): "v:\(value.text)"
            case .index(let index): "i:\(index)"
            }
        }

        /// Reads what ``text`` writes; nil for anything else.
        init?(_ text: String) {
            let rest = String(text.dropFirst(2))
            switch text.prefix(2) {
            case "f:": self = .field(rest)
            case "k:":
                guard let keys = try? JSONValue(parsing: rest).object else { return nil }
                self = .key(keys)
            case "v:":
                guard let value = try? JSONValue(parsing: rest) else { return nil }
                self = .value(value)
            case "i:":
                guard let index = Int(rest) else { return nil }
                self = .index(index)
            default: return nil
            }
        }

        static func < (left: Element, right: Element) -> Bool { left.text < right.text }

        /// The element as messages show it: `.spec`, `[name="a"]`.
        var message: String {
            switch self {
            case .field(let name): ".\(name)"
            case .key(let keys): "[\(keys.map { "\($0.key)=\($0.value.text)" }.joined(separator: ","))]"
            case .value(let value): "[=\(value.text)]"
            case .index(let index): "[\(index)]"
            }
        }
    }

    /// Whether the path from the root to this node is in the set.
    var isMember = false
    var children: [Element: FieldSet] = [:]

    init() {}

    /// A set of these paths.
    init(paths: [[Element]]) {
        for path in paths { insert(path[...]) }
    }

    var isEmpty: Bool { !isMember && children.isEmpty }

    /// Adds a path.
    mutating func insert(_ path: ArraySlice<Element>) {
        guard let first = path.first else {
            isMember = true
            return
        }
        children[first, default: FieldSet()].insert(path.dropFirst())
    }

    /// Whether the path itself is in the set.
    func contains(_ path: ArraySlice<Element>) -> Bool {
        guard let first = path.first else { return isMember }
        return children[first]?.contains(path.dropFirst()) ?? false
    }

    /// The paths that are in either set.
    func union(_ other: FieldSet) -> FieldSet {
        var result = self
        result.isMember = isMember || other.isMember
        result.children.merge(other.children) { $0.union($1) }
        return result
    }

    /// The members of this set that are not in the other.
    func subtracting(_ other: FieldSet) -> FieldSet {
        var result = self
        if other.isMember { result.isMember = false }
        for (element, set) in other.children {
            guard let own = result.children[element] else { continue }
            let rest = own.subtracting(set)
            result.children[element] = rest.isEmpty ? nil : rest
        }
        return result
    }

    /// The paths that are in both sets.
    func intersection(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.isMember = isMember && other.isMember
        for (element, set) in children {
            guard let theirs = other.children[element] else { continue }
            let common = set.intersection(theirs)
            if !common.isEmpty { result.children[element] = common }
        }
        return result
    }

    /// All paths in order.
    var paths: [[Element]] {
        var result: [[Element]] = isMember ? [[]] : []
        for element in children.keys.sorted() {
            result += (children[element]?.paths ?? []).map { [element] + $0 }
        }
        return result
    }

    /// The set as FieldsV1.
    var json: JSONValue {
        var fields: [(String, JSONValue)] = []
        if isMember, !children.isEmpty { fields.append((".", [:])) }
        for (element, set) in children { fields.append((element.text, set.json)) }
        return .object(JSONObject(fields))
    }

    /// Reads FieldsV1; nil when it is malformed.
    init?(_ json: JSONValue, isRoot: Bool = true) {
        guard let fields = json.object else { return nil }
        isMember = fields.isEmpty && !isRoot
        for (name, value) in fields {
            if name == "." {
                isMember = true
                continue
            }
            guard let element = Element(name), let set = FieldSet(value, isRoot: false) else { return nil }
            children[element] = set
        }
    }
}
