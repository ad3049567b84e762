import KubernetesModel

/// Q7: reclaim from other queues and preemption in one's own, of whole gangs, with as few victims as do.
extension GangQueue {
    /// Evicts for a gang that cannot start and gives it what is freed; false where that would not make it fit.
    mutating func evict(
        for gang: Int, _ key: LineClass.Key, _ now: Timestamp, _ decisions: inout Decisions
    ) -> Bool {
        let shape = shapes[key.shape]
        guard mayEvict(gang, key, shape) else { return false }
        let short = shortage(key, shape)
        // Room that is being freed already counts as idle.
        var later = self
        later.cursors = [:]
        for pods in ending.values {
            for pod in pods { pod.node.map { later.nodes.use(pod.requests, times: -1, on: $0) } }
        }
        let held = holding(gang, key, now: now)
        guard later.fits(gang, key, held) == nil else { return false }
        let others = victimsElsewhere(gang, key, shape, short, now)
        let own = victimsInOwnQueue(gang, key, shape, short, now)
        for candidates in [others, own, others + own] where !candidates.isEmpty {
            guard let picked = later.pick(gang, key, short, candidates, held) else { continue }
            var after = later
            for victim in picked { after.release(victim) }
            guard let plan = after.fits(gang, key, held) else { continue }
            carryOut(picked, for: gang, key, plan, now, &decisions)
            return true
        }
        return false
    }

    /// A quick look at whether there can be any victim.
    func mayEvict(_ gang: Int, _ key: LineClass.Key, _ shape: Shape) -> Bool {
        if key.surplus { return false }
        if tree.queues[key.queue].spec.preemption == .lowerPriority {
            let priority = gangs[gang].order.priority
            if lines[key.queue].gangs.contains(where: { gangs[$0].order.priority < priority }) { return true }
        }
        guard !overQueues.isEmpty else { return false }
        let entry = tree.queues[key.queue]
        for resource in 0..<shape.required.count where shape.required[resource] > 0 {
            if entry.usage[resource] + shape.required[resource] <= entry.deserved[resource] { return true }
        }
        return false
    }

    /// The queues without children that are over what they deserve of something.
    func findOverQueues() -> [Int] {
        tree.queues.indices.filter { index in
            let queue = tree.queues[index]
            guard queue.spec.reclaimable, queue.children.isEmpty, index != QueueTree.root else { return false }
            return (0..<queue.usage.count).contains { queue.usage[$0] > queue.deserved[$0] }
        }
    }

    private func shortage(_ key: LineClass.Key, _ shape: Shape) -> Shortage {
        let asked = (0..<shape.required.count).filter { shape.required[$0] > 0 }
        let total = asked.filter { shape.required[$0] > nodes.totalFree[$0] }
        var short = Set(total)
        for queue in tree.path(key.queue) {
            let entry = tree.queues[queue]
            for resource in asked where entry.usage[resource] + shape.required[resource] > entry.capability(resource) {
                short.insert(resource)
            }
        }
        if hasGuarantees {
            short.formUnion(tree.takesGuaranteed(shape.required, in: key.queue, capacity: nodes.total))
        }
        let onNodes = !total.isEmpty || short.isEmpty
        return Shortage(resources: short.isEmpty ? asked : short.sorted(), onNodes: onNodes)
    }

    // MARK: - Who may be evicted

    /// Gangs of queues that are over their share while the asker's stays within its own, below the lowest ancestor of both.
    private mutating func victimsElsewhere(
        _ gang: Int, _ key: LineClass.Key, _ shape: Shape, _ short: Shortage, _ now: Timestamp
    ) -> [Victim] {
        var victims: [Victim] = []
        for queue in overQueues where queue != key.queue && mayReclaim(from: queue, for: key.queue, shape, short) {
            for other in lines[queue].gangs.sorted() { victims += candidates(other, shape, short, now) }
        }
        return victims
    }

    private mutating func victimsInOwnQueue(
        _ gang: Int, _ key: LineClass.Key, _ shape: Shape, _ short: Shortage, _ now: Timestamp
    ) -> [Victim] {
        guard tree.queues[key.queue].spec.preemption == .lowerPriority else { return [] }
        let priority = gangs[gang].order.priority
        var victims: [Victim] = []
        for other in lines[key.queue].gangs.sorted() where gangs[other].order.priority < priority {
            victims += candidates(other, shape, short, now)
        }
        return victims
    }

