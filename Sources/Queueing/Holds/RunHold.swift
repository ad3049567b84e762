import GangQueue
import KubernetesModel
import PipelineEngine
import SluiceAPI

/// The room that is kept for a run with `gangScope: Run`: one workload of the queue, which is asked for and admitted, shrinks and is
/// evicted as one gang, and inside of it a small queue of its own over what it has on each node, where the run's attempts take turns.
struct RunHold {
    /// How far it is.
    enum State: Hashable {
        /// Nothing of the run asks for room, or all that it had ends.
        case idle
        case waiting
        case admitted
    }

    var run: QueuedRun
    /// The most that is left of the run takes at once.
    var peak = PeakDemand()
    var state = State.idle
    /// What the workload in the queue asks for, while it waits or is admitted.
    var asked = PeakDemand()
    /// When it was admitted: how long it is safe from eviction does not begin anew when it shrinks.
    var since: Timestamp?
    /// Whether pods prove an admission of which the queue does not know yet (rule Q9).
    var isToRestore = false
    /// An attempt for which the room was in the wrong places: the next room has to hold it.
    var mustHold: String?
    /// The attempts of the run, over the room that is there.
    var inner = GangQueue()
    /// The nodes that the inner queue was told of.
    var toldNodes: Set<String> = []
    /// Room that is given back, and the pods that still end in it.
    var ending: [Ending] = []

    /// On each node, how many pods of the run there are more than pods of which the room is made: small ones in the place of large ones.
    var surplus: [String: Int64] = [:]

    /// Pods that still end, and what of the workload is free once all of them have.
    struct Ending {
        var pods: Set<QueueDriver.ObjectName>
        var room: [PodPlacement]
    }

    init(_ run: QueuedRun) { self.run = run }

    /// An attempt has pods.
    mutating func restore(_ workload: Workload, _ pods: [PodPlacement], _ admitted: Timestamp) {
        inner.restore(workload, pods: pods, admitted: admitted)
        guard state != .admitted else { return }
        isToRestore = true
        since = min(since ?? admitted, admitted)
    }
}

extension PeakDemand {
    /// The same, with room for those pods whole, and not more than it takes besides: what comes first is kept as it is.
    func holding(_ group: PodGroup, count: Int) -> PeakDemand {
        var result = PeakDemand()
        var first = group
        (first.count, first.required) = (1, 1)
        result.slots = [Slots(group: first, count: Int64(count))]
        for slot in slots {
            var left = slot.count
            while left > 0, !isWithin(result) {
                result.slots.append(Slots(group: slot.group, count: 1))
                left -= 1
            }
        }
        return result
    }
}

/// Runs that are admitted as a whole.
extension QueueDriver {
    /// The run's key in the queue, of the attempt of a run that is admitted as a whole.
    func holdKey(of key: String) -> String? {
        guard !holds.isEmpty else { return nil }
        let parts = key.split(separator: "/", maxSplits: 2)
        guard parts.count == 3 else { return nil }
        let name = "\(parts[0])/\(parts[1])"
        return holds[name] == nil ? nil : name
    }

    /// Changes what is kept for a run.
    mutating func inHold(of run: QueuedRun, _ body: (inout RunHold) -> Void) {
        let name = Self.name(of: run.identity)
        body(&holds[name, default: RunHold(run)])
        dirtyHolds.insert(name)
    }

    /// What is left of a run has changed.
    mutating func setDemand(_ demand: RunDemand, of run: QueuedRun) {
        let name = Self.name(of: run.identity)
        if let known = holds[name], known.run.identity != run.identity {
            // Another run had that name: what was kept for that one is not this one's.
            if known.state == .waiting { queue.withdraw(name) }
            giveUp(name)
            holds[name]?.state = .idle
        }
        let peak = PeakDemand(demand)
        inHold(of: run) { hold in
            hold.run = run
            hold.peak = peak
        }
    }

    /// There is nothing left of the run.
    mutating func demandNothing(_ name: String) {
        guard holds[name] != nil else { return }
        holds[name]?.peak = PeakDemand()
        dirtyHolds.insert(name)
    }

    // MARK: Pods

    mutating func podsGone(_ key: String, _ pods: [PodPlacement]) {
        guard let name = holdKey(of: key) else { return queue.podsGone(key, pods) }
        holds[name]?.inner.podsGone(key, pods)
        dirtyHolds.insert(name)
    }

    mutating func podsBound(_ key: String, _ pods: [PodPlacement]) {
        guard let name = holdKey(of: key) else { return queue.podsBound(key, pods) }
        holds[name]?.inner.podsBound(key, pods)
    }

