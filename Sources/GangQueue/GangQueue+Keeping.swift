import KubernetesModel

/// Records of workloads, shapes and classes.
extension GangQueue {
    mutating func add(_ workload: Workload) -> Int {
        let order = OrderKey(
            priority: workload.priority, underWay: workload.underWay, arrival: workload.arrival,
            criticalPath: workload.criticalPath, name: workload.key, gang: freeGangs.last ?? gangs.count)
        let shape = shape(
            Shape.Key(groups: workload.pods, topology: workload.topology, timeLimit: workload.timeLimit))
        shapes[shape].uses += 1
        let gang = Gang(
            order: order, namespace: workload.namespace, queueName: workload.queue, run: workload.run, shape: shape,
            since: workload.since)
        if freeGangs.popLast() != nil { gangs[order.gang] = gang } else { gangs.append(gang) }
        gangIndices[workload.key] = order.gang
        if workload.underWay { runs[workload.run, default: RunRecord()].underWay = true }
        return order.gang
    }

    mutating func shape(_ key: Shape.Key) -> Int {
        if let known = shapeIndices[key] { return known }
        var shape = Shape(key, &table, &nodes)
        nodes.widen(table.count)
        later.widen(table.count)
        for constraint in nodes.constraints[later.constraints.count...] { _ = later.index(of: constraint) }
        shape.largeFirst = largeFirst(shape.groups)
        let index = freeShapes.popLast() ?? shapes.count
        if index == shapes.count { shapes.append(shape) } else { shapes[index] = shape }
        shapeIndices[key] = index
        checkedEpoch = -1
        return index
    }

    /// The groups whose pods are the largest part of all there is first.
    func largeFirst(_ groups: [Shape.Group]) -> [Int] {
        let parts = groups.map { dominantShare($0.requests, weight: 1) }
        return groups.indices.sorted { parts[$0] == parts[$1] ? $0 < $1 : parts[$1] < parts[$0] }
    }

    /// The largest part of what there is, over a weight, as an exact fraction (Q4).
    func dominantShare(_ amounts: ResourceVector, weight: Int64) -> Fraction {
        var share = Fraction.zero
        for resource in 0..<amounts.count where amounts[resource] > 0 {
            let part = Fraction(
                numerator: amounts[resource], denominator: max(1, nodes.total[resource]), weight: weight)
            if share < part { share = part }
        }
        return share
    }

    private mutating func dropUse(of shape: Int) {
        shapes[shape].uses -= 1
        guard shapes[shape].uses == 0 else { return }
        shapeIndices[shapes[shape].key] = nil
        if shapes[shape].hasNoRoom { roomless.removeAll { $0 == shape } }
        cursors[shape] = nil
        freeShapes.append(shape)
    }

    /// Forgets a workload, whatever it did.
    mutating func remove(_ gang: Int) {
        leaveLine(gang)
        if gangs[gang].admitted != nil {
            for pod in gangs[gang].pods { release(pod, of: gang) }
            gangs[gang].pods = []
            countRun(of: gang, by: -1)
            if gangs[gang].isPending {
                pending.removeAll { $0 == gang }
                endPending(gang)
            }
            gangs[gang].admitted = nil
        }
        let record = gangs[gang]
        if let run = runs[record.run], run.admitted == 0, run.waiting.isEmpty { runs[record.run] = nil }
        gangIndices[record.order.name] = nil
        dropUse(of: record.shape)
        freeGangs.append(gang)
    }

    /// Frees what a pod used, in its queue and on its node.
    mutating func release(_ pod: Gang.Pod, of gang: Int) {
        let requests = shapes[gangs[gang].shape].groups[pod.group].requests
        tree.charge(requests, times: -1, to: gangs[gang].queue)
        changeClaims(requests, times: 1, of: gang, on: pod.node)
        noteMove(gangs[gang].queue)
        wakeBlocked(at: gangs[gang].queue)
        if let node = pod.node { use(requests, times: -1, on: node) }
    }

    // MARK: - Lines

