public import KubernetesModel

/// Evaluates the CEL rules of custom resource definitions (`x-kubernetes-validations`).
public protocol ValidationRuleEvaluator: Sendable {
    /// Whether a value keeps a rule; nil when the rule is beyond this evaluator, and is then not held against anybody.
    /// `oldValue` is nil at creation, when rules that mention `oldSelf` are not asked.
    func holds(_ rule: String, value: JSONValue, oldValue: JSONValue?) -> Bool?
}

/// The rules that forbid changes, without CEL: equalities of fields of `self` and `oldSelf`, joined by `&&`.
///
/// `self == oldSelf`, `self.spec == oldSelf.spec && self.a.b == oldSelf.a.b`, and the same the other way round. A program
/// that has a CEL evaluator gives it to the server instead.
public struct TransitionRuleEvaluator: ValidationRuleEvaluator {
    /// The evaluator.
    public init() {}

    public func holds(_ rule: String, value: JSONValue, oldValue: JSONValue?) -> Bool? {
        guard let oldValue else { return nil }
        for term in rule.split(separator: "&") where !term.allSatisfy(\.isWhitespace) {
            let sides = term.split(separator: "=").map { $0.filter { !$0.isWhitespace } }
            guard sides.count == 2, let left = Self.path(sides[0]), let right = Self.path(sides[1]),
                left.isOld != right.isOld
            else { return nil }
            let sideValues = [left, right].map { side in
                side.fields.reduce(side.isOld ? oldValue : value) { $0?[$1] }
            }
            if sideValues[0] != sideValues[1] { return false }
        }
        return true
    }

    private static func path(_ text: String) -> (isOld: Bool, fields: [String])? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard let first = parts.first, first == "self" || first == "oldSelf",
            parts.allSatisfy({ part in
                !part.isEmpty
                    && part.utf8.allSatisfy {
                        $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A || (0x30...0x39).contains($0) || $0 == 0x5F
                    }
            })
        else { return nil }
        return (first == "oldSelf", Array(parts.dropFirst()))
    }
}

/// Walks a value with its schema and asks every rule.
struct RuleCheck: Sendable {
    let evaluator: any ValidationRuleEvaluator

    func errors(_ value: JSONValue, old: JSONValue?, _ schema: StructuralSchema, path: String = "") -> [ObjectError] {
        var errors: [ObjectError] = []
        for rule in schema.rules {
            let isTransition = rule.rule.contains("oldSelf")
            if isTransition, old == nil { continue }
            guard evaluator.holds(rule.rule, value: value, oldValue: old) == false else { continue }
            let message = rule.message ?? "failed rule: \(rule.rule)"
            let isContainer = value.object != nil || value.array != nil
            errors.append(
                ObjectError(
                    type: .invalid, field: path.isEmpty ? "<nil>" : path,
                    body: "Invalid value: \(isContainer ? "" : "\(value.text): ")\(message)"))
        }
        switch value {
        case .object(let fields):
            for (name, field) in fields {
                guard let inner = schema.schema(ofField: name) else { continue }
                errors += self.errors(field, old: old?[name], inner, path: path.isEmpty ? name : "\(path).\(name)")
            }
        case .array(let items):
            guard let inner = schema.items else { break }
            // Only items of list maps have a past: they are found by their keys.
            let keys = schema.listMapKeys
            for (index, item) in items.enumerated() {
                let before =
                    keys.isEmpty
                    ? nil : old?.array?.first { other in keys.allSatisfy { other[$0] == item[$0] } }
                errors += self.errors(item, old: before, inner, path: "\(path)[\(index)]")
            }
        default: break
        }
        return errors
    }

    /// Whether there is any rule at all.
    static func hasRules(_ schema: StructuralSchema) -> Bool {
        if !schema.rules.isEmpty { return true }
        if schema.properties.values.contains(where: { hasRules($0) }) { return true }
        if case .schema(let inner)? = schema.additionalProperties, hasRules(inner) { return true }
        return schema.items.map { hasRules($0) } ?? false
    }
}
