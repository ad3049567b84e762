import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging

/// Binds pods to the one node when they fit, by priority and then by age.
///
/// Pods that need the same wait in one line, so that the cost of a decision grows with the number of different needs and not
/// with the number of pods that wait.
actor NodeScheduler {
    /// The amount of each resource, in billionths of its unit.
    typealias Amounts = [String: Int128]

    /// What the scheduler asks of the API server. Those that return false have failed and should be tried again.
    struct Requests: Sendable {
        /// Binds a pod to the node.
        var bind: @Sendable (_ pod: ObjectMeta) async -> Bool
        /// Writes into the pod's status why it waits.
        var tell: @Sendable (_ pod: ObjectMeta, _ message: String) async -> Bool
        /// The node as it is now; nil when it cannot be read, then it is taken to be as before.
        var node: @Sendable () async -> NodeFacts? = { nil }
        /// Records an event about a pod: a warning, or that all is well.
        var record: @Sendable (_ pod: ObjectMeta, _ isWarning: Bool, _ reason: String, _ message: String) -> Void = {
            _, _, _, _ in
        }
        /// Waits until the node is to be looked at again for pods that it does not suit. Throws when there is no need.
        var pause: @Sendable () async throws -> Void = { throw CancellationError() }
    }

    /// Where a pod stands among those that wait.
    private struct Turn: Comparable {
        var priority: Int64
        var created: Timestamp?
        var uid: String

        static func < (left: Turn, right: Turn) -> Bool {
            if left.priority != right.priority { return left.priority > right.priority }
            if let first = left.created, let second = right.created, first != second { return first < second }
            return left.uid < right.uid
        }
    }

    private struct Waiting {
        var metadata: ObjectMeta
        var turn: Turn
        var needs: PodNeeds
        /// The reason that the pod's status gives for waiting.
        var toldWhy: String
    }

    /// The pods that need the same, in their order.
    private struct Line {
        var turns: [Turn] = []
        /// Why the first of them does not fit, and so none; nil when that has not been looked at.
        var message: String?

        private func index(_ turn: Turn) -> Int {
            var (low, high) = (0, turns.count)
            while low < high {
                let middle = (low + high) / 2
                if turns[middle] < turn { low = middle + 1 } else { high = middle }
            }
            return low
        }

        mutating func join(_ turn: Turn) { turns.insert(turn, at: index(turn)) }

        mutating func leave(_ turn: Turn) {
            let index = index(turn)
            if index < turns.count, turns[index] == turn { turns.remove(at: index) }
        }
    }

    private let requests: Requests
    private let node: String
    private let allocatable: Amounts
    private var facts: NodeFacts
    private var waiting: [String: Waiting] = [:]
    private var lines: [PodNeeds: Line] = [:]
    /// The pods that have not been looked at since they began to wait, or whose last request failed.
    private var fresh: Set<String> = []
    private var used: [String: Amounts] = [:]
    /// The pods on the node, for those that ask who is there.
    private var present: [String: PodAffinity.Identity] = [:]
    /// What those of them ask that keep others away.
    private var keepingAway: [String: PodAffinity] = [:]
    /// The sum of `used`.
    private var inUse: Amounts = [:]
    /// Whether a pod has gone since the lines were looked at.
    private var hasRoomGrown = false
    private var isScheduling = false
    private var isAskedAgain = false
    private var isPausing = false
    /// How often it was worked out whether something fits.
    private(set) var looks = 0

    init(requests: Requests, node: String, labels: [String: String], allocatable: Amounts) {
        self.requests = requests
        self.node = node
        self.allocatable = allocatable
        facts = NodeFacts(name: node, labels: labels)
    }

    /// Records the current state of a pod.
    func update(_ pod: NodePod) {
        let uid = pod.metadata.uid
        if pod.isFinished {
            leave(uid)
            release(uid)
        } else if !pod.nodeName.isEmpty {
            leave(uid)
            if pod.nodeName != node {
                release(uid)
            } else if used[uid] == nil {
                take(uid, Self.requests(pod.spec), pod.metadata, PodAffinity(pod))
            }
        } else if pod.metadata.deletionTimestamp == nil, pod.spec["schedulingGates"]?.array?.isEmpty ?? true,
            ["", "default-scheduler"].contains(pod.spec["schedulerName"]?.string ?? ""),
            // Already bound by ``schedule()``: this event is older than the binding.
            used[uid] == nil
        {
            let scheduled = pod.status["conditions"]?.array?.first { $0["type"] == "PodScheduled" }
            wait(
                Waiting(
                    metadata: pod.metadata,
                    turn: Turn(
                        priority: pod.spec["priority"]?.int ?? 0, created: pod.metadata.creationTimestamp, uid: uid),
                    needs: PodNeeds(pod), toldWhy: scheduled?["message"]?.string ?? ""))
        } else {
            leave(uid)
        }
    }

    /// Records that a pod is gone.
    func remove(_ uid: String) {
        leave(uid)
        release(uid)
    }

    private func wait(_ pod: Waiting) {
        let uid = pod.turn.uid
        // Others may keep it away for its labels.
        if let there = waiting[uid], there.turn == pod.turn, there.needs == pod.needs,
            there.metadata.labels == pod.metadata.labels
        {
            waiting[uid]?.metadata = pod.metadata
            return
        }
        leave(uid)
        waiting[uid] = pod
        lines[pod.needs, default: Line()].join(pod.turn)
        fresh.insert(uid)
    }

    private func leave(_ uid: String) {
        fresh.remove(uid)
        guard let pod = waiting.removeValue(forKey: uid) else { return }
        lines[pod.needs]?.leave(pod.turn)
        if lines[pod.needs]?.turns.isEmpty == true { lines[pod.needs] = nil }
    }

    private func take(_ uid: String, _ amounts: Amounts, _ metadata: ObjectMeta, _ affinity: PodAffinity?) {
        used[uid] = amounts
        present[uid] = PodAffinity.Identity(namespace: metadata.namespace, labels: metadata.labels)
        keepingAway[uid] = affinity
        // Who wants to be beside it may come now.
        if lines.keys.contains(where: { $0.beside != nil }) { hasRoomGrown = true }
        inUse.merge(amounts, uniquingKeysWith: +)
    }

    private func release(_ uid: String) {
        guard let amounts = used.removeValue(forKey: uid) else { return }
        present[uid] = nil
        keepingAway[uid] = nil
        inUse.merge(amounts.mapValues { -$0 }, uniquingKeysWith: +)
        hasRoomGrown = true
    }

    /// Binds the pods that fit, and writes into the status of the others why they do not. Returns whether a request
    /// failed and should be tried again.
    func schedule() async -> Bool {
        guard !isScheduling else {
            isAskedAgain = true
            return false
        }
        isScheduling = true
        defer { isScheduling = false }
        var hasFailed = false
        repeat {
            isAskedAgain = false
            if await pass() { hasFailed = true }
        } while isAskedAgain
        return hasFailed
    }

    private func pass() async -> Bool {
        guard !waiting.isEmpty, hasRoomGrown || !fresh.isEmpty || isPausing else {
            hasRoomGrown = false
            return false
        }
        let now = await requests.node() ?? facts
        let looksAtAll = hasRoomGrown || now != facts
        (facts, hasRoomGrown) = (now, false)
        let new = fresh
        fresh = []
        var candidates = looksAtAll ? Set(lines.keys) : Set(new.compactMap { waiting[$0]?.needs })
        var stuck: [PodNeeds] = []
        var failed: [Waiting] = []
        var kept: [Waiting] = []
        var hasFailed = false
        while let (pod, needs) = first(of: candidates) {
            let problems = problems(needs)
            guard problems.isEmpty else {
                candidates.remove(needs)
                stuck.append(needs)
                lines[needs]?.message = "0/1 nodes are available: \(problems.joined(separator: ", "))."
                continue
            }
            if isKeptAway(pod.metadata) {
                // Others that need the same may have other labels.
                leave(pod.turn.uid)
                kept.append(pod)
                continue
            }
            let uid = pod.turn.uid
            leave(uid)
            take(uid, needs.amounts, pod.metadata, needs.beside)
            if await requests.bind(pod.metadata) {
                requests.record(
                    pod.metadata, false, "Scheduled",
                    "Successfully assigned \(pod.metadata.namespace)/\(pod.metadata.name) to \(node)")
            } else {
                hasFailed = true
                // The pod may have been removed or have ended meanwhile.
                guard used[uid] != nil else { continue }
                release(uid)
                failed.append(pod)
            }
        }
        for pod in failed { wait(pod) }
        for pod in kept where await !tellKeptAway(pod) { hasFailed = true }
        for needs in stuck where await !tell(needs, looksAtAll ? nil : new) { hasFailed = true }
        pauseIfUnsuitable()
        return hasFailed
    }

    /// Whether a pod of the node lets no pod like this one come beside it.
    private func isKeptAway(_ pod: ObjectMeta) -> Bool {
        guard !keepingAway.isEmpty else { return false }
        let identity = PodAffinity.Identity(namespace: pod.namespace, labels: pod.labels)
        return keepingAway.values.contains { $0.refuses(identity, on: facts.labels) }
    }

    /// Lets a pod wait that another one keeps away, and tells it once. Returns whether that succeeded.
    private func tellKeptAway(_ pod: Waiting) async -> Bool {
        let message = "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules."
        var told = pod
        told.toldWhy = message
        wait(told)
        // It is looked at again when a pod goes.
        fresh.remove(pod.turn.uid)
        guard pod.toldWhy != message else { return true }
        guard await requests.tell(pod.metadata, message) else {
            waiting[pod.turn.uid]?.toldWhy = pod.toldWhy
            if waiting[pod.turn.uid] != nil { fresh.insert(pod.turn.uid) }
            return false
        }
        requests.record(pod.metadata, true, "FailedScheduling", message)
        return true
    }

    /// The pod that is next among the lines.
    private func first(of candidates: Set<PodNeeds>) -> (Waiting, PodNeeds)? {
        var best: Turn?
        for needs in candidates {
            guard let turn = lines[needs]?.turns.first else { continue }
            if best.map({ turn < $0 }) ?? true { best = turn }
        }
        return best.flatMap { waiting[$0.uid] }.map { ($0, $0.needs) }
    }

    /// Tells the pods of a line why they wait, those that have been told already excepted. Returns whether that
    /// succeeded. `only`: the others of the line have not changed since they were told.
    private func tell(_ needs: PodNeeds, _ only: Set<String>?) async -> Bool {
        guard let message = lines[needs]?.message else { return true }
        let uids = only.map(Array.init) ?? lines[needs]?.turns.map(\.uid) ?? []
        var isDone = true
        for uid in uids {
            guard let pod = waiting[uid], pod.needs == needs, pod.toldWhy != message else { continue }
            waiting[uid]?.toldWhy = message
            if await requests.tell(pod.metadata, message) {
                requests.record(pod.metadata, true, "FailedScheduling", message)
            } else {
                isDone = false
                guard waiting[uid] != nil else { continue }
                waiting[uid]?.toldWhy = pod.toldWhy
                fresh.insert(uid)
            }
        }
        return isDone
    }

    /// Looks again after a while when the node itself does not suit a pod: nobody tells when it changes.
    private func pauseIfUnsuitable() {
        guard !isPausing, lines.keys.contains(where: { facts.problem($0) != nil }) else { return }
        isPausing = true
        Task { [weak self, pause = requests.pause] in
            guard (try? await pause()) != nil else {
                await self?.endPause(isOver: true)
                return
            }
            _ = await self?.schedule()
            await self?.endPause(isOver: false)
        }
    }

    private func endPause(isOver: Bool) {
        isPausing = false
        if !isOver { pauseIfUnsuitable() }
    }

    /// Why a pod does not fit, worded as kube-scheduler does; empty when it fits.
    private func problems(_ needs: PodNeeds) -> [String] {
        looks += 1
        if let problem = facts.problem(needs) { return [problem] }
        if let problem = needs.beside?.problem(on: facts.labels, beside: present.values) { return [problem] }
        let short = needs.amounts.filter {
            $0.value > 0 && $0.value + (inUse[$0.key] ?? 0) > (allocatable[$0.key] ?? 0)
        }
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
        let nodes = client.dynamic(ResourceType(version: "v1", kind: "Node", plural: "nodes", isNamespaced: false))
        self.node = {
            do {
                return NodeFacts(try await nodes.get(node).json)
            } catch {
                logger.debug("the node \(node) cannot be read: \(error)")
                return nil
            }
        }
        let events = SchedulerEvents(client: client, clock: clock, logger: logger)
        record = { events.record($0, isWarning: $1, reason: $2, message: $3) }
        pause = { try await clock.sleep(for: .seconds(1)) }
    }
}

/// Sends the scheduler's events while it is alive.
private final class SchedulerEvents: Sendable {
    private let recorder: EventRecorder
    private let sending: Task<Void, Never>

    init(client: APIClient, clock: any RuntimeClock, logger: Logger) {
        let recorder = EventRecorder(
            client.eventSink, component: "default-scheduler", clock: clock, logger: logger)
        self.recorder = recorder
        sending = Task { await recorder.run() }
    }

    deinit { sending.cancel() }

    func record(_ pod: ObjectMeta, isWarning: Bool, reason: String, message: String) {
        recorder.record(
            isWarning ? .warning : .normal, reason: reason, message: message,
            on: ObjectReference(NodePod.resourceType, pod))
    }
}
