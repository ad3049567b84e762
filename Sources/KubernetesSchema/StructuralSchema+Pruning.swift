public import JSON
public import KubernetesModel

extension StructuralSchema {
    private static let typeAndMetadata: Set<String> = ["apiVersion", "kind", "metadata"]

    /// Removes fields that the schema does not know, except below `x-kubernetes-preserve-unknown-fields`, and returns
    /// their paths in the order of their text. With `isRoot`, the value is a whole object, and its apiVersion, kind and
    /// metadata are always kept. O(size of the value).
    @discardableResult
    public func prune(_ value: inout JSONValue, isRoot: Bool = true) -> [FieldPath] {
        var unknown: [(text: String, path: FieldPath)] = []
        var steps: [FieldPath.Step] = []
        prune(&value, keepsMetadata: isRoot || self.isEmbeddedResource, isKept: self.preservesUnknownFields, &steps) {
            path in
            unknown.append((path.description, path))
        }
        return unknown.sorted { $0.text < $1.text }.map(\.path)
    }

    private func prune(
        _ value: inout JSONValue, keepsMetadata: Bool, isKept: Bool, _ steps: inout [FieldPath.Step],
        _ report: (FieldPath) -> Void
    ) {
        switch value {
        case .object(var object):
            value = .null  // so that no second reference to the fields makes the change copy them
            let fields = self.fields
            var hasUnknown = false
            object.mapValues { name, field in
                if keepsMetadata, Self.typeAndMetadata.contains(name) { return }
                let next: StructuralSchema
                if let schema = schema(ofField: name) {
                    next = schema
                } else if isKept {
                    return
                } else {
                    guard case .allowed(true)? = fields.additionalProperties else {
                        hasUnknown = true
                        report(FieldPath(steps + [.field(name)]))
                        return
                    }
                    next = StructuralSchema()
                }
                steps.append(.field(name))
                next.prune(
                    &field, keepsMetadata: next.isEmbeddedResource, isKept: next.preservesUnknownFields, &steps, report)
                steps.removeLast()
            }
            if hasUnknown {
                object.removeAll { name, _ in
                    !(keepsMetadata && Self.typeAndMetadata.contains(name)) && schema(ofField: name) == nil
                }
            }
            value = .object(object)
        case .array(var elements):
            value = .null
            let items = self.items
            let next = items ?? StructuralSchema()
            if items != nil || !isKept {
                for index in elements.indices {
                    steps.append(.index(index))
                    next.prune(
                        &elements[index], keepsMetadata: next.isEmbeddedResource,
                        isKept: isKept || next.preservesUnknownFields, &steps, report)
                    steps.removeLast()
                }
            }
            value = .array(elements)
        default: break
        }
    }

    /// Removes fields that are null although the schema does not allow null and has no default. The server does this
    /// before it applies defaults and validates.
    public func dropNulls(_ value: inout JSONValue) {
        switch value {
        case .object(var object):
            value = .null
            var hasNull = false
            object.mapValues { name, field in
                guard let schema = schema(ofField: name) else { return }
                if schema.isSuperfluousNull(field) { hasNull = true } else { schema.dropNulls(&field) }
            }
            if hasNull {
                object.removeAll { schema(ofField: $0)?.isSuperfluousNull($1) ?? false }
            }
            value = .object(object)
        case .array(var elements):
            guard let items = self.items else { return }
            value = .null
            for index in elements.indices { items.dropNulls(&elements[index]) }
            value = .array(elements)
        default: break
        }
    }

    private func isSuperfluousNull(_ value: JSONValue) -> Bool {
        value.isNull && !self.isNullable && self.defaultValue == nil
    }

    /// Fills in the defaults of fields that are missing, or null where null is not allowed. Defaults inside a filled-in
    /// default are applied too.
    public func applyDefaults(_ value: inout JSONValue) {
        switch value {
        case .object(var object):
            value = .null
            for (name, property) in self.properties {
                guard let defaultValue = property.defaultValue else { continue }
                let current = object[name]
                if current == nil || (current == .null && !property.isNullable) { object[name] = defaultValue }
            }
            object.mapValues { name, field in
                guard let schema = schema(ofField: name) else { return }
                if field.isNull, !schema.isNullable, let defaultValue = schema.defaultValue { field = defaultValue }
                schema.applyDefaults(&field)
            }
            value = .object(object)
        case .array(var elements):
            guard let items = self.items else { return }
            value = .null
            for index in elements.indices {
                if elements[index].isNull, !items.isNullable, let defaultValue = items.defaultValue {
                    elements[index] = defaultValue
                }
                items.applyDefaults(&elements[index])
            }
            value = .array(elements)
        default: break
        }
    }
}
