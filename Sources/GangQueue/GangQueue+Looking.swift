extension GangQueue {
    /// The queue in which a workload is, as of the last decision; nil for one that is in none.
    public func queue(of key: String) -> String? {
        guard let gang = gangIndices[key], gangs[gang].queue != QueueTree.root else { return nil }
        return tree.queues[gangs[gang].queue].spec.name
    }

    /// The pods of an admitted workload that have not ended, each with the node on which it is, or on which room is kept for it.
    public func placements(_ key: String) -> [PodPlacement] {
        guard let gang = gangIndices[key], gangs[gang].admitted != nil else { return [] }
        return placements(gangs[gang].pods)
    }

    /// How many more pods a node takes, their requests aside; 0 for one that is not known.
    public func freePods(on node: String) -> Int64 {
        nodes.indices[node].map { max(0, nodes.free[$0 * nodes.stride + ResourceTable.pods]) } ?? 0
    }
}
