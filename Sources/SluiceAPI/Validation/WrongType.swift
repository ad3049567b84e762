import JSON
import KubernetesModel

/// Says of a value of the wrong type what it is and what to write. A schema repeats the path and names the type alone.
enum WrongType {
    /// The error, in words for people where it is about a type. `value` is what was checked, and `path` where it stands.
    static func worded(_ error: FieldError, _ value: JSONValue, below path: FieldPath) -> FieldError {
        let lead = "must be of type "
        guard error.kind == .typeInvalid, let start = error.detail.firstRange(of: lead),
            let wrong = FieldPath(Array(error.path.steps.dropFirst(path.steps.count))).value(in: value)
        else { return error }
        let wanted = String(error.detail[start.upperBound...].prefix { $0 != ":" })
        var error = error
        error.badValue = wrong
        error.omitsValue = wrong.object != nil || wrong.array != nil
        error.detail =
            "is \(name(of: wrong)), expected \(wanted.split(separator: ",").map { article(String($0)) }.joined(separator: " or "))\(advice(wrong, wanted, error.path))"
        return error
    }

    /// Of a name that must be a string and is none.
    static func notAString(_ value: JSONValue, _ path: FieldPath) -> FieldError {
        .invalid(path, value, "must be a string\(advice(value, "string", path))")
    }

    private static func name(of value: JSONValue) -> String {
        switch value {
        case .null: "empty"
        case .bool: "a boolean"
        case .int, .double: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "a map"
        }
    }

    private static func article(_ type: String) -> String {
        switch type {
        case "array": "a list"
        case "object": "a map"
        case "integer", "int32", "int64": "an integer"
        default: "a \(type)"
        }
    }

    private static func advice(_ value: JSONValue, _ wanted: String, _ path: FieldPath) -> String {
        switch value {
        case .bool where wanted == "string":
            return ": YAML reads y, n, yes, no, on, off, true and false as booleans; write it in quotes"
        case .int, .double:
            guard wanted == "string" else { return "" }
            if case .field(let field)? = path.steps.last,
                ["timeout", "queueTimeout", "initial", "max", "gangTimeout"].contains(field)
            {
                return ": a duration such as \(value.text)s"
            }
            return ": write it in quotes"
        case .string where wanted == "array": return ": write [\(value.text)]"
        default: return ""
        }
    }
}
