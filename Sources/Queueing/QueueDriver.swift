public import GangQueue
import JSON
public import KubernetesModel
public import PipelineEngine
public import SluiceAPI

/// The runs' attempts of pods and the cluster on one side, ``GangQueue`` on the other: what the operator and the simulator drive.
///
/// Told of queues, nodes, pods and of what runs ask for, in any order and as often as it pleases; ``cycle(now:)`` answers. It keeps
/// which pod belongs to whom, so that every pod that is bound counts exactly once (rules Q2, Q9): as one of an admitted attempt, or else
/// as one that is in the way, whoever made it.
public struct QueueDriver: Sendable {
    var queue: GangQueue
    /// By the key of the workload: the run's namespace and name, and the path of the task.
    var attempts: [String: Attempt] = [:]
    /// By namespace and name of the run, as these keys begin.
    var workloadsByRun: [String: Set<String>] = [:]
    /// The pods of admitted attempts, and of former ones that still end.
    var claims: [ObjectName: Claim] = [:]
    var claimsByWorkload: [String: Set<ObjectName>] = [:]
    /// Those of runs that are admitted as a whole, by namespace and name of the run.
    var claimsByHold: [String: Set<ObjectName>] = [:]
    /// Bound pods that belong to no admitted attempt.
    private var others: [ObjectName: OtherPod] = [:]
    private var othersByNode: [String: [String: Int64]] = [:]
    var nodes: [String: NodeSpec] = [:]
    private var changedNodes: Set<String> = []
    /// The nodes that the queue has been told of.
    private var toldNodes: Set<String> = []
    var priorities: [String: Int64] = [:]
    var queues: [String: (spec: QueueSpec, isValid: Bool)] = [:]
    private var namespaces: [String: Namespace] = [:]
    private var hasChangedQueues = false
    /// Attempts whose PriorityClass is not there, by its name.
    private var withoutPriority: [String: Set<String>] = [:]
    /// Attempts whose reasons changed soon after they were told one, in the order in which they are to be told again.
    private var toTell: [(due: Timestamp, key: String)] = []
    /// Attempts that are held since the last decision.
    private var newlyHeld: [String] = []
    /// What was decided for each queue that exists, since this driver began.
    public private(set) var counts: [String: QueueCounts] = [:]
    private var answers: [QueueAnswer] = []
    /// The room that is kept for runs that are admitted as a whole, by namespace and name.
    var holds: [String: RunHold] = [:]
    var dirtyHolds: Set<String> = []
    /// By node, the pods of ``RunHold/surplus`` that the queue does not know of yet.
    var newSurplus: [String: Int64] = [:]

    struct ObjectName: Hashable, Comparable {
        var namespace: String
        var name: String

        static func < (left: ObjectName, right: ObjectName) -> Bool {
            (left.namespace, left.name) < (right.namespace, right.name)
        }
    }

    struct Attempt {
        var run: QueuedRun
        var request: AdmissionRequest
        var isAdmitted = false
        /// How many of its replicas, counted from 0, have their admission.
        var joined = 0
        /// For whom it lost the others, in a sentence.
        var shrunkFor = ""
        /// When it was told last why it waits, and in which word.
        var told: Timestamp?
        var reason = ""
        /// Whether it is among those to be told later.
        var isToBeTold = false
    }

    struct Claim {
        var workload: String
        var replica: Int
        /// Whether the pod was ever seen: one that never was may not exist.
        var isSeen = false
        var isBound = false
        /// The node that is planned for it.
        var node: String?
        /// What it asks for, of a run that is admitted as a whole.
        var group: PodGroup?
    }

    private struct OtherPod {
        var node: String
        var requests: Resources
    }

    /// A driver with nothing in it.
    public init(_ settings: QueueSettings = QueueSettings()) { queue = GangQueue(settings) }

    // MARK: - What runs ask for

    /// Takes what one look at a run gave (``RunDriver/Effects``). The first of a driver that is new asks for all that the run has need of:
    /// what one before it was given, or asked for, is void where it is not named.
    public mutating func take(_ effects: RunDriver.Effects, of run: QueuedRun, isFirst: Bool = false) {
        if isFirst, let known = workloadsByRun[Self.name(of: run.identity)] {
            let wanted = Set((effects.held + effects.enqueued).map { Self.key($0.key, of: run.identity) })
            for key in known.subtracting(wanted).sorted() { forget(key) }
        }
        if let demand = effects.demand, run.isWhole { setDemand(demand, of: run) }
        for key in effects.withdrawn { withdraw(key, of: run.identity) }
        for request in effects.held { hold(request, of: run) }
        for request in effects.enqueued { submit(request, of: run) }
    }

