public import JSON
public import KubernetesModel
import SluiceAPI

/// Reads the fields of a document, and notes every mistake.
struct ScenarioReader {
    /// Times and durations are no longer: ten years.
    static let maximumDuration = Duration.seconds(3600 * 24 * 3652)

    var errors: [FieldError] = []

    /// The fields of an object. nil, and an error, when the value is none.
    mutating func fields(_ value: JSONValue, _ path: FieldPath, known: [String]) -> JSONObject? {
        guard let object = value.object else {
            errors.append(.invalid(path, .string(value.kindName), "must be an object"))
            return nil
        }
        for key in object.keys where !known.contains(key) {
            let hint = Suggestion.nearest(to: key, in: known).map { "did you mean \($0)?" }
            errors.append(.unknown(path.field(key), hint ?? "expected \(known.joined(separator: ", "))"))
        }
        return object
    }

    /// The elements of a list that may be left out, with their paths.
    mutating func elements(_ object: JSONObject, _ name: String, _ path: FieldPath) -> [(JSONValue, FieldPath)] {
        guard let value = object[name], !value.isNull else { return [] }
        guard let array = value.array else {
            errors.append(.invalid(path.field(name), .string(value.kindName), "must be a list"))
            return []
        }
        return array.enumerated().map { ($1, path.field(name).index($0)) }
    }

    mutating func string(_ object: JSONObject, _ name: String, _ path: FieldPath, isRequired: Bool = false) -> String? {
        guard let value = object[name], !value.isNull else {
            if isRequired { errors.append(.required(path.field(name))) }
            return nil
        }
        guard let text = value.string, !text.isEmpty else {
            errors.append(.invalid(path.field(name), value, "must be a text that is not empty"))
            return nil
        }
        return text
    }

    mutating func integer(
        _ object: JSONObject, _ name: String, _ path: FieldPath, in range: ClosedRange<Int>
    ) -> Int? {
        guard let value = object[name], !value.isNull else { return nil }
        guard let number = value.int.flatMap({ Int(exactly: $0) }), range.contains(number) else {
            errors.append(
                .invalid(path.field(name), value, "must be an integer from \(range.lowerBound) to \(range.upperBound)"))
            return nil
        }
        return number
    }

    mutating func duration(
        _ object: JSONObject, _ name: String, _ path: FieldPath, isRequired: Bool = false, isSigned: Bool = false
    ) -> Duration? {
        guard let value = object[name], !value.isNull else {
            if isRequired { errors.append(.required(path.field(name), "must be a duration such as 90s, 10m or 1h30m")) }
            return nil
        }
        guard let duration = value.string.flatMap({ Duration(goText: $0) }) else {
            errors.append(.invalid(path.field(name), value, "must be a duration such as 90s, 10m or 1h30m"))
            return nil
        }
        let limit = Self.maximumDuration
        guard duration <= limit, duration >= (isSigned ? .zero - limit : .zero) else {
            errors.append(
                .invalid(
                    path.field(name), value,
                    duration < .zero && !isSigned ? "must not be negative" : "must be no longer than \(limit.goText)"))
            return nil
        }
        return .microseconds(duration.microseconds)
    }

    mutating func word<Word: RawRepresentable & CaseIterable>(
        _ object: JSONObject, _ name: String, _ path: FieldPath, isRequired: Bool = false, of: Word.Type
    ) -> Word? where Word.RawValue == String {
        guard let text = string(object, name, path, isRequired: isRequired) else { return nil }
        guard let word = Word(rawValue: text) else {
            errors.append(.notSupported(path.field(name), .string(text), Word.allCases.map(\.rawValue)))
            return nil
        }
        return word
    }

    /// `team-a/train`, or `train`.
    mutating func runName(_ object: JSONObject, _ name: String, _ path: FieldPath) -> RunName? {
        guard let text = string(object, name, path, isRequired: true) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }) else {
            errors.append(.invalid(path.field(name), .string(text), "must be a name: NAMESPACE/NAME"))
            return nil
        }
        return RunName(parsing: text)
    }
}

extension Scenario {
    /// The kind of the document.
    public static let kind = "Scenario"

    /// The scenario of a document, or all that is wrong with it. O(size).
    public static func read(_ document: JSONValue) -> (scenario: Scenario, errors: [FieldError]) {
        var reader = ScenarioReader()
        let scenario = read(document, &reader)
        return (scenario, reader.errors)
    }

