import HeapModule
import KubernetesModel

/// Which queue a workload is in, and what happens when queues change.
extension GangQueue {
    /// Finds the queue of a workload; where none takes it, says why.
    mutating func resolve(_ gang: Int) -> String? {
        gangs[gang].queue = QueueTree.root
        let name: String
        if let named = gangs[gang].queueName {
            name = named
            if tree.indices[name] == nil {
                // Queues that no object describes are there when somebody is in them.
                guard isImplicit(name, namespace: gangs[gang].namespace) else { return "queue \(name) does not exist" }
            }
        } else {
            name = queueName(of: gangs[gang].namespace)
        }
        let queue = tree.indices[name] ?? tree.addImplicit(name)
        while lines.count < tree.queues.count { lines.append(QueueLine()) }
        gangs[gang].queue = queue
        if !tree.queues[queue].children.isEmpty {
            return "queue \(name) has queues below it; only those without take work"
        }
        for above in tree.path(queue) {
            if let problem = tree.queues[above].problem {
                return "queue \(tree.queues[above].spec.name) has no place in the tree: \(problem)"
            }
        }
        return nil
    }

    private func isImplicit(_ name: String, namespace: String) -> Bool {
        specs.isEmpty ? name == namespace : name == "default"
    }

    /// The queue that covers a namespace: the first by name. With no Queue at all each namespace has its own, else the rest has
    /// `default`.
    private func queueName(of namespace: String) -> String {
        if specs.isEmpty { return namespace }
        return coverage[namespace] ?? "default"
    }

    /// Takes the queues as they are said to be now.
    mutating func rebuildQueues() {
        guard changedQueues else { return }
        changedQueues = false
        let known = coverage
        coverage = [:]
        for spec in specs.values.sorted(by: { $0.name < $1.name }) {
            for namespace in spec.namespaces where coverage[namespace] == nil { coverage[namespace] = spec.name }
        }
        let old = tree
        tree = QueueTree(Array(specs.values), &table)
        if known == coverage, tree.takeOver(old) {
            reviewQueues()
            return
        }
        nodes.widen(table.count)
        later.widen(table.count)
        lines = Array(repeating: QueueLine(), count: tree.queues.count)
        classes = []
        classIndices = [:]
        freeClasses = []
        activeQueues = []
        toTell = []
        guaranteedBlocked = []
        reservedBlocked = []
        evictionBlocked = []
        timers = []
        touched = []
        reordered = []
        movedTops = []
        movedQueues = []
        overQueues = []
        newlyOver = []
        unreserved = []
        unreservable = []
        // They are worked out anew.
        for index in reservations.indices { reservations[index].plan = [] }
        for shape in shapes.indices {
            shapes[shape].classes = []
        }
        for gang in gangIndices.values.sorted() { replace(gang) }
    }

    /// Every workload stays in its queue and its class; what the queues say of them may be something else.
    private mutating func reviewQueues() {
        nodes.widen(table.count)
        later.widen(table.count)
        for queue in lines.indices { lines[queue].blocked = [] }
        guaranteedBlocked = []
        reservedBlocked = []
        // They are worked out anew.
        for index in reservations.indices { reservations[index].plan = [] }
        for queue in lines.indices {
            for index in lines[queue].classes {
                let key = classes[index].key
                classes[index].ceiling = ceiling(key)
                if counts(index) { tree.wait(shapes[key.shape].full, times: demandTimes(index), in: key.queue) }
                wake(index)
            }
        }
    }

    /// Puts a workload into the new tree.
    private mutating func replace(_ gang: Int) {
        let wasSurplus = gangs[gang].lineClass != nil && gangs[gang].admitted != nil
        gangs[gang].lineClass = nil
        guard gangs[gang].admitted != nil else {
            runs[gangs[gang].run]?.waiting.removeAll { $0 == gang }
            enterLine(gang)
            return
        }
        _ = resolve(gang)
        for pod in gangs[gang].pods {
            tree.charge(shapes[gangs[gang].shape].groups[pod.group].requests, times: 1, to: gangs[gang].queue)
        }
        enterRunning(gang)
        for above in tree.path(gangs[gang].queue) {
            lines[above].runs[gangs[gang].run, default: 0] += 1
            lines[above].admitted += 1
        }
        if wasSurplus {
            // The unit shape is counted again.
            for shape in shapes.indices where shapes[shape].uses > 0 && shapes[shape].key == unitKey(gang) {
                shapes[shape].uses -= 1
            }
            enterSurplus(gang)
        }
    }

