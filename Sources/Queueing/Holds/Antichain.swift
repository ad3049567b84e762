/// The heaviest set of nodes of an acyclic graph of which none comes before another one: the most that can be under way at the same time.
///
/// By Dilworth's theorem, with weights: it weighs as much as the least flow that passes each node with at least its weight. That flow is
/// what remains of one unit of flow for each unit of weight after as many as possible have been joined end to end, which is a maximum
/// flow (Dinic's). O(nodes^2 x edges) at worst, and next to linear in graphs as pipelines are. No recursion.
struct Antichain {
    /// The indices of its nodes, ascending.
    private(set) var nodes: [Int] = []
    private(set) var weight: Int128 = 0

    private struct Arc {
        var to: Int
        var capacity: Int128
    }

    /// Arcs in pairs: each is followed, or preceded, by the one that takes its flow back.
    private var arcs: [Arc] = []
    private var arcsFrom: [[Int]]
    private var level: [Int] = []
    private var next: [Int] = []

    private static let source = 0
    private static let sink = 1
    private static let unbounded = Int128.max / 4

    /// `before` names for each node those that come before it; more follow from these. Weights are 0 or more.
    init(weights: [Int128], before: [[Int]]) {
        arcsFrom = Array(repeating: [], count: 2 + 2 * weights.count)
        guard weights.contains(where: { $0 > 0 }) else { return }
        for node in weights.indices {
            // What ends at a node may go on into whatever comes after it, or through that.
            if weights[node] > 0 {
                add(Self.source, end(node), weights[node])
                add(begin(node), Self.sink, weights[node])
            }
            add(begin(node), end(node), Self.unbounded)
            for other in before[node] { add(end(other), begin(node), Self.unbounded) }
        }
        while findLevels() { augment() }
        // The cut of the last search lies in the nodes whose end it reached, and whose begin it did not.
        nodes = weights.indices.filter { weights[$0] > 0 && level[end($0)] >= 0 && level[begin($0)] < 0 }
        weight = nodes.reduce(0) { $0 + weights[$1] }
    }

    private func begin(_ node: Int) -> Int { 2 + 2 * node }
    private func end(_ node: Int) -> Int { 3 + 2 * node }

    private mutating func add(_ from: Int, _ to: Int, _ capacity: Int128) {
        arcsFrom[from].append(arcs.count)
        arcs.append(Arc(to: to, capacity: capacity))
        arcsFrom[to].append(arcs.count)
        arcs.append(Arc(to: from, capacity: 0))
    }

    /// How many arcs lead to each place at least; -1 for one that cannot be reached. Whether the sink can.
    private mutating func findLevels() -> Bool {
        level = Array(repeating: -1, count: arcsFrom.count)
        level[Self.source] = 0
        var line = [Self.source]
        var at = 0
        while at < line.count {
            let place = line[at]
            at += 1
            for arc in arcsFrom[place] where arcs[arc].capacity > 0 && level[arcs[arc].to] < 0 {
                level[arcs[arc].to] = level[place] + 1
                line.append(arcs[arc].to)
            }
        }
        return level[Self.sink] >= 0
    }

    /// Sends flow along shortest ways until there is none left.
    private mutating func augment() {
        next = Array(repeating: 0, count: arcsFrom.count)
        var way: [Int] = []
        var place = Self.source
        while true {
            if place == Self.sink {
                let flow = way.reduce(Self.unbounded) { min($0, arcs[$1].capacity) }
                for arc in way {
                    arcs[arc].capacity -= flow
                    arcs[arc ^ 1].capacity += flow
                }
                // Back to where the way is used up first.
                let full = way.firstIndex { arcs[$0].capacity == 0 } ?? 0
                place = arcs[way[full] ^ 1].to
                way.removeSubrange(full...)
                continue
            }
            if next[place] < arcsFrom[place].count {
                let arc = arcsFrom[place][next[place]]
                if arcs[arc].capacity > 0, level[arcs[arc].to] == level[place] + 1 {
                    way.append(arc)
                    place = arcs[arc].to
                } else {
                    next[place] += 1
                }
            } else {
                guard let last = way.popLast() else { return }
                place = arcs[last ^ 1].to
                next[place] += 1
            }
        }
    }
}
