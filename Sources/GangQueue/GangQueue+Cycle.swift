import HeapModule
public import KubernetesModel

/// A class of workloads in the order of its queue; surplus pods after whole gangs.
struct ClassTurn: Comparable {
    var surplus: Bool
    var order: OrderKey
    var line: Int

    static func < (left: ClassTurn, right: ClassTurn) -> Bool {
        left.surplus != right.surplus ? !left.surplus : left.order < right.order
    }

    static func == (left: ClassTurn, right: ClassTurn) -> Bool {
        left.surplus == right.surplus && left.order == right.order
    }
}

/// A queue among its siblings, with the workload that is next in it (Q4).
struct QueueTurn: Comparable {
    /// Whether that workload keeps it within what it deserves.
    var isWithin: Bool
    /// Whether a reservation was made for that workload.
    var isReserved: Bool
    /// Its dominant share over its weight, before the workload is added.
    var share: Fraction
    var next: ClassTurn
    var name: String
    var queue: Int

    static func < (left: QueueTurn, right: QueueTurn) -> Bool {
        if left.isWithin != right.isWithin { return left.isWithin }
        if left.isReserved != right.isReserved { return left.isReserved }
        if left.isReserved, left.next.order.arrival != right.next.order.arrival {
            return left.next.order.arrival < right.next.order.arrival
        }
        if left.share != right.share { return left.share < right.share }
        if left.next.order.priority != right.next.order.priority {
            return left.next.order.priority > right.next.order.priority
        }
        if left.next.order.arrival != right.next.order.arrival {
            return left.next.order.arrival < right.next.order.arrival
        }
        return left.name < right.name
    }
}

/// Whose turn it is, level by level.
struct Turns {
    var leaves: [Int: Heap<ClassTurn>] = [:]
    var parents: [Int: Heap<QueueTurn>] = [:]
}

extension GangQueue {
    /// One decision on everything that was told so far.
    public mutating func cycle(now: Timestamp) -> Decisions {
        var decisions = Decisions()
        rebuildQueues()
        nodes.sort()
        kinds = NodeTable.Kinds(table)
        cursors = [:]
        checkShapes()
        startPending(now, &decisions)
        drain(now, &decisions)
        let changed = tree.share(capacity: nodes.total, resources: table.count)
        if hasGuarantees {
            tree.keep()
            if changed { wakeGuaranteed() }
        }
        wakeRoomless()
        wakeEvicting(now, sharesChanged: changed)
        takeReservations(now, &decisions)
        while !activeQueues.isEmpty {
            var turns = Turns()
            let active = activeQueues
            activeQueues = []
            for queue in active { enterTurns(queue, &turns) }
            enterParents(active, &turns)
            evicted = false
            while let leaf = nextLeaf(&turns) {
                takeTurn(of: leaf, &turns, now, &decisions)
                returnToTurns(leaf, &turns)
                guard !evicted else { break }
            }
            // Whoever lost a gang has another share now: all turns are ordered anew.
            if evicted {
                overQueues = findOverQueues()
                for queue in turns.leaves.keys.sorted() where !lines[queue].isActive {
                    lines[queue].isActive = true
                    activeQueues.append(queue)
                }
            }
        }
        for queue in touched.sorted(by: { tree.queues[$0].spec.name < tree.queues[$1].spec.name }) {
            considerReservation(queue, now: now)
        }
        touched = []
        tell(&decisions)
        decisions.wakeUp = nextWakeUp(now)
        return decisions
    }

    /// Somebody may evict what starts now when its least run time is over.
    private mutating func noteLeastRunTime(_ now: Timestamp) {
        let safe = Timestamp(microseconds: now.microseconds + settings.leastRunTime)
        evictAgain = min(evictAgain ?? safe, safe)
    }

    /// When time alone may change a decision.
    private func nextWakeUp(_ now: Timestamp) -> Timestamp? {
        let instants = reservations.compactMap(\.instant).filter { $0 > now }
        let again = evictionBlocked.isEmpty ? nil : evictAgain
        return ([timers.min?.time, again].compactMap { $0 } + instants).min()
    }

    // MARK: - Whose turn it is

    private mutating func enterTurns(_ queue: Int, _ turns: inout Turns) {
        lines[queue].isActive = false
        var heap: [ClassTurn] = []
        for index in lines[queue].classes where classes[index].block == nil {
            classes[index].settle()
            if let block = standingBlock(index) {
                classes[index].block = block
                toTell.append(index)
            } else if let first = classes[index].first {
                heap.append(ClassTurn(surplus: classes[index].key.surplus, order: first, line: index))
            }
        }
        if !heap.isEmpty { turns.leaves[queue] = Heap(heap) }
    }