    /// An attempt asks for admission.
    public mutating func submit(_ request: AdmissionRequest, of run: QueuedRun) {
        let key = add(request, of: run)
        if let name = run.priorityClassName, run.priority == nil, priorities[name] == nil {
            withoutPriority[name, default: []].insert(key)
            answer(
                key,
                .waiting(
                    reason: WaitingReason.Kind.misconfigured.rawValue,
                    message: "there is no PriorityClass \(name); waiting for it", queue: run.queue ?? "", position: nil)
            )
            return
        }
        enter(key, request, of: run)
    }

    private mutating func enter(_ key: String, _ request: AdmissionRequest, of run: QueuedRun) {
        let workload = workload(key, request, of: run)
        if run.isWhole { inHold(of: run) { $0.inner.submit(workload) } } else { queue.submit(workload) }
    }

    /// An attempt has its admission, as its pods prove (rule Q9).
    public mutating func hold(_ request: AdmissionRequest, of run: QueuedRun) {
        if let known = attempts[Self.key(request.key, of: run.identity)], known.isAdmitted,
            known.request.key == request.key, known.run.identity == run.identity
        {
            // Whoever shows its pods again was made anew, and was told nothing: not even that it had lost some, where no status says so.
            let key = Self.key(request.key, of: run.identity)
            newlyHeld.append(key)
            if request.replicas > known.request.replicas {
                answer(key, .shrunk(replicas: known.request.replicas, message: known.shrunkFor))
            }
            return
        }
        // The nodes that its pods are on have to be known.
        applyQueues()
        applyNodes()
        let key = add(request, of: run)
        // Whoever has a pod had joined; what is missing below it is made.
        let joined =
            (request.minAvailable..<max(request.replicas, request.minAvailable)).last { replica in
                let pod = podName(request.key, replica, of: run)
                return claims[pod] != nil || others[pod] != nil || starting[pod] != nil || ended.contains(pod)
            }.map { $0 + 1 } ?? min(request.minAvailable, request.replicas)
        attempts[key]?.isAdmitted = true
        attempts[key]?.joined = joined
        var placements: [PodPlacement] = []
        var claimed: [ObjectName: Claim] = [:]
        for replica in 0..<joined {
            let pod = podName(request.key, replica, of: run)
            guard !ended.contains(pod) else {
                placements.append(PodPlacement(replica: replica, node: nil))
                continue
            }
            var claim = newClaim(on: pod, Claim(workload: key, replica: replica))
            if let former = claims[pod] {
                // It had lost what it holds now: its pods end no more, and are not to count a second time.
                release(pod)
                claim = Claim(
                    workload: key, replica: replica, isSeen: former.isSeen, isBound: former.isBound, node: former.node)
            }
            placements.append(PodPlacement(replica: replica, node: claim.node))
            claimed[pod] = claim
        }
        let workload = workload(key, request, of: run)
        let since = request.startTime ?? run.arrival
        if run.isWhole {
            inHold(of: run) { $0.restore(workload, placements, since) }
        } else {
            queue.restore(workload, pods: placements, admitted: since)
        }
        for (pod, claim) in claimed {
            var claim = claim
            if run.isWhole { claim.group = workload.pods.first }
            self.claim(pod, claim)
        }
        let gone = placements.filter { ended.contains(podName(request.key, $0.replica, of: run)) }
        if !gone.isEmpty { podsGone(key, gone) }
        newlyHeld.append(key)
    }

    /// An attempt asks no more, or has no need of what it was given. Its pods count until they end.
    public mutating func withdraw(_ attempt: AttemptKey, of run: RunIdentity) {
        let key = Self.key(attempt, of: run)
        guard let known = attempts[key], known.request.key == attempt, known.run.identity == run else { return }
        forget(key)
    }

