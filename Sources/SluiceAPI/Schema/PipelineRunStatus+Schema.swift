import JSON
public import KubernetesSchema

extension PipelineRunStatus {
    /// The schema of `PipelineRun.status`. Phases are no enumerations here: an older server must take what a newer
    /// operator writes.
    public static let schema: StructuralSchema = {
        var schema = StructuralSchema.object(
            "The phase of the run.",
            [
                "observedGeneration": .integer(
                    "The generation of the spec that this is about; -1: none yet.", format: "int64"),
                "phase": .string("Pending, Queued, Running, Suspended, Cancelling, Succeeded, Failed or Cancelled."),
                "reason": .string("Why, in one word."),
                "message": .string("Why, in one sentence."),
                "startTime": .string("When the first pod was created.", format: "date-time"),
                "completionTime": .string("When the run ended.", format: "date-time"),
                "progress": .string("Tasks that have ended, of all."),
                "counts": .map(of: .integer(), "Tasks by phase."),
                "tasks": .list(
                    of: TaskStatus.schema,
                    "Tasks that have something to tell; those that have not begun are only counted."),
                "folded": .list(
                    of: FoldedTasks.schema,
                    "In a large run, tasks that have nothing to tell but their phase."),
                "results": .map(of: .anything(), "Results of the pipeline."),
                "queue": .object(
                    "Where the run waits.",
                    [
                        "name": .string("The Queue."), "position": .integer("Place in the line, from 1."),
                        "reason": .string("Why it waits."),
                        "admittedTime": .string("When it was admitted.", format: "date-time"),
                    ]),
                "conditions": .list(
                    of: Condition.schema, "Succeeded, Finished, Ready, Reconciling, Stalled.", by: "type"),
                "pipelineSpec": .object(
                    "The Pipeline of pipelineRef as it was when the run began.", preservingUnknownFields: true),
                "pipelines": .object(
                    "The Pipelines of its tasks as they were when the run first came to them, by name.",
                    preservingUnknownFields: true),
            ])
        // So that kstatus, and with it Flux, does not take a run for ready before the operator has looked at it.
        schema.defaultValue = ["observedGeneration": -1]
        return schema
    }()
}

extension TaskStatus {
    /// The schema of one entry of `status.tasks`.
    public static let schema = StructuralSchema.object(
        required: ["name"],
        [
            "name": .string("The task, as in train, shards[3] or outer[2]/inner."),
            "items": .integer("How many instances its forEach has."),
            "phase": .string("Pending, Running, Succeeded, Failed, Skipped or Cancelled."),
            "reason": .string("Why, in one word."), "message": .string("Why, in one sentence."),
            "attempt": .integer("The attempt that runs or ran last, from 0."),
            "failures": .integer("Attempts that failed by the task's own fault."),
            "disruptions": .integer("Attempts that failed by the infrastructure's."),
            "requeues": .integer("How often it was taken down since its pods found no nodes."),
            "pods": .list(of: .string(), "Pods of the attempt."),
            "startTime": .string("When the attempt began.", format: "date-time"),
            "completionTime": .string("When the task ended.", format: "date-time"),
            "nextAttemptTime": .string("When the next attempt may begin.", format: "date-time"),
            "stuckTime": .string("Since when a pod of the attempt has been stuck.", format: "date-time"),
            "exitCode": .integer("Exit code of the container that decided."),
            "shrunkTo": .integer(
                "How many replicas the attempt goes on with, where its queue took back some above minAvailable."),
            "stopping": .string("What becomes of the attempt once its last pod has ended."),
            "results": .map(of: .anything(), "Results that the task wrote."),
        ])
}

extension FoldedTasks {
    /// The schema of one entry of `status.folded`.
    public static let schema = StructuralSchema.object(
        required: ["phase", "tasks"],
        [
            "phase": .string("The phase of them all."), "reason": .string("Why, in one word."),
            "tasks": .string("Their paths, as in prepare,shard[0-4811,4813-4999],step(1-90)."),
        ])
}

extension Condition {
    /// The schema of one condition, as metav1.Condition has it.
    public static let schema = StructuralSchema.object(
        required: ["type", "status", "lastTransitionTime", "reason", "message"],
        [
            "type": .string("What the condition is about."),
            "status": .string("True, False or Unknown.", oneOf: ["True", "False", "Unknown"]),
            "reason": .string("Why, in one word."), "message": .string("Why, in one sentence."),
            "lastTransitionTime": .string("When the status last changed.", format: "date-time"),
            "observedGeneration": .integer("The generation of the spec that this is about.", format: "int64"),
        ])
}
