import KubernetesModel

/// Why workloads wait (Q10).
extension GangQueue {
    /// Tells what changed.
    mutating func tell(_ decisions: inout Decisions) {
        let indices = toTell
        toTell = []
        for index in indices {
            guard let block = classes[index].block, !classes[index].key.surplus, !classes[index].isEmpty else {
                classes[index].untold = []
                continue
            }
            let identity = identity(of: block)
            var gangs: [Int] = []
            if classes[index].told != identity {
                classes[index].settle()
                gangs = classes[index].waiting.map(\.gang)
            } else {
                gangs = classes[index].untold
            }
            classes[index].told = identity
            classes[index].untold = []
            guard !gangs.isEmpty else { continue }
            let reason = WaitingReason(kind: block.kind, text: text(of: block, in: classes[index]))
            for gang in gangs where self.gangs[gang].lineClass == index && self.gangs[gang].told != identity {
                self.gangs[gang].told = identity
                decisions.waiting.append(Decisions.Waiting(key: self.gangs[gang].order.name, reason: reason))
            }
        }
    }

    private func identity(of block: Block) -> Block.Identity {
        Block.Identity(kind: block.kind, queue: tree.queues[block.queue].spec.name, resource: block.resource)
    }

    /// Why a workload waits, with the numbers of now; nil for one that does not, or that no decision looked at yet.
    public func reason(_ key: String) -> WaitingReason? {
        guard let gang = gangIndices[key] else { return nil }
        if gangs[gang].isPending { return pendingReason(gang) }
        guard gangs[gang].admitted == nil, let index = gangs[gang].lineClass,
            let block = classes[index].block
        else { return nil }
        return WaitingReason(kind: block.kind, text: text(of: block, in: classes[index]))
    }

    func pendingReason(_ gang: Int) -> WaitingReason {
        let nodes = Set(gangs[gang].pods.compactMap(\.node))
        let pods = ending.values.reduce(0) { $0 + $1.count { pod in pod.node.map(nodes.contains) ?? false } }
        return WaitingReason(kind: .evicting, text: "its room is being freed: \(pods) pods on its nodes still end")
    }

    /// The place of a waiting workload in its queue, from 1. Costs a search in each class of the queue.
    public func position(_ key: String) -> Int? {
        guard let gang = gangIndices[key], gangs[gang].admitted == nil, gangs[gang].lineClass != nil else { return nil }
        return lines[gangs[gang].queue].classes.reduce(1) { sum, index in
            classes[index].key.surplus ? sum : sum + classes[index].countBefore(gangs[gang].order)
        }
    }

    /// A resource of which a pod asks for more than any node has, and how much.
    private func tooLarge(_ shape: Shape) -> (Int, Int64)? {
        for group in shape.groups {
            // Every pod is one of `pods`: what else it asks for says more.
            let asked = (0..<group.requests.count).filter { group.requests[$0] > 0 }
            for resource in asked.filter({ $0 != ResourceTable.pods }) + [ResourceTable.pods] {
                let request = group.requests[resource]
                if !nodes.order.contains(where: { nodes.capacity[$0 * nodes.stride + resource] >= request }) {
                    return (resource, request)
                }
            }
        }
        return nil
    }

