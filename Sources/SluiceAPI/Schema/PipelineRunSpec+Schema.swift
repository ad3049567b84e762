import JSON
public import KubernetesSchema

extension PipelineRunSpec {
    /// The fields that may change once a run exists.
    package static let mutableFields: Set<String> = ["state", "ttlSecondsAfterFinished"]

    /// The schema of `PipelineRun.spec`, with the rules in CEL for what must not change.
    public static let schema: StructuralSchema = {
        var properties = fields
        for name in properties.keys where !mutableFields.contains(name) {
            properties[name] = properties[name]?.immutable(name)
        }
        var schema = StructuralSchema.object("What the run is to do.", properties)
        schema.rules = [
            .init("has(self.pipelineRef) != has(self.pipelineSpec)", message: oneSource),
            // The rules of the fields themselves are asked only while both the old and the new object have the field.
            .init(
                properties.keys.filter { !mutableFields.contains($0) }.sorted()
                    .map { "has(self.\($0)) == has(oldSelf.\($0))" }.joined(separator: " && "),
                message: "only \(mutableFields.sorted().joined(separator: " and ")) may change"),
        ]
        return schema
    }()

    static let oneSource = "exactly one of pipelineRef and pipelineSpec must be set"

    private static let fields: [String: StructuralSchema] = [
        "pipelineRef": .object(
            "The Pipeline to run.", required: ["name"],
            ["name": .string("A Pipeline of the same namespace.", maximumLength: 253)]),
        "pipelineSpec": PipelineSpec.schema.described("The pipeline to run, in place."),
        // No map: the rules in CEL cannot see a map of values of any type, but they can compare an opaque object whole.
        "parameters": .object("Values of the pipeline's parameters, by name.", preservingUnknownFields: true),
        "queue": .string("Name of the Queue.", maximumLength: 253),
        "priority": .integer("Higher goes first."),
        "priorityClassName": .string("A PriorityClass.", maximumLength: 253),
        "gangScope": .string(
            "What is admitted together: the pods of one task attempt (Task, default), or the whole run (Run).",
            oneOf: GangScope.allCases.map(\.rawValue)),
        "parallelism": .integer("Most tasks that run at once; no limit when not given.", from: 1),
        "timeout": .duration("Longest time from the first pod on"),
        "queueTimeout": .duration("Longest time while nothing has been admitted"),
        "failurePolicy": .string(
            "After a task has failed for good: FailFast (default) starts nothing more, Continue goes on with what does not "
                + "depend on it, Cancel stops what runs.",
            oneOf: FailurePolicy.allCases.map(\.rawValue)),
        "state": .string(
            "What is wanted now: Running (default), Suspended, Cancelled (finally still runs) or Terminated.",
            oneOf: DesiredState.allCases.map(\.rawValue)),
        "ttlSecondsAfterFinished": .integer(
            "Seconds after its end at which the run is deleted; kept when not given.", from: 0),
        "podTemplate": PodTemplateSchema.podTemplate.described("A PodTemplateSpec for every pod of the run."),
    ]
}
