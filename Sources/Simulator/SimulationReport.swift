public import JSON
import KubernetesModel

/// What came of a simulation. Times are spans from its start.
public struct SimulationReport: Sendable, Hashable {
    /// One attempt of a task.
    public struct Attempt: Sendable, Hashable {
        /// When it was let in. With no queue that is when it began.
        public var admitted: Duration?
        /// When its first pod was created; nil for none.
        public var started: Duration?
        /// When its last pod had ended; nil while one has not.
        public var finished: Duration?
        /// Succeeded, Cancelled, or the reason of its failure; empty while it goes on.
        public var outcome = ""
        /// How many pods it had; 0 for a sub-pipeline, whose tasks have them.
        public var pods = 0
    }

    /// One task, one instance of a forEach, or one sub-pipeline.
    public struct Task: Sendable, Hashable {
        /// Its path: `train`, `shard[3]`, `outer[2]/inner`.
        public var name: String
        public var phase: String
        public var reason = ""
        public var attempts: [Attempt] = []
    }

    /// One run.
    public struct Run: Sendable, Hashable {
        public var namespace: String
        public var name: String
        public var phase: String
        public var reason = ""
        public var message = ""
        public var arrived: Duration
        /// When its first pod was created.
        public var started: Duration?
        public var finished: Duration?
        public var results = JSONObject()
        /// How many tasks with no rows below them are in which phase, by the name of the phase.
        public var counts = JSONObject()
        public var tasks: [Task] = []
    }

    /// An attempt that was let in. Where there is no Node, no Queue and no run that names one, every one is, at once, and its queue
    /// is `default`.
    public struct Admission: Sendable, Hashable {
        public var at: Duration
        public var namespace: String
        public var run: String
        public var task: String
        public var attempt: Int
        public var pods: Int
        public var queue = "default"
        /// The node of each pod, nil for one that has none yet; empty where there are no nodes and the capacity has no end.
        public var nodes: [String?] = []
    }

    /// An object that admission refused.
    public struct Refusal: Sendable, Hashable {
        public var kind: String
        public var name: String
        public var message: String
    }

    /// The end of the last run that ended.
    public var makespan = Duration.zero
    public var podsCreated = 0
    public var runs: [Run] = []
    public var admissions: [Admission] = []
    public var preemptions: [Preemption] = []
    /// In the order of their queues, there in that of their runs.
    public var waiting: [Waiting] = []
    /// By namespace and name.
    public var schedules: [Schedule] = []
    /// By name.
    public var queues: [QueueUse] = []
    /// What was used of what there was while anything waited or ran, from 0 to 1, by resource and in the order of the names.
    public var utilisation: [Amount] = []
    public var refused: [Refusal] = []
    /// When the simulation ended.
    public var ended = Duration.zero

    /// Nothing has happened.
    public init() {}
}

extension SimulationReport: JSONWritable {
    public var json: JSONValue {
        [
            "makespanSeconds": Self.seconds(makespan), "podsCreated": .int(Int64(podsCreated)),
            "utilisation": .object(JSONObject(utilisation.map { ($0.resource, Self.number($0.units)) })),
            "runs": .array(runs.map(\.json)), "admissions": .array(admissions.map(\.json)),
            "preemptions": .array(preemptions.map(\.json)), "waiting": .array(waiting.map(\.json)),
            "schedules": .array(schedules.map(\.json)), "queues": .array(queues.map(\.json)),
            "refused": .array(
                refused.map {
                    ["kind": .string($0.kind), "name": .string($0.name), "message": .string($0.message)]
                }),
        ]
    }

    /// Seconds, to the microsecond.
    static func seconds(_ duration: Duration?) -> JSONValue {
        guard let microseconds = duration?.microseconds else { return .null }
        return microseconds % 1_000_000 == 0
            ? .int(microseconds / 1_000_000) : .double(Double(microseconds) / 1_000_000)
    }
}

extension SimulationReport.Run {
    var json: JSONValue {
        [
            "namespace": .string(namespace), "name": .string(name), "phase": .string(phase),
            "reason": .string(reason), "arrived": SimulationReport.seconds(arrived),
            "started": SimulationReport.seconds(started), "finished": SimulationReport.seconds(finished),
            "results": .object(results), "counts": .object(counts), "tasks": .array(tasks.map(\.json)),
        ]
    }
}

extension SimulationReport.Task {
    var json: JSONValue {
        [
            "name": .string(name), "phase": .string(phase), "reason": .string(reason),
            "attempts": .array(
                attempts.map {
                    [
                        "admitted": SimulationReport.seconds($0.admitted),
                        "started": SimulationReport.seconds($0.started),
                        "finished": SimulationReport.seconds($0.finished),
                        "outcome": $0.outcome.isEmpty ? .null : .string($0.outcome), "pods": .int(Int64($0.pods)),
                    ]
                }),
        ]
    }
}

extension SimulationReport.Admission {
    var json: JSONValue {
        [
            "at": SimulationReport.seconds(at), "namespace": .string(namespace), "run": .string(run),
            "task": .string(task), "attempt": .int(Int64(attempt)), "pods": .int(Int64(pods)), "queue": .string(queue),
            "nodes": .array(nodes.map { $0.map(JSONValue.string) ?? .null }),
        ]
    }
}