    func placements(_ key: String) -> [PodPlacement] {
        guard let name = holdKey(of: key) else { return queue.placements(key) }
        return holds[name]?.inner.placements(key) ?? []
    }

    /// A pod is gone: where it ended in room that was given back, that is free now.
    mutating func leaveHold(_ pod: ObjectName, _ claim: Claim) {
        guard let name = holdKey(of: claim.workload) else { return }
        dirtyHolds.insert(name)
        for index in (holds[name]?.ending ?? []).indices { holds[name]?.ending[index].pods.remove(pod) }
        let free = (holds[name]?.ending ?? []).filter(\.pods.isEmpty)
        holds[name]?.ending.removeAll(where: \.pods.isEmpty)
        for part in free { queue.podsGone(name, part.room) }
    }

    /// The attempts of a run that wait, in the order of their keys.
    func waitingInHold(_ name: String) -> [String] {
        (workloadsByRun[name] ?? []).filter { attempts[$0]?.isAdmitted == false }.sorted()
    }

    /// The pods of a run that take room, with what they ask for, in the order of their names.
    private func living(_ name: String) -> [(pod: ObjectName, group: PodGroup, node: String?)] {
        // Pods of attempts that are over count as well, until they end.
        (claimsByHold[name] ?? []).sorted().compactMap { pod in
            guard let claim = claims[pod], var group = claim.group else { return nil }
            (group.count, group.required) = (1, 1)
            return (pod, group, claim.node)
        }
    }

    // MARK: Before a decision

    /// Has the queue know what each run asks for, holds, and has no need of any more. Gives those that changed.
    mutating func tendHolds() -> [String] {
        let names = dirtyHolds.sorted()
        dirtyHolds = []
        for name in names { tend(name) }
        return names
    }

    private mutating func tend(_ name: String) {
        guard let hold = holds[name] else { return }
        let hasAttempts = !(workloadsByRun[name] ?? []).isEmpty
        let waiting = waitingInHold(name)
        if hold.isToRestore {
            holds[name]?.isToRestore = false
            reshape(name, to: hold.peak)
            return
        }
        switch hold.state {
        case .admitted:
            guard hasAttempts || !hold.peak.isEmpty else { return giveUp(name) }
            if hold.peak != hold.asked, hold.peak.isWithin(hold.asked) { reshape(name, to: hold.peak) }
        case .waiting where waiting.isEmpty:
            queue.withdraw(name)
            holds[name]?.state = .idle
        case .idle, .waiting:
            if !waiting.isEmpty { ask(name, waiting) }
        }
        if holds[name]?.state == .idle, !hasAttempts, hold.peak.isEmpty, holds[name]?.ending.isEmpty ?? true,
            claimsByHold[name] == nil
        {
            holds[name] = nil
        }
    }

    /// Asks for the room, or for another one than before.
    private mutating func ask(_ name: String, _ waiting: [String]) {
        guard let hold = holds[name] else { return }
        // Nothing is asked for without the priority.
        if let priority = hold.run.priorityClassName, hold.run.priority == nil, priorities[priority] == nil { return }
        var wanted = hold.peak
        let must = hold.mustHold.flatMap { waiting.contains($0) ? $0 : nil } ?? (wanted.isEmpty ? waiting.first : nil)
        let request = must.flatMap { attempts[$0]?.request }
        if let request {
            wanted = wanted.holding(PodGroup.reading(request.pod).group, count: request.replicas)
        }
        guard hold.state != .waiting || wanted != hold.asked else { return }
        holds[name]?.asked = wanted
        holds[name]?.state = .waiting
        let requests = waiting.compactMap { attempts[$0]?.request }
        var workload = workload(name, hold.run, wanted)
        workload.underWay = requests.contains(where: \.isUnderWay)
        workload.criticalPath = Int64(requests.map(\.remainingPath).max() ?? 1)
        workload.topology = request?.topology.map { Topology($0.key, required: $0.mode == .required) }
        queue.submit(workload)
    }

    private func workload(_ name: String, _ run: QueuedRun, _ peak: PeakDemand) -> Workload {
        let pods = peak.slots.map { slot in
            var group = slot.group
            (group.count, group.required) = (Int(slot.count), Int(slot.count))
            return group
        }
        return Workload(
            name, namespace: run.identity.namespace, queue: run.queue, run: name, priority: priority(of: run),
            arrival: run.arrival, pods: pods)
    }

