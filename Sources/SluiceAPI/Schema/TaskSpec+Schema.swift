import JSON
public import KubernetesSchema

extension TaskSpec {
    /// The schema of one task.
    public static let schema = StructuralSchema.object(
        required: ["name"],
        [
            "name": .string("A DNS label, unique over tasks and finally.", maximumLength: 63),
            "container": PodTemplateSchema.container,
            "podTemplate": PodTemplateSchema.podTemplate.described(
                "A PodTemplateSpec over that of the run; containers here are sidecars."),
            "pipelineRef": .object(
                "A Pipeline that runs in place of a container.", required: ["name"],
                ["name": .string("A Pipeline of the same namespace.", maximumLength: 253)]),
            // A structural schema cannot hold itself: the inner pipeline is checked in code.
            "pipelineSpec": .object("A pipeline that runs in place of a container.", preservingUnknownFields: true),
            "parameters": .map(of: .anything(), "Parameters of the sub-pipeline."),
            "dependsOn": .list(
                of: .anything(),
                "Tasks that come first: names, or {task, 'on'} with SucceededOrSkipped (default), Succeeded, Failed or "
                    + "Finished; in YAML quote the word on. References add themselves."),
            "when": .string("A CEL expression; the task is skipped when it is false."),
            "forEach": .object(
                "One instance of the task for each item.", required: ["items"],
                [
                    "items": .anything("A list, or a reference to one."),
                    "as": .string("Name of the item; item when not given.", maximumLength: 63),
                    "parallelism": .integer("Most instances at once.", from: 1),
                ]),
            "replicas": .integer("Pods of the gang, 1 when not given; all of them or none.", from: 1, to: 10_000),
            "minAvailable": .integer("Pods of the gang that suffice; replicas when not given.", from: 1, to: 10_000),
            "topology": .object(
                "One topology domain for the whole gang.", required: ["key"],
                [
                    "key": .string("The label of nodes that names the domain.", maximumLength: 317),
                    "mode": .string(
                        "Required (default): the gang waits for a domain that holds it. Preferred: one domain if that can be.",
                        oneOf: TopologySpec.Mode.allCases.map(\.rawValue)),
                ]),
            "framework": .string(
                "Makes the replicas find each other the way this framework expects.",
                oneOf: ["none"] + Framework.allCases.map(\.rawValue)),
            "successPolicy": .string(
                "When the gang has succeeded: All (default) or Leader (replica 0).",
                oneOf: SuccessPolicy.allCases.map(\.rawValue)),
            "retry": RetrySpec.schema,
            "timeout": .duration("Longest time of one attempt"),
            "onFailure": .string(
                "What a failure does to the run: Fail (default) or Ignore.",
                oneOf: FailureEffect.allCases.map(\.rawValue)),
            "results": .list(
                of: .string(maximumLength: 63), "Names of the results that the task must write to $SLUICE_RESULTS.",
                atMost: 256),
        ])
}

extension RetrySpec {
    /// The schema of `retry`.
    public static let schema = StructuralSchema.object(
        "When a failed attempt is followed by another.",
        [
            "limit": .integer("Most further attempts; failures of the infrastructure do not count.", from: 0, to: 1000),
            "backoff": BackoffSpec.schema,
            "on": .list(
                of: .string(oneOf: FailureClass.allCases.map(\.rawValue)),
                "Failures that are retried; all when not given. In YAML quote the word on."),
            "exitCodes": .list(
                of: .integer(from: 1, to: 255), "Exit codes that are retried; all when not given."),
        ])
}

extension BackoffSpec {
    /// The schema of `retry.backoff`.
    public static let schema = StructuralSchema.object(
        "The wait before the next attempt.",
        [
            "initial": .duration("The first wait; none when not given"),
            "factor": .number("What each further wait is multiplied by, 2 when not given.", from: 1, to: 1000),
            "max": .duration("The longest wait, 5m when not given"),
        ])
}

extension StructuralSchema {
    /// A duration as Go writes it. What it must look like is checked in code, where it can be said better.
    static func duration(_ description: String) -> StructuralSchema {
        .string("\(description), as in 90s, 10m or 1h30m.", maximumLength: 64)
    }
}
