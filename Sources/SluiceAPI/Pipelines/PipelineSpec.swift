public import JSON

/// What a pipeline does: `Pipeline.spec` and `PipelineRun.spec.pipelineSpec`.
public struct PipelineSpec: Sendable, Hashable {
    public var description: String?
    public var parameters: [ParameterSpec] = []
    public var tasks: [TaskSpec] = []
    /// Tasks that run once all others have ended, whatever happened (rule E6).
    public var finally: [TaskSpec] = []
    /// Results of the whole, made of references to the results of tasks.
    public var results: [ResultSpec] = []

    /// An empty pipeline.
    public init() {}
}

/// One declared parameter.
public struct ParameterSpec: Sendable, Hashable {
    public var name: String
    public var type: ParameterType
    /// What it is when the run gives none; nil makes the parameter required.
    public var defaultValue: JSONValue?
    public var description: String?
    /// The values that are allowed; empty allows all of the type.
    public var allowedValues: [JSONValue]

    /// A parameter.
    public init(
        name: String, type: ParameterType = .string, defaultValue: JSONValue? = nil, description: String? = nil,
        allowedValues: [JSONValue] = []
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.description = description
        self.allowedValues = allowedValues
    }
}

/// The type of a parameter; `string` when none is given.
public enum ParameterType: String, Sendable, Hashable, CaseIterable {
    case string, number, integer, boolean, array, object
}

/// One result of a pipeline.
public struct ResultSpec: Sendable, Hashable {
    public var name: String
    public var value: JSONValue

    /// A result.
    public init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }
}
