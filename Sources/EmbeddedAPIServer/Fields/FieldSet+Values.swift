import JSON

extension FieldType {
    /// The path element of a list item; nil for an atomic list, and for an item of a list map that lacks its keys.
    func pathElement(of item: JSONValue) -> FieldSet.Element? {
        switch listKind {
        case .atomic: return nil
        case .set: return .value(item)
        case .map(let keys):
            var values = JSONObject()
            for key in keys {
                // `protocol` is the only key of a built-in list map that has a default.
                guard let value = item[key] ?? (key == "protocol" ? "TCP" : nil) else { continue }
                values[key] = value
            }
            return values.isEmpty ? nil : .key(values)
        }
    }

    /// Whether the parts of this value are owned one by one; an atomic value is owned as a whole.
    func isGranular(_ value: JSONValue) -> Bool {
        if isAtomic { return false }
        switch value {
        case .object: return true
        case .array: return listKind != .atomic
        default: return false
        }
    }

    /// The parts of a granular value with their path elements and types, in order.
    func parts(of value: JSONValue) -> [(element: FieldSet.Element, value: JSONValue, type: FieldType)] {
        switch value {
        case .object(let fields):
            return fields.map { (.field($0.key), $0.value, field($0.key) ?? .any) }
        case .array(let items):
            return items.compactMap { item in pathElement(of: item).map { ($0, item, element) } }
        default: return []
        }
    }
}

extension FieldSet {
    /// The fields that an applied configuration owns: its leaves, and the items of its list maps.
    init(leavesOf value: JSONValue, _ type: FieldType, isItem: Bool = false) {
        let parts = type.isGranular(value) ? type.parts(of: value) : []
        isMember = isItem || parts.isEmpty
        for part in parts {
            let inItem = if case .array = value { true } else { false }
            children[part.element, default: FieldSet()].merge(
                FieldSet(leavesOf: part.value, part.type, isItem: inItem))
        }
    }

    /// All paths of a value: what its creator owns.
    init(present value: JSONValue, _ type: FieldType) {
        isMember = true
        guard type.isGranular(value) else { return }
        for part in type.parts(of: value) {
            children[part.element, default: FieldSet()].merge(FieldSet(present: part.value, part.type))
        }
    }

    private mutating func merge(_ other: FieldSet) { self = union(other) }
}

/// The difference between two states of an object, field by field.
struct FieldDifference: Sendable {
    var added = FieldSet()
    var modified = FieldSet()
    var removed = FieldSet()

    init() {}

    /// Compares two states of an object.
    init(from old: JSONValue, to new: JSONValue, _ type: FieldType) {
        compare(old, new, type, at: [])
    }

    private mutating func compare(_ old: JSONValue, _ new: JSONValue, _ type: FieldType, at path: [FieldSet.Element]) {
        if old == new { return }
        let isOldGranular = type.isGranular(old)
        let isNewGranular = type.isGranular(new)
        // A null that becomes a list or map, or the reverse, is compared as an empty one.
        guard isOldGranular || isNewGranular, isOldGranular || old.isNull, isNewGranular || new.isNull else {
            modified.insert(path[...])
            return
        }
        let before = type.parts(of: old)
        var after: [FieldSet.Element: JSONValue] = [:]
        for part in type.parts(of: new) { after[part.element] = part.value }
        var seen: Set<FieldSet.Element> = []
        for part in before {
            seen.insert(part.element)
            if let value = after[part.element] {
                compare(part.value, value, part.type, at: path + [part.element])
            } else {
                Self.insert(FieldSet(present: part.value, part.type), at: path + [part.element], into: &removed)
            }
        }
        for part in type.parts(of: new) where !seen.contains(part.element) {
            Self.insert(FieldSet(present: part.value, part.type), at: path + [part.element], into: &added)
        }
    }

    private static func insert(_ set: FieldSet, at path: [FieldSet.Element], into target: inout FieldSet) {
        var wrapped = set
        for element in path.reversed() {
            var outer = FieldSet()
            outer.children[element] = wrapped
            wrapped = outer
        }
        target = target.union(wrapped)
    }
}