    /// The run is gone, or there is nothing more to do for it.
    public mutating func runGone(_ run: RunIdentity) {
        let name = Self.name(of: run)
        for key in (workloadsByRun[name] ?? []).sorted() where attempts[key]?.run.identity == run { forget(key) }
        if holds[name]?.run.identity == run { demandNothing(name) }
    }

    /// There is nothing more to do for any run that has, or had, that name.
    public mutating func runsGone(namespace: String, name: String) {
        for key in (workloadsByRun["\(namespace)/\(name)"] ?? []).sorted() { forget(key) }
        demandNothing("\(namespace)/\(name)")
    }

    static func name(of run: RunIdentity) -> String { "\(run.namespace)/\(run.name)" }

    /// What is asked for here goes; what has pods counts until they end.
    mutating func forget(_ key: String) {
        guard let known = attempts.removeValue(forKey: key) else { return }
        let name = Self.name(of: known.run.identity)
        workloadsByRun[name]?.remove(key)
        if workloadsByRun[name]?.isEmpty ?? false { workloadsByRun[name] = nil }
        if let name = known.run.priorityClassName {
            withoutPriority[name]?.remove(key)
            if withoutPriority[name]?.isEmpty ?? false { withoutPriority[name] = nil }
        }
        if known.run.isWhole { inHold(of: known.run) { $0.inner.withdraw(key) } } else { queue.withdraw(key) }
        // What was never seen may never have been made. Should it come to light later, it counts as one that is in the way.
        for pod in claimsByWorkload[key] ?? [] where claims[pod]?.isSeen == false { release(pod) }
    }

    private mutating func add(_ request: AdmissionRequest, of run: QueuedRun) -> String {
        let key = Self.key(request.key, of: run.identity)
        if attempts[key] != nil { forget(key) }
        attempts[key] = Attempt(run: run, request: request)
        workloadsByRun[Self.name(of: run.identity), default: []].insert(key)
        return key
    }

    /// The key of the workload that an attempt is, as decisions name it: attempts of one task have the same.
    public static func key(_ attempt: AttemptKey, of run: RunIdentity) -> String {
        "\(run.namespace)/\(run.name)/\(attempt.path)"
    }

    private func workload(_ key: String, _ request: AdmissionRequest, of run: QueuedRun) -> Workload {
        let priority = priority(of: run)
        // All or none holds for those that suffice; the rest join one by one, and leave first.
        // The room of a run that is admitted as a whole is there for all of them.
        let group = PodGroup.reading(
            request.pod, count: request.replicas, required: run.isWhole ? nil : request.minAvailable
        ).group
        return Workload(
            key, namespace: run.identity.namespace, queue: run.queue,
            run: "\(run.identity.namespace)/\(run.identity.name)", priority: priority, arrival: run.arrival,
            underWay: request.isUnderWay, criticalPath: Int64(request.remainingPath),
            timeLimit: request.timeLimit.map(\.microseconds), pods: [group],
            topology: request.topology.map { Topology($0.key, required: $0.mode == .required) })
    }

    func priority(of run: QueuedRun) -> Int64 {
        run.priority ?? run.priorityClassName.flatMap { priorities[$0] } ?? 0
    }

    private func podName(_ attempt: AttemptKey, _ replica: Int, of run: QueuedRun) -> ObjectName {
        let identity = PodIdentity(path: attempt.path, attempt: attempt.attempt, replica: replica)
        return ObjectName(namespace: run.identity.namespace, name: identity.name(in: run.identity))
    }

    // MARK: - Pods

    /// Pods of ours that have ended and still exist: those of attempts that are heard of later are known to take no room.
    private var ended: Set<ObjectName> = []
    /// Pods of ours that are bound to no node yet and belong to no attempt that is known, with the nodes that are planned for them.
    private var starting: [ObjectName: String?] = [:]

