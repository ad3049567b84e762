import JSON
public import KubernetesModel

/// What the schedules did.
extension SimulationReport {
    /// A ScheduledRun.
    public struct Schedule: Sendable, Hashable {
        /// A run that it made.
        public struct Start: Sendable, Hashable {
            /// The slot or, of one that was asked for by hand, when it was by the operator's clock.
            public var scheduled: Timestamp
            public var at: Duration
            public var run: String
        }

        /// A slot of which no run came.
        public struct Missed: Sendable, Hashable {
            public var scheduled: Timestamp
            /// One sentence.
            public var reason: String
        }

        public var namespace: String
        public var name: String
        /// In the order in which they started.
        public var started: [Start] = []
        /// The newest hundred, in the order of the slots.
        public var missed: [Missed] = []
        public var missedCount: Int64 = 0
        /// Runs that were deleted since the history is full, in the order in which they were.
        public var deleted: [String] = []
        /// The first slot that is not decided yet.
        public var next: Timestamp?
    }
}

extension SimulationReport.Schedule {
    var json: JSONValue {
        [
            "namespace": .string(namespace), "name": .string(name),
            "started": .array(
                started.map {
                    [
                        "scheduled": .string($0.scheduled.rfc3339), "at": SimulationReport.seconds($0.at),
                        "run": .string($0.run),
                    ]
                }),
            "missed": .array(
                missed.map { ["scheduled": .string($0.scheduled.rfc3339), "reason": .string($0.reason)] }),
            "missedCount": .int(missedCount), "deleted": JSONValue(deleted),
            "next": next.map { .string($0.rfc3339) } ?? .null,
        ]
    }
}
