import KubernetesModel

/// Q7: reclaim from other queues and preemption in one's own, of whole gangs, with as few victims as do.
extension GangQueue {
    /// Evicts for a gang that cannot start and gives it what is freed; false where that would not make it fit.
    mutating func evict(
        for gang: Int, _ key: LineClass.Key, _ now: Timestamp, _ decisions: inout Decisions
    ) -> Bool {
        guard mayHaveVictims(gang, key, now) else { return false }
        supposeEnding()
        let found = findVictims(for: gang, key, now)
        supposeEnding()
        guard let found else { return false }
        carryOut(found.victims, for: gang, key, found.plan, now, &decisions)
        return true
    }

    /// Whether somebody can be evicted for a gang.
    mutating func canEvict(for gang: Int, _ key: LineClass.Key, _ now: Timestamp) -> Bool {
        guard mayHaveVictims(gang, key, now) else { return false }
        supposeEnding()
        defer { supposeEnding() }
        return findVictims(for: gang, key, now) != nil
    }

    /// Whom to evict so that a gang fits, and where it goes then. Room that is being freed already counts as idle: it is supposed to be.
    /// What is supposed on the way is taken back.
    mutating func findVictims(
        for gang: Int, _ key: LineClass.Key, _ now: Timestamp
    ) -> (victims: [Victim], plan: [PlannedPods])? {
        let held = holding(gang, key, now: now)
        if hasRoomLater(gang, key, now) { return nil }
        let short = shortage(key)
        let others = staysWithin(key.queue, shapes[key.shape].required, short) ? queuesThatLose(key, short) : []
        let ownPriority =
            tree.queues[key.queue].spec.preemption == .lowerPriority ? gangs[gang].order.priority : Int64.min
        var own = VictimQueue(queue: key.queue, below: ownPriority)
        let hasOwn = nextVictim(&own, key, short, now) != nil
        let index = gangs[gang].lineClass
        if let index { classes[index].missedVictims = false }
        guard hasOwn || !others.isEmpty else { return nil }
        if let index { classes[index].missedVictims = true }
        takeClaims(held, times: 1)
        defer { takeClaims(held, times: -1) }
        var trial = EvictionTrial(gang: gang, key: key, held: held, probe: FitProbe(shapes[key.shape], nodes))
        if fits(trial) != nil {
            if isSurvey || held == 0 { roomLater.insert(BesideKey(shape: key.shape, held: held)) }
            return nil
        }
        for queues in [others, hasOwn ? [own] : [], hasOwn && !others.isEmpty ? others + [own] : []]
        where !queues.isEmpty {
            defer {
                for victim in trial.picked { suppose(victim, times: 1, &trial) }
                trial.picked = []
            }
            if let plan = pick(queues, &trial, short, now) { return (trial.picked, plan) }
        }
        return nil
    }

    /// Whether room that is being freed is known to be enough for a gang.
    mutating func hasRoomLater(_ gang: Int, _ key: LineClass.Key, _ now: Timestamp) -> Bool {
        guard !roomLater.isEmpty else { return false }
        let held = holding(gang, key, now: now)
        guard roomLater.contains(BesideKey(shape: key.shape, held: held)),
            lacksQuota(gang, key, shapes[key.shape].required) == nil, leavesQuota(held, key)
        else { return false }
        // Somebody else may get it.
        if let index = gangs[gang].lineClass { classes[index].missedVictims = true }
        return true
    }

    /// A quick look at whether there can be any victim.
    mutating func mayHaveVictims(_ gang: Int, _ key: LineClass.Key, _ now: Timestamp) -> Bool {
        if key.surplus { return false }
        if let index = gangs[gang].lineClass, needsShare(index, lacking: lacked(key.shape)) { return false }
        if let lowest = lines[key.queue].gangs.first?.priority, lowest < gangs[gang].order.priority,
            tree.queues[key.queue].spec.preemption == .lowerPriority, isMature(key.queue, now)
        {
            return true
        }
        if overQueues.isEmpty { return false }
        // Some resource has to be short, and the queue within its share of it.
        for resource in 0..<shapes[key.shape].required.count {
            let required = shapes[key.shape].required[resource]
            if required > 0,
                tree.queues[key.queue].usage[resource] + required <= tree.queues[key.queue].deserved[resource]
            {
                return true
            }
        }
        return false
    }

