/// The queues as a tree with their shares. Queue 0 is the root: the cluster itself.
struct QueueTree: Sendable {
    struct Queue: Sendable {
        var spec: QueuePolicy
        var parent: Int
        var depth: Int
        /// By name.
        var children: [Int] = []
        /// Where its place in the tree cannot be found, why; nothing is admitted there.
        var problem: String?
        var guarantee = ResourceVector()
        var deservedNamed: [Int: Int64] = [:]
        var capabilityNamed: [Int: Int64] = [:]
        /// What its gangs have, those of its children included.
        var usage = ResourceVector()
        /// What waits and counts (Q3), those of its children included only in ``demand(_:of:)``. It may be more than 64 bits hold.
        var waiting: [Int128] = []
        /// Usage, or the guarantee where that is more, of the children; of a leaf its usage. See ``QueueTree/keep()``.
        var kept = ResourceVector()
        /// Q3. Up to date after ``QueueTree/share(capacity:)``.
        var deserved = ResourceVector()

        func capability(_ resource: Int) -> Int64 { capabilityNamed[resource] ?? Int64.max }
    }

    static let root = 0
    private(set) var queues: [Queue]
    private(set) var indices: [String: Int] = [:]
    /// Whether usage or demand changed since the shares were worked out.
    var isStale = true
    private var sharedCapacity = ResourceVector()

    /// Creates the tree. A queue whose parent is missing or is below itself hangs below the root and has a problem.
    init(_ specs: [QueuePolicy], _ table: inout ResourceTable) {
        let sorted = specs.sorted { $0.name < $1.name }
        queues = [Queue(spec: QueuePolicy(""), parent: -1, depth: 0)]
        for spec in sorted where indices[spec.name] == nil {
            indices[spec.name] = queues.count
            var queue = Queue(spec: spec, parent: Self.root, depth: 1)
            queue.guarantee = table.vector(spec.guarantee)
            for entry in spec.deserved.entries { queue.deservedNamed[table.index(of: entry.name)] = entry.amount }
            for entry in spec.capability.entries { queue.capabilityNamed[table.index(of: entry.name)] = entry.amount }
            queues.append(queue)
        }
        for index in queues.indices.dropFirst() {
            guard let parent = queues[index].spec.parent else { continue }
            var above: Int? = indices[parent]
            var steps = 0
            while let queue = above, queue != index, steps <= queues.count {
                above = queues[queue].spec.parent.flatMap { indices[$0] }
                steps += 1
            }
            if let found = indices[parent], above == nil {
                queues[index].parent = found
            } else {
                queues[index].problem =
                    indices[parent] == nil
                    ? "its parent \(parent) does not exist" : "its parent \(parent) is below itself"
            }
        }
        for index in queues.indices.dropFirst() { queues[queues[index].parent].children.append(index) }
        for index in parentsFirst where index != Self.root {
            queues[index].depth = queues[queues[index].parent].depth + 1
        }
        for index in parentsFirst.reversed() { keepChildrensGuarantees(index) }
    }

    /// Adds a queue that no object describes, below the root.
    mutating func addImplicit(_ name: String) -> Int {
        if let known = indices[name] { return known }
        let index = queues.count
        indices[name] = index
        queues.append(Queue(spec: QueuePolicy(name), parent: Self.root, depth: 1))
        let place = queues[Self.root].children.firstIndex { queues[$0].spec.name > name }
        queues[Self.root].children.insert(index, at: place ?? queues[Self.root].children.count)
        isStale = true
        return index
    }

    // MARK: - Guarantees

    /// What is guaranteed as far as there is so much.
    private func guaranteed(_ queue: Int, _ resource: Int) -> Int64 {
        min(queues[queue].guarantee[resource], queues[queue].deserved[resource])
    }

    /// Works out anew what is used or kept free for guarantees, everywhere.
    mutating func keep() {
        for index in queues.indices {
            queues[index].kept = queues[index].children.isEmpty ? queues[index].usage : ResourceVector()
        }
        for index in parentsFirst.reversed() where index != Self.root {
            var occupied = queues[index].kept
            // A queue may run gangs from the time before it had children.
            for resource in 0..<max(occupied.count, queues[index].guarantee.count, queues[index].usage.count) {
                occupied[resource] = max(
                    occupied[resource], guaranteed(index, resource), queues[index].usage[resource])
            }
            queues[queues[index].parent].kept.add(occupied)
        }
    }

