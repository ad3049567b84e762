public import JSON
import KubernetesModel
import KubernetesSchema

/// Evaluates the CEL rules of custom resource definitions (`x-kubernetes-validations`).
public protocol ValidationRuleEvaluator: Sendable {
    /// Whether a value keeps a rule; nil when the rule is beyond this evaluator, and is then not held against anybody.
    /// `oldValue` is nil at creation, when rules that mention `oldSelf` are not asked.
    func holds(_ rule: String, value: JSONValue, oldValue: JSONValue?) -> Bool?
}

/// The rules that forbid changes, without CEL: equalities of what `self` and `oldSelf` have, joined by `&&`.
///
/// `self == oldSelf`, `self.spec == oldSelf.spec && self.a.b == oldSelf.a.b`, `has(self.a) == has(oldSelf.a)`, the same the
/// other way round, and `has(self.a) != has(self.b)` for exactly one of two. A program that has a CEL evaluator gives it to the server instead.
public struct TransitionRuleEvaluator: ValidationRuleEvaluator {
    /// One side of an equality: a path into the new or the old value, or whether there is anything at it.
    private struct Side {
        var isOld: Bool
        var fields: [String]
        var asksPresence: Bool

        func value(_ new: JSONValue, _ old: JSONValue) -> JSONValue? {
            let found = fields.reduce(isOld ? old : new) { (value: JSONValue?, field) in value?[field] }
            return asksPresence ? .bool(found != nil) : found
        }
    }

    /// The evaluator.
    public init() {}

    public func holds(_ rule: String, value: JSONValue, oldValue: JSONValue?) -> Bool? {
        for term in rule.split(separator: "&") where !term.allSatisfy(\.isWhitespace) {
            let words = term.filter { !$0.isWhitespace }
            let wantsEqual = !words.contains("!=")
            let sides = words.replacing("!=", with: "=").split(separator: "=").compactMap { Self.side(String($0)) }
            guard sides.count == 2, sides[0].asksPresence == sides[1].asksPresence,
                oldValue != nil || !sides.contains(where: \.isOld)
            else { return nil }
            let old = oldValue ?? .null
            if (sides[0].value(value, old) == sides[1].value(value, old)) != wantsEqual { return false }
        }
        return true
    }

    private static func side(_ text: String) -> Side? {
        var path = text[...]
        let asksPresence = path.hasPrefix("has(") && path.hasSuffix(")")
        if asksPresence { path = path.dropFirst(4).dropLast() }
        let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard let first = parts.first, first == "self" || first == "oldSelf",
            parts.allSatisfy({ part in
                !part.isEmpty
                    && part.utf8.allSatisfy {
                        $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A || (0x30...0x39).contains($0) || $0 == 0x5F
                    }
            })
        else { return nil }
        return Side(isOld: first == "oldSelf", fields: Array(parts.dropFirst()), asksPresence: asksPresence)
    }
}

/// Walks a value with its schema and asks every rule.
struct RuleCheck: Sendable {
    let evaluator: any ValidationRuleEvaluator

    func errors(_ value: JSONValue, old: JSONValue?, _ schema: StructuralSchema, path: FieldPath = .root)
        -> [FieldError]
    {
        var errors: [FieldError] = []
        for rule in schema.rules {
            let isTransition = rule.rule.contains("oldSelf")
            if isTransition, old == nil { continue }
            guard evaluator.holds(rule.rule, value: value, oldValue: old) == false else { continue }
            let message = rule.message ?? "failed rule: \(rule.rule)"
            let isContainer = value.object != nil || value.array != nil
            errors.append(
                FieldError(path, .invalid, badValue: value, message, omitsValue: isContainer))
        }
        switch value {
        case .object(let fields):
            for (name, field) in fields {
                guard let inner = schema.schema(ofField: name) else { continue }
                errors += self.errors(field, old: old?[name], inner, path: path.field(name))
            }
        case .array(let items):
            guard let inner = schema.items else { break }
            // Only items of list maps have a past: they are found by their keys.
            let keys = schema.listMapKeys
            for (index, item) in items.enumerated() {
                let before =
                    keys.isEmpty
                    ? nil : old?.array?.first { other in keys.allSatisfy { other[$0] == item[$0] } }
                errors += self.errors(item, old: before, inner, path: path.index(index))
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