    /// A pod as it is now, ours or somebody else's.
    public mutating func podChanged(_ pod: ForeignPod) {
        let name = ObjectName(namespace: pod.namespace, name: pod.name)
        let hasEnded = pod.phase == .succeeded || pod.phase == .failed
        if pod.run != nil, hasEnded { ended.insert(name) }
        if var claim = claims[name] {
            guard !hasEnded else { return release(name) }
            claim.isSeen = true
            if pod.takesRoom {
                claim.isBound = true
                claim.node = pod.nodeName
                podsBound(claim.workload, [PodPlacement(replica: claim.replica, node: pod.nodeName)])
            }
            claims[name] = claim
            return
        }
        if pod.run != nil, pod.nodeName.isEmpty, !hasEnded {
            starting[name] = .some(pod.plannedNode)
        } else {
            starting[name] = nil
        }
        guard pod.takesRoom else { return removeOther(name) }
        let requests = Resources(pod.requests)
        guard others[name]?.node != pod.nodeName || others[name]?.requests != requests else { return }
        removeOther(name)
        others[name] = OtherPod(node: pod.nodeName, requests: requests)
        count(requests, on: pod.nodeName, times: 1)
    }

    /// The pod does not exist any more.
    public mutating func podDeleted(namespace: String, name: String) {
        let name = ObjectName(namespace: namespace, name: name)
        ended.remove(name)
        starting[name] = nil
        if claims[name] != nil { release(name) } else { removeOther(name) }
    }

    private mutating func removeOther(_ name: ObjectName) {
        guard let other = others.removeValue(forKey: name) else { return }
        count(other.requests, on: other.node, times: -1)
    }

    /// Pods that take nothing but their number.
    mutating func countPods(_ number: Int64, on node: String) {
        count([:], on: node, times: number)
        newSurplus[node, default: 0] += number
    }

    private mutating func count(_ requests: Resources, on node: String, times: Int64) {
        var sums = othersByNode[node] ?? [:]
        for entry in requests.entries + [Resources.Entry("pods", 1)] {
            let sum = sums[entry.name, default: 0] + times * entry.amount
            sums[entry.name] = sum == 0 ? nil : sum
        }
        othersByNode[node] = sums.isEmpty ? nil : sums
        changedNodes.insert(node)
    }

    /// The claim with what is known of the pod that was heard of before its attempt, and which counted by itself.
    private mutating func newClaim(on pod: ObjectName, _ claim: Claim) -> Claim {
        var claim = claim
        if let other = others[pod] {
            (claim.isSeen, claim.isBound, claim.node) = (true, true, other.node)
            removeOther(pod)
        } else if let planned = starting.removeValue(forKey: pod) {
            claim.isSeen = true
            claim.node = planned ?? claim.node
        }
        return claim
    }

    private mutating func claim(_ pod: ObjectName, _ claim: Claim) {
        claims[pod] = claim
        claimsByWorkload[claim.workload, default: []].insert(pod)
        if claim.group != nil, let run = holdKey(of: claim.workload) { claimsByHold[run, default: []].insert(pod) }
    }

    /// A pod of an attempt has ended, or never was.
    private mutating func release(_ pod: ObjectName) {
        guard let claim = claims.removeValue(forKey: pod) else { return }
        claimsByWorkload[claim.workload]?.remove(pod)
        if claimsByWorkload[claim.workload]?.isEmpty ?? false { claimsByWorkload[claim.workload] = nil }
        if let run = holdKey(of: claim.workload) {
            claimsByHold[run]?.remove(pod)
            if claimsByHold[run]?.isEmpty ?? false { claimsByHold[run] = nil }
        }
        podsGone(claim.workload, [PodPlacement(replica: claim.replica, node: nil)])
        leaveHold(pod, claim)
    }

    // MARK: - The cluster

    /// Adds a node or changes it.
    public mutating func nodeChanged(_ node: Node) { setNode(NodeSpec(node)) }

    /// Adds a node or changes it; what others use there is known by their pods.
    public mutating func setNode(_ spec: NodeSpec) {
        guard nodes[spec.name] != spec else { return }
        nodes[spec.name] = spec
        changedNodes.insert(spec.name)
    }

    /// Takes a node away.
    public mutating func nodeDeleted(_ name: String) {
        guard nodes.removeValue(forKey: name) != nil else { return }
        changedNodes.insert(name)
    }

    /// Adds a PriorityClass or changes it. What waits already keeps the priority that it has.
    public mutating func priorityClassChanged(_ name: String, _ value: Int64) {
        priorities[name] = value
        for key in (withoutPriority.removeValue(forKey: name) ?? []).sorted() {
            guard let attempt = attempts[key] else { continue }
            enter(key, attempt.request, of: attempt.run)
        }
    }

