import CronSchedule
public import JSON
public import KubernetesModel

extension Validator {
    /// Says what is wrong with the name of a time zone beyond its form: that no such zone is there; nil where nothing is.
    public typealias ZoneCheck = @Sendable (_ name: String) -> String?

    /// Checks the spec of a ScheduledRun. Whether its time zone exists is asked of `zones`, where that is given.
    public static func validate(
        scheduledRunSpec spec: JSONValue, path: FieldPath = "spec", zones: ZoneCheck? = nil
    ) -> ValidationReport {
        var report = ValidationReport()
        let (value, errors) = checkShape(spec, ScheduledRunSpec.schema, path: path, isRoot: false)
        report.errors += errors
        if value.object != nil { checkSchedule(value, path, zones, &report) }
        return report
    }

    /// Checks a schedule whose shape has been checked; values of the wrong type are passed over here.
    static func checkSchedule(
        _ spec: JSONValue, _ path: FieldPath, _ zones: ZoneCheck?, _ report: inout ValidationReport
    ) {
        switch (spec["schedule"], spec["schedules"]) {
        case (nil, nil): report.add(.required(path.field("schedule"), "schedule or schedules is required"))
        case (_?, let several?):
            report.add(.invalid(path.field("schedules"), several, "must not be there beside schedule"))
        default: break
        }
        if let text = spec["schedule"]?.string { checkExpression(text, path.field("schedule"), &report) }
        if let several = spec["schedules"]?.array {
            if several.isEmpty { report.add(.required(path.field("schedules"), "must hold an expression")) }
            for (index, text) in several.enumerated() {
                guard let text = text.string else { continue }
                checkExpression(text, path.field("schedules").index(index), &report)
            }
        }
        if let zone = spec["timeZone"], let name = zone.string,
            let problem = ZoneRules.nameProblem(name) ?? zones?(name)
        {
            report.add(.invalid(path.field("timeZone"), zone, problem))
        }
        let policy = spec["concurrencyPolicy"]?.string ?? "Allow"
        if policy != "Allow", let most = spec["maxConcurrency"]?.int, most > 1 {
            report.add(
                .invalid(
                    path.field("maxConcurrency"), .int(most),
                    "must be 1 with concurrencyPolicy \(policy), which has one run at a time"))
        }
        if spec["catchUpLimit"] != nil, spec["catchUp"] != "All" {
            report.warn(
                .invalid(
                    path.field("catchUpLimit"), spec["catchUpLimit"] ?? .null, "has no effect without catchUp: All"))
        }
        var times: [String: Timestamp] = [:]
        for field in ["startTime", "endTime"] {
            guard let value = spec[field], let text = value.string else { continue }
            if let time = Timestamp(rfc3339: text) {
                times[field] = time
            } else {
                report.add(.invalid(path.field(field), value, "must be a time as 2026-01-31T08:00:00Z"))
            }
        }
        if let start = times["startTime"], let end = times["endTime"], end < start {
            report.add(.invalid(path.field("endTime"), spec["endTime"] ?? .null, "must not be before startTime"))
        }
        guard let template = spec["template"]?["spec"], template.object != nil else { return }
        // With a time filled in, as each run has one.
        let sample = ScheduleReferences(
            time: Timestamp(seconds: 0), zone: .utc, index: 0, name: "sample")
        var problems: [String] = []
        let filled = sample.fill(template) { problems.append($0) }
        for problem in problems { report.add(.invalid(path.field("template").field("spec"), .null, problem)) }
        checkRun(filled, path.field("template").field("spec"), &report)
    }

    private static func checkExpression(_ text: String, _ path: FieldPath, _ report: inout ValidationReport) {
        do {
            _ = try CronExpression(text)
        } catch {
            report.add(.invalid(path, .string(text), "at character \(error.position + 1): \(error.message)"))
        }
    }
}