    /// Why a class cannot start whatever the others do.
    private func standingBlock(_ index: Int) -> Block? {
        let line = classes[index]
        if line.key.problem != nil { return Block(kind: .misconfigured) }
        if line.key.isEnding { return Block(kind: .ending) }
        if let queue = closed(line.key.queue) { return Block(kind: .queueClosed, queue: queue) }
        if let ceiling = line.ceiling { return ceiling }
        return shapes[line.key.shape].canEverFit || provisions(line.key) ? nil : Block(kind: .neverFits)
    }

    private func enterParents(_ active: [Int], _ turns: inout Turns) {
        var byDepth: [Int: [Int]] = [:]
        for queue in active where turns.leaves[queue] != nil {
            byDepth[tree.queues[queue].depth, default: []].append(queue)
        }
        guard var depth = byDepth.keys.max() else { return }
        while depth > 0 {
            var entries: [Int: [QueueTurn]] = [:]
            for queue in byDepth[depth] ?? [] {
                if let turn = turn(of: queue, turns) { entries[tree.queues[queue].parent, default: []].append(turn) }
            }
            for (parent, turn) in entries {
                turns.parents[parent] = Heap(turn)
                byDepth[depth - 1, default: []].append(parent)
            }
            depth -= 1
        }
    }

    private func turn(of queue: Int, _ turns: Turns) -> QueueTurn? {
        guard let next = turns.leaves[queue]?.min ?? turns.parents[queue]?.min?.next else { return nil }
        let entry = tree.queues[queue]
        return QueueTurn(
            isWithin: isWithin(queue, shapes[classes[next.line].key.shape].required),
            isReserved: reservations.contains { $0.gang == next.order.gang && !next.surplus },
            share: dominantShare(entry.usage, weight: entry.spec.weight), next: next, name: entry.spec.name,
            queue: queue)
    }

    /// Whether a queue that gets that much more stays within what it deserves.
    func isWithin(_ queue: Int, _ amounts: ResourceVector) -> Bool {
        for resource in 0..<amounts.count where amounts[resource] > 0 {
            let entry = tree.queues[queue]
            if entry.usage[resource] + amounts[resource] > entry.deserved[resource] { return false }
        }
        return true
    }

    private func nextLeaf(_ turns: inout Turns) -> Int? {
        var queue = QueueTree.root
        while let next = turns.parents[queue]?.popMin() { queue = next.queue }
        return queue == QueueTree.root ? nil : queue
    }

    /// Puts a queue that had its turn, and those above it, back among their siblings.
    private func returnToTurns(_ leaf: Int, _ turns: inout Turns) {
        var queue = leaf
        while queue != QueueTree.root {
            let parent = tree.queues[queue].parent
            if let turn = turn(of: queue, turns) { turns.parents[parent]?.insert(turn) }
            queue = parent
        }
    }

    // MARK: - A turn

    private mutating func takeTurn(of queue: Int, _ turns: inout Turns, _ now: Timestamp, _ decisions: inout Decisions)
    {
        guard let turn = turns.leaves[queue]?.popMin() else { return }
        let index = turn.line
        classes[index].settle()
        guard let first = classes[index].first, classes[index].block == nil else { return }
        guard first == turn.order, first.gang == turn.order.gang else {
            // Another one came to the head since the order was made.
            turns.leaves[queue]?.insert(ClassTurn(surplus: turn.surplus, order: first, line: index))
            return
        }
        let key = classes[index].key
        defer {

            // Workloads of the same run may have got another place, surplus pods have come.
            if lines[queue].isActive { enterTurns(queue, &turns) }
        }
        if let block = admit(first.gang, key, now, &decisions) {
            set(block, on: index)
            if block.kind != .reserved, firstInLine(queue)?.gang == first.gang { considerReservation(queue, now: now) }
            touched.insert(queue)
            if isFifo(queue) {
                turns.leaves[queue] = nil
                for other in lines[queue].classes where classes[other].block == nil {
                    set(Block(kind: .line, queue: queue), on: other)
                }
            }
            return
        }
        // Another one may be the first now, and have waited long.
        wakeStarving(queue, now)
        if classIndices[key] == index, let next = classes[index].first {
            turns.leaves[queue]?.insert(ClassTurn(surplus: turn.surplus, order: next, line: index))
        }
    }

    mutating func set(_ block: Block, on index: Int) {
        classes[index].block = block
        toTell.append(index)
        if [.quota, .guaranteed, .resources, .fragmentation].contains(block.kind) { evictionBlocked.append(index) }
        switch block.kind {
        case .quota, .runs: lines[block.queue].blocked.append(index)
        case .reserved: reservedBlocked.append(index)
        case .guaranteed: guaranteedBlocked.append(index)
        default: break
        }
    }

