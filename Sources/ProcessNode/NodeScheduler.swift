import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import Logging

/// Binds pods to the one node when they fit, by priority and then by age.
actor NodeScheduler {
    /// The amount of each resource, in billionths of its unit.
    typealias Amounts = [String: Int128]

    private struct Waiting {
        var metadata: ObjectMeta
        var priority: Int64
        var requests: Amounts
        var nodeSelector: [String: String]
        /// The reason that the pod's status gives for waiting.
        var toldWhy: String
    }

    /// What the scheduler asks of the API server. Each returns false when it failed and should be tried again.
    struct Requests: Sendable {
        /// Binds a pod to the node.
        var bind: @Sendable (_ pod: ObjectMeta) async -> Bool
        /// Writes into the pod's status why it waits.
        var tell: @Sendable (_ pod: ObjectMeta, _ message: String) async -> Bool
    }

    private let requests: Requests
    private let node: String
    private let labels: [String: String]
    private let allocatable: Amounts
    private var waiting: [String: Waiting] = [:]
    private var used: [String: Amounts] = [:]

    init(requests: Requests, node: String, labels: [String: String], allocatable: Amounts) {
        self.requests = requests
        self.node = node
        self.labels = labels
        self.allocatable = allocatable
    }

    /// Records the current state of a pod.
    func update(_ pod: NodePod) {
        let uid = pod.metadata.uid
        waiting[uid] = nil
        if pod.isFinished {
            used[uid] = nil
        } else if !pod.nodeName.isEmpty {
            used[uid] = pod.nodeName == node ? Self.requests(pod.spec) : nil
        } else if pod.metadata.deletionTimestamp == nil, pod.spec["schedulingGates"]?.array?.isEmpty ?? true,
            // Already bound by ``schedule()``: this event is older than the binding.
            used[uid] == nil
        {
            let scheduled = pod.status["conditions"]?.array?.first { $0["type"] == "PodScheduled" }
            waiting[uid] = Waiting(
                metadata: pod.metadata, priority: pod.spec["priority"]?.int ?? 0, requests: Self.requests(pod.spec),
                nodeSelector: pod.spec["nodeSelector"]?.stringMap ?? [:],
                toldWhy: scheduled?["message"]?.string ?? "")
        }
    }

    /// Records that a pod is gone.
    func remove(_ uid: String) {
        waiting[uid] = nil
        used[uid] = nil
    }

    /// Binds the pods that fit, and writes into the status of the others why they do not. Returns whether a request
    /// failed and should be tried again.
    func schedule() async -> Bool {
        let order = waiting.values.sorted { left, right in
            if left.priority != right.priority { return left.priority > right.priority }
            let times = (left.metadata.creationTimestamp, right.metadata.creationTimestamp)
            if let first = times.0, let second = times.1, first != second { return first < second }
            return left.metadata.uid < right.metadata.uid
        }
        var hasFailed = false
        for pod in order {
            let uid = pod.metadata.uid
            // The pod may have been removed or bound while the previous one was being bound.
            guard waiting[uid] != nil else { continue }
            let problems = problems(pod)
            if problems.isEmpty {
                waiting[uid] = nil
                used[uid] = pod.requests
                if await !requests.bind(pod.metadata) {
                    hasFailed = true
                    // Unless the pod has been removed or has ended meanwhile.
                    if used.removeValue(forKey: uid) != nil { waiting[uid] = pod }
                }
            } else {
                let message = "0/1 nodes are available: \(problems.joined(separator: ", "))."
                guard message != pod.toldWhy else { continue }
                waiting[uid]?.toldWhy = message
                if await !requests.tell(pod.metadata, message) {
                    hasFailed = true
                    waiting[uid]?.toldWhy = pod.toldWhy
                }
            }
        }
        return hasFailed
    }

    /// Why a pod does not fit, worded as kube-scheduler does; empty when it fits.
    private func problems(_ pod: Waiting) -> [String] {
        guard pod.nodeSelector.allSatisfy({ labels[$0.key] == $0.value }) else {
            return ["1 node(s) didn't match Pod's node affinity/selector"]
        }
        var inUse: Amounts = [:]
        for amounts in used.values { inUse.merge(amounts, uniquingKeysWith: +) }
        let short = pod.requests.filter { $0.value > 0 && $0.value + (inUse[$0.key] ?? 0) > (allocatable[$0.key] ?? 0) }
        return short.keys.sorted().map { $0 == "pods" ? "1 Too many pods" : "1 Insufficient \($0)" }
    }

    /// The resources that a pod needs: those of its main containers and sidecars together, or of an init container and
    /// the sidecars before it where that is more.
    static func requests(_ spec: JSONValue) -> Amounts {
        func amounts(_ json: JSONValue) -> Amounts {
            var result: Amounts = [:]
            for (name, value) in json[path: "resources", "requests"]?.object ?? JSONObject() {
                result[name] = Quantity(json: value)?.nanoUnits
            }
            return result
        }
        var sidecars: Amounts = [:]
        var peak: Amounts = [:]
        for container in spec["initContainers"]?.array ?? [] {
            if container["restartPolicy"] == "Always" {
                sidecars.merge(amounts(container), uniquingKeysWith: +)
            } else {
                peak.merge(sidecars.merging(amounts(container), uniquingKeysWith: +), uniquingKeysWith: max)
            }
        }
        var total = sidecars
        for container in spec["containers"]?.array ?? [] { total.merge(amounts(container), uniquingKeysWith: +) }
        total.merge(peak, uniquingKeysWith: max)
        for (name, value) in spec["overhead"]?.object ?? JSONObject() {
            total[name, default: 0] += Quantity(json: value)?.nanoUnits ?? 0
        }
        total["pods"] = 1_000_000_000
        return total
    }
}

extension NodeScheduler.Requests {
    /// Requests by a client, for the node of that name.
    init(client: APIClient, node: String, clock: any RuntimeClock, logger: Logger) {
        @Sendable func succeeds(
            _ what: String, _ metadata: ObjectMeta, _ body: () async throws -> Void
        ) async -> Bool {
            do {
                try await body()
            } catch let status as APIStatus where status.code == 404 || status.code == 409 {
                // Gone, bound by another scheduler, or being deleted: the pod's next event tells.
            } catch {
                logger.warning("\(what) \(metadata.namespace)/\(metadata.name) failed, will be tried again: \(error)")
                return false
            }
            return true
        }
        bind = { metadata in
            await succeeds("binding pod", metadata) {
                try await client.resource(NodePod.self, namespace: metadata.namespace)
                    .bind(metadata.name, to: node, uid: metadata.uid)
            }
        }
        tell = { metadata, message in
            let condition: JSONValue = [
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": .string(message),
                "lastTransitionTime": .string(clock.now.rfc3339),
            ]
            return await succeeds("writing the status of pod", metadata) {
                _ = try await client.dynamic(NodePod.resourceType, namespace: metadata.namespace)
                    .patchStatus(
                        metadata.name,
                        .strategic(["metadata": ["uid": .string(metadata.uid)], "status": ["conditions": [condition]]]))
            }
        }
    }
}