    /// Puts a waiting workload into its queue's line.
    mutating func enterLine(_ gang: Int) {
        let problem = resolve(gang)
        if runs[gangs[gang].run]?.underWay == true { gangs[gang].order.underWay = true }
        runs[gangs[gang].run, default: RunRecord()].waiting.append(gang)
        let key = LineClass.Key(
            queue: gangs[gang].queue, shape: gangs[gang].shape, underWay: gangs[gang].order.underWay,
            runCounts: countsAlready(gang), isEnding: isEnding(gangs[gang].order.name), surplus: false,
            problem: problem)
        insert(gang, into: key, demand: shapes[gangs[gang].shape].full, times: 1)
    }

    /// Whether its eviction is still under way: its pods end, or the gang for which it was evicted waits for other pods to end.
    private mutating func isEnding(_ key: String) -> Bool { ending[key] != nil || awaited[key] != nil }

    /// No more pods join the workload, beside those that it has.
    public mutating func closeSurplus(_ key: String) {
        guard let gang = gangIndices[key], gangs[gang].admitted != nil, !gangs[gang].isPending else { return }
        leaveLine(gang)
        gangs[gang].surplus = gangs[gang].surplus.map { _ in 0 }
    }

    /// Puts what a gang still lacks into the line for surplus pods.
    mutating func enterSurplus(_ gang: Int) {
        guard let group = gangs[gang].surplus.firstIndex(where: { $0 > 0 }) else { return }
        let whole = shapes[gangs[gang].shape].key
        var one = whole.groups[group]
        one.count = 1
        one.required = 1
        let shape = shape(Shape.Key(groups: [one], topology: nil, timeLimit: whole.timeLimit))
        shapes[shape].uses += 1
        let key = LineClass.Key(
            queue: gangs[gang].queue, shape: shape, underWay: true, runCounts: true,
            isEnding: isEnding(gangs[gang].order.name), surplus: true,
            problem: nil)
        insert(gang, into: key, demand: shapes[shape].full, times: gangs[gang].surplus[group])
    }

    private mutating func insert(_ gang: Int, into key: LineClass.Key, demand: ResourceVector, times: Int64) {
        let index = lineClass(key)
        gangs[gang].lineClass = index
        if counts(index) { tree.wait(demand, times: times, in: key.queue) }
        classes[index].insert(gangs[gang].order)
        classes[index].untold.append(gang)
        classes[index].settleIfSmall()
        // Whoever comes in behind the first shares its verdict.
        if classes[index].block == nil || isFirst(gang, in: index) || isFifo(key.queue) { wake(index) }
        toTell.append(index)
    }

    private func isFirst(_ gang: Int, in index: Int) -> Bool {
        guard let first = classes[index].first else { return true }
        return first.gang == gang || gangs[gang].order < first
    }

    mutating func isFifo(_ queue: Int) -> Bool { tree.queues[queue].spec.dequeueStrategy == .fifo }

    /// Takes a workload out of the line in which it waits, whole or with surplus pods.
    mutating func leaveLine(_ gang: Int) {
        guard let index = gangs[gang].lineClass else { return }
        gangs[gang].lineClass = nil
        let key = classes[index].key
        touched.insert(key.queue)
        let times = key.surplus ? gangs[gang].surplus.first { $0 > 0 } ?? 0 : 1
        if counts(index) { tree.wait(shapes[key.shape].full, times: -times, in: key.queue) }
        let wasFirst = isFirst(gang, in: index)
        classes[index].remove(gangs[gang].order)
        if !key.surplus, let place = runs[gangs[gang].run]?.waiting.firstIndex(of: gang) {
            runs[gangs[gang].run]?.waiting.remove(at: place)
        }
        if classes[index].isEmpty {
            drop(index)
        } else if wasFirst, classes[index].block != nil {
            wake(index)
        }
        if isFifo(key.queue) { wakeAll(in: key.queue) }
        if key.surplus { dropUse(of: key.shape) }
    }

