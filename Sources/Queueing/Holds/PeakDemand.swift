import GangQueue
import JSON
import PipelineEngine

/// The most that what is left of a run takes at once (Q1, `gangScope: Run`), as the pods for which room is kept.
///
/// Of each resource it is exactly what the heaviest set of tasks that can run side by side asks for; the pods are those of that set for
/// the first resource that is asked for (devices before cpu before memory), and they ask for more of another one where another set does;
/// where another one has more pods, there are some that ask for nothing.
struct PeakDemand: Hashable {
    /// Pods of one kind.
    struct Slots: Hashable {
        /// One of them; without `pods`.
        var group: PodGroup
        var count: Int64
    }

    var slots: [Slots] = []

    /// No demand.
    init() {}

    /// The peak of a run. O(flow), for each resource that is asked for.
    init(_ demand: RunDemand) {
        let groups = demand.templates.map { PodGroup.reading($0).group }
        let names = Set(groups.flatMap { $0.requests.entries.map(\.name) })
            .sorted { (Self.rank($0), $0) < (Self.rank($1), $1) }
        for name in names {
            let set = Self.heaviest(demand, groups, name)
            if slots.isEmpty { slots = set } else { raise(name, to: set) }
        }
        // Nodes and queues count pods as well: small ones may come in the place of few large ones.
        let most = Self.heaviest(demand, groups, "")
        if slots.isEmpty { slots = most }
        let lack = most.reduce(0) { $0 + $1.count } - slots.reduce(0) { $0 + $1.count }
        if lack > 0 { slots.append(Slots(group: PodGroup([:]), count: lack)) }
        slots = Self.merged(slots)
    }

    private static func rank(_ name: String) -> Int {
        switch name {
        case "cpu": 1
        case "memory": 2
        case "ephemeral-storage": 3
        default: 0
        }
    }

    /// What all pods ask for.
    var total: Resources { Self.total(slots) }

    var isEmpty: Bool { slots.isEmpty }

    /// Whether it is no more than the other in any resource, nor in pods.
    func isWithin(_ other: PeakDemand) -> Bool {
        let theirs = other.total
        return total.entries.allSatisfy { $0.amount <= theirs[$0.name] ?? 0 }
            && slots.reduce(0) { $0 + $1.count } <= other.slots.reduce(0) { $0 + $1.count }
    }

    private static func total(_ slots: [Slots]) -> Resources {
        Resources(
            slots.flatMap { slot in
                slot.group.requests.entries.map {
                    Resources.Entry($0.name, $0.amount.multipliedReportingOverflow(by: slot.count).partialValue)
                }
            })
    }

    // MARK: The heaviest set

    private static func amount(_ group: PodGroup, _ name: String) -> Int64 {
        name.isEmpty ? 1 : group.requests[name] ?? 0
    }

    private static func weight(_ slots: [Slots], _ name: String) -> Int128 {
        slots.reduce(0) { $0 + Int128(amount($1.group, name)) * Int128($1.count) }
    }

    private static func heaviest(_ demand: RunDemand, _ groups: [PodGroup], _ name: String) -> [Slots] {
        let all = heaviest(demand.root, groups, name)
        guard let limit = demand.parallelism else { return all }
        // No more tasks than that run at once: of all there are, the heaviest are enough, where these are less.
        var tasks: [Slots] = []
        var open = [(graph: demand.root, times: Int64(1))]
        while let (graph, times) = open.popLast() {
            for node in graph.main + graph.finally {
                let times = min(times * Int64(node.times), Int64(limit))
                switch node.work {
                case .graph(let inner): open.append((inner, times))
                case .pods(let template, let replicas):
                    for _ in 0..<times { tasks.append(Slots(group: groups[template], count: Int64(replicas))) }
                }
            }
        }
        tasks.sort { weight([$0], name) > weight([$1], name) }
        let few = merged(Array(tasks.prefix(limit)))
        return weight(few, name) < weight(all, name) ? few : all
    }