    /// Q7 for two queues, as their usage is now.
    func mayReclaim(from victim: Int, for asker: Int, _ shape: Shape, _ short: Shortage) -> Bool {
        let asking = tree.path(asker)
        let losing = tree.path(victim)
        let below = asking.filter { !losing.contains($0) }
        let above = losing.filter { !asking.contains($0) }
        guard let askerTop = below.last, let victimTop = above.last else { return false }
        for queue in below {
            let entry = tree.queues[queue]
            for resource in short.resources
            where entry.usage[resource] + shape.required[resource] > entry.deserved[resource] { return false }
        }
        for queue in above {
            let entry = tree.queues[queue]
            guard entry.spec.reclaimable,
                short.resources.contains(where: { entry.usage[$0] > entry.deserved[$0] })
            else { return false }
        }
        // The asker may not end further over its share, in any resource, than the victim's queue was.
        let one = tree.queues[askerTop]
        let two = tree.queues[victimTop]
        for resource in 0..<shape.required.count where shape.required[resource] > 0 {
            let over = one.usage[resource] + shape.required[resource] - one.deserved[resource]
            if over > 0, over > two.usage[resource] - two.deserved[resource] { return false }
        }
        return true
    }

    /// The surplus of a gang and the gang, where it ran long enough and frees what the asker can use.
    private mutating func candidates(_ gang: Int, _ shape: Shape, _ short: Shortage, _ now: Timestamp) -> [Victim] {
        let record = gangs[gang]
        guard let admitted = record.admitted, !record.isPending, !record.pods.isEmpty else { return [] }
        let groups = shapes[record.shape].groups
        let useful = record.pods.contains { pod in
            let requests = groups[pod.group].requests
            guard short.resources.contains(where: { requests[$0] > 0 }) else { return false }
            guard short.onNodes else { return true }
            guard let node = pod.node else { return false }
            return shape.groups.contains { nodes.slots($0, on: node, limit: 1, empty: true) > 0 }
        }
        guard useful else { return [] }
        let safe = Timestamp(microseconds: admitted.microseconds + settings.leastRunTime)
        guard safe <= now else {
            evictAgain = min(evictAgain ?? safe, safe)
            return []
        }
        func victim(_ pods: [Int], _ isSurplus: Bool) -> Victim {
            Victim(
                gang: gang, isSurplus: isSurplus, pods: pods, priority: record.order.priority, admitted: admitted,
                order: record.order, queue: record.queue)
        }
        let surplus = record.pods.indices.filter {
            Int64(record.pods[$0].replica) >= groups[record.pods[$0].group].required
        }
        let whole = victim(Array(record.pods.indices), false)
        return surplus.isEmpty ? [whole] : [victim(surplus, true), whole]
    }

    // MARK: - Picking

    /// Picks victims until the gang fits, then spares all that prove unnecessary. This value is the world with what ends already gone.
    private func pick(
        _ gang: Int, _ key: LineClass.Key, _ short: Shortage, _ candidates: [Victim], _ held: [Reservation]
    ) -> [Victim]? {
        let shape = shapes[key.shape]
        var world = self
        var left = candidates
        var picked: [Victim] = []
        var fits = false
        while !fits {
            // A queue that is no longer over loses nothing more.
            var shares: [Int: Fraction] = [:]
            var allowed: [Int: Bool] = [key.queue: true]
            for victim in left where allowed[victim.queue] == nil {
                allowed[victim.queue] = world.mayReclaim(from: victim.queue, for: key.queue, shape, short)
            }
            for victim in left where shares[victim.queue] == nil {
                let queue = world.tree.queues[victim.queue]
                shares[victim.queue] = dominantShare(queue.usage, weight: queue.spec.weight)
            }
            let best = left.indices.filter { allowed[left[$0].queue] == true }
                .min { goesBefore(left[$0], left[$1], shares) }
            guard let best else { return nil }
            var victim = left.remove(at: best)
            if let at = picked.firstIndex(where: { $0.gang == victim.gang }) {
                // Its surplus went before; now the rest.
                victim.pods.removeAll { picked[at].pods.contains($0) }
                world.release(victim)
                victim.pods += picked[at].pods
                picked[at] = victim
            } else {
                world.release(victim)
                picked.append(victim)
            }
            fits = world.fits(gang, key, held) != nil
        }
        return spare(gang, key, picked, held)
    }

