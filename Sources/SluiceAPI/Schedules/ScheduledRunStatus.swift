public import JSON
public import KubernetesModel

/// What became of a schedule's slots.
public struct ScheduledRunStatus: Sendable, Hashable {
    /// A slot that was not started, and why.
    public struct Missed: Sendable, Hashable {
        public var scheduled: Timestamp
        public var reason: String

        /// A missed slot.
        public init(_ scheduled: Timestamp, _ reason: String) {
            self.scheduled = scheduled
            self.reason = reason
        }
    }

    /// A slot that came due and may still start.
    public struct Waiting: Sendable, Hashable, Comparable {
        public var scheduled: Timestamp
        /// The place of its expression in `schedules`.
        public var index: Int

        /// A waiting slot.
        public init(_ scheduled: Timestamp, index: Int) {
            self.scheduled = scheduled
            self.index = index
        }

        public static func < (left: Waiting, right: Waiting) -> Bool {
            (left.scheduled, left.index) < (right.scheduled, right.index)
        }
    }

    /// -1 until the operator has looked at the object.
    public var observedGeneration: Int64 = -1
    /// The names of the runs that are under way, in order of their slots.
    public var active: [String] = []
    /// The slot that was started last.
    public var lastScheduleTime: Timestamp?
    /// The first slot that is not decided yet; nil while suspended and when none will come.
    public var nextScheduleTime: Timestamp?
    /// When the last run that succeeded ended.
    public var lastSuccessfulTime: Timestamp?
    /// How many slots were not started, ever.
    public var missedCount: Int64 = 0
    /// The newest 100 of them, the oldest first.
    public var missed: [Missed] = []
    /// Slots that came due and may still start, the oldest first.
    public var waiting: [Waiting] = []
    /// Every slot up to here is decided, or among ``waiting``.
    public var decidedTime: Timestamp?
    /// The expressions and the zone by which that was decided: an edit is seen by them.
    public var schedules: [String] = []
    public var timeZone = ""
    /// The value of the annotation that was acted on last (a run started by hand).
    public var trigger = ""
    public var conditions: [Condition] = []

    /// The status of an object that the operator has not looked at.
    public init() {}

    /// How many of ``missed`` are kept.
    public static let missedLimit = 100

    /// Counts a slot that was not started, and keeps it while it is one of the newest.
    public mutating func miss(_ slot: Timestamp, _ reason: String) {
        missedCount += 1
        let place = missed.lastIndex { $0.scheduled <= slot }.map { $0 + 1 } ?? 0
        missed.insert(Missed(slot, reason), at: place)
        if missed.count > Self.missedLimit { missed.removeFirst() }
    }

    /// Sets the Ready condition, and Stalled beside it where it is not ready, which kstatus reads as a failure: nothing but an edit
    /// helps. Both keep their time while their state stays. A run that failed does not change them.
    public mutating func setReady(_ isReady: Bool, reason: String, message: String, now: Timestamp) {
        let previous = conditions
        func condition(_ type: String, _ state: String) -> Condition {
            let old = previous.first { $0.type == type && $0.status == state }
            return Condition(
                type: type, status: state, reason: reason, message: message,
                lastTransitionTime: old?.lastTransitionTime ?? now.wholeSecond, observedGeneration: observedGeneration)
        }
        conditions = [condition("Ready", isReady ? "True" : "False")]
        if !isReady { conditions.append(condition("Stalled", "True")) }
    }
}

extension ScheduledRunStatus: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "observedGeneration": observedGeneration = try reader.readOptional { try $0.readInt64() } ?? -1
            case "active": active = try reader.readArray { try $0.readString() }
            case "lastScheduleTime": lastScheduleTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "nextScheduleTime": nextScheduleTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "lastSuccessfulTime": lastSuccessfulTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "missedCount": missedCount = try reader.readOptional { try $0.readInt64() } ?? 0
            case "missed":
                missed = try reader.readArray { reader in
                    var entry = Missed(Timestamp(seconds: 0), "")
                    try reader.readFields { key, reader in
                        switch key {
                        case "scheduled": entry.scheduled = try Timestamp(from: &reader)
                        case "reason": entry.reason = try reader.readString()
                        default: try reader.skip()
                        }
                    }
                    return entry
                }
            case "waiting":
                waiting = try reader.readArray { reader in
                    var entry = Waiting(Timestamp(seconds: 0), index: 0)
                    try reader.readFields { key, reader in
                        switch key {
                        case "scheduled": entry.scheduled = try Timestamp(from: &reader)
                        case "index": entry.index = try reader.readInt()
                        default: try reader.skip()
                        }
                    }
                    return entry
                }
            case "decidedTime": decidedTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "schedules": schedules = try reader.readArray { try $0.readString() }
            case "timeZone": timeZone = try reader.readString()
            case "trigger": trigger = try reader.readString()
            case "conditions": conditions = try reader.readArray { try Condition(from: &$0) }
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var fields: JSONObject = ["observedGeneration": .int(observedGeneration)]
        if !active.isEmpty { fields["active"] = JSONValue(active) }
        // kubectl prints how many there are.
        fields["activeCount"] = .int(Int64(active.count))
        if let lastScheduleTime { fields["lastScheduleTime"] = lastScheduleTime.json }
        if let nextScheduleTime { fields["nextScheduleTime"] = nextScheduleTime.json }
        if let lastSuccessfulTime { fields["lastSuccessfulTime"] = lastSuccessfulTime.json }
        if missedCount != 0 { fields["missedCount"] = .int(missedCount) }
        if !missed.isEmpty {
            fields["missed"] = .array(missed.map { ["scheduled": $0.scheduled.json, "reason": .string($0.reason)] })
        }
        if !waiting.isEmpty {
            fields["waiting"] = .array(
                waiting.map { ["scheduled": $0.scheduled.json, "index": .int(Int64($0.index))] })
        }
        if let decidedTime { fields["decidedTime"] = decidedTime.json }
        if !schedules.isEmpty { fields["schedules"] = JSONValue(schedules) }
        if !timeZone.isEmpty { fields["timeZone"] = .string(timeZone) }
        if !trigger.isEmpty { fields["trigger"] = .string(trigger) }
        if !conditions.isEmpty { fields["conditions"] = .array(conditions.map(\.json)) }
        return .object(fields)
    }
}