    private func isOver(_ queue: Int) -> Bool {
        let usage = tree.queues[queue].usage
        for resource in 0..<usage.count where usage[resource] > tree.queues[queue].deserved[resource] { return true }
        return false
    }

    /// Whether something ran long enough there; where not, when it will have.
    private mutating func isMature(_ queue: Int, _ now: Timestamp) -> Bool {
        let safe = Timestamp(microseconds: lines[queue].oldest.microseconds + settings.leastRunTime)
        if safe > now { evictAgain = min(evictAgain ?? safe, safe) }
        return safe <= now
    }

    /// Finds the queues without children that are over what they deserve of something and may lose something.
    mutating func findOverQueues(_ now: Timestamp) {
        overQueues = []
        for queue in tree.queues.indices { noteOver(queue, now) }
    }

    /// Notes a queue that may be over what it deserves by now; whether anything ran long enough there is asked with `now`.
    mutating func noteOver(_ queue: Int, _ now: Timestamp?) {
        lines[queue].isOver = false
        guard !lines[queue].gangs.isEmpty, tree.queues[queue].children.isEmpty, queue != QueueTree.root,
            tree.queues[queue].spec.reclaimable, isOver(queue), now.map({ isMature(queue, $0) }) ?? true
        else { return }
        lines[queue].isOver = true
        overQueues.append(queue)
        if now == nil { newlyOver.insert(queue) }
    }

    mutating func shortage(_ key: LineClass.Key) -> Shortage {
        let required = shapes[key.shape].required
        var short: [Int] = []
        var asked: [Int] = []
        var onNodes = false
        let path = tree.path(key.queue)
        for resource in 0..<required.count where required[resource] > 0 {
            asked.append(resource)
            if required[resource] > nodes.totalFree[resource] {
                onNodes = true
                short.append(resource)
            } else {
                for queue in path where isOverCeiling(queue, resource, with: required[resource]) {
                    short.append(resource)
                    break
                }
            }
        }
        if tree.hasGuarantees {
            for resource in tree.takesGuaranteed(required, in: key.queue, capacity: nodes.total)
            where !short.contains(resource) { short.append(resource) }
        }
        return Shortage(resources: short.isEmpty ? asked : short, onNodes: onNodes || short.isEmpty)
    }

    // MARK: - Who may be evicted

    /// The queues that are over their share while the asker's stays within its own, below the lowest ancestor of both.
    private mutating func queuesThatLose(_ key: LineClass.Key, _ short: Shortage) -> [VictimQueue] {
        guard !overQueues.isEmpty else { return [] }
        var found: [VictimQueue] = []
        let required = shapes[key.shape].required
        for asker in tree.path(key.queue) {
            // Whoever is not within its share takes nothing from outside its parent.
            guard staysWithin(asker, required, short) else { break }
            for sibling in tree.queues[tree.queues[asker].parent].children
            where sibling != asker && mayLose(sibling, short) && isFurtherOver(sibling, than: asker, required) {
                addLosers(below: sibling, short, &found)
            }
        }
        return found
    }

    private func addLosers(below queue: Int, _ short: Shortage, _ found: inout [VictimQueue]) {
        if lines[queue].isOver { found.append(VictimQueue(queue: queue, below: Int64.max)) }
        for child in tree.queues[queue].children where mayLose(child, short) { addLosers(below: child, short, &found) }
    }

    func staysWithin(_ queue: Int, _ required: ResourceVector, _ short: Shortage) -> Bool {
        for resource in short.resources
        where tree.queues[queue].usage[resource] + required[resource] > tree.queues[queue].deserved[resource] {
            return false
        }
        return true
    }

    private func mayLose(_ queue: Int, _ short: Shortage) -> Bool {
        guard tree.queues[queue].spec.reclaimable else { return false }
        for resource in short.resources
        where tree.queues[queue].usage[resource] > tree.queues[queue].deserved[resource] { return true }
        return false
    }

