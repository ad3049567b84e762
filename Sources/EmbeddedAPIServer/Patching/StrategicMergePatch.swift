import JSON
import KubernetesModel

/// Kubernetes' strategic merge patch, for built-in kinds: lists of objects are merged by their key. Understands the
/// directives `$patch`, `$retainKeys`, `$setElementOrder/...` and `$deleteFromPrimitiveList/...`.
enum StrategicMergePatch {
    /// The target with the patch applied. Throws `APIStatus` 400 when the patch is malformed.
    static func apply(_ patch: JSONValue, to target: JSONValue, _ type: FieldType) throws -> JSONValue {
        guard case .object(let changes) = patch else {
            throw APIStatus.badRequest("a strategic merge patch must be an object")
        }
        return try merge(changes, into: target.object ?? JSONObject(), type).map { .object($0) } ?? .null
    }

    /// nil when the patch deletes the whole object.
    private static func merge(_ patch: JSONObject, into target: JSONObject, _ type: FieldType) throws -> JSONObject? {
        var result = target
        switch patch["$patch"]?.string {
        case "delete": return nil
        case "replace":
            var whole = patch
            whole["$patch"] = nil
            return whole
        case nil, "merge": break
        case let other?: throw APIStatus.badRequest("Unknown patch type found: \(other)")
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
            if value.isNull {
                result[name] = nil
                continue
            }
            let inner = type.field(name) ?? .any
            switch value {
            case .object(let changes):
                let merged = try merge(changes, into: result[name]?.object ?? JSONObject(), inner.unmarked)
                result[name] = merged.map { .object(withoutDirectives($0)) }
            case .array(let items):
                let order = patch["$setElementOrder/\(name)"]?.array
                result[name] = .array(try mergeList(items, into: result[name]?.array ?? [], inner, order: order))
            default: result[name] = value
            }
        }
        return result
    }

    private static func withoutDirectives(_ object: JSONObject) -> JSONObject {
        var object = object
        for key in object.keys where key.hasPrefix("$") { object[key] = nil }
        return object
    }

    private static func mergeList(
        _ patch: [JSONValue], into target: [JSONValue], _ type: FieldType, order: [JSONValue]?
    )
        throws -> [JSONValue]
    {
        switch type.listKind {
        case .atomic: return patch
        case .set:
            let merged = target + patch.filter { !target.contains($0) }
            return sort(merged, server: target, by: { $0 }, order ?? patch)
        case .map(let keys):
            guard let key = keys.first else { return patch }
            if patch.contains(where: { $0["$patch"] == "replace" }) {
                return patch.filter { $0["$patch"] == nil }
            }
            var result = target
            for item in patch {
                guard let changes = item.object, let identity = changes[key] else {
                    throw APIStatus.badRequest("map: \(item.text) does not contain declared merge key: \(key)")
                }
                if let index = result.firstIndex(where: { $0[key] == identity }) {
                    if let merged = try merge(changes, into: result[index].object ?? JSONObject(), type.element) {
                        result[index] = .object(withoutDirectives(merged))
                    } else {
                        result.remove(at: index)
                    }
                } else if changes["$patch"] != "delete" {
                    result.append(.object(withoutDirectives(changes)))
                }
            }
            return sort(result, server: target, by: { $0[key] ?? .null }, (order ?? patch).map { $0[key] ?? .null })
        }
    }

    /// Sorts the items that `order` names in that order, and the others as they were. Where one of each meets, the one
    /// that was first in `server` stays first, and a new one that `order` names goes first (apimachinery's
    /// `mergeSortedSlice`).
    private static func sort(
        _ items: [JSONValue], server: [JSONValue], by key: (JSONValue) -> JSONValue, _ order: [JSONValue]
    ) -> [JSONValue] {
        let named = order.compactMap { wanted in items.first { key($0) == wanted } }
        let others = items.filter { !order.contains(key($0)) }
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

extension FieldType {
    /// The type without its atomic mark: a strategic merge patch merges atomic structs field by field.
    fileprivate var unmarked: FieldType { if case .atomic(let inner) = self { inner } else { self } }
}
