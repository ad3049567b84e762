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
    /// ``GangQueue/turnStamps`` when it was made.
    var stamp: Int

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
        later.sort()
        kinds = NodeTable.Kinds(table)
        placeRestored()
        var done: Int
        var reserved: [Reservation]
        repeat {
            done = decisions.admissions.count + decisions.evictions.count
            reserved = reservations
            pass(now, &decisions)
        } while endDisplaced() || decisions.admissions.count + decisions.evictions.count > done
            || reservations != reserved
        tell(&decisions)
        decisions.wakeUp = nextWakeUp(now)
        return decisions
    }

    /// What a decision consists of, again until nothing more comes of it: what started, or was evicted, may be somebody's to take back, and
    /// what is reserved may be another thing by then. So a second decision at the same instant has nothing to do.
    ///
    /// There is an end to it. Whoever is evicted has pods that end, and starts again only after ``podsGone(_:_:)``: in one decision a gang is
    /// evicted once at most, and so is each of its surplus pods. A gang loses the room being freed for it when nodes changed, once at most:
    /// what was planned since fits when all that ends is gone. So there are at most two starts of a gang. When nobody starts or goes any more,
    /// reservations are worked out from a state that stays: those that are there stay as they are, a new one only takes the place of a
    /// younger one, and one that cannot be had is not tried again before nodes change.
    private mutating func pass(_ now: Timestamp, _ decisions: inout Decisions) {
        cursors = [:]
        roomLater = []
        nodes.forgetUsed()
        checkShapes()
        startPending(now, &decisions)
        drain(now, &decisions)
        findRoomy()
        share(now)
        takeReservations(now, &decisions)
        wakeHindered(now)
        var turns = Turns()
        repeat {
            enterActive(&turns, now)
            while true {
                wakeSleeping(&turns, now)
                guard let leaf = nextLeaf(&turns) else { break }
                takeTurn(of: leaf, &turns, now, &decisions)
                enterActive(&turns, now)
                // Whoever lost a gang has another share now.
                refresh([leaf] + reordered.sorted(), &turns)
                reordered = []
            }
            considerReservations(now)
        } while !activeQueues.isEmpty
    }

    /// Works out the shares and wakes those who are let by them.
    private mutating func share(_ now: Timestamp) {
        let changed = tree.share(capacity: nodes.total, resources: table.count)
        if changed { wakeGuaranteed() }
        wakeEvicting(now, sharesChanged: changed)
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

    /// Puts all queues that have something to be looked at among the others.
    private mutating func enterActive(_ turns: inout Turns, _ now: Timestamp) {
        while !activeQueues.isEmpty {
            let active = activeQueues
            activeQueues = []
            for queue in active { enterTurns(queue, &turns, now) }
            // Reservations for those who cannot start hold the others.
            considerReservations(now)
            refresh(active, &turns)
        }
    }

    /// Whoever cannot start whatever the others do has no turn: the next in a queue is the first one that could start.
    private mutating func enterTurns(_ queue: Int, _ turns: inout Turns, _ now: Timestamp) {
        lines[queue].isActive = false
        var heap: [ClassTurn] = []
        for index in lines[queue].classes where classes[index].block == nil || isAsleep(index) {
            classes[index].block = nil
            classes[index].isAsleep = false
            classes[index].settle()
            if let block = standingBlock(index) {
                classes[index].block = block
                toTell.append(index)
                // Whoever waits behind it may be the first by now that could ever start.
                touched.insert(queue)
            } else if let first = classes[index].first {
                heap.append(ClassTurn(surplus: classes[index].key.surplus, order: first, line: index))
            }
        }
        if isFifo(queue) {
            if let first = heap.min(), let block = obstacle(first.line, now) {
                park(first.line, block)
                for other in heap where other.line != first.line {
                    set(Block(kind: .line, queue: queue), on: other.line)
                }
                heap = []
            }
        } else {
            heap.removeAll { turn in
                guard let block = obstacle(turn.line, now) else { return false }
                park(turn.line, block)
                return true
            }
        }
        turns.leaves[queue] = heap.isEmpty ? nil : Heap(heap)
    }

    private mutating func park(_ index: Int, _ block: Block) {
        set(block, on: index)
        touched.insert(classes[index].key.queue)
    }

    /// What is in the way of the first of a class as things are, evictions considered.
    mutating func obstacle(_ index: Int, _ now: Timestamp) -> Block? {
        let key = classes[index].key
        guard let gang = classes[index].first?.gang else { return nil }
        if let block = lacksQuota(gang, key, shapes[key.shape].required) {
            return block.kind != .runs && canEvict(for: gang, key, now) ? nil : block
        }
        guard let plan = findRoom(key.shape) else {
            return provisions(key) || canEvict(for: gang, key, now) ? nil : lackOfRoom(shapes[key.shape])
        }
        return beside(plan, gang, key, now) == nil ? reservedBlock(gang, key, now) : nil
    }

    /// The plan, or another one where that is on nodes of which something is reserved.
    mutating func beside(
        _ plan: [PlannedPods], _ gang: Int, _ key: LineClass.Key, _ now: Timestamp
    ) -> [PlannedPods]? {
        let held = holding(gang, key, now: now)
        if held == 0 || leavesClaims(plan, held) && leavesQuota(held, key) { return plan }
        return planBeside(held, key)
    }

    private func reservedBlock(_ gang: Int, _ key: LineClass.Key, _ now: Timestamp) -> Block {
        let held = holding(gang, key, now: now)
        return Block(
            kind: .reserved, gang: held == 0 ? nil : reservations[held.trailingZeroBitCount].key, held: held)
    }

    /// Why a class cannot start whatever the others do.
    private mutating func standingBlock(_ index: Int) -> Block? {
        let key = classes[index].key
        if key.problem != nil { return Block(kind: .misconfigured) }
        if key.isEnding { return Block(kind: .ending) }
        if let queue = closed(key.queue) { return Block(kind: .queueClosed, queue: queue) }
        if let ceiling = classes[index].ceiling { return ceiling }
        return shapes[key.shape].canEverFit || provisions(key) ? nil : Block(kind: .neverFits)
    }

    private mutating func turn(of queue: Int, _ turns: inout Turns) -> QueueTurn? {
        guard let next = turns.leaves[queue]?.min ?? first(below: queue, &turns)?.next else { return nil }
        turnStamps[queue] += 1
        return QueueTurn(
            isWithin: isWithin(queue, shapes[classes[next.line].key.shape].required),
            isReserved: !next.surplus && isReserved(next.order.gang),
            share: dominantShare(tree.queues[queue].usage, weight: tree.queues[queue].spec.weight), next: next,
            name: tree.queues[queue].spec.name, queue: queue, stamp: turnStamps[queue])
    }

    /// The first of the queues below one.
    func first(below queue: Int, _ turns: inout Turns) -> QueueTurn? {
        while let turn = turns.parents[queue]?.min {
            if turn.stamp == turnStamps[turn.queue] { return turn }
            turns.parents[queue]?.removeMin()
        }
        return nil
    }

    /// Whether a queue that gets that much more stays within what it deserves.
    func isWithin(_ queue: Int, _ amounts: ResourceVector) -> Bool {
        for resource in 0..<amounts.count where amounts[resource] > 0 {
            if tree.queues[queue].usage[resource] + amounts[resource] > tree.queues[queue].deserved[resource] {
                return false
            }
        }
        return true
    }

    private func nextLeaf(_ turns: inout Turns) -> Int? {
        var queue = QueueTree.root
        while let next = first(below: queue, &turns) {
            turns.parents[queue]?.removeMin()
            queue = next.queue
        }
        return queue == QueueTree.root ? nil : queue
    }

    /// Puts queues, and those above them, in their places among their siblings; each of them once, after those below it.
    mutating func refresh(_ leaves: [Int], _ turns: inout Turns) {
        while turnStamps.count < tree.queues.count { turnStamps.append(0) }
        var level = leaves.filter { $0 != QueueTree.root }
        while !level.isEmpty {
            let depth = level.reduce(0) { max($0, tree.queues[$1].depth) }
            var next: [Int] = []
            for queue in Set(level).sorted() {
                guard tree.queues[queue].depth == depth else {
                    next.append(queue)
                    continue
                }
                turnStamps[queue] += 1
                let parent = tree.queues[queue].parent
                if let turn = turn(of: queue, &turns) { turns.parents[parent, default: Heap()].insert(turn) }
                if parent != QueueTree.root { next.append(parent) }
            }
            level = next
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
        if let block = admit(first.gang, key, now, &decisions) {
            park(index, block)
            if starvesAt(first.gang) <= now { considerReservations(now) }
            if isFifo(queue) {
                turns.leaves[queue] = nil
                for other in lines[queue].classes where classes[other].block == nil {
                    set(Block(kind: .line, queue: queue), on: other)
                }
            }
            return
        }
        // Another one may be the first now, and have waited long.
        touched.insert(queue)
        if classIndices[key] == index, let next = classes[index].first {
            turns.leaves[queue]?.insert(ClassTurn(surplus: turn.surplus, order: next, line: index))
        }
    }

    mutating func set(_ block: Block, on index: Int) {
        classes[index].block = block
        classes[index].isAsleep = false
        toTell.append(index)
        listForEviction(index)
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
        guard let found = findRoom(key.shape) else {
            if provisions(key) {
                startUnplaced(gang, key, now, &decisions)
                return nil
            }
            return evict(for: gang, key, now, &decisions) ? nil : lackOfRoom(shape)
        }
        guard let plan = beside(found, gang, key, now) else { return reservedBlock(gang, key, now) }
        if key.surplus {
            join(gang, key.shape, plan, &decisions)
            gangs[gang].joined = now
        } else {
            let pods = startPods(plan, shape)
            leaveLine(gang)
            start(gang, pods, at: now)
            if !evictionBlocked.isEmpty { noteLeastRunTime(now) }
            decisions.admissions.append(
                Decisions.Admission(key: gangs[gang].order.name, pods: placements(pods), isStart: true))
        }
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
        changeClaims(requests, times: -1, of: gang, on: node)
        use(requests, times: 1, on: node)
        enterSurplus(gang)
        decisions.admissions.append(
            Decisions.Admission(key: gangs[gang].order.name, pods: placements([pod]), isStart: false))
    }

    func placements(_ pods: [Gang.Pod]) -> [PodPlacement] {
        pods.map { PodPlacement(group: $0.group, replica: $0.replica, node: $0.node.flatMap { nodes.specs[$0]?.name }) }
            .sorted()
    }
}
