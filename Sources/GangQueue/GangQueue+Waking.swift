import KubernetesModel

/// Q7: for whom something may be evicted by now, of those who wait.
extension GangQueue {
    /// Looks again at classes for which something may be evicted by now: whenever anybody starts, ends or gets old enough, shares change or
    /// queues come to be over theirs, for those to whom that can make a difference.
    mutating func wakeEvicting(_ now: Timestamp, sharesChanged: Bool) {
        var all = sharesChanged
        if let due = evictAgain, due <= now {
            evictAgain = nil
            all = true
        }
        let before = Set(overQueues)
        findOverQueues(now)
        let over = overQueues.filter { !before.contains($0) || newlyOver.contains($0) }
        newlyOver = []
        listGaining()
        let moved = movedTops
        movedTops = []
        defer { hasFreed = false }
        guard !evictionBlocked.isEmpty, all || hasFreed || !over.isEmpty || !moved.isEmpty else { return }
        supposeEnding()
        isSurvey = true
        defer {
            supposeEnding()
            isSurvey = false
            // What is reserved may change.
            roomLater = roomLater.filter { $0.held == 0 }
        }
        let waiting = evictionBlocked
        evictionBlocked = []
        for index in waiting {
            guard classes[index].block?.canEndByEviction == true else {
                classes[index].waitsForEviction = false
                continue
            }
            if needsShare(index, lacking: lacked(classes[index].key.shape)) {
                classes[index].waitsForEviction = false
                continue
            }
            let key = classes[index].key
            let top = tree.path(key.queue).last ?? key.queue
            let lacksOther = classes[index].lacksOther
            classes[index].lacksOther = false
            guard let gang = classes[index].first?.gang,
                all || moved.contains(top) || hasFreed && classes[index].missedVictims
                    || lacksOther
                    || (!over.isEmpty && gainsVictims(key, over)),
                mayHaveVictims(gang, key, now), findVictims(for: gang, key, now) != nil
            else {
                evictionBlocked.append(index)
                continue
            }
            classes[index].waitsForEviction = false
            wake(index)
        }
    }

    // MARK: - Who waits for its share alone

    /// Whether nothing can be evicted for a class, whatever others have, until its own queue uses less or deserves more, or something else
    /// is short: it preempts nobody, and its first workload would take its queue above what it deserves.
    mutating func needsShare(_ index: Int, lacking lacked: UInt64) -> Bool {
        let queue = classes[index].key.queue
        let shape = classes[index].key.shape
        guard let first = classes[index].first, shapes[shape].required.count <= 64 else { return false }
        if tree.queues[queue].spec.preemption == .lowerPriority, let lowest = lines[queue].gangs.first?.priority,
            lowest < first.priority
        {
            return false
        }
        // Where the nodes lack nothing, ceilings and guarantees may make something short.
        if lacked == 0, tree.hasGuarantees || hasCeiling(queue) { return false }
        for resource in 0..<shapes[shape].required.count where shapes[shape].required[resource] > 0 {
            let isShort = lacked == 0 || lacked & (1 << UInt64(resource)) != 0
            if isShort, !isWithin(queue, resource, shapes[shape].required[resource]) { return true }
        }
        return false
    }

    private func hasCeiling(_ queue: Int) -> Bool {
        for above in tree.path(queue) where !tree.queues[above].capabilityNamed.isEmpty { return true }
        return false
    }

    private func isWithin(_ queue: Int, _ resource: Int, _ amount: Int64) -> Bool {
        tree.queues[queue].usage[resource] + amount <= tree.queues[queue].deserved[resource]
    }

    /// Puts those on the list of evictions again to whom a change of their queue or of what is free can make a difference.
    private mutating func listGaining() {
        for queue in tree.takeShareChanges() { movedQueues.insert(queue) }
        for queue in movedQueues.sorted() where queue < lines.count {
            for index in lines[queue].classes { listForEviction(index) }
        }
        movedQueues = []
        for shape in shapes.indices where shapes[shape].uses > 0 {
            let lacked = lacked(shape)
            guard shapes[shape].lacked != lacked else { continue }
            shapes[shape].lacked = lacked
            for index in shapes[shape].classes {
                listForEviction(index)
                classes[index].lacksOther = true
            }
        }
    }

    /// Puts a class on the list of those for which something may be evicted later.
    mutating func listForEviction(_ index: Int) {
        guard classes[index].block?.canEndByEviction == true, !classes[index].waitsForEviction else { return }
        let shape = classes[index].key.shape
        let lacked = lacked(shape)
        if lacked != shapes[shape].lacked {
            classes[index].lacksOther = true
        } else if needsShare(index, lacking: lacked) {
            return
        }
        classes[index].waitsForEviction = true
        evictionBlocked.append(index)
    }

    /// The resources of which too little is free once all that ends is gone, as bits.
    mutating func lacked(_ shape: Int) -> UInt64 {
        var bits: UInt64 = 0
        for resource in 0..<min(64, shapes[shape].required.count) {
            let free = isSurvey ? nodes.totalFree[resource] : later.totalFree[resource]
            if shapes[shape].required[resource] > free { bits |= 1 << UInt64(resource) }
        }
        return bits
    }

    private mutating func gainsVictims(_ key: LineClass.Key, _ over: [Int]) -> Bool {
        let short = shortage(key)
        return staysWithin(key.queue, shapes[key.shape].required, short)
            && over.contains { mayReclaim(from: $0, for: key, short) }
    }
}
