import JSON
import KubernetesModel

/// What the queues did.
extension SimulationReport {
    /// The pods of an attempt as the queue knows them.
    public struct Workload: Sendable, Hashable {
        public var namespace: String
        public var run: String
        public var task: String
        public var queue: String
    }

    /// An attempt whose room was taken back.
    public struct Preemption: Sendable, Hashable {
        public var at: Duration
        public var victim: Workload
        /// For whom; nil where a queue is drained.
        public var asker: Workload?
        /// One sentence.
        public var reason: String
        /// How many replicas went, where the gang went on with fewer.
        public var pods: Int?
    }

    /// An attempt that waits as it ends.
    public struct Waiting: Sendable, Hashable {
        public var workload: Workload
        /// When it asked.
        public var since: Duration
        /// One sentence.
        public var reason: String
    }

    /// An amount of a resource: thousandths of a core, bytes or pieces.
    public struct Amount: Sendable, Hashable {
        public var resource: String
        public var units: Double

        /// In cores, bytes or pieces, to the millionth.
        var value: Double { Usage.rounded(resource == "cpu" ? units / 1000 : units) }
    }

    /// From a time on, a queue has that part of the cluster in thousandths: of the resource of which it has the largest part.
    public struct Share: Sendable, Hashable {
        public var from: Duration
        public var thousandths: Int
    }

    /// What a queue had, those below it included. Amounts are there for resources of which it is more than nothing.
    public struct QueueUse: Sendable, Hashable {
        public var name: String
        /// As of the end.
        public var deserved: [Amount] = []
        /// As of the end.
        public var allocated: [Amount] = []
        public var peak: [Amount] = []
        /// Over the time in which anything waited or ran.
        public var average: [Amount] = []
        /// Empty where the capacity has no end.
        public var shares: [Share] = []
    }
}

extension SimulationReport.Workload {
    var json: JSONValue {
        [
            "namespace": .string(namespace), "run": .string(run), "task": .string(task), "queue": .string(queue),
        ]
    }
}

extension SimulationReport.Preemption {
    var json: JSONValue {
        var json = victim.json
        json["at"] = SimulationReport.seconds(at)
        json["for"] = asker?.json ?? .null
        json["reason"] = .string(reason)
        if let pods { json["pods"] = .int(Int64(pods)) }
        return json
    }
}

extension SimulationReport.Waiting {
    var json: JSONValue {
        var json = workload.json
        json["since"] = SimulationReport.seconds(since)
        json["reason"] = .string(reason)
        return json
    }
}

extension SimulationReport.QueueUse {
    var json: JSONValue {
        [
            "name": .string(name), "deserved": Self.json(deserved), "allocated": Self.json(allocated),
            "peak": Self.json(peak), "average": Self.json(average),
        ]
    }

    private static func json(_ amounts: [SimulationReport.Amount]) -> JSONValue {
        .object(JSONObject(amounts.map { ($0.resource, SimulationReport.number($0.value)) }))
    }
}

extension SimulationReport {
    /// A whole number as one.
    static func number(_ value: Double) -> JSONValue { Int64(exactly: value).map(JSONValue.int) ?? .double(value) }
}
