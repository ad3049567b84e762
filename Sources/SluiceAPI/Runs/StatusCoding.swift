public import JSON
import KubernetesModel

extension PipelineRunStatus: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "observedGeneration": observedGeneration = try reader.readInt64()
            case "phase": phase = RunPhase(rawValue: try reader.readString()) ?? .pending
            case "reason": reason = try reader.readString()
            case "message": message = try reader.readString()
            case "startTime": startTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "completionTime": completionTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "progress": progress = try reader.readString()
            case "counts":
                try reader.readFields { key, reader in
                    let count = try reader.readInt()
                    if let phase = TaskPhase(rawValue: key.string) { counts[phase] = count }
                }
            case "tasks": tasks = try reader.readArray { try TaskStatus(from: &$0) }
            case "folded": folded = try reader.readArray { try FoldedTasks(from: &$0) }
            case "results": results = try reader.readValue().object ?? JSONObject()
            case "queue": queue = try reader.readOptional { try QueuePlace(from: &$0) }
            case "conditions": conditions = try reader.readArray { try Condition(from: &$0) }
            case "pipelineSpec": pipelineSpec = try reader.readValue()
            case "pipelines": pipelines = try reader.readValue().object ?? JSONObject()
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var fields: JSONObject = [
            "observedGeneration": .int(observedGeneration), "phase": .string(phase.rawValue),
        ]
        if !reason.isEmpty { fields["reason"] = .string(reason) }
        if !message.isEmpty { fields["message"] = .string(message) }
        if let startTime { fields["startTime"] = startTime.json }
        if let completionTime { fields["completionTime"] = completionTime.json }
        if !progress.isEmpty { fields["progress"] = .string(progress) }
        if !counts.isEmpty {
            fields["counts"] = .object(JSONObject(counts.map { ($0.key.rawValue, .int(Int64($0.value))) }))
        }
        if !tasks.isEmpty { fields["tasks"] = .array(tasks.map(\.json)) }
        if !folded.isEmpty { fields["folded"] = .array(folded.map(\.json)) }
        if !results.isEmpty { fields["results"] = .object(results) }
        if let queue { fields["queue"] = queue.json }
        if !conditions.isEmpty { fields["conditions"] = .array(conditions.map(\.json)) }
        if let pipelineSpec { fields["pipelineSpec"] = pipelineSpec }
        if !pipelines.isEmpty { fields["pipelines"] = .object(pipelines) }
        return .object(fields)
    }
}

extension QueuePlace: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        self.init(name: "")
        try reader.readFields { key, reader in
            switch key {
            case "name": name = try reader.readString()
            case "position": position = try reader.readOptional { try $0.readInt() }
            case "reason": reason = try reader.readString()
            case "admittedTime": admittedTime = try reader.readOptional { try Timestamp(from: &$0) }
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var fields = JSONObject()
        if !name.isEmpty { fields["name"] = .string(name) }
        if let position { fields["position"] = .int(Int64(position)) }
        if !reason.isEmpty { fields["reason"] = .string(reason) }
        if let admittedTime { fields["admittedTime"] = admittedTime.json }
        return .object(fields)
    }
}

extension TaskStatus: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        self.init(name: "")
        try reader.readFields { key, reader in
            switch key {
            case "name": name = try reader.readString()
            case "phase": phase = TaskPhase(rawValue: try reader.readString()) ?? .pending
            case "reason": reason = try reader.readString()
            case "message": message = try reader.readString()
            case "attempt": attempt = try reader.readInt()
            case "failures": failures = try reader.readInt()
            case "disruptions": disruptions = try reader.readInt()
            case "requeues": requeues = try reader.readInt()
            case "pods": pods = try reader.readArray { try $0.readString() }
            case "startTime": startTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "completionTime": completionTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "nextAttemptTime": nextAttemptTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "stuckTime": stuckTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "shrunkTo": shrunkTo = try reader.readOptional { try $0.readInt() }
            case "exitCode": exitCode = try reader.readOptional { try $0.readInt() }
            case "stopping": stopping = StopCause(rawValue: try reader.readString())
            case "results": results = try reader.readValue().object ?? JSONObject()
            case "items": items = try reader.readOptional { try $0.readInt() }
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var fields: JSONObject = ["name": .string(name), "phase": .string(phase.rawValue)]
        if !reason.isEmpty { fields["reason"] = .string(reason) }
        if !message.isEmpty { fields["message"] = .string(message) }
        if attempt != 0 { fields["attempt"] = .int(Int64(attempt)) }
        if failures != 0 { fields["failures"] = .int(Int64(failures)) }
        if disruptions != 0 { fields["disruptions"] = .int(Int64(disruptions)) }
        if requeues != 0 { fields["requeues"] = .int(Int64(requeues)) }
        if !pods.isEmpty { fields["pods"] = JSONValue(pods) }
        if let startTime { fields["startTime"] = startTime.json }
        if let completionTime { fields["completionTime"] = completionTime.json }
        if let nextAttemptTime { fields["nextAttemptTime"] = nextAttemptTime.json }
        if let stuckTime { fields["stuckTime"] = stuckTime.json }
        if let shrunkTo { fields["shrunkTo"] = .int(Int64(shrunkTo)) }
        if let exitCode { fields["exitCode"] = .int(Int64(exitCode)) }
        if let stopping { fields["stopping"] = .string(stopping.rawValue) }
        if !results.isEmpty { fields["results"] = .object(results) }
        if let items { fields["items"] = .int(Int64(items)) }
        return .object(fields)
    }
}

extension FoldedTasks: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        self.init(phase: .pending, reason: "", tasks: "")
        try reader.readFields { key, reader in
            switch key {
            case "phase": phase = TaskPhase(rawValue: try reader.readString()) ?? .pending
            case "reason": reason = try reader.readString()
            case "tasks": tasks = try reader.readString()
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var fields: JSONObject = ["phase": .string(phase.rawValue), "tasks": .string(tasks)]
        if !reason.isEmpty { fields["reason"] = .string(reason) }
        return .object(fields)
    }
}

extension Condition: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        self.init(
            type: "", status: "Unknown", reason: "", message: "", lastTransitionTime: Timestamp(seconds: 0),
            observedGeneration: 0)
        try reader.readFields { key, reader in
            switch key {
            case "type": type = try reader.readString()
            case "status": status = try reader.readString()
            case "reason": reason = try reader.readString()
            case "message": message = try reader.readString()
            case "lastTransitionTime": lastTransitionTime = try Timestamp(from: &reader)
            case "observedGeneration": observedGeneration = try reader.readInt64()
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        [
            "type": .string(type), "status": .string(status), "reason": .string(reason), "message": .string(message),
            "lastTransitionTime": lastTransitionTime.json, "observedGeneration": .int(observedGeneration),
        ]
    }
}