    /// Takes a PriorityClass away.
    public mutating func priorityClassDeleted(_ name: String) { priorities[name] = nil }

    /// Adds a namespace or changes it: a Queue may select it by its labels.
    public mutating func namespaceChanged(_ namespace: Namespace) {
        let name = namespace.metadata.name
        if namespaces[name]?.metadata.labels != namespace.metadata.labels { hasChangedQueues = true }
        namespaces[name] = namespace
    }

    /// Takes a namespace away.
    public mutating func namespaceDeleted(_ name: String) {
        if namespaces.removeValue(forKey: name) != nil { hasChangedQueues = true }
    }

    /// Adds a Queue or changes it. One that is not valid takes no work: whatever is in it goes on, nothing new starts.
    public mutating func queueChanged(_ object: Queue) {
        let isValid = Validator.validate(queueSpec: object.spec, name: object.metadata.name).isValid
        var spec = isValid ? QueueSpec(validated: object.spec) : queues[object.metadata.name]?.spec ?? QueueSpec()
        if !isValid { spec.state = .closed }
        if queues[object.metadata.name].map({ $0.spec != spec }) ?? true { hasChangedQueues = true }
        queues[object.metadata.name] = (spec, isValid)
    }

    /// Takes a Queue away.
    public mutating func queueDeleted(_ name: String) {
        if queues.removeValue(forKey: name) != nil { hasChangedQueues = true }
        counts[name] = nil
        queue.removeQueue(name)
    }

    // MARK: - Deciding

    /// One decision on all that was told so far: answers for runs, in the order in which they were decided, and when to ask again though
    /// nothing happens.
    public mutating func cycle(now: Timestamp) -> (answers: [QueueAnswer], decisions: Decisions) {
        applyQueues()
        var decisions = Decisions()
        // Room that is kept for a run may turn out to be in the wrong places: then the run asks once more, at once.
        for _ in 0..<Self.rounds {
            applyNodes()
            let holds = tendHolds()
            let outer = apply(queue.cycle(now: now), now: now)
            let inner = fillHolds(holds, now: now)
            decisions.evictions += outer.evictions
            decisions.admissions += outer.admissions + inner
            decisions.waiting += outer.waiting
            decisions.wakeUp = outer.wakeUp
            if dirtyHolds.isEmpty { break }
        }
        let due = toTell.prefix { $0.due <= now }
        toTell.removeFirst(due.count)
        for (_, key) in due where attempts[key]?.isToBeTold == true {
            attempts[key]?.isToBeTold = false
            guard let reason = reason(of: key), reason.kind.rawValue != attempts[key]?.reason else { continue }
            explain(key, reason, now)
        }
        var decided = decisions
        if let next = toTell.first?.due { decided.wakeUp = min(decided.wakeUp ?? next, next) }
        defer { answers = [] }
        return (answers, decided)
    }

    /// How many decisions are made for one instant at most.
    private static let rounds = 4

    /// Does what one decision says; gives it as what it means for attempts.
    private mutating func apply(_ decisions: Decisions, now: Timestamp) -> Decisions {
        var decisions = decisions
        var evictions: [Decisions.Eviction] = []
        for eviction in decisions.evictions {
            if eviction.isWhole, eviction.asker != nil { count(eviction.key, \.preemptions) }
            var eviction = eviction
            eviction.asker = eviction.asker.map { holds[$0] == nil ? $0 : waitingInHold($0).first ?? $0 }
            if holds[eviction.key] != nil {
                evictions += evictHold(eviction)
                continue
            }
            evictions.append(eviction)
            if eviction.isWhole {
                revoke(eviction.key, Reasons.preempted, eviction.text)
            } else {
                shrink(eviction.key, eviction.pods, eviction.text)
            }
        }
        for key in newlyHeld { confirm(key) }
        newlyHeld = []
        for admission in decisions.admissions where holds[admission.key] != nil { admitHold(admission.key, now: now) }
        decisions.admissions.removeAll { holds[$0.key] != nil }
        for admission in decisions.admissions { admit(admission) }
        for waiting in decisions.waiting {
            let keys = holds[waiting.key] == nil ? [waiting.key] : waitingInHold(waiting.key)
            let reason = holds[waiting.key] == nil ? waiting.reason : wholeReason(waiting.reason, waiting.key)
            for key in keys { explain(key, reason, now) }
        }
        decisions.evictions = evictions
        return decisions
    }

