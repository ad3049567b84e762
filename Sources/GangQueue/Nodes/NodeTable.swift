/// The nodes with what is free on them, in flat arrays (Q2).
struct NodeTable: Sendable {
    /// For a node that does not say how many pods it takes.
    private static let anyPods: Int64 = 1 << 32

    private(set) var specs: [NodeSpec?] = []
    private(set) var indices: [String: Int] = [:]
    private var unused: [Int] = []
    /// The indices of nodes by name: the order of every search, whatever the order in which nodes came.
    private(set) var order: [Int] = []
    /// The place of a node in ``order``.
    private(set) var rank: [Int32] = []
    private var isOrdered = true

    /// Amounts a node has room for in the arrays.
    private(set) var stride = 4
    /// Allocatable less what others use; 0 on nodes that are not schedulable.
    private(set) var capacity: [Int64] = []
    /// ``capacity`` less what Sluice's pods on the node ask for. Negative where a node shrank below its pods.
    private(set) var free: [Int64] = []
    /// The sum of ``capacity``.
    private(set) var total = ResourceVector()
    /// The sum of what is free where it is not negative.
    private(set) var totalFree = ResourceVector()

    private var index = FreeIndex()

    private(set) var constraints: [NodeConstraint] = []
    private var constraintIndices: [NodeConstraint: Int] = [:]
    /// By constraint and node: whether the node is allowed.
    private(set) var allowed: [[Bool]] = []

    /// Which nodes have more free than at the last ``takeGrown()``.
    private var grown: [Int] = []
    /// Nodes on which something started or ended, since ``forgetUsed()``.
    private(set) var used: [Int] = []
    /// Counts changes of what there is, as opposed to what is free.
    private(set) var epoch = 0
    /// The nodes that changed since the last ``takeChanged()``.
    private var changed: Set<Int> = []
    /// Whether one of them has more than before.
    private var hasMore = false

    mutating func takeChanged() -> (nodes: Set<Int>, hasMore: Bool) {
        defer {
            changed = []
            hasMore = false
        }
        return (changed, hasMore)
    }

    mutating func takeGrown() -> [Int] {
        defer { grown = [] }
        return grown
    }

    mutating func forgetUsed() { used = [] }

    /// As if ``takeGrown()`` and ``takeChanged()`` had been called.
    mutating func forgetChanges() {
        grown = []
        changed = []
    }

    /// Makes room in the arrays for so many resources.
    mutating func widen(_ resources: Int) {
        guard resources > stride else { return }
        let wide = max(resources, stride * 2)
        func widened(_ old: [Int64]) -> [Int64] {
            var new = [Int64](repeating: 0, count: specs.count * wide)
            for node in specs.indices {
                for resource in 0..<stride { new[node * wide + resource] = old[node * stride + resource] }
            }
            return new
        }
        capacity = widened(capacity)
        free = widened(free)
        stride = wide
        index.build(free, stride: stride)
    }

    /// Adds a node or changes it; what Sluice's pods use on it stays.
    mutating func set(_ spec: NodeSpec, _ table: inout ResourceTable) {
        var allocatable = table.vector(spec.allocatable)
        if spec.allocatable["pods"] == nil { allocatable[ResourceTable.pods] = Self.anyPods }
        let foreign = table.vector(spec.foreign)
        widen(table.count)
        let node = indices[spec.name] ?? newIndex(spec.name)
        let old = specs[node]
        specs[node] = spec
        changed.insert(node)
        if old?.labels != spec.labels || old?.taints != spec.taints { hasMore = true }
        var rest = ResourceVector()
        if spec.schedulable {
            for resource in 0..<allocatable.count {
                rest[resource] = max(0, allocatable[resource] - foreign[resource])
            }
        }
        setCapacity(rest, of: node)
        for constraint in constraints.indices { allowed[constraint][node] = constraints[constraint].allows(spec) }
        grown.append(node)
        epoch += 1
    }

    /// Takes a node away; pods planned there have to be taken off by the caller.
    mutating func remove(_ name: String) {
        guard let node = indices.removeValue(forKey: name) else { return }
        setCapacity(ResourceVector(), of: node)
        changed.insert(node)
        for constraint in constraints.indices { allowed[constraint][node] = false }
        specs[node] = nil
        unused.append(node)
        isOrdered = false
        epoch += 1
    }

