import JSON
public import KubernetesSchema

extension PipelineSpec {
    /// Most tasks of one list; etcd holds no more in one object anyway.
    static let maximumTasks = 20_000

    // The lists of tasks are atomic: with each task an entry of its own in managedFields an object would be twice as large.
    /// The schema of `Pipeline.spec` and `PipelineRun.spec.pipelineSpec`.
    public static let schema = StructuralSchema.object(
        "What a pipeline does.",
        [
            "description": .string("What the pipeline is for."),
            "parameters": .list(of: ParameterSpec.schema, "Parameters that a run may or must give.", by: "name"),
            "tasks": .list(
                of: TaskSpec.schema, "The nodes of the graph, in any order.", atMost: maximumTasks),
            "finally": .list(
                of: TaskSpec.schema, "Tasks that run once when all others have ended, whatever happened.",
                atMost: maximumTasks),
            "results": .list(
                of: ResultSpec.schema, "Results of the pipeline, made of results of its tasks.", by: "name"),
        ])
}

extension ParameterSpec {
    /// The schema of one declared parameter.
    public static let schema = StructuralSchema.object(
        required: ["name"],
        [
            "name": .string("Referred to as $(params.NAME).", maximumLength: 63),
            "type": .string(
                "What the value must be; string when not given.", oneOf: ParameterType.allCases.map(\.rawValue)),
            "default": .anything("The value when a run gives none. Without it a run must give one."),
            "description": .string("What the parameter is for."),
            "enum": .list(of: .anything(), "The values that are allowed."),
        ])
}

extension ResultSpec {
    /// The schema of one result of a pipeline.
    public static let schema = StructuralSchema.object(
        required: ["name", "value"],
        [
            "name": .string("Name of the result.", maximumLength: 63),
            "value": .anything("Any value; strings may hold $(tasks.NAME.results.NAME)."),
        ])
}