    private mutating func count(_ key: String, _ what: WritableKeyPath<QueueCounts, UInt64>) {
        guard let name = queue.queue(of: key), queues[name] != nil else { return }
        counts[name, default: QueueCounts()][keyPath: what] += 1
    }

    /// Tells an attempt why it waits. Each time costs a write of its run's status, and the reasons of many that wait may change with
    /// every start and end: one that was told a moment ago is told again later.
    mutating func explain(_ key: String, _ reason: WaitingReason, _ now: Timestamp) {
        guard let attempt = attempts[key], !attempt.isAdmitted, !attempt.isToBeTold else { return }
        if let told = attempt.told, now < told + Self.reasonInterval {
            attempts[key]?.isToBeTold = true
            toTell.append((now + Self.reasonInterval, key))
            return
        }
        attempts[key]?.told = now
        attempts[key]?.reason = reason.kind.rawValue
        answer(
            key,
            .waiting(
                reason: reason.kind.rawValue, message: reason.text, queue: self.queue(of: key) ?? "",
                position: queue.position(holdKey(of: key) ?? key)))
    }

    /// How often an attempt is told anew why it waits, at most.
    private static let reasonInterval: Duration = .seconds(30)

    /// The statuses of all Queues as of the last decision, by name, but for generations and conditions. O(queues + pods).
    public func statuses() -> [String: (status: QueueStatus, condition: QueueCondition)] {
        var running: [String: Int] = [:]
        for (key, pods) in claimsByWorkload where attempts[key] != nil {
            guard pods.allSatisfy({ claims[$0]?.isBound ?? false }), let queue = queue(of: key) else { continue }
            running[queue, default: 0] += 1
        }
        var result: [String: (status: QueueStatus, condition: QueueCondition)] = [:]
        for (name, known) in queues {
            guard let report = queue.report(name) else { continue }
            var status = QueueStatus()
            status.pending = report.pending
            status.admitted = report.admitted
            status.running = running[name] ?? 0
            status.runs = report.runs
            status.allocated = report.used.quantities
            status.deserved = report.deserved.quantities
            status.guaranteed = report.guaranteed.quantities
            status.share = report.share
            result[name] = (status, QueueCondition(report, isValid: known.isValid))
        }
        return result
    }

    /// The queue in which a workload is, as of the last decision; nil for one that is in none.
    public func queue(of key: String) -> String? { queue.queue(of: holdKey(of: key) ?? key) }

    /// Why a workload waits, with the numbers of now; nil for one that does not, or that no decision looked at yet.
    public func reason(of key: String) -> WaitingReason? {
        guard let hold = holdKey(of: key) else { return queue.reason(key) }
        return queue.reason(hold).map { wholeReason($0, hold) } ?? holds[hold]?.inner.reason(key)
    }

    /// How a queue stands as of the last decision; nil for one that does not exist.
    public func report(_ name: String) -> GangQueue.QueueReport? { queue.report(name) }

    private mutating func applyQueues() {
        guard hasChangedQueues else { return }
        hasChangedQueues = false
        let all = namespaces.values.sorted { $0.metadata.name < $1.metadata.name }
        for (name, known) in queues { queue.setQueue(QueuePolicy(name, known.spec, namespaces: all)) }
    }

    private mutating func applyNodes() {
        guard !changedNodes.isEmpty else { return }
        var new: Set<String> = []
        for name in changedNodes.sorted() {
            guard var spec = nodes[name] else {
                queue.removeNode(name)
                toldNodes.remove(name)
                leaveNode(name, "node \(name), which was planned for a pod, is gone")
                continue
            }
            spec.foreign = Resources((othersByNode[name] ?? [:]).map { Resources.Entry($0.key, $0.value) })
            queue.setNode(spec)
            if toldNodes.insert(name).inserted { new.insert(name) }
            if !spec.schedulable {
                leaveNode(name, "node \(name), which was planned for a pod, takes no pods any more")
            }
        }
        changedNodes = []
        newSurplus = [:]
        guard !new.isEmpty else { return }
        // Pods may have been heard of before their node.
        for claim in claims.values {
            guard let node = claim.node, new.contains(node) else { continue }
            podsBound(claim.workload, [PodPlacement(replica: claim.replica, node: node)])
        }
    }

