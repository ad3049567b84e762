/// All about a workload that decides where it fits. Workloads of one shape share a verdict.
struct Shape: Sendable {
    struct Key: Hashable, Sendable {
        var groups: [PodGroup]
        var topology: Topology?
        var timeLimit: Int64?
    }

    struct Group: Sendable {
        /// For one pod, `pods` included.
        var requests: ResourceVector
        var count: Int64
        var required: Int64
        var constraint: Int
        var separateHosts: Bool
        /// The resources it asks for that are devices: neither cpu, memory, storage nor pods.
        var devices: [Int]
    }

    var key: Key
    var groups: [Group]
    /// The indices of groups with the large pods first.
    var largeFirst: [Int] = []
    /// What the pods that start together ask for.
    var required = ResourceVector()
    /// What all pods ask for.
    var full = ResourceVector()
    /// How many workloads have it.
    var uses = 0
    /// Whether empty nodes would hold it, as of ``NodeTable/epoch``.
    var canEverFit = true
    var epoch = -1
    /// Whether a search found no room, since when nothing grew for it.
    var hasNoRoom = false
    /// What its classes were told last that there is too little of.
    var lack: Block?
    /// The resources of which too little was free when evictions were considered, as bits.
    var lacked: UInt64 = 0
    /// The classes that wait with it.
    var classes: [Int] = []

    init(_ key: Key, _ table: inout ResourceTable, _ nodes: inout NodeTable) {
        self.key = key
        groups = key.groups.map { group in
            var requests = table.vector(group.requests)
            requests[ResourceTable.pods] = 1
            let common = ["cpu", "memory", "ephemeral-storage", "pods"]
            return Group(
                requests: requests, count: Int64(group.count), required: Int64(group.required),
                constraint: nodes.index(
                    of: NodeConstraint(
                        tolerations: group.tolerations, nodeSelector: group.nodeSelector, affinity: group.affinity)),
                separateHosts: group.separateHosts,
                devices: (0..<requests.count).filter { requests[$0] > 0 && !common.contains(table.names[$0]) })
        }
        for group in groups {
            required.add(group.requests, times: group.required)
            full.add(group.requests, times: group.count)
        }
    }
}