    /// Has the room be that one, with the pods that are there in it, and without taking on any node what the run does not have there.
    ///
    /// Each pod counts as one of those that the room is made of, where it is. Where that one is larger and its node may not have as much, the
    /// pod counts as what it is, and the rest of the larger one finds its place elsewhere. What stays as it was stays where it was.
    private mutating func reshape(_ name: String, to peak: PeakDemand) {
        guard let hold = holds[name] else { return }
        var plan = RoomPlan(peak, formerly: hold.asked, at: hold.state == .admitted ? queue.placements(name) : [])
        for (_, group, node) in living(name) { plan.put(group, on: node) }
        plan.keepPlaces()
        holds[name]?.asked = plan.room
        holds[name]?.state = .admitted
        holds[name]?.mustHold = nil
        guard !plan.placements.isEmpty else { return giveUp(name) }
        queue.restore(
            workload(name, hold.run, plan.room), pods: plan.placements, admitted: hold.since ?? hold.run.arrival)
    }

    /// Gives the room back. What is in it counts until it ends.
    private mutating func giveUp(_ name: String) {
        guard let hold = holds[name], hold.state == .admitted else { return }
        holds[name]?.state = .idle
        holds[name]?.since = nil
        holds[name]?.asked = PeakDemand()
        dirtyHolds.insert(name)
        let known = Set(hold.ending.flatMap(\.pods))
        let pods = living(name).filter { !known.contains($0.pod) }
        guard !pods.isEmpty else {
            queue.podsGone(name, queue.placements(name))
            return queue.withdraw(name)
        }
        // What is left of it are these pods, each where it is; under a number that nothing has which ends already.
        let number = (hold.ending.flatMap(\.room).map(\.replica).max() ?? -1) + 1
        var exact = PeakDemand()
        var placements: [PodPlacement] = []
        for (index, living) in pods.enumerated() {
            exact.slots.append(PeakDemand.Slots(group: living.group, count: Int64(number) + 1))
            let placement = PodPlacement(group: index, replica: number, node: living.node)
            placements.append(placement)
            holds[name]?.ending.append(RunHold.Ending(pods: [living.pod], room: [placement]))
        }
        queue.restore(workload(name, hold.run, exact), pods: placements, admitted: hold.since ?? hold.run.arrival)
        queue.withdraw(name)
    }

    /// Why the room is not there, with what is asked for.
    func wholeReason(_ reason: WaitingReason, _ name: String) -> WaitingReason {
        guard let asked = holds[name]?.asked else { return reason }
        let pods = asked.slots.reduce(0) { $0 + $1.count }
        let amounts = asked.total.quantities.sorted { $0.key < $1.key }.map { ", \($0.value) \($0.key)" }.joined()
        var whole = reason
        whole.text =
            "the run takes up to \(pods == 1 ? "1 pod" : "\(pods) pods")\(amounts) at once (gangScope Run): \(reason.text)"
        return whole
    }

    // MARK: After a decision

    /// The run has its room.
    mutating func admitHold(_ name: String, now: Timestamp) {
        holds[name]?.state = .admitted
        holds[name]?.since = now
        holds[name]?.mustHold = nil
        dirtyHolds.insert(name)
    }

    /// The room is taken back, and all that is in it is stopped. Gives what that means for the run's attempts.
    mutating func evictHold(_ eviction: Decisions.Eviction) -> [Decisions.Eviction] {
        let name = eviction.key
        let admitted = (workloadsByRun[name] ?? []).filter { attempts[$0]?.isAdmitted == true }.sorted()
        let known = Set(holds[name]?.ending.flatMap(\.pods) ?? [])
        let pods = Dictionary(grouping: living(name).filter { !known.contains($0.pod) }, by: \.node).mapValues {
            $0.map(\.pod)
        }
        for key in admitted { revoke(key, Reasons.preempted, eviction.text) }
        // The queue counts all of it as ending. What has no pods on its node is free at once.
        let rooms = Dictionary(grouping: eviction.pods, by: \.node)
        for (node, room) in rooms.sorted(by: { $0.key ?? "" < $1.key ?? "" }) {
            let there = node == nil ? [] : (pods[node] ?? []).filter { claims[$0] != nil }
            if there.isEmpty {
                queue.podsGone(name, room)
            } else if there.count == room.count {
                for (pod, part) in zip(there, room) {
                    holds[name]?.ending.append(RunHold.Ending(pods: [pod], room: [part]))
                }
            } else {
                holds[name]?.ending.append(RunHold.Ending(pods: Set(there), room: room))
            }
        }
        // It is in its line again.
        holds[name]?.state = .waiting
        holds[name]?.since = nil
        dirtyHolds.insert(name)
        return admitted.map { key in
            var part = eviction
            part.key = key
            part.pods = []
            return part
        }
    }

