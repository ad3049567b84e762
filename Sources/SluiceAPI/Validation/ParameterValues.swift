public import JSON
public import KubernetesModel

/// The values of a run's parameters.
public enum ParameterValues {
    /// Every declared parameter with its value, given or default; or what is wrong. `path` is where the given ones
    /// stand. With any error the run is Failed with reason InvalidParameters.
    public static func resolve(
        _ given: JSONObject, for pipeline: PipelineSpec, path: FieldPath = "spec.parameters"
    ) -> (values: JSONObject, errors: [FieldError]) {
        var errors: [FieldError] = []
        var values: [(String, JSONValue)] = []
        let declared = Set(pipeline.parameters.map(\.name))
        for name in given.keys where !declared.contains(name) {
            errors.append(
                .notFound(
                    path.field(name), .string(name),
                    "the pipeline declares no such parameter" + Suggestion.phrase(for: name, in: declared)))
        }
        for parameter in pipeline.parameters {
            let path = path.field(parameter.name)
            guard let value = given[parameter.name] ?? parameter.defaultValue else {
                errors.append(.required(path, "the parameter has no default"))
                continue
            }
            values.append((parameter.name, value))
            // An error in a default is reported at the default.
            guard given.contains(parameter.name) else { continue }
            if !parameter.type.accepts(value) {
                errors.append(.invalid(path, value, "must be \(parameter.type.phrase)"))
            } else if !parameter.allows(value) {
                errors.append(.notSupported(path, value, parameter.allowedValues.map(\.rendered)))
            }
        }
        return (JSONObject(values), errors)
    }
}

extension ParameterType {
    /// Whether a value is of the type. Numbers may be integers; an integral number is an integer, as in JSON schema.
    public func accepts(_ value: JSONValue) -> Bool {
        switch self {
        case .string: value.string != nil
        case .number: value.double != nil
        case .integer: value.int != nil
        case .boolean: value.bool != nil
        case .array: value.array != nil
        case .object: value.object != nil
        }
    }

    /// The type as part of a sentence.
    var phrase: String {
        switch self {
        case .string: "a string"
        case .number: "a number"
        case .integer: "an integer"
        case .boolean: "true or false"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension ParameterSpec {
    /// Whether a value is one of those that are allowed.
    func allows(_ value: JSONValue) -> Bool {
        allowedValues.isEmpty
            || allowedValues.contains { $0 == value || ($0.double != nil && $0.double == value.double) }
    }
}
