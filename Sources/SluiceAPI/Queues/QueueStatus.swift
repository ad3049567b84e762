public import JSON
public import KubernetesModel

/// What becomes of a queue's work. Gangs are counted: the pods of a task attempt, or a whole run.
public struct QueueStatus: Sendable, Hashable {
    /// -1 until the operator has looked at the queue.
    public var observedGeneration: Int64 = -1
    /// Gangs that wait.
    public var pending = 0
    /// Gangs that may run: those that hold a place in the queue.
    public var admitted = 0
    /// Of the admitted ones, those whose pods run.
    public var running = 0
    /// Runs with an admitted gang: what `maxRunningRuns` limits.
    public var runs = 0
    /// What admitted gangs ask for.
    public var allocated: [String: Quantity] = [:]
    /// What the queue has a right to now.
    public var deserved: [String: Quantity] = [:]
    /// What is kept free for it now: the guarantee, or less where nodes are missing.
    public var guaranteed: [String: Quantity] = [:]
    /// The dominant share of the cluster that is allocated, in thousandths; nil before it is known.
    public var share: Int?
    public var conditions: [Condition] = []

    /// The status of a queue that the operator has not looked at.
    public init() {}

    /// Allocated and deserved GPUs of any vendor as one text, as in "3/8"; nil where there are none. What kubectl prints.
    public var gpu: String? {
        func total(_ amounts: [String: Quantity]) -> Quantity? {
            let found = amounts.filter { Self.isGPU($0.key) }.map(\.value)
            return found.isEmpty ? nil : found.reduce(Quantity.zero) { $0.adding($1) ?? $0 }
        }
        let (used, right) = (total(allocated), total(deserved))
        guard used != nil || right != nil else { return nil }
        return "\(used ?? .zero)/\(right ?? .zero)"
    }

    /// Whether a resource counts whole GPUs; slices of one do not.
    static func isGPU(_ resource: String) -> Bool {
        resource.hasSuffix("/gpu") || resource == "gpu.intel.com/i915" || resource == "gpu.intel.com/xe"
    }
}

extension QueueStatus {
    /// The type of the condition that says whether the queue has a place in the tree and takes work.
    public static let ready = "Ready"

    /// Sets the Ready condition, and Stalled beside it where it is not ready, which kstatus reads as a failure: nothing but an edit
    /// helps. Both keep their time while their state stays; `previous` are those that were there before.
    public mutating func setReady(
        _ isReady: Bool, reason: String, message: String, previous: [Condition], now: Timestamp
    ) {
        func condition(_ type: String, _ state: String) -> Condition {
            let old = previous.first { $0.type == type && $0.status == state }
            return Condition(
                type: type, status: state, reason: reason, message: message,
                lastTransitionTime: old?.lastTransitionTime ?? now.wholeSecond, observedGeneration: observedGeneration)
        }
        conditions.removeAll { [Self.ready, "Stalled"].contains($0.type) }
        conditions.append(condition(Self.ready, isReady ? "True" : "False"))
        if !isReady { conditions.append(condition("Stalled", "True")) }
    }
}

/// The reasons of a queue's Ready condition.
public enum QueueReasons {
    /// The queue takes work.
    public static let open = "Open"
    /// It has queues below it, which take the work.
    public static let hasChildren = "HasChildren"
    /// Its spec does not pass validation.
    public static let invalidSpec = "InvalidSpec"
    /// There is no queue of the name that it has as parent.
    public static let unknownParent = "UnknownParent"
    /// It is below itself.
    public static let cycle = "Cycle"
    /// A queue above it has no place in the tree.
    public static let parentNotReady = "ParentNotReady"
    /// Its state, or that of a queue above it, is not Open.
    public static let admissionClosed = "AdmissionClosed"
}

extension QueueStatus: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "observedGeneration": observedGeneration = try reader.readOptional { try $0.readInt64() } ?? -1
            case "pending": pending = try reader.readOptional { try $0.readInt() } ?? 0
            case "admitted": admitted = try reader.readOptional { try $0.readInt() } ?? 0
            case "running": running = try reader.readOptional { try $0.readInt() } ?? 0
            case "runs": runs = try reader.readOptional { try $0.readInt() } ?? 0
            case "allocated": allocated = try Self.amounts(from: &reader)
            case "deserved": deserved = try Self.amounts(from: &reader)
            case "guaranteed": guaranteed = try Self.amounts(from: &reader)
            case "share": share = try reader.readOptional { Self.thousandths(try $0.readString()) } ?? nil
            case "conditions": conditions = try reader.readArray { try Condition(from: &$0) }
            default: try reader.skip()
            }
        }
    }

    /// The counts are there even when they are 0, since kubectl prints them.
    public var json: JSONValue {
        var fields: JSONObject = [
            "observedGeneration": .int(observedGeneration), "pending": .int(Int64(pending)),
            "admitted": .int(Int64(admitted)),
        ]
        if running != 0 { fields["running"] = .int(Int64(running)) }
        if runs != 0 { fields["runs"] = .int(Int64(runs)) }
        for (name, amounts) in [("allocated", allocated), ("deserved", deserved), ("guaranteed", guaranteed)]
        where !amounts.isEmpty {
            fields[name] = .object(JSONObject(amounts.map { ($0.key, $0.value.json) }))
        }
        if let gpu { fields["gpu"] = .string(gpu) }
        if let share { fields["share"] = .string(Self.shareText(share)) }
        if !conditions.isEmpty { fields["conditions"] = .array(conditions.map(\.json)) }
        return .object(fields)
    }

    private static func amounts(from reader: inout JSONReader) throws -> [String: Quantity] {
        var result: [String: Quantity] = [:]
        try reader.readFields { key, reader in result[key.string] = Quantity(json: try reader.readValue()) }
        return result
    }

    /// 420 is "0.42", 425 is "0.425", 1000 is "1.00".
    public static func shareText(_ thousandths: Int) -> String {
        let value = max(thousandths, 0)
        let digits = String(1000 + value % 1000).dropFirst()
        return "\(value / 1000).\(digits.last == "0" ? digits.dropLast() : digits)"
    }

    /// The reverse of ``shareText(_:)``; nil for any other text.
    static func thousandths(_ text: String) -> Int? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, (2...3).contains(parts[1].utf8.count), parts[0].utf8.count <= 9,
            let whole = Int(parts[0]), whole >= 0, let fraction = Int(parts[1]), fraction >= 0
        else { return nil }
        return whole * 1000 + (parts[1].utf8.count == 2 ? fraction * 10 : fraction)
    }
}
