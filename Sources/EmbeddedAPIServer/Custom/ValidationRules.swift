import CEL
import JSON
import KubernetesModel
import KubernetesSchema

/// Evaluates the CEL rules of a custom resource definition (`x-kubernetes-validations`) on a value and everything in it.
///
/// `self` and `oldSelf` are known by their JSON alone, so that a rule which asks for a field that the schema does not have is
/// found when it is asked, not when the definition is made. Fields are read by their own names, without Kubernetes' escapes.
struct RuleCheck: Sendable {
    /// One rule, ready to be asked.
    private struct Rule {
        var expression: CELExpression
        /// Whether it compares with the value before, so that it is asked at changes alone.
        var isTransition: Bool
    }

    private let rules: [String: Rule]

    /// The rules of a schema; nil when it has none. A rule that cannot be read counts as satisfied: the definition is refused when
    /// it is made, so such a one can only come from a file that another program wrote.
    init?(_ schema: StructuralSchema) {
        var rules: [String: Rule] = [:]
        Self.forEachSchema(schema, "") { schema, _ in
            for rule in schema.rules where rules[rule.rule] == nil {
                guard let expression = try? Self.compile(rule.rule) else { continue }
                rules[rule.rule] = Rule(
                    expression: expression,
                    isTransition: expression.references.contains { $0.path.first == "oldSelf" })
            }
        }
        guard !rules.isEmpty else { return nil }
        self.rules = rules
    }

    private static func compile(_ rule: String) throws(CELError) -> CELExpression {
        let expression = try CELExpression(rule, in: CELEnvironment(["self": .dyn, "oldSelf": .dyn]))
        guard expression.resultType == .bool || expression.resultType == .dyn else {
            throw CELError(kind: .type, message: "cel expression must evaluate to a bool")
        }
        return expression
    }

    /// What is wrong with the rules of a schema that stands at `path`.
    static func problems(in schema: StructuralSchema, _ path: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        forEachSchema(schema, path) { schema, path in
            for (index, rule) in schema.rules.enumerated() {
                do {
                    _ = try compile(rule.rule)
                } catch {
                    let place = path.field("x-kubernetes-validations").index(index).field("rule")
                    errors.append(.invalid(place, .string(rule.rule), "compilation failed: \(error)"))
                }
            }
        }
        return errors
    }

    private static func forEachSchema(
        _ schema: StructuralSchema, _ path: FieldPath, _ body: (StructuralSchema, FieldPath) -> Void
    ) {
        body(schema, path)
        for (name, property) in schema.properties.sorted(by: { $0.key < $1.key }) {
            forEachSchema(property, path.field("properties").field(name), body)
        }
        if case .schema(let inner)? = schema.additionalProperties {
            forEachSchema(inner, path.field("additionalProperties"), body)
        }
        if let items = schema.items { forEachSchema(items, path.field("items"), body) }
    }

    /// An error for each rule that the value breaks, or that cannot be worked out on it.
    func errors(_ value: JSONValue, old: JSONValue?, _ schema: StructuralSchema, path: FieldPath = .root)
        -> [FieldError]
    {
        var errors: [FieldError] = []
        let isContainer = value.object != nil || value.array != nil
        for rule in schema.rules {
            guard let known = rules[rule.rule], !known.isTransition || old != nil else { continue }
            var message = rule.message ?? "failed rule: \(rule.rule)"
            do {
                if try known.expression.evaluateBool({ $0 == "self" ? value : old }) { continue }
            } catch {
                message = "rule \(rule.rule) cannot be evaluated: \(error)"
            }
            errors.append(FieldError(path, .invalid, badValue: value, message, omitsValue: isContainer))
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
}