    private func text(of block: Block, in line: LineClass) -> String {
        let shape = shapes[line.key.shape]
        let queue = tree.queues[block.queue]
        let resource = block.resource
        let name = table.names[resource]
        func amount(_ value: Int64) -> String { table.text(value, of: resource) }
        let asked = amount(shape.required[resource])
        switch block.kind {
        case .misconfigured:
            return line.key.problem
                ?? "queue \(queue.spec.name) adds nodes (provisioning: Autoscaler) and says no capability in \(name), "
                + "of which it asks for \(asked)"
        case .queueClosed: return "queue \(queue.spec.name) is \(queue.spec.state == .closed ? "closed" : "draining")"
        case .neverFits:
            if let ceiling = line.ceiling {
                return
                    "it cannot start as its queue is: it asks for \(asked) \(name), and queue \(tree.queues[ceiling.queue].spec.name) "
                    + "may have \(amount(queue.capability(resource)))"
            }
            if let (resource, amount) = tooLarge(shape) {
                return "it cannot start as the cluster is: a pod asks for \(table.text(amount, of: resource)) "
                    + "\(table.names[resource]), and no node has as much for it"
            }
            let pods = shape.groups.reduce(0) { $0 + $1.required }
            let nodes = nodes.order.count
            return
                "it cannot start as the cluster is: \(nodes == 1 ? "the node has" : "the \(nodes) nodes have") no room for its "
                + (pods == 1 ? "pod" : "\(pods) pods") + ", even with no other run there"
        case .quota:
            return "queue \(queue.spec.name) uses \(amount(queue.usage[resource])) of at most "
                + "\(amount(queue.capability(resource))) \(name), it asks for \(asked)"
        case .guaranteed:
            return "it asks for \(asked) \(name), and what is free of it is guaranteed to other queues"
        case .resources:
            return "it asks for \(asked) \(name), \(amount(nodes.totalFree[resource])) of "
                + "\(amount(nodes.total[resource])) are free"
        case .fragmentation:
            return "it asks for \(asked) \(name), \(amount(nodes.totalFree[resource])) of "
                + "\(amount(nodes.total[resource])) are free, but not on nodes as its pods need them"
        case .runs:
            return "queue \(queue.spec.name) has \(lines[block.queue].runs.count) running runs of at most "
                + "\(queue.spec.maxRunningRuns ?? 0)"
        case .line: return "another one is before it in queue \(queue.spec.name), which is fifo"
        case .reserved:
            let other = block.gang ?? ""
            let gang = gangIndices[other].map { gangs[$0] }
            return
                "what it needs is reserved for \(other) of queue \(gang.map { tree.queues[$0.queue].spec.name } ?? ""), "
                + "which has waited since \(gang?.since.rfc3339 ?? "")"
        case .evicting: return "its room is being freed"
        case .ending: return "pods of the attempt before it still end, or others that went for the same workload"
        }
    }

    /// What a queue's status shows.
    public struct QueueReport: Sendable, Hashable {
        public var pending: Int
        /// Gangs, those of queues below included.
        public var admitted: Int
        /// Runs with an admitted gang.
        public var runs: Int
        public var used: Resources
        public var deserved: Resources
        public var guaranteed: Resources
        /// The largest part of what there is that is used, in thousandths, rounded down.
        public var share: Int
        public var hasChildren: Bool
        /// Why it has no place in the tree.
        public var problem: String?
        /// The queue, itself or one above it, that is not open.
        public var closedBy: String?
    }

    private func share(of usage: ResourceVector) -> Int {
        (0..<usage.count).reduce(0) { largest, resource in
            guard usage[resource] > 0, nodes.total[resource] > 0 else { return largest }
            return max(largest, Int(clamping: Int128(usage[resource]) * 1000 / Int128(nodes.total[resource])))
        }
    }

    /// How a queue stands as of the last decision; nil where it does not exist.
    public func report(_ name: String) -> QueueReport? {
        guard let queue = tree.indices[name] else { return nil }
        let entry = tree.queues[queue]
        func resources(_ vector: ResourceVector) -> Resources {
            Resources((0..<vector.count).map { Resources.Entry(table.names[$0], vector[$0]) })
        }
        return QueueReport(
            pending: lines[queue].classes.reduce(0) { $0 + (classes[$1].key.surplus ? 0 : classes[$1].count) },
            admitted: lines[queue].admitted, runs: lines[queue].runs.count, used: resources(entry.usage),
            deserved: resources(entry.deserved),
            guaranteed: resources(tree.guaranteed(queue)), share: share(of: entry.usage),
            hasChildren: !entry.children.isEmpty,
            problem: tree.path(queue).compactMap { tree.queues[$0].problem }.first,
            closedBy: closed(queue).map { tree.queues[$0].spec.name })
    }
}
