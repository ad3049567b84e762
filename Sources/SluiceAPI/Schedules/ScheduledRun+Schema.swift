import JSON
public import KubernetesSchema

extension ScheduledRunSpec {
    /// The schema of `ScheduledRun.spec`.
    public static let schema: StructuralSchema = {
        var schema = StructuralSchema.object("When runs are started, and of what.", required: ["template"], fields)
        schema.rules = [.init("has(self.schedule) != has(self.schedules)", message: oneSchedule)]
        return schema
    }()

    static let oneSchedule = "exactly one of schedule and schedules is needed"

    private static let fields: [String: StructuralSchema] = [
        "schedule": .string(
            "When: five fields of cron (minute, hour, day of the month, month, day of the week), a macro as @daily, or @every 90m.",
            maximumLength: 200),
        "schedules": .list(
            of: .string(maximumLength: 200), "Several expressions; an instant that two of them name is one run.",
            atMost: 50),
        "timeZone": .string("An IANA time zone, as Europe/London; UTC when not given.", maximumLength: 100),
        "startingDeadlineSeconds": .integer("A slot that is later than this does not start any more.", from: 0),
        "concurrencyPolicy": .string(
            "While runs of earlier slots are active: Allow (default), Forbid (wait or miss, as catchUp says) or Replace (cancel them).",
            oneOf: ConcurrencyPolicy.allCases.map(\.rawValue)),
        "maxConcurrency": .integer("Most runs at once.", from: 1),
        "catchUp": .string(
            "Slots that could not start on time: Latest (default) starts the newest, All every one in order, None none.",
            oneOf: CatchUp.allCases.map(\.rawValue)),
        "catchUpLimit": .integer(
            "Most slots that All starts later, the newest ones; 100 when not given.", from: 1, to: 1000),
        "suspend": suspend,
        "startTime": .string("No slot before it.", format: "date-time"),
        "endTime": .string("No slot after it.", format: "date-time"),
        "jitterSeconds": .integer(
            "Runs start up to so many seconds after their slots, each object by its own constant delay.", from: 0,
            to: 86_400),
        "successfulRunsHistoryLimit": .integer(
            "Finished runs that are kept: succeeded ones, 3 when not given.", from: 0),
        "failedRunsHistoryLimit": .integer("Likewise all others, 1 when not given.", from: 0),
        "template": .object(
            "The runs. $(schedule.time), $(schedule.time:%Y-%m-%d), $(schedule.index) and $(schedule.name) are filled in.",
            required: ["spec"],
            [
                "metadata": .object(
                    "Labels and annotations of the runs.",
                    [
                        "labels": .map(of: .string(), "Labels."), "annotations": .map(of: .string(), "Annotations."),
                    ]),
                "spec": PipelineRunSpec.schema,
            ]),
    ]

    // Written into the object, so that kubectl has something to print.
    private static let suspend: StructuralSchema = {
        var schema = StructuralSchema.boolean("Nothing is started while it is true.")
        schema.defaultValue = false
        return schema
    }()
}

extension ScheduledRunStatus {
    /// The schema of `ScheduledRun.status`.
    public static let schema: StructuralSchema = {
        var schema = StructuralSchema.object(
            "What became of the schedule's slots.",
            [
                "observedGeneration": .integer(
                    "The generation of the spec that this is about; -1: none yet.", format: "int64"),
                "active": .list(of: .string(), "The runs that are under way."),
                "activeCount": .integer("How many these are."),
                "lastScheduleTime": .string("The slot that was started last.", format: "date-time"),
                "nextScheduleTime": .string("The first slot that is not decided yet.", format: "date-time"),
                "lastSuccessfulTime": .string("When the last run that succeeded ended.", format: "date-time"),
                "missedCount": .integer("Slots that were not started, ever.", format: "int64"),
                "missed": .list(
                    of: .object(
                        "One slot.",
                        [
                            "scheduled": .string("The slot.", format: "date-time"),
                            "reason": .string("Why it was not started."),
                        ]), "The newest of them."),
                "waiting": .list(
                    of: .object(
                        "One slot.",
                        [
                            "scheduled": .string("The slot.", format: "date-time"),
                            "index": .integer("The place of its expression in schedules."),
                        ]), "Slots that came due and may still start."),
                "decidedTime": .string("Every slot up to here is decided, or waits.", format: "date-time"),
                "schedules": .list(of: .string(), "The expressions by which that was decided."),
                "timeZone": .string("The time zone by which that was decided."),
                "trigger": .string("The request to start a run by hand that was acted on last."),
                "conditions": .list(of: Condition.schema, "Ready: whether the schedule means something.", by: "type"),
            ])
        schema.defaultValue = ["observedGeneration": -1]
        return schema
    }()
}
