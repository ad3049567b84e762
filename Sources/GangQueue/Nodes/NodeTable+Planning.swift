import HeapModule

/// Pods of one group on one node.
struct PlannedPods: Sendable, Hashable {
    var group: Int
    var node: Int
    var count: Int64
}

extension NodeTable {
    /// A node that a group may use. The tightest comes first, so that whole nodes stay whole: nodes with no devices that are not
    /// asked for, then the fewest free devices, the least free cpu and memory, the name.
    struct Candidate: Comparable {
        var idleDevices: Int64
        var freeDevices: Int64
        var freeCPU: Int64
        var rank: Int32
        var node: Int32

        static func < (left: Candidate, right: Candidate) -> Bool {
            if left.idleDevices != right.idleDevices { return left.idleDevices < right.idleDevices }
            if left.freeDevices != right.freeDevices { return left.freeDevices < right.freeDevices }
            if left.freeCPU != right.freeCPU { return left.freeCPU < right.freeCPU }
            return left.rank < right.rank
        }
    }

    /// What planning has to know of the resources' names.
    struct Kinds: Sendable {
        var cpu: Int?
        var devices: [Int]

        init(_ table: ResourceTable) {
            cpu = table.names.firstIndex(of: "cpu")
            let common = ["cpu", "memory", "ephemeral-storage", "pods"]
            devices = table.names.indices.filter { !common.contains(table.names[$0]) }
        }
    }

    func candidate(_ node: Int, _ group: Shape.Group, _ kinds: Kinds) -> Candidate {
        let base = node * stride
        var idle: Int64 = 0
        for device in kinds.devices where capacity[base + device] > 0 && group.requests[device] == 0 { idle += 1 }
        var devices: Int64 = 0
        for device in group.devices { devices += free[base + device] }
        return Candidate(
            idleDevices: idle, freeDevices: devices, freeCPU: kinds.cpu.map { free[base + $0] } ?? 0, rank: rank[node],
            node: Int32(node))
    }

    /// The nodes with room for a pod of the group, the tightest first.
    func candidates(_ group: Shape.Group, _ kinds: Kinds, among nodes: [Int]? = nil) -> Heap<Candidate> {
        var found: [Candidate] = []
        if let nodes {
            for node in nodes where slots(group, on: node, limit: 1) > 0 { found.append(candidate(node, group, kinds)) }
        } else {
            forEachNode(for: group) { found.append(candidate($0, group, kinds)) }
        }
        return Heap(found)
    }

    /// Q5: a node for each of so many pods of each group, large pods first, within one topology domain where that is asked for.
    /// Nothing is changed.
    mutating func plan(_ shape: Shape, counts: [Int64], _ kinds: Kinds) -> [PlannedPods]? {
        sort()
        guard let topology = shape.key.topology else { return plan(shape, counts: counts, kinds, among: nil) }
        var best: (slots: Int64, plan: [PlannedPods])?
        for domain in domains(topology.key) {
            // The domain with the least room for the largest pods.
            let largest = shape.groups[shape.largeFirst.first ?? 0]
            let slots = domain.reduce(Int64(0)) { $0 + self.slots(largest, on: $1, limit: 1 << 20) }
            if let best, best.slots <= slots { continue }
            if let plan = plan(shape, counts: counts, kinds, among: domain) { best = (slots, plan) }
        }
        if let best { return best.plan }
        return topology.required ? nil : plan(shape, counts: counts, kinds, among: nil)
    }

    /// The nodes by their value of a label, the domains by name.
    func domains(_ key: String) -> [[Int]] {
        var domains: [String: [Int]] = [:]
        for node in order {
            if let value = specs[node]?.labels[key] { domains[value, default: []].append(node) }
        }
        return domains.sorted { $0.key < $1.key }.map(\.value)
    }

    private mutating func plan(_ shape: Shape, counts: [Int64], _ kinds: Kinds, among nodes: [Int]?) -> [PlannedPods]? {
        var plan: [PlannedPods] = []
        defer {
            for pods in plan { takeBack(shape.groups[pods.group].requests, times: pods.count, on: pods.node) }
        }
        for index in shape.largeFirst where counts[index] > 0 {
            let group = shape.groups[index]
            var rest = counts[index]
            var candidates = candidates(group, kinds, among: nodes)
            while rest > 0, let best = candidates.popMin() {
                let count = slots(group, on: Int(best.node), limit: rest)
                take(group.requests, times: count, on: Int(best.node))
                plan.append(PlannedPods(group: index, node: Int(best.node), count: count))
                rest -= count
            }
            if rest > 0 { return nil }
        }
        return plan
    }

    /// Whether the nodes would hold that many pods of each group if no pod of Sluice's were there.
    mutating func holdsWhenEmpty(_ shape: Shape, _ kinds: Kinds) -> Bool {
        let one = shape.groups.count == 1 && !(shape.key.topology?.required ?? false)
        if one, let group = shape.groups.first {
            var rest = group.required
            for node in order {
                if rest <= 0 { break }
                rest -= slots(group, on: node, limit: rest, empty: true)
            }
            return rest <= 0
        }
        var empty = self
        empty.clear()
        return empty.plan(shape, counts: shape.groups.map(\.required), kinds) != nil
    }
}
