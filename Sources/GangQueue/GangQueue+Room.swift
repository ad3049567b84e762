import HeapModule

/// The nodes for a shape in the order in which it takes them.
struct NodeCursor: Sendable {
    /// Nodes that changed are in it as they were too.
    var candidates: Heap<NodeTable.Candidate>
    /// How much of ``NodeTable/used`` is taken up.
    var seen: Int
}

/// Whether there is room: quota and nodes.
extension GangQueue {
    // What is asked most often is mutating though it changes nothing, and has no closures: else a call may copy the whole engine.

    /// Q2, Q3: the ceiling or the guarantee of others that is in the way.
    mutating func lacksQuota(_ gang: Int, _ key: LineClass.Key, _ amounts: ResourceVector) -> Block? {
        let path = tree.path(key.queue)
        for queue in path {
            guard let limit = tree.queues[queue].spec.maxRunningRuns else { continue }
            if lines[queue].runs.count >= limit, lines[queue].runs[gangs[gang].run] == nil {
                return Block(kind: .runs, queue: queue)
            }
        }
        for queue in path where !tree.queues[queue].capabilityNamed.isEmpty {
            var over: [Int] = []
            for resource in 0..<amounts.count
            where amounts[resource] > 0 && isOverCeiling(queue, resource, with: amounts[resource]) {
                over.append(resource)
            }
            if let resource = firstByName(over) { return Block(kind: .quota, queue: queue, resource: resource) }
        }
        guard tree.hasGuarantees else { return nil }
        guard let resource = firstByName(tree.takesGuaranteed(amounts, in: key.queue, capacity: nodes.total)) else {
            return nil
        }
        return Block(kind: .guaranteed, resource: resource)
    }

    func isOverCeiling(_ queue: Int, _ resource: Int, with amount: Int64) -> Bool {
        tree.queues[queue].usage[resource] + amount > tree.queues[queue].capability(resource)
    }

    func firstByName(_ resources: [Int]) -> Int? {
        var first: Int?
        for resource in resources {
            if let known = first, table.names[known] <= table.names[resource] { continue }
            first = resource
        }
        return first
    }

    /// Q5: nodes for the pods that start together.
    mutating func findRoom(_ index: Int) -> [PlannedPods]? {
        if shapes[index].hasNoRoom { return nil }
        let plan =
            shapes[index].groups.count == 1 && shapes[index].key.topology == nil
            ? simplePlan(index) : nodes.plan(shapes[index], counts: shapes[index].groups.map(\.required), kinds)
        if plan == nil {
            shapes[index].hasNoRoom = true
            roomless.append(index)
        }
        return plan
    }

    /// The plan for pods that are all alike. The order of nodes is made once for all workloads of the shape in one decision, and nodes get
    /// another place when something on them changes.
    private mutating func simplePlan(_ index: Int) -> [PlannedPods]? {
        let group = shapes[index].groups[0]
        var cursor =
            cursors.removeValue(forKey: index)
            ?? NodeCursor(candidates: nodes.candidates(group, kinds), seen: nodes.used.count)
        for node in Set(nodes.used[cursor.seen...]).sorted() where nodes.slots(group, on: node, limit: 1) > 0 {
            cursor.candidates.insert(nodes.candidate(node, group, kinds))
        }
        cursor.seen = nodes.used.count
        var plan: [PlannedPods] = []
        var rest = group.required
        var used: [NodeTable.Candidate] = []
        while rest > 0, let best = cursor.candidates.popMin() {
            let node = Int(best.node)
            let count = nodes.slots(group, on: node, limit: rest)
            // As it was, or there twice.
            guard count > 0, best == nodes.candidate(node, group, kinds), used.last != best else { continue }
            plan.append(PlannedPods(group: 0, node: node, count: count))
            rest -= count
            used.append(best)
        }
        guard rest <= 0 else { return nil }
        // The plan may not be carried out, and they may have room for another workload.
        for candidate in used { cursor.candidates.insert(candidate) }
        cursors[index] = cursor
        return plan
    }

    /// Q9: keeps room for pods of restored workloads that are on no node yet, before anybody else gets it. The scheduler may choose
    /// another node for them.
    mutating func placeRestored() {
        let keys = unplaced
        unplaced = []
        for gang in keys.sorted().compactMap({ gangIndices[$0] }) where gangs[gang].admitted != nil {
            let shape = gangs[gang].shape
            let without = gangs[gang].pods.indices.filter { gangs[gang].pods[$0].node == nil }
            var counts = [Int64](repeating: 0, count: shapes[shape].groups.count)
            for pod in without { counts[gangs[gang].pods[pod].group] += 1 }
            guard !without.isEmpty, var plan = nodes.plan(shapes[shape], counts: counts, kinds) else { continue }
            for pod in without {
                let group = gangs[gang].pods[pod].group
                guard let at = plan.firstIndex(where: { $0.group == group && $0.count > 0 }) else { continue }
                plan[at].count -= 1
                gangs[gang].pods[pod].node = plan[at].node
                use(shapes[shape].groups[group].requests, times: 1, on: plan[at].node)
            }
        }
    }

    /// Q10: too little of something, or enough of everything on the wrong nodes.
    mutating func lackOfRoom(_ shape: Shape) -> Block {
        var short: [Int] = []
        for resource in 0..<shape.required.count where shape.required[resource] > nodes.totalFree[resource] {
            short.append(resource)
        }
        if let resource = firstByName(short) { return Block(kind: .resources, resource: resource) }
        let asked = (0..<shape.required.count).filter { shape.required[$0] > 0 && $0 != ResourceTable.pods }
        let devices = asked.filter(kinds.devices.contains)
        return Block(
            kind: .fragmentation, resource: firstByName(devices.isEmpty ? asked : devices) ?? ResourceTable.pods)
    }

    /// Finds out again which shapes no set of empty nodes would hold, after nodes changed or shapes came.
    mutating func checkShapes() {
        guard checkedEpoch != nodes.epoch else { return }
        checkedEpoch = nodes.epoch
        for index in shapes.indices where shapes[index].uses > 0 && shapes[index].epoch != nodes.epoch {
            shapes[index].epoch = nodes.epoch
            shapes[index].largeFirst = largeFirst(shapes[index].groups)
            let holds = nodes.holdsWhenEmpty(shapes[index], kinds)
            guard holds != shapes[index].canEverFit else { continue }
            let counted = shapes[index].classes.filter(counts)
            shapes[index].canEverFit = holds
            for line in shapes[index].classes {
                let times = demandTimes(line)
                let before = counted.contains(line)
                if before, !counts(line) {
                    tree.wait(shapes[index].full, times: -times, in: classes[line].key.queue)
                } else if !before, counts(line) {
                    tree.wait(shapes[index].full, times: times, in: classes[line].key.queue)
                }
                wake(line)
            }
        }
    }

    /// How many times the class asks for its shape.
    func demandTimes(_ index: Int) -> Int64 {
        guard classes[index].key.surplus else { return Int64(classes[index].count) }
        return classes[index].everyone.reduce(0) { $0 + (gangs[$1.gang].surplus.first { $0 > 0 } ?? 0) }
    }

    mutating func wakeGuaranteed() {
        let waiting = guaranteedBlocked
        guaranteedBlocked = []
        for index in waiting where classes[index].block?.kind == .guaranteed { wake(index) }
    }
}
