import JSON

@testable import CEL

/// What becomes of an expression, as text: its value as CEL writes it, or the kind of its error.
///
/// `known` are the types of variables; others are `dyn`. With `isStrict` false the types are left to the evaluation.
func outcome(
    _ source: String, _ variables: [String: JSONValue] = [:], known: [String: CELType] = [:], isStrict: Bool = true,
    costLimit: Int = 1_000_000
) -> String {
    let types = variables.mapValues { _ in CELType.dyn }.merging(known) { $1 }
    do {
        let expression = try CELExpression(source, in: CELEnvironment(types), isStrict: isStrict)
        return shown(try expression.evaluate(costLimit: costLimit) { variables[$0] })
    } catch {
        return switch error.kind {
        case .syntax: "syntax error"
        case .type: "type error"
        case .limit: "limit error"
        case .evaluation: "evaluation error"
        case .missing(let path): "missing " + path.joined(separator: ".")
        }
    }
}

/// A value as CEL writes it.
func shown(_ value: CELValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let value): String(value)
    case .int(let value): String(value)
    case .uint(let value): "\(value)u"
    case .double(let value): value.description
    case .string(let text): "'\(text)'"
    case .bytes(let bytes): "b" + bytes.description
    case .type(let name): name
    case .timestamp(let time): time.description
    case .duration(let span): span.description
    case .list(let list): "[" + (0..<list.count).map { shown(list[$0]) }.joined(separator: ", ") + "]"
    case .map(let map):
        "{"
            + (0..<map.count).map { shown(map.entry(at: $0).key.value) + ": " + shown(map.entry(at: $0).value) }
            .joined(separator: ", ") + "}"
    }
}

/// The error of an expression with its place, as people see it; nil when it has a value.
func message(
    _ source: String, _ types: [String: CELType] = [:], _ variables: [String: JSONValue] = [:]
) -> String? {
    do {
        _ = try CELExpression(source, in: CELEnvironment(types)).evaluate { variables[$0] }
        return nil
    } catch {
        return error.description
    }
}
