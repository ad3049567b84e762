/// How many pods of each group of a shape the nodes have room for, kept up while what is free changes. Enough of each is needed for the
/// shape to fit, and for pods that are all alike that do not have to share a domain it is all that is needed.
struct FitProbe {
    private let groups: [Shape.Group]
    private var slots: [Int64]

    init(_ shape: Shape, _ nodes: NodeTable) {
        groups = shape.groups
        slots = shape.groups.map { group in
            var slots: Int64 = 0
            nodes.forEachNode(for: group) { slots += nodes.slots(group, on: $0, limit: group.required) }
            return slots
        }
    }

    var isPossible: Bool { zip(slots, groups).allSatisfy { $0 >= $1.required } }

    private mutating func count(_ pods: [Gang.Pod], _ nodes: NodeTable, _ sign: Int64) {
        for node in pods.count == 1 ? [pods[0].node] : Array(Set(pods.map(\.node))) {
            guard let node else { continue }
            for index in groups.indices {
                slots[index] += sign * nodes.slots(groups[index], on: node, limit: groups[index].required)
            }
        }
    }

    /// Before something changes on the nodes of these pods.
    mutating func willChange(_ pods: [Gang.Pod], _ nodes: NodeTable) { count(pods, nodes, -1) }

    /// After that.
    mutating func hasChanged(_ pods: [Gang.Pod], _ nodes: NodeTable) { count(pods, nodes, 1) }
}