    private static func heaviest(_ graph: RunDemand.Graph, _ groups: [PodGroup], _ name: String) -> [Slots] {
        let main = heaviest(graph.main, groups, name)
        guard !graph.finally.isEmpty else { return main }
        let last = heaviest(graph.finally, groups, name)
        return weight(last, name) > weight(main, name) ? last : main
    }

    private static func heaviest(_ nodes: [RunDemand.Node], _ groups: [PodGroup], _ name: String) -> [Slots] {
        let work = nodes.map { node in
            let one: [Slots] =
                switch node.work {
                case .pods(let template, let replicas): [Slots(group: groups[template], count: Int64(replicas))]
                case .graph(let inner): heaviest(inner, groups, name)
                }
            return one.map { Slots(group: $0.group, count: $0.count * Int64(max(node.times, 0))) }
        }
        // Of two sets that weigh the same, the one of fewer and larger pods: they find whole nodes.
        let weights = work.map { slots -> Int128 in
            let weight = weight(slots, name)
            return weight == 0 ? 0 : weight << 20 - min(Int128(slots.reduce(0) { $0 + $1.count }), 1 << 20 - 1)
        }
        return Antichain(weights: weights, before: nodes.map(\.dependencies)).nodes.flatMap { work[$0] }
    }

    // MARK: Other resources

    /// Has the pods ask for as much of a resource as another set does, first those that are like its pods.
    private mutating func raise(_ name: String, to set: [Slots]) {
        var lack = Self.weight(set, name) - Self.weight(slots, name)
        for wanted in set where lack > 0 {
            let each = Self.amount(wanted.group, name)
            var count = wanted.count
            var raised: [Slots] = []
            for index in slots.indices where lack > 0 && count > 0 && each > 0 {
                guard slots[index].group.isAlike(wanted.group) else { continue }
                let has = Self.amount(slots[index].group, name)
                guard has < each else { continue }
                // So many of them up to what is wanted, one with the rest.
                let more = Int128(each - has)
                let whole = min(slots[index].count, count, Int64(clamping: lack / more))
                if whole > 0 {
                    raised.append(Slots(group: slots[index].group.asking(each, of: name), count: whole))
                    slots[index].count -= whole
                    count -= whole
                    lack -= more * Int128(whole)
                }
                if lack > 0, lack < more, count > 0, slots[index].count > 0 {
                    raised.append(
                        Slots(group: slots[index].group.asking(has + Int64(lack), of: name), count: 1))
                    slots[index].count -= 1
                    count -= 1
                    lack = 0
                }
            }
            while lack > 0, count > 0, each > 0 {
                let whole = min(count, Int64(clamping: lack / Int128(each)))
                let amount = whole > 0 ? each : Int64(lack)
                let added = max(whole, 1)
                raised.append(Slots(group: wanted.group.asking(only: amount, of: name), count: added))
                count -= added
                lack -= Int128(amount) * Int128(added)
            }
            slots = slots.filter { $0.count > 0 } + raised
        }
    }

    /// Kinds that are the same become one; the order is that in which they came.
    private static func merged(_ slots: [Slots]) -> [Slots] {
        var places: [PodGroup: Int] = [:]
        var merged: [Slots] = []
        for slot in slots where slot.count > 0 {
            if let place = places[slot.group] {
                merged[place].count += slot.count
            } else {
                places[slot.group] = merged.count
                merged.append(slot)
            }
        }
        return merged
    }
}

extension PodGroup {
    /// The same pods, with that much of a resource.
    fileprivate func asking(_ amount: Int64, of name: String) -> PodGroup {
        var group = self
        group.requests = Resources(requests.entries.filter { $0.name != name } + [Resources.Entry(name, amount)])
        return group
    }

    /// The same pods, with that much of one resource and nothing else.
    fileprivate func asking(only amount: Int64, of name: String) -> PodGroup {
        var group = self
        group.requests = Resources([Resources.Entry(name, amount)])
        return group
    }
}