    private func goesBefore(_ left: Victim, _ right: Victim, _ shares: [Int: Fraction]) -> Bool {
        if left.isSurplus != right.isSurplus { return left.isSurplus }
        if left.priority != right.priority { return left.priority < right.priority }
        let one = shares[left.queue] ?? .zero
        let two = shares[right.queue] ?? .zero
        if one != two { return two < one }
        if left.admitted != right.admitted { return left.admitted > right.admitted }
        return right.order < left.order
    }

    /// Whole gangs before surplus, highest priority first, then the oldest.
    private func spare(_ gang: Int, _ key: LineClass.Key, _ picked: [Victim], _ held: [Reservation]) -> [Victim] {
        let order = picked.sorted { left, right in
            if left.isSurplus != right.isSurplus { return right.isSurplus }
            if left.priority != right.priority { return left.priority > right.priority }
            if left.admitted != right.admitted { return left.admitted < right.admitted }
            return left.order < right.order
        }
        var rest = picked
        for victim in order {
            let without = rest.filter { $0.gang != victim.gang }
            var world = self
            for other in without { world.release(other) }
            if world.fits(gang, key, held) != nil { rest = without }
        }
        return rest
    }

    /// In a world that is only tried: what a victim uses is free.
    private mutating func release(_ victim: Victim) {
        for index in victim.pods {
            let pod = gangs[victim.gang].pods[index]
            let requests = shapes[gangs[victim.gang].shape].groups[pod.group].requests
            tree.charge(requests, times: -1, to: victim.queue)
            if let node = pod.node { nodes.use(requests, times: -1, on: node) }
        }
        if hasGuarantees { tree.keep() }
    }

    /// The plan for a gang in a world that is only tried.
    private mutating func fits(_ gang: Int, _ key: LineClass.Key, _ held: [Reservation]) -> [PlannedPods]? {
        let shape = shapes[key.shape]
        guard shape.required.fits(in: nodes.totalFree), lacksQuota(gang, key, shape.required) == nil else { return nil }
        return planBeside(held, key)
    }

    // MARK: - Carrying out

    /// What is freed belongs to the gang from now on: its queue is charged and its nodes are taken, though victims still use them.
    private mutating func carryOut(
        _ victims: [Victim], for gang: Int, _ key: LineClass.Key, _ plan: [PlannedPods], _ now: Timestamp,
        _ decisions: inout Decisions
    ) {
        let name = gangs[gang].order.name
        let asker = tree.queues[key.queue].spec.name
        let priority = gangs[gang].order.priority
        for victim in victims.sorted(by: { $0.name < $1.name }) {
            let queue = tree.queues[victim.queue].spec.name
            let pods = placements(victim.pods.map { gangs[victim.gang].pods[$0] })
            let why =
                victim.queue == key.queue
                ? "\(name) of priority \(priority) goes before its priority \(victim.priority) in queue \(queue)"
                : "queue \(asker) takes back for \(name) what it deserves; queue \(queue) is over its share"
            decisions.evictions.append(
                Decisions.Eviction(key: victim.name, pods: pods, isWhole: !victim.isSurplus, asker: name, text: why))
            stop(victim.gang, pods: victim.pods, isWhole: !victim.isSurplus, now)
        }
        leaveLine(gang)
        start(gang, startPods(plan, shapes[key.shape]), at: now, isPending: true)
        if hasGuarantees { tree.keep() }
        pending.append(gang)
        cursors = [:]
        evicted = true
        // Where quota alone was lacking its nodes are free already.
        startPending(now, &decisions)
        guard gangs[gang].isPending else { return }
        decisions.waiting.append(Decisions.Waiting(key: name, reason: pendingReason(gang)))
    }

