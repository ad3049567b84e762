public import JSON
import KubernetesModel
import KubernetesSchema

/// Evaluates the CEL rules of custom resource definitions (`x-kubernetes-validations`).
public protocol ValidationRuleEvaluator: Sendable {
    /// Whether `value` satisfies a rule; nil when this evaluator does not understand the rule, which then counts as
    /// satisfied. `oldValue` is nil at creation; rules that mention `oldSelf` are not evaluated then.
    func holds(_ rule: String, value: JSONValue, oldValue: JSONValue?) -> Bool?
}

/// Evaluates without CEL the rules that forbid changes: equalities of paths in `self` and `oldSelf`, joined by `&&`.
///
/// It also knows `size(self.a.b) <= N` of strings and lists, alone.
///
/// Examples: `self == oldSelf`, `self.spec == oldSelf.spec && self.a.b == oldSelf.a.b`, `has(self.a) ==
/// has(oldSelf.a)`, and `has(self.a) != has(self.b)`, which asks for exactly one of two fields. Any other rule is
/// answered with nil. A program that has a CEL evaluator gives it to ``APIServerConfiguration/ruleEvaluator`` instead.
public struct TransitionRuleEvaluator: ValidationRuleEvaluator {
    /// One side of an equality: the value at a path of the new or the old object, or whether there is one.
    private struct Side {
        var isOld: Bool
        var fields: [String]
        var asksPresence: Bool

        func value(_ new: JSONValue, _ old: JSONValue) -> JSONValue? {
            let found = fields.reduce(isOld ? old : new) { (value: JSONValue?, field) in value?[field] }
            return asksPresence ? .bool(found != nil) : found
        }
    }

    /// Makes an evaluator; it has no settings.
    public init() {}

    /// Whether the rule holds; nil when it is not an equality as described above, or needs an old value and there is none.
    public func holds(_ rule: String, value: JSONValue, oldValue: JSONValue?) -> Bool? {
        if let bound = Self.bound(rule), let found = bound.side.value(value, .null) {
            return (found.string?.unicodeScalars.count ?? found.array?.count).map { $0 <= bound.limit }
        }
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

    /// Parses `size(PATH) <= N`; nil for anything else.
    private static func bound(_ rule: String) -> (side: Side, limit: Int)? {
        let words = rule.filter { !$0.isWhitespace }
        guard words.hasPrefix("size("), let close = words.firstIndex(of: ")"),
            let side = side(String(words[words.index(words.startIndex, offsetBy: 5)..<close])), !side.isOld,
            words[close...].hasPrefix(")<="), let limit = Int(words[words.index(close, offsetBy: 3)...])
        else { return nil }
        return (side, limit)
    }

    /// Parses one side; nil when it is anything but a path from `self` or `oldSelf`.
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

/// Evaluates all rules of a schema on a value and everything in it.
struct RuleCheck: Sendable {
    let evaluator: any ValidationRuleEvaluator

    /// An error for each rule that the value breaks.
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
            // Items of a list map are matched with their old values by their keys; items of other lists have no old
            // value.
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

    /// Whether the schema or any schema in it has a rule.
    static func hasRules(_ schema: StructuralSchema) -> Bool {
        if !schema.rules.isEmpty { return true }
        if schema.properties.values.contains(where: { hasRules($0) }) { return true }
        if case .schema(let inner)? = schema.additionalProperties, hasRules(inner) { return true }
        return schema.items.map { hasRules($0) } ?? false
    }
}