    /// Attempts with pods that are to be bound to a node which takes none: they would wait for it in vain.
    private mutating func leaveNode(_ node: String, _ message: String) {
        let lost = Set(claims.values.filter { $0.node == node && !$0.isBound }.map(\.workload))
        for key in lost.sorted() { revoke(key, Reasons.nodeFailure, message) }
    }

    /// Takes back what an attempt was given. It asks again when its pods have ended, as another attempt.
    mutating func revoke(_ key: String, _ reason: String, _ message: String) {
        guard let attempt = attempts[key], attempt.isAdmitted else { return }
        answer(key, .revoked(reason: reason, message: message))
        forget(key)
    }

    mutating func admit(_ admission: Decisions.Admission) {
        guard let attempt = attempts[admission.key] else { return }
        if admission.isStart { count(admission.key, \.admissions) }
        attempts[admission.key]?.isAdmitted = true
        var planned = [String?](repeating: nil, count: attempt.request.replicas)
        let joined = max(attempt.joined, (admission.pods.map(\.replica).max() ?? -1) + 1)
        attempts[admission.key]?.joined = joined
        for pod in admission.pods where pod.replica < planned.count {
            planned[pod.replica] = pod.node
            let name = podName(attempt.request.key, pod.replica, of: attempt.run)
            var known = newClaim(on: name, Claim(workload: admission.key, replica: pod.replica, node: pod.node))
            if attempt.run.isWhole {
                known.group = PodGroup.reading(attempt.request.pod).group
            }
            claim(name, known)
            // It is there already: a run whose cache is behind asks for what it has.
            if known.isBound { podsBound(admission.key, [PodPlacement(replica: pod.replica, node: known.node)]) }
        }
        // With one node the scheduler has no choice that could break the plan.
        let isPinned = nodes.count > 1
        guard admission.isStart else {
            for pod in admission.pods {
                answer(admission.key, .joined(replica: pod.replica, node: isPinned ? pod.node : nil))
            }
            return
        }
        answer(
            admission.key,
            .admitted(
                queue: queue(of: admission.key) ?? "", replicas: joined,
                nodes: isPinned ? planned : []))
        if admission.pods.contains(where: { $0.node == nil }) { allowForProvisioning(admission.key) }
    }

    /// Tells an attempt that is held where those of its pods go that are not there: what was planned for them went with whoever planned it.
    private mutating func confirm(_ key: String) {
        guard let attempt = attempts[key], attempt.isAdmitted else { return }
        var planned = [String?](repeating: nil, count: attempt.request.replicas)
        for placement in placements(key) where planned.indices.contains(placement.replica) {
            let pod = podName(attempt.request.key, placement.replica, of: attempt.run)
            if claims[pod]?.node == nil { claims[pod]?.node = placement.node }
            planned[placement.replica] = placement.node
        }
        answer(
            key,
            .admitted(
                queue: queue(of: key) ?? "", replicas: attempt.joined, nodes: nodes.count > 1 ? planned : []))
        allowForProvisioning(key)
    }

    /// A gang goes on with fewer pods. Those that leave do not come back to the same attempt, since their names are taken.
    private mutating func shrink(_ key: String, _ pods: [PodPlacement], _ message: String) {
        guard let attempt = attempts[key], attempt.isAdmitted, let first = pods.map(\.replica).min() else { return }
        attempts[key]?.request.replicas = first
        attempts[key]?.shrunkFor = message
        attempts[key]?.joined = min(attempt.joined, first)
        queue.closeSurplus(key)
        answer(key, .shrunk(replicas: first, message: message))
    }

    /// Rule Q11: nodes that are added take their time.
    private mutating func allowForProvisioning(_ key: String) {
        guard let spec = queue(of: key).flatMap({ queues[$0] })?.spec, spec.provisioning == .autoscaler else {
            return
        }
        answer(key, .provisioning(timeout: spec.provisioningTimeout))
    }

    private mutating func answer(_ key: String, _ kind: QueueAnswer.Kind) {
        guard let attempt = attempts[key] else { return }
        answers.append(QueueAnswer(run: attempt.run.identity, attempt: attempt.request.key, kind: kind))
    }
}