    /// Admits a workload, or says why not.
    mutating func admit(
        _ gang: Int, _ key: LineClass.Key, _ now: Timestamp, _ decisions: inout Decisions
    ) -> Block? {
        let block = tryToStart(gang, key, now, &decisions)
        if block == nil, !key.surplus { endReservation(gang) }
        return block
    }

    private mutating func tryToStart(
        _ gang: Int, _ key: LineClass.Key, _ now: Timestamp, _ decisions: inout Decisions
    ) -> Block? {
        let shape = shapes[key.shape]
        if let block = lacksQuota(gang, key, shape.required) {
            if block.kind != .runs, evict(for: gang, key, now, &decisions) { return nil }
            return block
        }
        guard var plan = findRoom(key.shape) else {
            if provisions(key) {
                startUnplaced(gang, key, now, &decisions)
                return nil
            }
            return evict(for: gang, key, now, &decisions) ? nil : lackOfRoom(shape)
        }
        let held = holding(gang, key, now: now)
        if let first = held.first {
            cursors[key.shape] = nil
            guard let beside = planBeside(held, key) else { return Block(kind: .reserved, gang: first.key) }
            plan = beside
        }
        // What waits becomes what is used: the demand and every share stay as they are.
        let isStale = tree.isStale
        defer { tree.isStale = isStale }
        if key.surplus {
            join(gang, key.shape, plan, &decisions)
        } else {
            let pods = startPods(plan, shape)
            leaveLine(gang)
            start(gang, pods, at: now)
            if !evictionBlocked.isEmpty { noteLeastRunTime(now) }
            decisions.admissions.append(
                Decisions.Admission(key: gangs[gang].order.name, pods: placements(pods), isStart: true))
        }
        if hasGuarantees { tree.keep(shape.required, in: key.queue) }
        return nil
    }

    /// The pods of a plan, numbered in its order.
    func startPods(_ plan: [PlannedPods], _ shape: Shape) -> [Gang.Pod] {
        var pods: [Gang.Pod] = []
        var next = [Int](repeating: 0, count: shape.groups.count)
        for planned in plan {
            for _ in 0..<planned.count {
                pods.append(Gang.Pod(group: planned.group, replica: next[planned.group], node: planned.node))
                next[planned.group] += 1
            }
        }
        return pods
    }

    /// Q11: whether nodes can be added for what lacks nothing else.
    func provisions(_ key: LineClass.Key) -> Bool {
        tree.queues[key.queue].spec.provisioning == .autoscaler && !key.surplus
    }

    /// Q11: starts a gang on nodes that are not there yet.
    private mutating func startUnplaced(
        _ gang: Int, _ key: LineClass.Key, _ now: Timestamp, _ decisions: inout Decisions
    ) {
        let groups = shapes[key.shape].groups
        let pods = groups.indices.flatMap { group in
            (0..<Int(groups[group].required)).map { Gang.Pod(group: group, replica: $0, node: nil) }
        }
        leaveLine(gang)
        start(gang, pods, at: now)
        decisions.admissions.append(
            Decisions.Admission(key: gangs[gang].order.name, pods: placements(pods), isStart: true))
        if hasGuarantees { tree.keep(shapes[key.shape].required, in: key.queue) }
    }

    /// Adds a surplus pod to a gang that runs.
    private mutating func join(_ gang: Int, _ unit: Int, _ plan: [PlannedPods], _ decisions: inout Decisions) {
        guard let group = gangs[gang].surplus.firstIndex(where: { $0 > 0 }), let node = plan.first?.node else { return }
        let requests = shapes[unit].required
        let whole = shapes[gangs[gang].shape].groups[group]
        let pod = Gang.Pod(group: group, replica: Int(whole.count - gangs[gang].surplus[group]), node: node)
        leaveLine(gang)
        gangs[gang].surplus[group] -= 1
        gangs[gang].pods.append(pod)
        tree.charge(requests, times: 1, to: gangs[gang].queue)
        nodes.use(requests, times: 1, on: node)
        enterSurplus(gang)
        decisions.admissions.append(
            Decisions.Admission(key: gangs[gang].order.name, pods: placements([pod]), isStart: false))
    }

    func placements(_ pods: [Gang.Pod]) -> [PodPlacement] {
        pods.map { PodPlacement(group: $0.group, replica: $0.replica, node: $0.node.flatMap { nodes.specs[$0]?.name }) }
            .sorted()
    }
}
