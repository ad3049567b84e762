import JSON
public import KubernetesModel
public import KubernetesSchema

extension QueueSpec {
    /// The schema of `Queue.spec`, with the rules in CEL for what belongs together.
    public static let schema: StructuralSchema = {
        var schema = StructuralSchema.object("What the queue may use, and whose work it takes.", fields)
        // That guarantee and deserved stay within the capability is checked by the validator alone. A rule would need
        // quantity(string(x)) or type(x) on values of either type, whose size, and so whose cost, Kubernetes takes for unbounded: it
        // would refuse the definition.
        schema.rules = [
            .init(
                "!has(self.provisioning) || self.provisioning != 'Autoscaler' || (has(self.capability) && "
                    + "size(self.capability) > 0)",
                message: needsCapability)
        ]
        return schema
    }()

    static let needsCapability =
        "with provisioning Autoscaler a queue needs a capability: it bounds the nodes that are added"
    static let ownParent = "a queue cannot be its own parent"

    private static let fields: [String: StructuralSchema] = [
        "namespaces": namespaces,
        "namespaceSelector": LabelSelector.schema,
        "parent": .string("The Queue above it; none when not given.", maximumLength: 63),
        "weight": weight,
        "guarantee": amounts("Kept free for it, by resource; never lent."),
        "deserved": amounts(
            "What it has a right to, by resource: lent when idle, taken back on demand. A resource that is not named comes from "
                + "the weight."),
        "capability": amounts("The most it may use, by resource. A resource that is not named has no ceiling."),
        "reclaimable": .boolean(
            "Whether others may take back what it has beyond its deserved share; true when not given."),
        "dequeueStrategy": .string(
            "traverse (default): who fits may pass who does not. fifo: nobody passes the head.",
            oneOf: DequeueStrategy.allCases.map(\.rawValue)),
        "preemption": .string(
            "Whom its gangs may evict in the queue itself: LowerPriority (default) or Never.",
            oneOf: Preemption.allCases.map(\.rawValue)),
        "state": state,
        "maxRunningRuns": .integer("Most runs at once; no limit when not given.", from: 0),
        "provisioning": .string(
            "None (default): what fits no node waits without pods. Autoscaler: its pods are created, so that nodes are added.",
            oneOf: Provisioning.allCases.map(\.rawValue)),
        "provisioningTimeout": .duration("With Autoscaler, how long pods may wait for nodes; 15m when not given"),
    ]

    private static let namespaces: StructuralSchema = {
        var schema = StructuralSchema.list(
            of: .string("A namespace.", maximumLength: 63),
            "Namespaces whose runs come here when they name no queue.", atMost: 1000)
        schema.listType = .set
        return schema
    }()

    // These two are written into the object, so that kubectl has something to print.
    private static let weight: StructuralSchema = {
        var schema = StructuralSchema.integer("Its part of what its siblings and it share; 1 when not given.", from: 1)
        schema.defaultValue = 1
        return schema
    }()

    private static let state: StructuralSchema = {
        var schema = StructuralSchema.string(
            "Open (default), Closed (admits nothing new) or Draining (also evicts what runs).",
            oneOf: State.allCases.map(\.rawValue))
        schema.defaultValue = "Open"
        return schema
    }()

    /// Amounts by resource, none of them negative.
    private static func amounts(_ description: String) -> StructuralSchema {
        var amount = StructuralSchema.Fields()
        amount.isIntOrString = true
        amount.minimum = 0
        amount.maximumLength = 64
        // The text is a constant that a test reads.
        amount.pattern = try? Pattern(#"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$"#)
        var schema = StructuralSchema.map(of: StructuralSchema(amount), description)
        schema.maximumProperties = 100
        return schema
    }
}

extension LabelSelector {
    /// The schema of `namespaceSelector`.
    public static let schema: StructuralSchema = {
        var requirement = StructuralSchema.object(
            required: ["key", "operator"],
            [
                "key": .string("A label.", maximumLength: 317),
                "operator": .string(
                    "In, NotIn, Exists or DoesNotExist.", oneOf: Requirement.Operator.allCases.map(\.rawValue)),
                "values": .list(of: .string(maximumLength: 63), "For In and NotIn.", atMost: 1000),
            ])
        requirement.rules = [
            .init(
                "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                message: valuesRule)
        ]
        return .object(
            "Namespaces with these labels come here too; an empty one means all.",
            [
                "matchLabels": .map(of: .string(maximumLength: 63), "Labels that a namespace must have."),
                "matchExpressions": .list(
                    of: requirement, "What must hold of the labels besides.", atMost: 100),
            ])
    }()

    static let valuesRule = "In and NotIn need values, Exists and DoesNotExist take none"
}

extension QueueStatus {
    /// The schema of `Queue.status`.
    public static let schema: StructuralSchema = {
        var schema = StructuralSchema.object(
            "What becomes of the queue's work. A gang is the pods of a task attempt, or a whole run.",
            [
                "observedGeneration": .integer(
                    "The generation of the spec that this is about; -1: none yet.", format: "int64"),
                "pending": .integer("Gangs that wait."),
                "admitted": .integer("Gangs that hold a place in the queue."),
                "running": .integer("Of the admitted ones, those whose pods run."),
                "runs": .integer("Runs with an admitted gang."),
                "allocated": .map(of: .intOrString(), "What admitted gangs ask for, by resource."),
                "deserved": .map(of: .intOrString(), "What the queue has a right to now, by resource."),
                "guaranteed": .map(of: .intOrString(), "What is kept free for it now, by resource."),
                "gpu": .string("GPUs that are allocated, of those deserved, as in 3/8."),
                "share": .string("The part of the cluster that is allocated, of the resource of which it is largest."),
                "conditions": .list(
                    of: Condition.schema, "Ready: whether the queue has a place in the tree and takes work.", by: "type"
                ),
            ])
        // So that kstatus, and with it Flux, does not take a queue for ready before the operator has looked at it.
        schema.defaultValue = ["observedGeneration": -1]
        return schema
    }()
}
