import KubernetesModel

@testable import GangQueue

/// A cluster and its queue in virtual time, for rule tables.
struct World {
    var queue = GangQueue()
    var now = Timestamp(seconds: 1_000_000)

    init(nodes: [NodeSpec] = [], queues: [QueuePolicy] = []) {
        for node in nodes { queue.setNode(node) }
        for spec in queues { queue.setQueue(spec) }
    }

    /// A gang that arrived at that second of the story.
    static func gang(
        _ key: String, _ queue: String?, _ requests: Resources, count: Int = 1, required: Int? = nil,
        at second: Int64 = 0,
        priority: Int64 = 0, run: String? = nil, namespace: String = "default", limit: Int64? = nil,
        critical: Int64 = 0,
        separate: Bool = false, selector: [String: String] = [:], topology: Topology? = nil
    ) -> Workload {
        Workload(
            key, namespace: namespace, queue: queue, run: run, priority: priority,
            arrival: Timestamp(seconds: 1_000_000 + second),
            criticalPath: critical, timeLimit: limit.map { $0 * 1_000_000 },
            pods: [
                PodGroup(requests, count: count, required: required, nodeSelector: selector, separateHosts: separate)
            ],
            topology: topology)
    }

    /// The same with no queue named.
    static func gang(
        _ key: String, _ requests: Resources, count: Int = 1, required: Int? = nil, at second: Int64 = 0,
        priority: Int64 = 0,
        run: String? = nil, namespace: String = "default", limit: Int64? = nil, critical: Int64 = 0,
        separate: Bool = false,
        selector: [String: String] = [:], topology: Topology? = nil
    ) -> Workload {
        gang(
            key, nil, requests, count: count, required: required, at: second, priority: priority, run: run,
            namespace: namespace,
            limit: limit, critical: critical, separate: separate, selector: selector, topology: topology)
    }

    static func nodes(_ count: Int, _ allocatable: Resources) -> [NodeSpec] {
        (0..<count).map { NodeSpec("n\($0)", allocatable: allocatable) }
    }

    mutating func submit(_ workloads: Workload...) { for workload in workloads { queue.submit(workload) } }

    /// One decision; the keys of what it starts, in order.
    @discardableResult
    mutating func admitted(after seconds: Int64 = 0) -> [String] { decide(after: seconds).admissions.map(\.key) }

    mutating func decide(after seconds: Int64 = 0) -> Decisions {
        now = Timestamp(seconds: now.seconds + seconds)
        return queue.cycle(now: now)
    }

    func kind(_ key: String) -> WaitingReason.Kind? { queue.reason(key)?.kind }
    func text(_ key: String) -> String? { queue.reason(key)?.text }
}
