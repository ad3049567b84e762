extension GangQueue {
    /// The queue in which a workload is, as of the last decision; nil for one that is in none.
    public func queue(of key: String) -> String? {
        guard let gang = gangIndices[key], gangs[gang].queue != QueueTree.root else { return nil }
        return tree.queues[gangs[gang].queue].spec.name
    }
}
