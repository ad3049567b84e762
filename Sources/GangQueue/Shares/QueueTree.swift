/// The queues as a tree with their shares. Queue 0 is the root: the cluster itself.
struct QueueTree: Sendable {
    struct Queue: Sendable {
        var spec: QueuePolicy
        var parent: Int
        var depth: Int
        /// It and those above it, without the root.
        var path: [Int] = []
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
        var isChanged = false

        func capability(_ resource: Int) -> Int64 { capabilityNamed[resource] ?? Int64.max }
    }

    static let root = 0
    private(set) var queues: [Queue]
    let hasGuarantees: Bool
    /// How many queues have an object, the root counted.
    private var described = 0
    private(set) var indices: [String: Int] = [:]
    /// Queues whose share changed since ``takeShareChanges()``.
    private var shareChanges: [Int] = []
    /// Whether the shares have to be worked out everywhere.
    private var isStale = true
    /// Queues whose usage or demand changed since the shares were worked out.
    private var changed: [Int] = []
    private var sharedCapacity = ResourceVector()
    private var sharedResources = 0
    /// By queue and resource, as of the last sharing: what the queue and those below it use and wait for, its ceilings kept.
    private var demand: [Int128] = []
    /// By queue and resource: what the queues below wait for.
    private var waitingBelow: [Int128] = []
    /// By queue and resource: what of ``waitingBelow`` of its parent is its own.
    private var passedOn: [Int128] = []