    private static func read(_ document: JSONValue, _ reader: inout ScenarioReader) -> Scenario {
        var scenario = Scenario()
        let known = ["apiVersion", "kind", "metadata", "start", "until", "arrivals", "outcomes", "actions"]
        guard let object = reader.fields(document, .root, known: known) else { return scenario }
        if object["apiVersion"]?.string != Sluice.apiVersion {
            reader.errors.append(
                object["apiVersion"].map { .notSupported("apiVersion", $0, [Sluice.apiVersion]) }
                    ?? .required("apiVersion", "must be \(Sluice.apiVersion)"))
        }
        if let text = reader.string(object, "start", .root) {
            // Far enough from both ends of what a time can be.
            if let time = Timestamp(rfc3339: text), (0...4_102_444_800).contains(time.seconds) {
                scenario.start = time
            } else {
                reader.errors.append(
                    .invalid("start", .string(text), "must be a time from 1970 to 2100 such as 2026-01-01T00:00:00Z"))
            }
        }
        scenario.until = reader.duration(object, "until", .root)
        scenario.arrivals = reader.elements(object, "arrivals", .root)
            .compactMap { readArrival($0.0, $0.1, &reader) }
        scenario.outcomes = reader.elements(object, "outcomes", .root)
            .compactMap { readOutcome($0.0, $0.1, &reader) }
        scenario.actions = reader.elements(object, "actions", .root)
            .compactMap { readAction($0.0, $0.1, &reader) }
        return scenario
    }

    private static func readArrival(
        _ value: JSONValue, _ path: FieldPath, _ reader: inout ScenarioReader
    ) -> Arrival? {
        guard let object = reader.fields(value, path, known: ["run", "at", "count", "every"]) else { return nil }
        let run = reader.runName(object, "run", path)
        let at = reader.duration(object, "at", path) ?? .zero
        let count = reader.integer(object, "count", path, in: 1...1_000_000)
        let every = reader.duration(object, "every", path) ?? .zero
        if object["every"] != nil, object["count"] == nil {
            reader.errors.append(.required(path.field("count"), "every says how far apart so many runs come"))
        }
        let (span, overflow) = every.microseconds.multipliedReportingOverflow(by: Int64(count ?? 1))
        if overflow || .microseconds(span) > ScenarioReader.maximumDuration {
            reader.errors.append(
                .invalid(
                    path.field("every"), object["every"] ?? .null,
                    "the last run comes later than \(ScenarioReader.maximumDuration.goText)"))
            return nil
        }
        return run.map { Arrival(run: $0, at: at, count: count, every: every) }
    }

    private static func readOutcome(
        _ value: JSONValue, _ path: FieldPath, _ reader: inout ScenarioReader
    ) -> OutcomeRule? {
        let known = ["run", "task", "attempt", "replica", "duration", "exitCode", "failure", "results"]
        guard let object = reader.fields(value, path, known: known) else { return nil }
        var rule = OutcomeRule(Outcome())
        rule.run = reader.string(object, "run", path).map(OutcomeRule.Pattern.init)
        rule.task = reader.string(object, "task", path).map(OutcomeRule.Pattern.init)
        rule.attempt = reader.integer(object, "attempt", path, in: 0...1_000_000)
        rule.replica = reader.integer(object, "replica", path, in: 0...1_000_000)
        if let duration = reader.duration(object, "duration", path) { rule.outcome.duration = duration }
        rule.outcome.exitCode = reader.integer(object, "exitCode", path, in: 0...255) ?? 0
        rule.outcome.failure = reader.word(object, "failure", path, of: PodEnd.self)
        if object["failure"] != nil, object["exitCode"] != nil {
            reader.errors.append(
                .forbidden(path.field("exitCode"), "a pod either ends with an exit code or meets a failure"))
        }
        if let failure = rule.outcome.failure, failure.isStart, object["duration"] != nil {
            reader.errors.append(
                .forbidden(path.field("duration"), "a pod that meets \(failure.rawValue) never starts"))
        }
        if let results = object["results"], !results.isNull {
            if let object = results.object {
                rule.outcome.results = object
                for key in object.keys where key == "true" || key == "false" {
                    reader.errors.append(
                        .invalid(
                            path.field("results"), .string(key),
                            "YAML takes y, on, n and off for true and false: write the name in quotes"))
                }
            } else {
                reader.errors.append(
                    .invalid(path.field("results"), .string(results.kindName), "must be an object: values by name"))
            }
        }
        return rule
    }
}
