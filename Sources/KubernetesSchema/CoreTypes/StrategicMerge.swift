public import JSON

/// How a strategic merge changes a list.
public enum ListPatch: Sendable, Hashable {
    /// The list of the patch takes the place of the other.
    case replace
    /// Elements that are not there yet are added.
    case add
    /// Elements with the same value of this field are merged. An element without it is an error.
    case merge(key: String)
    /// Elements with the same values of these fields are merged. A field may be missing.
    case join(keys: [String])
}

/// What a strategic merge asks of a type.
public protocol PatchedType {
    /// The type of a field and how its list is changed; nil for a field that the type does not have.
    func patched(field name: String) -> (type: Self, list: ListPatch)?
    /// The type of the elements of a list.
    var element: Self { get }
    /// The type of which nothing is known.
    static var anything: Self { get }
}

/// Why a strategic merge patch cannot be applied.
public struct StrategicMergeError: Error, Hashable, CustomStringConvertible {
    /// The problem in the API server's words.
    public var description: String
}

/// Kubernetes' strategic merge: objects are merged field by field, lists of objects by their key, `null` removes.
///
/// Understands the directives `$patch`, `$retainKeys`, `$setElementOrder/...` and `$deleteFromPrimitiveList/...`.
public struct StrategicMerge: Sendable {
    private let lists: [String: ListPatch]
    private let putsNewElementsLast: Bool

    /// Creates a merge that differs from Kubernetes' in how it changes the lists of these names, and in the place of
    /// new elements, which Kubernetes puts before those that the patch does not name.
    public init(changing lists: [String: ListPatch] = [:], puttingNewElementsLast: Bool = false) {
        self.lists = lists
        putsNewElementsLast = puttingNewElementsLast
    }

    /// The target with the patch applied; null when the patch deletes it. Throws ``StrategicMergeError`` when the
    /// patch is malformed.
    public func apply<T: PatchedType>(
        _ patch: JSONValue, to target: JSONValue, _ type: T
    ) throws(StrategicMergeError) -> JSONValue {
        guard case .object(let changes) = patch else {
            throw StrategicMergeError(description: "a strategic merge patch must be an object")
        }
        return try merge(changes, into: target.object ?? JSONObject(), type).map { .object($0) } ?? .null
    }

    /// nil when the patch deletes the whole object.
    private func merge<T: PatchedType>(
        _ patch: JSONObject, into target: JSONObject, _ type: T
    ) throws(StrategicMergeError) -> JSONObject? {
        var result = target
        switch patch["$patch"]?.string {
        case "delete": return nil
        case "replace":
            var whole = patch
            whole["$patch"] = nil
            return whole
        case nil, "merge": break
        case let other?: throw StrategicMergeError(description: "Unknown patch type found: \(other)")
        }
        if let kept = patch["$retainKeys"]?.strings {
            for key in result.keys where !kept.contains(key) { result[key] = nil }
        }
        for (name, value) in patch where name.hasPrefix("$deleteFromPrimitiveList/") {
            let field = String(name.dropFirst("$deleteFromPrimitiveList/".count))
            guard let items = result[field]?.array, let removed = value.array else { continue }
            result[field] = .array(items.filter { !removed.contains($0) })
        }
        for (name, value) in patch where !name.hasPrefix("$") {
            let (inner, list) = type.patched(field: name) ?? (.anything, .replace)
            switch value {
            case .null: result[name] = nil
            case .object(let changes):
                let merged = try merge(changes, into: result[name]?.object ?? JSONObject(), inner)
                result[name] = merged.map { withoutDirectives(.object($0)) }
            case .array(let items):
                // A list that is not there yet is taken as it is: no element is merged with another of the patch.
                result[name] = .array(
                    try result[name]?.array.map { old throws(StrategicMergeError) in
                        try merge(
                            items, into: old, inner.element, lists[name] ?? list,
                            order: patch["$setElementOrder/\(name)"]?.array)
                    } ?? items.filter { $0["$patch"] != "delete" && $0["$patch"] != "replace" }.map(withoutDirectives))
            default: result[name] = value
            }
        }
        return result
    }

    private func withoutDirectives(_ value: JSONValue) -> JSONValue {
        guard var object = value.object else { return value }
        for key in object.keys where key.hasPrefix("$") { object[key] = nil }
        return .object(object)
    }

    private func merge<T: PatchedType>(
        _ patch: [JSONValue], into target: [JSONValue], _ type: T, _ list: ListPatch, order: [JSONValue]?
    ) throws(StrategicMergeError) -> [JSONValue] {
        let keys: [String]
        switch list {
        case .replace: return patch
        case .add:
            return sort(target + patch.filter { !target.contains($0) }, server: target, by: { [$0] }, order, patch)
        case .merge(let key): keys = [key]
        case .join(let several): keys = several
        }
        if patch.contains(where: { $0["$patch"] == "replace" }) { return patch.filter { $0["$patch"] == nil } }
        func identity(_ item: JSONValue) -> [JSONValue] { keys.map { item[$0] ?? .null } }
        var result = target
        for item in patch {
            if case .merge(let key) = list, item[key] == nil {
                throw StrategicMergeError(
                    description: "map: \(item.text) does not contain declared merge key: \(key)")
            }
            let changes = item.object ?? JSONObject()
            if let index = result.firstIndex(where: { identity($0) == identity(item) }) {
                if let merged = try merge(changes, into: result[index].object ?? JSONObject(), type) {
                    result[index] = withoutDirectives(.object(merged))
                } else {
                    result.remove(at: index)
                }
            } else if changes["$patch"] != "delete" {
                result.append(withoutDirectives(item))
            }
        }
        return sort(result, server: target, by: identity, order, patch)
    }

    /// Sorts the items that `order`, or else the patch, names in that order, and the others as they were. Where one of
    /// each meets, the one that was first in `server` stays first, and a new one that is named goes first
    /// (apimachinery's `mergeSortedSlice`).
    private func sort(
        _ items: [JSONValue], server: [JSONValue], by key: (JSONValue) -> [JSONValue], _ order: [JSONValue]?,
        _ patch: [JSONValue]
    ) -> [JSONValue] {
        if order == nil, putsNewElementsLast { return items }
        let order = (order ?? patch).map(key)
        let others = items.filter { !order.contains(key($0)) }
        let named = order.compactMap { wanted in items.first { key($0) == wanted } }
        let before = server.map(key)
        var result: [JSONValue] = []
        var (left, right) = (named[...], others[...])
        while let first = left.first, let second = right.first {
            if let one = before.firstIndex(of: key(first)), let other = before.firstIndex(of: key(second)), other < one
            {
                result.append(second)
                right = right.dropFirst()
            } else {
                result.append(first)
                left = left.dropFirst()
            }
        }
        return result + left + right
    }
}

extension TypeTable.Shape: PatchedType {
    /// The type of a field and how its list is changed, by ``TypeTable/kubernetes``.
    public func patched(field name: String) -> (type: Self, list: ListPatch)? {
        switch self {
        case .type(let type): TypeTable.kubernetes.types[type]?.field(name).map { ($0.shape, $0.listPatch) }
        case .map(let value): (value, .replace)
        default: nil
        }
    }

    /// The type of the elements of a list.
    public var element: Self { if case .list(let element) = self { element } else { .anything } }
}