    /// The asker may not end further over its share, in any resource, than the victim's queue is.
    private func isFurtherOver(_ victim: Int, than asker: Int, _ required: ResourceVector) -> Bool {
        for resource in 0..<required.count where required[resource] > 0 {
            let over = tree.queues[asker].usage[resource] + required[resource] - tree.queues[asker].deserved[resource]
            if over > 0, over > tree.queues[victim].usage[resource] - tree.queues[victim].deserved[resource] {
                return false
            }
        }
        return true
    }

    /// Q7 for two queues, as their usage is now.
    mutating func mayReclaim(from victim: Int, for key: LineClass.Key, _ short: Shortage) -> Bool {
        let asking = tree.path(key.queue)
        let losing = tree.path(victim)
        // Paths are from the leaf up: what is common is at their ends.
        var common = 0
        while common < asking.count, common < losing.count,
            asking[asking.count - 1 - common] == losing[losing.count - 1 - common]
        { common += 1 }
        guard common < asking.count, common < losing.count else { return false }
        for queue in losing[..<(losing.count - common)] where !mayLose(queue, short) { return false }
        let required = shapes[key.shape].required
        for queue in asking[..<(asking.count - common)] where !staysWithin(queue, required, short) { return false }
        return isFurtherOver(losing[losing.count - 1 - common], than: asking[asking.count - 1 - common], required)
    }

    /// Whether a gang ran long enough and frees what the asker can use.
    private mutating func isCandidate(_ gang: Int, _ key: LineClass.Key, _ short: Shortage, _ now: Timestamp) -> Bool {
        guard let admitted = gangs[gang].admitted, !gangs[gang].isPending, !gangs[gang].pods.isEmpty else {
            return false
        }
        let safe = Timestamp(microseconds: admitted.microseconds + settings.leastRunTime)
        guard safe <= now else {
            evictAgain = min(evictAgain ?? safe, safe)
            return false
        }
        // What a decision adds to a gang is not taken away at the same instant.
        if gangs[gang].joined == now {
            let next = Timestamp(microseconds: now.microseconds + 1)
            evictAgain = min(evictAgain ?? next, next)
            return false
        }
        let shape = gangs[gang].shape
        for pod in gangs[gang].pods {
            let frees = short.resources.contains { shapes[shape].groups[pod.group].requests[$0] > 0 }
            guard frees else { continue }
            guard short.onNodes else { return true }
            guard let node = pod.node else { continue }
            for group in shapes[key.shape].groups.indices
            where nodes.slots(shapes[key.shape].groups[group], on: node, limit: 1, empty: true) > 0 { return true }
        }
        return false
    }

    /// The next one of a queue: surplus pods before whole gangs, then the lowest priority, then the youngest.
    private mutating func nextVictim(
        _ from: inout VictimQueue, _ key: LineClass.Key, _ short: Shortage, _ now: Timestamp
    ) -> Victim? {
        if let next = from.next { return next }
        let running = lines[from.queue].gangs
        if from.isSurplus, lines[from.queue].elastic == 0 {
            from.isSurplus = false
            from.place = 0
        }
        while true {
            if from.place == running.count || running[from.place].priority >= from.below {
                guard from.isSurplus else { return nil }
                from.isSurplus = false
                from.place = 0
                continue
            }
            let gang = running[from.place].gang
            from.place += 1
            var pods = Array(gangs[gang].pods.indices)
            if from.isSurplus {
                pods = pods.filter {
                    let pod = gangs[gang].pods[$0]
                    return Int64(pod.replica) >= shapes[gangs[gang].shape].groups[pod.group].required
                }
                if pods.isEmpty { continue }
            }
            guard isCandidate(gang, key, short, now), let admitted = gangs[gang].admitted else { continue }
            from.next = Victim(
                gang: gang, isSurplus: from.isSurplus, pods: pods, priority: gangs[gang].order.priority,
                admitted: admitted, order: gangs[gang].order, queue: from.queue)
            return from.next
        }
    }

    // MARK: - Picking