    mutating func lineClass(_ key: LineClass.Key) -> Int {
        if let known = classIndices[key] { return known }
        var line = LineClass(key)
        line.ceiling = ceiling(key)
        let index = freeClasses.popLast() ?? classes.count
        if index == classes.count {
            classes.append(line)
        } else {
            line.waitsForEviction = classes[index].waitsForEviction
            classes[index] = line
        }
        classIndices[key] = index
        classes[index].placeInQueue = lines[key.queue].classes.count
        lines[key.queue].classes.append(index)
        classes[index].placeInShape = shapes[key.shape].classes.count
        shapes[key.shape].classes.append(index)
        return index
    }

    private mutating func drop(_ index: Int) {
        let key = classes[index].key
        classIndices[key] = nil
        let place = classes[index].placeInQueue
        if let last = lines[key.queue].classes.popLast(), last != index {
            lines[key.queue].classes[place] = last
            classes[last].placeInQueue = place
        }
        let other = classes[index].placeInShape
        if let last = shapes[key.shape].classes.popLast(), last != index {
            shapes[key.shape].classes[other] = last
            classes[last].placeInShape = other
        }
        let waits = classes[index].waitsForEviction
        classes[index] = LineClass(key)
        // It is in that list yet.
        classes[index].waitsForEviction = waits
        freeClasses.append(index)
    }

    /// Whether what waits in the class counts as demand (Q3).
    func counts(_ index: Int) -> Bool {
        classes[index].key.problem == nil && classes[index].ceiling == nil
            && (shapes[classes[index].key.shape].canEverFit || provisions(classes[index].key))
            && closed(classes[index].key.queue) == nil
    }

    /// The queue, of this one and those above it, that is not open.
    func closed(_ queue: Int) -> Int? {
        for above in tree.path(queue) where tree.queues[above].spec.state != .open { return above }
        return nil
    }

    /// The ceiling that one workload of the class is above already, or that is missing, if any.
    mutating func ceiling(_ key: LineClass.Key) -> Block? {
        for queue in tree.path(key.queue) {
            for (resource, limit) in tree.queues[queue].capabilityNamed.sorted(by: {
                table.names[$0.key] < table.names[$1.key]
            })
            where shapes[key.shape].required[resource] > limit {
                return Block(kind: .neverFits, queue: queue, resource: resource)
            }
        }
        // Q11: nodes are added without bound where no capability says how many.
        guard provisions(key) else { return nil }
        let required = shapes[key.shape].required
        let unbounded = (0..<required.count).filter {
            required[$0] > 0 && $0 != ResourceTable.pods && tree.queues[key.queue].capabilityNamed[$0] == nil
        }
        return firstByName(unbounded).map { Block(kind: .misconfigured, queue: key.queue, resource: $0) }
    }

    // MARK: - Waking

    mutating func wake(_ index: Int) {
        classes[index].block = nil
        classes[index].isAsleep = false
        let queue = classes[index].key.queue
        if !lines[queue].isActive {
            lines[queue].isActive = true
            activeQueues.append(queue)
        }
        if isFifo(queue) {
            for other in lines[queue].classes { classes[other].block = nil }
        }
    }

    mutating func wakeAll(in queue: Int) {
        for index in lines[queue].classes { wake(index) }
    }

    /// Usage fell: whoever waits for a ceiling on the way up, or for what is guaranteed, may start.
    mutating func wakeBlocked(at queue: Int) {
        for above in tree.path(queue) where !lines[above].blocked.isEmpty {
            let waiting = lines[above].blocked
            lines[above].blocked = []
            for index in waiting where isBlocked(index, by: [.quota, .runs]) { wake(index) }
        }
        let waiting = guaranteedBlocked
        guaranteedBlocked = []
        for index in waiting where isBlocked(index, by: [.guaranteed]) { wake(index) }
    }

    private func isBlocked(_ index: Int, by kinds: [WaitingReason.Kind]) -> Bool {
        classes[index].block.map { kinds.contains($0.kind) } ?? false
    }
}