    /// Whether the run of a workload counts already, in every queue above it that limits runs.
    mutating func countsAlready(_ gang: Int) -> Bool {
        for above in tree.path(gangs[gang].queue) where tree.queues[above].spec.maxRunningRuns != nil {
            if lines[above].runs[gangs[gang].run] == nil { return false }
        }
        return true
    }

    /// Counts an admitted gang of a run in its queues; its waiting gangs may get another place by that.
    mutating func countRun(of gang: Int, by change: Int) {
        let run = gangs[gang].run
        runs[run, default: RunRecord()].admitted += change
        var limits = false
        if change > 0 { enterRunning(gang) } else { leaveRunning(gang) }
        for above in tree.path(gangs[gang].queue) {
            lines[above].admitted += change
            let count = lines[above].runs[run, default: 0] + change
            lines[above].runs[run] = count == 0 ? nil : count
            if tree.queues[above].spec.maxRunningRuns != nil, count == max(change, 0) { limits = true }
        }
        if change < 0, limits { wakeBlocked(at: gangs[gang].queue) }
        if change > 0 { runs[run]?.underWay = true }
        for other in runs[run]?.waiting ?? [] where limits || !gangs[other].order.underWay { reenterLine(other) }
    }

    private func runningGang(_ gang: Int) -> RunningGang {
        RunningGang(
            priority: gangs[gang].order.priority, admitted: gangs[gang].admitted ?? Timestamp(seconds: 0),
            order: gangs[gang].order)
    }

    private func isElastic(_ gang: Int) -> Bool {
        shapes[gangs[gang].shape].groups.contains { $0.count > $0.required }
    }

    /// Puts an admitted gang among those that run in its queue.
    mutating func enterRunning(_ gang: Int) {
        let queue = gangs[gang].queue
        let running = runningGang(gang)
        if lines[queue].gangs.isEmpty || running.admitted < lines[queue].oldest {
            lines[queue].oldest = running.admitted
        }
        lines[queue].gangs.insert(running, at: lines[queue].gangs.place(of: running))
        if isElastic(gang) { lines[queue].elastic += 1 }
        noteRelease(gang)
        noteMove(queue)
        if !lines[queue].isOver { noteOver(queue, nil) }
    }

    /// Takes it out again; ``Gang/admitted`` must be as it was.
    mutating func leaveRunning(_ gang: Int) {
        let queue = gangs[gang].queue
        let running = runningGang(gang)
        let place = lines[queue].gangs.place(of: running)
        guard place < lines[queue].gangs.count, lines[queue].gangs[place].gang == gang else { return }
        lines[queue].gangs.remove(at: place)
        if running.admitted == lines[queue].oldest, let oldest = lines[queue].gangs.map(\.admitted).min() {
            lines[queue].oldest = oldest
        }
        if isElastic(gang) { lines[queue].elastic -= 1 }
        leaveReleases(gang)
    }

    /// Gives a waiting workload the place that it has by now.
    mutating func reenterLine(_ gang: Int) {
        guard gangs[gang].lineClass != nil else { return }
        leaveLine(gang)
        if gangs[gang].admitted == nil { enterLine(gang) } else { enterSurplus(gang) }
    }

    /// Makes a workload run with these pods. It must not be in line.
    mutating func start(_ gang: Int, _ pods: [Gang.Pod], at time: Timestamp, isPending: Bool = false) {
        let shape = shapes[gangs[gang].shape]
        gangs[gang].admitted = time
        gangs[gang].isPending = isPending
        gangs[gang].told = nil
        gangs[gang].joined = nil
        // Its run is under way from now on, whatever it was in line.
        gangs[gang].order.underWay = true
        gangs[gang].pods = pods
        var next = [Int](repeating: 0, count: shape.groups.count)
        for pod in pods {
            tree.charge(shape.groups[pod.group].requests, times: 1, to: gangs[gang].queue)
            if let node = pod.node { use(shape.groups[pod.group].requests, times: 1, on: node) }
            next[pod.group] = max(next[pod.group], pod.replica + 1)
        }
        gangs[gang].surplus = shape.groups.indices.map { max(0, shape.groups[$0].count - Int64(next[$0])) }
        countRun(of: gang, by: 1)
        if !isPending { enterSurplus(gang) }
    }

    /// The shape of one surplus pod of a gang.
    func unitKey(_ gang: Int) -> Shape.Key? {
        guard let group = gangs[gang].surplus.firstIndex(where: { $0 > 0 }) else { return nil }
        let whole = shapes[gangs[gang].shape].key
        var one = whole.groups[group]
        one.count = 1
        one.required = 1
        return Shape.Key(groups: [one], topology: nil, timeLimit: whole.timeLimit)
    }
}

extension Array where Element: Comparable {
    /// Where an element of a sorted array is or would be.
    func place(of element: Element) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < element { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