    /// Picks victims until the gang fits, then spares all that prove unnecessary. They stay supposed to be gone.
    private mutating func pick(
        _ from: [VictimQueue], _ trial: inout EvictionTrial, _ short: Shortage, _ now: Timestamp
    ) -> [PlannedPods]? {
        let key = trial.key
        var queues = from
        repeat {
            var best: (at: Int, victim: Victim, share: Fraction)?
            for at in queues.indices {
                guard let victim = nextVictim(&queues[at], key, short, now) else { continue }
                let queue = victim.queue
                // A queue that is no longer over loses nothing more.
                guard queue == key.queue || mayReclaim(from: queue, for: key, short) else { continue }
                let share = dominantShare(tree.queues[queue].usage, weight: tree.queues[queue].spec.weight)
                if let known = best, !goesBefore((victim, share), (known.victim, known.share)) { continue }
                best = (at, victim, share)
            }
            guard let (at, found, _) = best else { return nil }
            var victim = found
            queues[at].next = nil
            if let place = trial.picked.firstIndex(where: { $0.gang == victim.gang }) {
                // Its surplus went before; now the rest.
                let surplus = trial.picked.remove(at: place)
                suppose(surplus, times: 1, &trial)
                victim.pods = Array(gangs[victim.gang].pods.indices)
            }
            suppose(victim, times: -1, &trial)
            trial.picked.append(victim)
        } while fits(trial) == nil
        return spare(&trial)
    }

    private func goesBefore(_ left: (victim: Victim, share: Fraction), _ right: (victim: Victim, share: Fraction))
        -> Bool
    {
        let (one, two) = (left.victim, right.victim)
        if one.isSurplus != two.isSurplus { return one.isSurplus }
        if one.priority != two.priority { return one.priority < two.priority }
        if left.share != right.share { return right.share < left.share }
        if one.admitted != two.admitted { return one.admitted > two.admitted }
        return two.order < one.order
    }

    /// Whole gangs before surplus, highest priority first, then the oldest. What is left is checked again each time.
    private mutating func spare(_ trial: inout EvictionTrial) -> [PlannedPods]? {
        let order = trial.picked.sorted { left, right in
            if left.isSurplus != right.isSurplus { return right.isSurplus }
            if left.priority != right.priority { return left.priority > right.priority }
            if left.admitted != right.admitted { return left.admitted < right.admitted }
            return left.order < right.order
        }
        for victim in order where trial.picked.count > 1 {
            suppose(victim, times: 1, &trial)
            if fits(trial) != nil {
                trial.picked.removeAll { $0.gang == victim.gang }
            } else {
                suppose(victim, times: -1, &trial)
            }
        }
        return fits(trial)
    }

    /// Supposes that a victim is gone, or with 1 that it is there again.
    private mutating func suppose(_ victim: Victim, times: Int64, _ trial: inout EvictionTrial) {
        let pods = victim.pods.map { gangs[victim.gang].pods[$0] }
        trial.probe.willChange(pods, nodes)
        for pod in pods {
            let requests = shapes[gangs[victim.gang].shape].groups[pod.group].requests
            tree.charge(requests, times: times, to: victim.queue)
            if let node = pod.node { nodes.suppose(requests, times: times, on: node) }
        }
        trial.probe.hasChanged(pods, nodes)
    }

    /// The plan for a gang as things are supposed to be.
    private mutating func fits(_ trial: EvictionTrial) -> [PlannedPods]? {
        guard trial.probe.isPossible, shapes[trial.key.shape].required.fits(in: nodes.totalFree),
            lacksQuota(trial.gang, trial.key, shapes[trial.key.shape].required) == nil,
            leavesQuota(trial.held, trial.key)
        else { return nil }
        return nodes.plan(shapes[trial.key.shape], counts: shapes[trial.key.shape].groups.map(\.required), kinds)
    }

