public import JSON
import KubernetesModel
public import KubernetesSchema

/// The CustomResourceDefinitions, made from the Swift types.
public enum CustomResourceDefinitions {
    /// All of them.
    public static let all: [JSONValue] = [pipelineRuns, pipelines, queues, scheduledRuns]

    /// The whole schema of the objects of a kind of group sluice.dev; nil for an unknown kind.
    public static func schema(ofKind kind: String) -> StructuralSchema? {
        switch kind {
        case Sluice.pipelineRuns.kind: runSchema
        case Sluice.pipelines.kind: pipelineSchema
        case Sluice.queues.kind: queueSchema
        case Sluice.scheduledRuns.kind: scheduleSchema
        default: nil
        }
    }

    /// The kinds of group sluice.dev.
    public static let kinds = [
        Sluice.pipelineRuns.kind, Sluice.pipelines.kind, Sluice.queues.kind, Sluice.scheduledRuns.kind,
    ]

    private static let runSchema = root(
        "A run of a pipeline: what is to be done, once, and what became of it.",
        spec: PipelineRunSpec.schema, status: PipelineRunStatus.schema,
        rules: [nameRule("run")])

    // Pods carry the name as a label.
    private static func nameRule(_ what: String) -> StructuralSchema.ValidationRule {
        StructuralSchema.ValidationRule(
            "size(self.metadata.name) <= \(Names.maximumLabelLength)",
            message: "the name of a \(what) must be no more than \(Names.maximumLabelLength) characters")
    }

    private static let pipelineSchema = root(
        "A pipeline: tasks, what they depend on, and what they take and give.",
        spec: PipelineSpec.schema,
        status: .object(
            "Nothing yet: a Pipeline is not reconciled.",
            [
                "observedGeneration": .integer("The generation of the spec that this is about.", format: "int64"),
                "conditions": .list(of: Condition.schema, "None yet.", by: "type"),
            ]))

    private static let queueSchema = root(
        "A queue: what its tenants may use of the cluster, and in which order their runs get it.",
        spec: QueueSpec.schema, status: QueueStatus.schema,
        rules: [
            nameRule("queue"),
            StructuralSchema.ValidationRule(
                "!has(self.spec.parent) || self.spec.parent != self.metadata.name", message: QueueSpec.ownParent),
        ])

    private static let scheduleSchema = root(
        "Runs of a pipeline that start by the calendar.", spec: ScheduledRunSpec.schema,
        status: ScheduledRunStatus.schema, rules: [nameRule("scheduled run")])

    private static func root(
        _ description: String, spec: StructuralSchema, status: StructuralSchema,
        rules: [StructuralSchema.ValidationRule] = []
    ) -> StructuralSchema {
        var schema = StructuralSchema.object(
            description, required: ["spec"],
            [
                "apiVersion": .string("sluice.dev/v1alpha1"), "kind": .string("The kind of the object."),
                "metadata": .object(), "spec": spec, "status": status,
            ])
        schema.rules = rules
        return schema
    }

    private static let pipelineRuns = definition(
        Sluice.pipelineRuns, shortNames: ["prun"], categories: ["all", "sluice"], runSchema,
        columns: [
            column("Phase", ".status.phase"), column("Reason", ".status.reason"),
            column("Progress", ".status.progress"), age,
            column("Pipeline", ".spec.pipelineRef.name", priority: 1),
            column("Started", ".status.startTime", type: "date", priority: 1),
            column("Finished", ".status.completionTime", type: "date", priority: 1),
            column("Message", ".status.message", priority: 1),
        ])

    private static let pipelines = definition(
        Sluice.pipelines, shortNames: ["pl"], pipelineSchema,
        columns: [column("Description", ".spec.description"), age])

    private static let queues = definition(
        Sluice.queues, shortNames: ["sq"], queueSchema,
        columns: [
            column("Parent", ".spec.parent", priority: 1), column("Weight", ".spec.weight", type: "integer"),
            column("State", ".spec.state"), column("Pending", ".status.pending", type: "integer"),
            column("Admitted", ".status.admitted", type: "integer"), column("GPU", ".status.gpu"),
            column("Share", ".status.share"), age,
        ])

    private static let scheduledRuns = definition(
        Sluice.scheduledRuns, shortNames: ["srun"], categories: ["all", "sluice"], scheduleSchema,
        columns: [
            column("Schedule", ".spec.schedule"), column("Zone", ".spec.timeZone"),
            column("Suspend", ".spec.suspend", type: "boolean"),
            column("Active", ".status.activeCount", type: "integer"),
            column("Last", ".status.lastScheduleTime", type: "date"),
            column("Next", ".status.nextScheduleTime"),
            column("Success", ".status.lastSuccessfulTime", type: "date"),
            column("Missed", ".status.missedCount", type: "integer", priority: 1), age,
        ])

    private static let age = column("Age", ".metadata.creationTimestamp", type: "date")

    private static func column(_ name: String, _ path: String, type: String = "string", priority: Int64 = 0)
        -> JSONValue
    {
        var column: JSONValue = ["name": .string(name), "type": .string(type), "jsonPath": .string(path)]
        if priority > 0 { column["priority"] = .int(priority) }
        return column
    }

    private static func definition(
        _ resource: ResourceType, shortNames: [String], categories: [String] = ["sluice"], _ schema: StructuralSchema,
        columns: [JSONValue]
    ) -> JSONValue {
        [
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": ["name": .string("\(resource.plural).\(resource.group)")],
            "spec": [
                "group": .string(resource.group), "scope": resource.isNamespaced ? "Namespaced" : "Cluster",
                "names": [
                    "kind": .string(resource.kind), "listKind": .string("\(resource.kind)List"),
                    "plural": .string(resource.plural), "singular": .string(resource.kind.lowercased()),
                    "shortNames": JSONValue(shortNames), "categories": JSONValue(categories),
                ],
                "versions": [
                    [
                        "name": .string(resource.version), "served": true, "storage": true,
                        "schema": ["openAPIV3Schema": schema.json], "subresources": ["status": [:]],
                        "additionalPrinterColumns": .array(columns),
                    ]
                ],
            ],
        ]
    }
}
