public import JSON
public import KubernetesModel

/// When runs are started, and of what.
public struct ScheduledRunSpec: Sendable, Hashable {
    /// What becomes of a slot that comes due while runs of earlier ones are active.
    public enum ConcurrencyPolicy: String, Sendable, Hashable, CaseIterable {
        case allow = "Allow"
        /// It waits, or is missed, as ``CatchUp`` says.
        case forbid = "Forbid"
        /// The active runs are cancelled.
        case replace = "Replace"
    }

    /// What becomes of slots that did not start on time, whatever held them.
    public enum CatchUp: String, Sendable, Hashable, CaseIterable {
        case none = "None"
        /// The newest one starts.
        case latest = "Latest"
        /// All start, in order: the newest ``ScheduledRunSpec/catchUpLimit`` of them.
        case all = "All"
    }

    /// The expressions, `schedule` or `schedules`.
    public var schedules: [String] = []
    /// An IANA zone.
    public var timeZone = "UTC"
    public var startingDeadlineSeconds: Int64?
    public var concurrencyPolicy = ConcurrencyPolicy.allow
    /// Most runs that are active at once; nil for no limit, 1 with Forbid.
    public var maxConcurrency: Int?
    public var catchUp = CatchUp.latest
    public var catchUpLimit = 100
    public var suspend = false
    public var startTime: Timestamp?
    public var endTime: Timestamp?
    public var jitterSeconds: Int64 = 0
    public var successfulRunsHistoryLimit = 3
    public var failedRunsHistoryLimit = 1
    /// `{metadata, spec}` of the runs, references to the schedule still inside.
    public var template: JSONValue = [:]

    /// Nothing that is ever started.
    public init() {}
}

extension ScheduledRunSpec {
    /// Reads what validation has passed: a value of the wrong kind counts as not there.
    public init(validated json: JSONValue) {
        schedules = json["schedules"]?.strings ?? json["schedule"]?.string.map { [$0] } ?? []
        timeZone = json["timeZone"]?.string ?? "UTC"
        startingDeadlineSeconds = json["startingDeadlineSeconds"]?.int
        concurrencyPolicy = json["concurrencyPolicy"]?.string.flatMap(ConcurrencyPolicy.init(rawValue:)) ?? .allow
        maxConcurrency = json["maxConcurrency"]?.int.map(Int.init(clamping:))
        catchUp = json["catchUp"]?.string.flatMap(CatchUp.init(rawValue:)) ?? .latest
        catchUpLimit = json["catchUpLimit"]?.int.map(Int.init(clamping:)) ?? 100
        suspend = json["suspend"]?.bool ?? false
        startTime = json["startTime"]?.string.flatMap { Timestamp(rfc3339: $0) }
        endTime = json["endTime"]?.string.flatMap { Timestamp(rfc3339: $0) }
        jitterSeconds = json["jitterSeconds"]?.int ?? 0
        successfulRunsHistoryLimit = json["successfulRunsHistoryLimit"]?.int.map(Int.init(clamping:)) ?? 3
        failedRunsHistoryLimit = json["failedRunsHistoryLimit"]?.int.map(Int.init(clamping:)) ?? 1
        template = json["template"] ?? [:]
    }
}