    /// What a queue has changes: for those below the same top one it may make a difference.
    mutating func noteMove(_ queue: Int) {
        if let top = tree.path(queue).last { movedTops.insert(top) }
        movedQueues.insert(queue)
        hasFreed = true
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
            awaited[victim.name] = gang
            stop(victim.gang, pods: victim.pods, isWhole: !victim.isSurplus, now)
        }
        leaveLine(gang)
        start(gang, startPods(plan, shapes[key.shape]), at: now, isPending: true)
        pending.append(gang)
        // Where quota alone was lacking its nodes are free already.
        startPending(now, &decisions)
        guard gangs[gang].isPending else { return }
        decisions.waiting.append(Decisions.Waiting(key: name, reason: pendingReason(gang)))
    }

    /// Takes pods of a gang out of its queue; on their nodes they are until they end. A whole gang waits again, at its old age.
    mutating func stop(_ gang: Int, pods: [Int], isWhole: Bool, _ now: Timestamp) {
        leaveLine(gang)
        reordered.insert(gangs[gang].queue)
        noteMove(gangs[gang].queue)
        let record = gangs[gang]
        for index in pods {
            let pod = record.pods[index]
            let requests = shapes[record.shape].groups[pod.group].requests
            tree.charge(requests, times: -1, to: record.queue)
            changeClaims(requests, times: 1, of: gang, on: pod.node)
            if let node = pod.node { later.suppose(requests, times: -1, on: node) }
            addEnding(
                EndingPod(group: pod.group, replica: pod.replica, node: pod.node, requests: requests),
                of: record.order.name)
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
        countRun(of: gang, by: -1)
        gangs[gang].admitted = nil
        gangs[gang].since = now
        enterLine(gang)
    }

    /// Starts the gangs for which room was freed, where that is there now.
    mutating func startPending(_ now: Timestamp, _ decisions: inout Decisions) {
        let waiting = pending
        pending = []
        for gang in waiting where gangs[gang].isPending {
            let record = gangs[gang]
            let groups = shapes[record.shape].groups
            let busy = record.pods.filter { pod in
                pod.node.map { nodes.isOvercommitted($0, in: groups[pod.group].requests) } ?? false
            }
            let isLost = record.pods.contains { $0.node == nil }
            if busy.isEmpty, !isLost {
                leaveRunning(gang)
                gangs[gang].admitted = now
                endPending(gang)
                enterRunning(gang)
                decisions.admissions.append(
                    Decisions.Admission(key: record.order.name, pods: placements(record.pods), isStart: true))
                enterSurplus(gang)
                continue
            }
            if !isLost, busy.contains(where: { $0.node.map { endingOnNode[$0] != nil } ?? false }) {
                pending.append(gang)
                continue
            }
            // The nodes are gone or became too small: it waits again, and has its turn before those who went for it.
            for pod in record.pods { release(pod, of: gang) }
            gangs[gang].pods = []
            countRun(of: gang, by: -1)
            gangs[gang].admitted = nil
            gangs[gang].isPending = false
            displaced.append(gang)
            enterLine(gang)
        }
    }

    /// Gangs that lost the room that was being freed for them had their turn: those who were evicted for them may start, but where one found
    /// other room to wait for. False where there is nobody.
    mutating func endDisplaced() -> Bool {
        let before = awaited.count
        for gang in displaced where !gangs[gang].isPending { endPending(gang) }
        displaced = []
        return awaited.count < before
    }

    /// A gang waits no more for room that is freed for it: those who were evicted for it may start again.
    mutating func endPending(_ gang: Int) {
        gangs[gang].isPending = false
        for name in awaited.filter({ $0.value == gang }).keys.sorted() {
            awaited[name] = nil
            if let victim = gangIndices[name] { reenterLine(victim) }
        }
    }

    /// Draining: what runs there is evicted, and no least run time shields it.
    mutating func drain(_ now: Timestamp, _ decisions: inout Decisions) {
        for queue in tree.parentsFirst
        where queue != QueueTree.root && tree.path(queue).contains(where: { tree.queues[$0].spec.state == .draining }) {
            let names = lines[queue].gangs.map { gangs[$0.gang].order.name }.sorted()
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
                    endPending(gang)
                    for pod in record.pods { release(pod, of: gang) }
                    gangs[gang].pods = []
                }
                stop(gang, pods: Array(gangs[gang].pods.indices), isWhole: true, now)
            }
        }
    }
}