    /// The resource of which another gang in that queue would take what is guaranteed to others; nil where it takes nothing of it.
    func takesGuaranteed(_ amounts: ResourceVector, in queue: Int, capacity: ResourceVector) -> [Int] {
        (0..<amounts.count).filter { resource in
            guard amounts[resource] > 0 else { return false }
            var change = amounts[resource]
            for index in path(queue) {
                let kept = queues[index].kept[resource]
                if kept + change > queues[index].capability(resource) { return true }
                let low = guaranteed(index, resource)
                change = max(low, kept + change) - max(low, kept)
            }
            return change > 0 && queues[Self.root].kept[resource] + change > capacity[resource]
        }
    }

    /// Counts another gang into what ``keep()`` worked out.
    mutating func keep(_ amounts: ResourceVector, in queue: Int) {
        for resource in 0..<amounts.count where amounts[resource] > 0 {
            var change = amounts[resource]
            for index in path(queue) {
                let kept = queues[index].kept[resource]
                queues[index].kept[resource] = kept + change
                let low = guaranteed(index, resource)
                change = max(low, kept + change) - max(low, kept)
            }
            queues[Self.root].kept[resource] += change
        }
    }

    /// Every queue after its parent.
    var parentsFirst: [Int] {
        var order = [Self.root]
        var next = 0
        while next < order.count {
            order += queues[order[next]].children
            next += 1
        }
        return order
    }

    /// A parent's guarantee is at least that of its children together.
    private mutating func keepChildrensGuarantees(_ index: Int) {
        guard index != Self.root else { return }
        var sum = ResourceVector()
        for child in queues[index].children { sum.add(queues[child].guarantee) }
        for resource in 0..<sum.count {
            queues[index].guarantee[resource] = max(queues[index].guarantee[resource], sum[resource])
        }
    }

    /// The queue and those above it, without the root.
    func path(_ queue: Int) -> [Int] {
        var path: [Int] = []
        var index = queue
        while index > Self.root {
            path.append(index)
            index = queues[index].parent
        }
        return path
    }

    /// Charges what a gang gets, or with a negative number gives back, to its queue and those above.
    mutating func charge(_ amounts: ResourceVector, times: Int64, to queue: Int) {
        var index = queue
        while index > Self.root {
            queues[index].usage.add(amounts, times: times)
            index = queues[index].parent
        }
        isStale = true
    }

    /// Counts what waits in a queue.
    mutating func wait(_ amounts: ResourceVector, times: Int64, in queue: Int) {
        let short = amounts.count - queues[queue].waiting.count
        if short > 0 { queues[queue].waiting.append(contentsOf: repeatElement(0, count: short)) }
        for resource in 0..<amounts.count {
            queues[queue].waiting[resource] += Int128(amounts[resource]) * Int128(times)
        }
        isStale = true
    }

    /// Q3 for the whole tree; true where any share changed. Does nothing when nothing changed.
    @discardableResult
    mutating func share(capacity: ResourceVector, resources: Int) -> Bool {
        guard isStale || capacity != sharedCapacity else { return false }
        isStale = false
        sharedCapacity = capacity
        let before = queues.map(\.deserved)
        queues[Self.root].deserved = capacity
        let order = parentsFirst
        for resource in 0..<resources {
            var demand = [Int128](repeating: 0, count: queues.count)
            for index in order.reversed() where index != Self.root {
                let queue = queues[index]
                let own = resource < queue.waiting.count ? queue.waiting[resource] : 0
                // Usage counts the children's, so only what waits below comes up.
                demand[index] = min(
                    demand[index] + own + Int128(queue.usage[resource]), Int128(queue.capability(resource)))
                demand[queue.parent] += max(0, demand[index] - Int128(queue.usage[resource]))
            }
            for index in order {
                let children = queues[index].children
                guard !children.isEmpty else { continue }
                let asks = children.map { child in
                    let queue = queues[child]
                    return ShareAsk(
                        weight: queue.spec.weight, guarantee: queue.guarantee[resource],
                        deserved: queue.deservedNamed[resource], capability: queue.capability(resource),
                        demand: Int64(clamping: demand[child]))
                }
                let shares = ShareAsk.shares(of: max(0, queues[index].deserved[resource]), among: asks)
                for (child, share) in zip(children, shares) { queues[child].deserved[resource] = share }
            }
        }
        return before != queues.map(\.deserved)
    }
}