    /// Takes pods of a gang out of its queue; on their nodes they are until they end. A whole gang waits again, at its old age.
    mutating func stop(_ gang: Int, pods: [Int], isWhole: Bool, _ now: Timestamp) {
        leaveLine(gang)
        let record = gangs[gang]
        for index in pods {
            let pod = record.pods[index]
            let requests = shapes[record.shape].groups[pod.group].requests
            tree.charge(requests, times: -1, to: record.queue)
            ending[record.order.name, default: []].append(
                EndingPod(group: pod.group, replica: pod.replica, node: pod.node, requests: requests))
            if !isWhole { gangs[gang].surplus[pod.group] += 1 }
        }
        wakeBlocked(at: record.queue)
        guard isWhole else {
            gangs[gang].pods = record.pods.indices.filter { !pods.contains($0) }.map { record.pods[$0] }
            enterSurplus(gang)
            return
        }
        gangs[gang].pods = []
        gangs[gang].surplus = []
        gangs[gang].admitted = nil
        gangs[gang].since = now
        countRun(of: gang, by: -1)
        enterLine(gang)
    }

    /// Starts the gangs for which room was freed, where that is there now.
    mutating func startPending(_ now: Timestamp, _ decisions: inout Decisions) {
        let waiting = pending
        pending = []
        for gang in waiting where gangs[gang].isPending {
            let record = gangs[gang]
            let busy = Set(record.pods.compactMap(\.node)).sorted().filter { nodes.isOvercommitted($0) }
            let isLost = record.pods.contains { $0.node == nil }
            if busy.isEmpty, !isLost {
                gangs[gang].isPending = false
                gangs[gang].admitted = now
                decisions.admissions.append(
                    Decisions.Admission(key: record.order.name, pods: placements(record.pods), isStart: true))
                enterSurplus(gang)
                continue
            }
            let ends = ending.values.contains { $0.contains { pod in pod.node.map(busy.contains) ?? false } }
            if ends, !isLost {
                pending.append(gang)
                continue
            }
            // The nodes are gone or became too small: it waits again.
            for pod in record.pods { release(pod, of: gang) }
            gangs[gang].pods = []
            gangs[gang].admitted = nil
            gangs[gang].isPending = false
            countRun(of: gang, by: -1)
            enterLine(gang)
        }
    }

    /// Draining: what runs there is evicted, and no least run time shields it.
    mutating func drain(_ now: Timestamp, _ decisions: inout Decisions) {
        for queue in tree.parentsFirst
        where queue != QueueTree.root && tree.path(queue).contains(where: { tree.queues[$0].spec.state == .draining }) {
            let names = lines[queue].gangs.map { gangs[$0].order.name }.sorted()
            for gang in names.compactMap({ gangIndices[$0] }) {
                let record = gangs[gang]
                let text = "queue \(tree.queues[queue].spec.name) is draining"
                if !record.isPending {
                    decisions.evictions.append(
                        Decisions.Eviction(
                            key: record.order.name, pods: placements(record.pods), isWhole: true, asker: nil, text: text
                        ))
                } else {
                    pending.removeAll { $0 == gang }
                    gangs[gang].isPending = false
                    for pod in record.pods { release(pod, of: gang) }
                    gangs[gang].pods = []
                }
                stop(gang, pods: Array(gangs[gang].pods.indices), isWhole: true, now)
            }
        }
    }

    /// Looks again at classes for which something may be evicted by now.
    mutating func wakeEvicting(_ now: Timestamp, sharesChanged: Bool) {
        overQueues = findOverQueues()
        let isDue = evictAgain.map { $0 <= now } ?? false
        guard sharesChanged || isDue else { return }
        if isDue { evictAgain = nil }
        let waiting = evictionBlocked
        evictionBlocked = []
        for index in waiting {
            guard let block = classes[index].block,
                [.quota, .guaranteed, .resources, .fragmentation].contains(block.kind),
                let first = classes[index].first
            else { continue }
            if mayEvict(first.gang, classes[index].key, shapes[classes[index].key.shape]) {
                wake(index)
            } else {
                evictionBlocked.append(index)
            }
        }
    }
}