    /// Lets attempts into the room that is kept for their runs; gives those that may start.
    mutating func fillHolds(_ names: [String], now: Timestamp) -> [Decisions.Admission] {
        var admissions: [Decisions.Admission] = []
        for name in Set(names).union(dirtyHolds).sorted() {
            dirtyHolds.remove(name)
            guard let hold = holds[name] else { continue }
            defer { countSurplus(name) }
            guard hold.state == .admitted else {
                if hold.state == .waiting, let reason = queue.reason(name) {
                    for key in waitingInHold(name) where attempts[key]?.told == nil {
                        explain(key, wholeReason(reason, name), now)
                    }
                }
                // What it gave back may be asked for again.
                if hold.state == .idle, !waitingInHold(name).isEmpty { dirtyHolds.insert(name) }
                continue
            }
            showRoom(name)
            guard let decisions = holds[name]?.inner.cycle(now: now) else { continue }
            for admission in decisions.admissions {
                var admission = admission
                for pod in admission.pods.indices where admission.pods[pod].node == RunHold.anywhere {
                    admission.pods[pod].node = nil
                }
                admit(admission)
                admissions.append(admission)
            }
            let waiting = waitingInHold(name)
            let isBusy = (workloadsByRun[name] ?? []).count > waiting.count || !living(name).isEmpty
            if let first = waiting.first, !isBusy {
                // Nothing of the run is under way that could make room, so that this room will never hold it.
                giveUp(name)
                holds[name]?.mustHold = first
                continue
            }
            for key in waiting {
                guard var reason = holds[name]?.inner.reason(key) else { continue }
                reason.text = "in the room that is kept for the run: \(reason.text)"
                explain(key, reason, now)
            }
        }
        return admissions
    }

    /// Tells the inner queue what the run has on each node.
    private mutating func showRoom(_ name: String) {
        guard let hold = holds[name] else { return }
        let placements = queue.placements(name)
        // Nodes are added for some of it (rule Q11): where those will be is not known, and the scheduler chooses.
        let isLoose = placements.contains { $0.node == nil } && isProvisioned(name)
        var sums: [String: [Resources.Entry]] = [:]
        var pods: [String: Int64] = [:]
        for placement in placements {
            guard let node = isLoose ? RunHold.anywhere : placement.node,
                hold.asked.slots.indices.contains(placement.group)
            else { continue }
            pods[node, default: 0] += 1
            sums[node, default: []] += hold.asked.slots[placement.group].group.requests.entries
        }
        var told: Set<String> = []
        for (node, entries) in sums.sorted(by: { $0.key < $1.key }) {
            let more = hold.surplus[node, default: 0] + max(0, queue.freePods(on: node) - newSurplus[node, default: 0])
            let count = isLoose ? Resources.limit : pods[node, default: 0] + more
            var room = NodeSpec(node, allocatable: Resources(entries + [Resources.Entry("pods", count)]))
            if let known = nodes[node] {
                (room.labels, room.taints, room.schedulable) = (known.labels, known.taints, known.schedulable)
            }
            holds[name]?.inner.setNode(room)
            told.insert(node)
        }
        for node in hold.toldNodes.subtracting(told).sorted() { holds[name]?.inner.removeNode(node) }
        holds[name]?.toldNodes = told
        // Pods may have been heard of before the room was known in which they are.
        guard !told.isSubset(of: hold.toldNodes) else { return }
        for pod in (claimsByHold[name] ?? []).sorted() {
            guard let claim = claims[pod], let node = isLoose ? RunHold.anywhere : claim.node else { continue }
            holds[name]?.inner.podsBound(claim.workload, [PodPlacement(replica: claim.replica, node: node)])
        }
    }

    /// Has pods that a node has beside those that the room is made of count there.
    private mutating func countSurplus(_ name: String) {
        guard let hold = holds[name] else { return }
        var counts: [String: Int64] = [:]
        for (_, _, node) in living(name) { if let node { counts[node, default: 0] += 1 } }
        let rooms = (hold.state == .admitted ? queue.placements(name) : []) + hold.ending.flatMap(\.room)
        for part in rooms { if let node = part.node { counts[node, default: 0] -= 1 } }
        counts = counts.filter { $0.value > 0 }
        for node in Set(counts.keys).union(hold.surplus.keys).sorted() {
            let change = counts[node, default: 0] - hold.surplus[node, default: 0]
            if change != 0 { countPods(change, on: node) }
        }
        holds[name]?.surplus = counts
    }

    private func isProvisioned(_ name: String) -> Bool {
        queue.queue(of: name).flatMap { queues[$0] }?.spec.provisioning == .autoscaler
    }
}

extension RunHold {
    /// The node that stands for all those that are still to come.
    static let anywhere = "*"
}

extension PodGroup {
    /// Whether its pods ask for at least as much as those of another one in every resource.
    func covers(_ other: PodGroup) -> Bool {
        other.requests.entries.allSatisfy { $0.amount <= requests[$0.name] ?? 0 }
    }
}
