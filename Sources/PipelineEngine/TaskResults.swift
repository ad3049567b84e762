import JSON
import SluiceAPI

/// Reads what a task wrote as its results (rule E12).
enum TaskResults {
    /// The declared results out of a termination message, or what is wrong with it. Names that were not declared are passed over:
    /// a program may say more than the pipeline asks for.
    static func read(
        _ message: String, truncated: Bool, declared: [String]
    ) -> Result<JSONObject, PodFailure> {
        guard !declared.isEmpty else { return .success([:]) }
        func failure(_ problem: String) -> Result<JSONObject, PodFailure> {
            .failure(PodFailure(.failed, reason: Reasons.invalidResults, message: problem, exitCode: 0))
        }
        let names = declared.joined(separator: ", ")
        if message.isEmpty {
            return failure(
                "the task wrote no results; expected a JSON object with \(names) in $\(Sluice.resultsVariable)")
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: message)
        } catch {
            if truncated {
                return failure("the results are larger than the limit of \(PodVerdict.terminationMessageLimit) bytes")
            }
            return failure("the results are not JSON: \(error)")
        }
        guard let object = value.object else {
            return failure("the results must be a JSON object with \(names), not a value of type \(value.kindName)")
        }
        var results = JSONObject()
        for name in declared {
            guard let result = object[name] else { return failure("the result \(name) was not written") }
            results[name] = result
        }
        return .success(results)
    }
}

extension PodFailure: Error {}
