import JSON
import SluiceAPI

/// Reads what a task wrote as its results (rule E12).
enum TaskResults {
    /// What a task wrote.
    struct Reading {
        /// The declared results that are valid.
        var values = JSONObject()
        /// Names that were not declared.
        var undeclared: [String] = []
        /// What is wrong with it; nil when every declared result is there and valid.
        var failure: PodFailure?
    }

    /// The declared results out of a termination message, and what is wrong with it.
    static func read(_ message: String, truncated: Bool, declared: [String]) -> Reading {
        guard !declared.isEmpty else { return Reading() }
        func failure(_ problem: String) -> PodFailure {
            PodFailure(.failed, reason: Reasons.invalidResults, message: problem, exitCode: 0)
        }
        let names = declared.joined(separator: ", ")
        if message.isEmpty {
            return Reading(
                failure: failure(
                    "the task wrote no results; expected a JSON object with \(names) in $\(Sluice.resultsVariable)"))
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: message)
        } catch {
            let limit = PodVerdict.terminationMessageLimit
            return Reading(
                failure: failure(
                    truncated
                        ? "the results are larger than the limit of \(limit) bytes"
                        : "the results are not JSON: \(error)"))
        }
        guard let object = value.object else {
            return Reading(
                failure: failure(
                    "the results must be a JSON object with \(names), not a value of type \(value.kindName)"))
        }
        var reading = Reading()
        for name in declared {
            guard let result = object[name] else {
                reading.failure = reading.failure ?? failure("the result \(name) was not written")
                continue
            }
            do {
                reading.values[name] = try normal(result, depth: 0)
            } catch let problem as Problem {
                reading.failure = reading.failure ?? failure("the result \(name) \(problem.text)")
            } catch {
                reading.failure = reading.failure ?? failure("the result \(name) cannot be read: \(error)")
            }
        }
        reading.undeclared = object.keys.filter { !declared.contains($0) }
        return reading
    }

    private struct Problem: Error {
        var text: String
    }

    /// How deep a result may be nested.
    static let maximumDepth = 32

    /// The value as the API server will give it back: 1.0 is 1 there. Throws ``Problem`` for what it would not keep: null, numbers
    /// that lose digits, values that are nested too deeply.
    private static func normal(_ value: JSONValue, depth: Int) throws -> JSONValue {
        guard depth < maximumDepth else { throw Problem(text: "is nested more than \(maximumDepth) deep") }
        switch value {
        case .null:
            if depth == 0 { throw Problem(text: "is null, which the API server does not keep") }
            return value
        case .double(let number):
            guard number.rounded() == number else { return value }
            guard let integer = Int64(exactly: number), number.magnitude < 9_007_199_254_740_992 else {
                throw Problem(
                    text: "has the number \(value.text), which does not keep all its digits; write it as a string")
            }
            return .int(integer)
        case .string(let text):
            guard !text.utf8.contains(0) else { throw Problem(text: "contains a NUL character") }
            return value
        case .array(let elements): return .array(try elements.map { try normal($0, depth: depth + 1) })
        case .object(var fields):
            try fields.mapValues { _, field in field = try normal(field, depth: depth + 1) }
            return .object(fields)
        default: return value
        }
    }
}
