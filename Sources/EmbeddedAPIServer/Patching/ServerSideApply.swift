import JSON
import KubernetesModel

/// Server-side apply: a manager sends all the fields that it wants. The server merges them, records the owner of each
/// field, and refuses to take a field from another manager unless the request forces it.
struct ServerSideApply: Sendable {
    let type: FieldType
    let writer: ManagedFieldsEntry
    let force: Bool

    /// The merged object with its new ownership. `live` is the skeleton of the kind when there is no object yet. Throws
    /// `APIStatus` 409 for a conflict.
    func apply(_ configuration: JSONValue, to live: JSONValue) throws -> JSONValue {
        var ownership = FieldOwnership(live) ?? FieldOwnership()
        let wanted = FieldOwnership.withoutUnowned(FieldSet(leavesOf: configuration, type))
        let previous = ownership.entries.first { $0.hasSameIdentity(as: writer) }?.fields ?? FieldSet()
        var others = FieldSet()
        for entry in ownership.entries where !entry.hasSameIdentity(as: writer) {
            others = others.union(entry.fields)
        }
        var merged = Self.merge(FieldOwnership.stripped(live), configuration, type)
        // A field that this manager applied before and leaves out now is removed, unless another manager owns it.
        merged = Self.remove(previous.subtracting(wanted), unless: others.union(wanted), from: merged, type) ?? merged
        let conflicts = ownership.conflicts(from: live, to: merged, type, writer: writer)
        if !conflicts.isEmpty {
            if !force {
                let allowed = writer.manager == Self.kubectl ? lastApplied(live) : FieldSet()
                let open = conflicts.map { ($0.entry, $0.fields.subtracting(allowed)) }.filter { !$0.1.isEmpty }
                guard open.isEmpty else { throw Self.failure(open) }
            }
            for conflict in conflicts {
                for index in ownership.entries.indices
                where ownership.entries[index].hasSameIdentity(as: conflict.entry) {
                    ownership.entries[index].fields = ownership.entries[index].fields.subtracting(conflict.fields)
                }
            }
        }
        let removed = FieldDifference(from: FieldOwnership.stripped(live), to: merged, type).removed
        for index in ownership.entries.indices {
            ownership.entries[index].fields = ownership.entries[index].fields.subtracting(removed)
        }
        if let index = ownership.entries.firstIndex(where: { $0.hasSameIdentity(as: writer) }) {
            if ownership.entries[index].fields != wanted || merged != FieldOwnership.stripped(live) {
                ownership.entries[index].time = writer.time
            }
            ownership.entries[index].fields = wanted
        } else {
            var entry = writer
            entry.fields = wanted
            ownership.entries.append(entry)
        }
        ownership.entries.removeAll { $0.fields.isEmpty }
        var result = ownership.stamped(on: merged)
        // Who goes from client-side to server-side apply, and back, finds its annotation up to date.
        if writer.manager == Self.kubectl, live["metadata"]?["annotations"]?[Self.annotation] != nil {
            result["metadata"]?["annotations"]?[Self.annotation] = .string(Self.annotationText(configuration))
        }
        return result
    }

    // MARK: From client-side apply

    /// The manager of kubectl's server-side apply, for which a real API server does this as well.
    private static let kubectl = "kubectl"
    private static let annotation = "kubectl.kubernetes.io/last-applied-configuration"

    /// The fields that a client-side apply has set and nobody has changed since: they pass to a server-side apply without force.
    private func lastApplied(_ live: JSONValue) -> FieldSet {
        guard let text = live["metadata"]?["annotations"]?[Self.annotation]?.string,
            let applied = try? JSONValue(parsing: text)
        else { return FieldSet() }
        let difference = FieldDifference(from: applied, to: FieldOwnership.stripped(live), type)
        return FieldSet(leavesOf: applied, type).subtracting(difference.modified).subtracting(difference.added)
            .subtracting(difference.removed)
    }