    private mutating func newIndex(_ name: String) -> Int {
        isOrdered = false
        if let node = unused.popLast() {
            indices[name] = node
            return node
        }
        specs.append(nil)
        rank.append(0)
        capacity.append(contentsOf: repeatElement(0, count: stride))
        free.append(contentsOf: repeatElement(0, count: stride))
        for constraint in constraints.indices { allowed[constraint].append(false) }
        indices[name] = specs.count - 1
        if !index.holds(specs.count - 1) { index.build(free, stride: stride) }
        return specs.count - 1
    }

    private mutating func setCapacity(_ amounts: ResourceVector, of node: Int) {
        for resource in 0..<stride {
            let at = node * stride + resource
            let change = amounts[resource] - capacity[at]
            if change > 0 { hasMore = true }
            capacity[at] += change
            total[resource] += change
            changeFree(at, resource, by: change)
        }
    }

    private mutating func changeFree(_ at: Int, _ resource: Int, by change: Int64) {
        guard change != 0 else { return }
        let before = free[at]
        free[at] += change
        totalFree[resource] += max(0, free[at]) - max(0, before)
        index.change(node: at / stride, resource, from: before, to: free[at])
    }

    /// Calls with every node that has room for a pod of the group.
    func forEachNode(for group: Shape.Group, _ body: (Int) -> Void) {
        index.forEach(group.requests) { node in
            if slots(group, on: node, limit: 1) > 0 { body(node) }
        }
    }

    /// Takes what that many pods ask for, or with a negative number gives it back.
    mutating func use(_ requests: ResourceVector, times: Int64, on node: Int) {
        suppose(requests, times: times, on: node)
        used.append(node)
        if times < 0 { grown.append(node) }
    }

    /// The same for what is only supposed and taken back.
    mutating func suppose(_ requests: ResourceVector, times: Int64, on node: Int) {
        for resource in 0..<requests.count {
            changeFree(node * stride + resource, resource, by: -requests[resource] * times)
        }
    }

    /// Like ``use(_:times:on:)`` for a plan that is taken back at once: no total changes.
    mutating func take(_ requests: ResourceVector, times: Int64, on node: Int) {
        for resource in 0..<requests.count { free[node * stride + resource] -= requests[resource] * times }
    }

    mutating func takeBack(_ requests: ResourceVector, times: Int64, on node: Int) {
        take(requests, times: -times, on: node)
    }

    /// As if no pod of Sluice's were there.
    mutating func clear() {
        free = capacity
        index.build(free, stride: stride)
    }

    /// Puts ``order`` right after nodes came or went.
    mutating func sort() {
        guard !isOrdered else { return }
        isOrdered = true
        order = specs.indices.filter { specs[$0] != nil }
        order.sort { (specs[$0]?.name ?? "") < (specs[$1]?.name ?? "") }
        for (place, node) in order.enumerated() { rank[node] = Int32(place) }
    }

    /// The number of a constraint.
    mutating func index(of constraint: NodeConstraint) -> Int {
        if let index = constraintIndices[constraint] { return index }
        constraintIndices[constraint] = constraints.count
        constraints.append(constraint)
        allowed.append(specs.map { $0.map(constraint.allows) ?? false })
        return constraints.count - 1
    }

    /// Whether more is planned on it than there is, of what a pod asks for.
    func isOvercommitted(_ node: Int, in requests: ResourceVector) -> Bool {
        (0..<requests.count).contains { requests[$0] > 0 && free[node * stride + $0] < 0 }
    }

    /// How many such pods the node has room for, `limit` at most. With `empty`, as if no pod of Sluice's were there.
    func slots(_ pods: Shape.Group, on node: Int, limit: Int64, empty: Bool = false) -> Int64 {
        guard allowed[pods.constraint][node] else { return 0 }
        var slots = pods.separateHosts ? min(limit, 1) : limit
        let base = node * stride
        let requests = pods.requests
        for resource in 0..<requests.count where requests[resource] > 0 {
            let room = empty ? capacity[base + resource] : free[base + resource]
            if room < requests[resource] { return 0 }
            if slots > 1 { slots = min(slots, room / requests[resource]) }
        }
        return slots
    }
}