    /// Creates the tree. A queue whose parent is missing or is below itself hangs below the root and has a problem.
    init(_ specs: [QueuePolicy], _ table: inout ResourceTable) {
        let sorted = specs.sorted { $0.name < $1.name }
        queues = [Queue(spec: QueuePolicy(""), parent: -1, depth: 0)]
        hasGuarantees = specs.contains { !$0.guarantee.entries.isEmpty }
        for spec in sorted where indices[spec.name] == nil {
            indices[spec.name] = queues.count
            var queue = Queue(spec: spec, parent: Self.root, depth: 1)
            queue.guarantee = table.vector(spec.guarantee)
            for entry in spec.deserved.entries { queue.deservedNamed[table.index(of: entry.name)] = entry.amount }
            for entry in spec.capability.entries { queue.capabilityNamed[table.index(of: entry.name)] = entry.amount }
            queues.append(queue)
        }
        described = queues.count
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
            queues[index].path = [index] + queues[queues[index].parent].path
        }
        for index in parentsFirst.reversed() { keepChildrensGuarantees(index) }
    }

    /// Adds a queue that no object describes, below the root.
    mutating func addImplicit(_ name: String) -> Int {
        if let known = indices[name] { return known }
        let index = queues.count
        indices[name] = index
        queues.append(Queue(spec: QueuePolicy(name), parent: Self.root, depth: 1, path: [index]))
        let place = queues[Self.root].children.firstIndex { queues[$0].spec.name > name }
        queues[Self.root].children.insert(index, at: place ?? queues[Self.root].children.count)
        isStale = true
        return index
    }

    /// Takes what runs from a tree of the same queues; false where it is not of the same, or what counts in them is not.
    mutating func takeOver(_ old: QueueTree) -> Bool {
        let count = queues.count
        guard count > 1, old.described == count else { return false }
        for index in 1..<count {
            let (one, two) = (queues[index].spec, old.queues[index].spec)
            guard one.name == two.name, one.parent == two.parent,
                (one.maxRunningRuns == nil) == (two.maxRunningRuns == nil)
            else { return false }
        }
        for queue in old.queues[count...] { _ = addImplicit(queue.spec.name) }
        for index in queues.indices { queues[index].usage = old.queues[index].usage }
        keep()
        return true
    }

    // MARK: - Guarantees

    /// What is kept free for a queue, as far as there is so much.
    func guaranteed(_ queue: Int) -> ResourceVector {
        var result = ResourceVector()
        for resource in 0..<queues[queue].guarantee.count { result[resource] = guaranteed(queue, resource) }
        return result
    }

    /// What is guaranteed as far as there is so much.
    private func guaranteed(_ queue: Int, _ resource: Int) -> Int64 {
        min(queues[queue].guarantee[resource], queues[queue].deserved[resource])
    }

    /// What is used or kept free of a resource.
    private func occupied(_ queue: Int, _ resource: Int) -> Int64 {
        // A queue may run gangs from the time before it had children.
        max(queues[queue].kept[resource], guaranteed(queue, resource), queues[queue].usage[resource])
    }

    /// Works out anew what is used or kept free for guarantees, everywhere.
    private mutating func keep() {
        for index in queues.indices {
            queues[index].kept = queues[index].children.isEmpty ? queues[index].usage : ResourceVector()
        }
        for index in parentsFirst.reversed() where index != Self.root {
            let count = max(
                queues[index].kept.count, queues[index].guarantee.count, queues[index].usage.count)
            for resource in 0..<count {
                queues[queues[index].parent].kept[resource] += occupied(index, resource)
            }
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
    func path(_ queue: Int) -> [Int] { queues[queue].path }

    /// Charges what a gang gets, or with a negative number gives back, to its queue and those above.
    mutating func charge(_ amounts: ResourceVector, times: Int64, to queue: Int) {
        guard queue != Self.root else { return }
        if hasGuarantees {
            for resource in 0..<amounts.count where amounts[resource] != 0 {
                charge(amounts[resource] * times, of: resource, to: queue)
            }
        } else {
            for index in queues[queue].path { queues[index].usage.add(amounts, times: times) }
        }
        note(queue)
    }

    /// The same for one resource, with what is kept for guarantees.
    private mutating func charge(_ amount: Int64, of resource: Int, to queue: Int) {
        var change = queues[queue].children.isEmpty ? amount : 0
        for index in queues[queue].path {
            let before = occupied(index, resource)
            queues[index].usage[resource] += amount
            queues[index].kept[resource] += change
            change = occupied(index, resource) - before
        }
        queues[Self.root].kept[resource] += change
    }

    /// Counts what waits in a queue.
    mutating func wait(_ amounts: ResourceVector, times: Int64, in queue: Int) {
        let short = amounts.count - queues[queue].waiting.count
        if short > 0 { queues[queue].waiting.append(contentsOf: repeatElement(0, count: short)) }
        for resource in 0..<amounts.count {
            queues[queue].waiting[resource] += Int128(amounts[resource]) * Int128(times)
        }
        note(queue)
    }

    private mutating func note(_ queue: Int) {
        guard !queues[queue].isChanged else { return }
        queues[queue].isChanged = true
        changed.append(queue)
    }

    // MARK: - Shares

    /// Q3 for the whole tree; true where any share changed. It costs as much as changed since the last time.
    @discardableResult
    mutating func share(capacity: ResourceVector, resources: Int) -> Bool {
        let all = isStale || capacity != sharedCapacity || resources != sharedResources
        guard all || !changed.isEmpty else { return false }
        defer {
            for queue in changed { queues[queue].isChanged = false }
            changed = []
        }
        let isNew = all ? shareAll(capacity, resources) : shareChanged()
        if isNew, hasGuarantees { keep() }
        return isNew
    }

    mutating func takeShareChanges() -> [Int] {
        defer { shareChanges = [] }
        return shareChanges
    }

    /// What a queue and those below it ask for.
    private func demand(of queue: Int, _ resource: Int) -> Int128 {
        let own = resource < queues[queue].waiting.count ? queues[queue].waiting[resource] : 0
        return min(
            waitingBelow[queue * sharedResources + resource] + own + Int128(queues[queue].usage[resource]),
            Int128(queues[queue].capability(resource)))
    }

    private mutating func shareAll(_ capacity: ResourceVector, _ resources: Int) -> Bool {
        isStale = false
        sharedCapacity = capacity
        sharedResources = resources
        demand = Array(repeating: 0, count: queues.count * resources)
        waitingBelow = demand
        passedOn = demand
        let before = queues.map(\.deserved)
        queues[Self.root].deserved = capacity
        let order = parentsFirst
        for index in order.reversed() where index != Self.root {
            for resource in 0..<resources {
                let asked = demand(of: index, resource)
                demand[index * resources + resource] = asked
                // Usage counts the children's, so only what waits below comes up.
                let passed = max(0, asked - Int128(queues[index].usage[resource]))
                passedOn[index * resources + resource] = passed
                waitingBelow[queues[index].parent * resources + resource] += passed
            }
        }
        for index in order where !queues[index].children.isEmpty {
            for resource in 0..<resources { shareAmongChildren(of: index, resource) }
        }
        return before != queues.map(\.deserved)
    }

    /// A parent among whose children a resource is shared anew.
    private struct Sharing: Comparable {
        var depth: Int
        var queue: Int
        var resource: Int

        static func < (left: Sharing, right: Sharing) -> Bool {
            (left.depth, left.queue, left.resource) < (right.depth, right.queue, right.resource)
        }
    }

    private mutating func shareChanged() -> Bool {
        var byDepth: [[Int]] = []
        func at(_ depth: Int, _ queue: Int) {
            while byDepth.count <= depth { byDepth.append([]) }
            byDepth[depth].append(queue)
        }
        for queue in changed where queue != Self.root { at(queues[queue].depth, queue) }
        var sharings: [Sharing] = []
        var depth = byDepth.count - 1
        while depth > 0 {
            for queue in byDepth[depth] {
                takeUp(queue, &sharings)
                let parent = queues[queue].parent
                if parent != Self.root, !queues[parent].isChanged {
                    queues[parent].isChanged = true
                    changed.append(parent)
                    at(depth - 1, parent)
                }
            }
            depth -= 1
        }
        sharings.sort()
        var isNew = false
        var next = 0
        while next < sharings.count {
            let sharing = sharings[next]
            next += 1
            if next < sharings.count, sharings[next] == sharing { continue }
            for child in shareAmongChildren(of: sharing.queue, sharing.resource) {
                isNew = true
                guard !queues[child].children.isEmpty else { continue }
                let below = Sharing(depth: queues[child].depth, queue: child, resource: sharing.resource)
                // Deeper than all that was done.
                var place = next
                while place < sharings.count, sharings[place] < below { place += 1 }
                sharings.insert(below, at: place)
            }
        }
        return isNew
    }

    /// Takes up what a queue asks for now.
    private mutating func takeUp(_ queue: Int, _ sharings: inout [Sharing]) {
        let parent = queues[queue].parent
        for resource in 0..<sharedResources {
            let at = queue * sharedResources + resource
            let old = demand[at]
            let new = demand(of: queue, resource)
            let passed = max(0, new - Int128(queues[queue].usage[resource]))
            let change = passed - passedOn[at]
            if change != 0 {
                passedOn[at] = passed
                waitingBelow[parent * sharedResources + resource] += change
            }
            guard new != old else { continue }
            demand[at] = new
            let share = queues[queue].deserved[resource]
            if ask(queue, resource, old).changesNothing(ask(queue, resource, new), share: share) { continue }
            sharings.append(Sharing(depth: queues[parent].depth, queue: parent, resource: resource))
        }
    }

    private func ask(_ queue: Int, _ resource: Int, _ demand: Int128) -> ShareAsk {
        ShareAsk(
            weight: queues[queue].spec.weight, guarantee: queues[queue].guarantee[resource],
            deserved: queues[queue].deservedNamed[resource], capability: queues[queue].capability(resource),
            demand: Int64(clamping: demand))
    }

    /// The children whose share changed.
    @discardableResult
    private mutating func shareAmongChildren(of parent: Int, _ resource: Int) -> [Int] {
        let children = queues[parent].children
        let asks = children.map { ask($0, resource, demand[$0 * sharedResources + resource]) }
        let shares = ShareAsk.shares(of: max(0, queues[parent].deserved[resource]), among: asks)
        var changed: [Int] = []
        for (child, share) in zip(children, shares) where queues[child].deserved[resource] != share {
            queues[child].deserved[resource] = share
            changed.append(child)
        }
        shareChanges += changed
        return changed
    }
}