    /// A configuration as kubectl's annotation has it.
    private static func annotationText(_ configuration: JSONValue) -> String {
        var json = configuration
        if var annotations = json["metadata"]?["annotations"]?.object {
            annotations[annotation] = nil
            json["metadata"]?["annotations"] = .object(annotations)
        }
        // As Go writes these, which are in strings alone.
        let escaped = [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")]
        return escaped.reduce(json.text) { $0.replacing($1.0, with: $1.1) } + "\n"
    }

    /// The status for conflicts: one cause for each field.
    private static func failure(_ conflicts: [(entry: ManagedFieldsEntry, fields: FieldSet)]) -> APIStatus {
        var details = APIStatus.Details()
        var texts: [(String, [String])] = []
        for (entry, fields) in conflicts {
            let paths = fields.paths.map { $0.map(\.message).joined() }
            for path in paths {
                details.causes.append(
                    APIStatus.Cause(
                        reason: "FieldManagerConflict", message: "conflict with \(entry.conflictName)", field: path))
            }
            texts.append((entry.conflictName, paths))
        }
        let count = details.causes.count
        var message = "Apply failed with \(count) conflict\(count == 1 ? "" : "s"): "
        if count == 1, let (name, paths) = texts.first {
            message += "conflict with \(name): \(paths[0])"
        } else {
            message += texts.map { name, paths in
                paths.count == 1
                    ? "conflict with \(name): \(paths[0])"
                    : "conflicts with \(name):\n" + paths.map { "- \($0)" }.joined(separator: "\n")
            }.joined(separator: "\n")
        }
        return APIStatus(code: 409, reason: "Conflict", message: message, details: details)
    }

    /// Merges the configuration into the live value.
    static func merge(_ live: JSONValue, _ configuration: JSONValue, _ type: FieldType) -> JSONValue {
        guard type.isGranular(configuration), type.isGranular(live) else { return configuration }
        switch (live, configuration) {
        case (.object(var fields), .object(let wanted)):
            for (name, value) in wanted {
                if value.isNull {
                    fields[name] = nil
                } else if let current = fields[name] {
                    fields[name] = merge(current, value, type.field(name) ?? .any)
                } else {
                    fields[name] = value
                }
            }
            return .object(fields)
        case (.array(var items), .array(let wanted)):
            for item in wanted {
                let element = type.pathElement(of: item)
                if let index = items.firstIndex(where: { element != nil && type.pathElement(of: $0) == element }) {
                    items[index] = merge(items[index], item, type.element)
                } else {
                    items.append(item)
                }
            }
            return .array(items)
        default: return configuration
        }
    }

    /// Removes the fields of a set, except those that are owned or contain owned ones; nil when nothing is left.
    static func remove(_ set: FieldSet, unless owned: FieldSet, from value: JSONValue, _ type: FieldType) -> JSONValue?
    {
        if set.isMember, owned.isEmpty { return nil }
        guard !set.children.isEmpty, type.isGranular(value) else { return value }
        switch value {
        case .object(let fields):
            var kept = JSONObject()
            var hasRemoved = false
            for (name, inner) in fields {
                let element = FieldSet.Element.field(name)
                guard let below = set.children[element] else {
                    kept[name] = inner
                    continue
                }
                let rest = remove(
                    below, unless: owned.children[element] ?? FieldSet(), from: inner, type.field(name) ?? .any)
                if rest == nil { hasRemoved = true }
                kept[name] = rest
            }
            return kept.isEmpty && hasRemoved && !owned.isMember ? nil : .object(kept)
        case .array(let items):
            let kept = items.compactMap { item -> JSONValue? in
                guard let element = type.pathElement(of: item), let below = set.children[element] else { return item }
                return remove(below, unless: owned.children[element] ?? FieldSet(), from: item, type.element)
            }
            return kept.isEmpty && !items.isEmpty && !owned.isMember ? nil : .array(kept)
        default: return value
        }
    }
}
