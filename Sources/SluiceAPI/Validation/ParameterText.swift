public import JSON

/// Values of parameters as they stand on a command line: `name=value`.
public enum ParameterText {
    /// What is wrong with one, in a sentence.
    public struct Mistake: Error, Hashable, CustomStringConvertible {
        public var description: String

        public init(description: String) { self.description = description }
    }

    /// One parameter with its value.
    public struct Value: Sendable, Hashable {
        public var name: String
        public var value: JSONValue
    }

    /// Reads `name=value`: the text itself where the parameter is a string, JSON where it is anything else.
    public static func read(_ text: String, for pipeline: PipelineSpec) throws(Mistake) -> Value {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw Mistake(description: "\(text): expected name=value")
        }
        let name = String(text[..<equals])
        let parameter = try parameter(name, of: pipeline)
        let rest = String(text[text.index(after: equals)...])
        if parameter.type == .string { return Value(name: name, value: .string(rest)) }
        guard let value = try? JSONValue(parsing: rest), parameter.type.accepts(value) else {
            let example = parameter.type.example.map { ", as in \(name)=\($0)" } ?? ""
            throw Mistake(description: "\(text): \(name) must be \(parameter.type.phrase)\(example)")
        }
        return Value(name: name, value: value)
    }

    /// The declared parameter of that name. Throws a sentence with those that there are.
    @discardableResult
    public static func parameter(_ name: String, of pipeline: PipelineSpec) throws(Mistake) -> ParameterSpec {
        if let parameter = pipeline.parameters.first(where: { $0.name == name }) { return parameter }
        let names = pipeline.parameters.map(\.name)
        let known = names.isEmpty ? "it has none" : "it has \(names.joined(separator: ", "))"
        throw Mistake(
            description:
                "\(name): the pipeline has no such parameter\(Suggestion.phrase(for: name, in: names)); \(known)")
    }
}

extension ParameterType {
    /// A value for a shell; nil where none is needed.
    fileprivate var example: String? {
        switch self {
        case .array: #"'["a", "b"]'"#
        case .object: #"'{"a": 1}'"#
        case .string, .number, .integer, .boolean: nil
        }
    }
}
