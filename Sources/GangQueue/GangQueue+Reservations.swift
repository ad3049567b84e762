import HeapModule
import KubernetesModel

/// Q6: the first gang of a queue that has waited too long gets a reservation, and only work passes that does not delay it (EASY).
extension GangQueue {
    /// How many reservations there are at most, the oldest; the cost of a decision grows with them.
    static let mostReservations = 16

    /// The first workload of a queue that could ever start.
    func firstInLine(_ queue: Int) -> OrderKey? {
        var first: OrderKey?
        for index in lines[queue].classes where !classes[index].key.surplus && !classes[index].key.isEnding {
            guard counts(classes[index]), let head = classes[index].first else { continue }
            if first.map({ head < $0 }) ?? true { first = head }
        }
        return first
    }

    /// When a workload has waited so long that it gets a reservation.
    func starvesAt(_ gang: Int) -> Timestamp {
        Timestamp(microseconds: gangs[gang].since.microseconds + settings.starvationLimit)
    }

    /// Makes a reservation for the first workload of a queue where it has waited long enough, else notes when to look again.
    mutating func considerReservation(_ queue: Int, now: Timestamp) {
        guard let first = firstInLine(queue), let index = gangs[first.gang].lineClass, classes[index].block != nil
        else { return }
        guard !reservations.contains(where: { $0.gang == first.gang }) else { return }
        let time = starvesAt(first.gang)
        guard time <= now else {
            timers.insert(QueueTimer(time: time, queue: queue))
            return
        }
        // Of too many the older ones hold: a younger one need not be worked out.
        if reservations.count >= Self.mostReservations, let last = reservations.last,
            gangs[last.gang].order.isOlder(than: first)
        {
            return
        }
        guard let reservation = reserve(first.gang, now: now) else { return }
        reservations.append(reservation)
        reservations.sort { gangs[$0.gang].order.isOlder(than: gangs[$1.gang].order) }
        if reservations.count > Self.mostReservations { reservations.removeLast() }
        updateClaims()
    }

    /// What has to be there for a gang: the running ones are released in the order of their time limits until it fits.
    func reserve(_ gang: Int, now: Timestamp) -> Reservation? {
        struct Release {
            var end: Timestamp?
            var admitted: Timestamp
            var gang: Int
        }
        var running = gangIndices.values.compactMap { index in
            gangs[index].admitted.map { admitted in
                Release(
                    end: shapes[gangs[index].shape].key.timeLimit.map {
                        max(now, Timestamp(microseconds: admitted.microseconds + $0))
                    }, admitted: admitted, gang: index)
            }
        }
        running.sort { left, right in
            let ends = (left.end?.microseconds ?? .max, right.end?.microseconds ?? .max)
            if ends.0 != ends.1 { return ends.0 < ends.1 }
            if left.admitted != right.admitted { return left.admitted < right.admitted }
            return gangs[left.gang].order.name < gangs[right.gang].order.name
        }
        func plan(_ count: Int) -> [PlannedPods]? {
            var later = self
            later.cursors = [:]
            for pods in ending.values {
                for pod in pods { pod.node.map { later.nodes.use(pod.requests, times: -1, on: $0) } }
            }
            for release in running.prefix(count) {
                for pod in gangs[release.gang].pods {
                    let requests = shapes[gangs[release.gang].shape].groups[pod.group].requests
                    later.tree.charge(requests, times: -1, to: gangs[release.gang].queue)
                    if let node = pod.node { later.nodes.use(requests, times: -1, on: node) }
                }
                later.leaveRun(release.gang)
            }
            if hasGuarantees { later.tree.keep() }
            guard let index = gangs[gang].lineClass,
                later.lacksQuota(gang, classes[index].key, shapes[gangs[gang].shape].required) == nil
            else { return nil }
            let shape = shapes[gangs[gang].shape]
            return later.nodes.plan(shape, counts: shape.groups.map(\.required), kinds)
        }
        guard var best = plan(running.count) else { return nil }
        var low = 0
        var high = running.count
        while low < high {
            let middle = (low + high) / 2
            if let found = plan(middle) {
                best = found
                high = middle
            } else {
                low = middle + 1
            }
        }
        let released = running.prefix(high)
        let instant = released.isEmpty ? now : released.last.flatMap(\.end)
        return Reservation(
            gang: gang, key: gangs[gang].order.name, isWithin: isWithinOnPath(gang), instant: instant, plan: best,
            releases: released.map { Reservation.Release(key: gangs[$0.gang].order.name, admitted: $0.admitted) },
            epoch: nodes.epoch)
    }

    /// Takes an admitted gang out of the count of runs.
    mutating func leaveRun(_ gang: Int) {
        for above in tree.path(gangs[gang].queue) {
            let count = lines[above].runs[gangs[gang].run, default: 1] - 1
            lines[above].runs[gangs[gang].run] = count == 0 ? nil : count
        }
    }

    func isWithinOnPath(_ gang: Int) -> Bool {
        let required = shapes[gangs[gang].shape].required
        return tree.path(gangs[gang].queue).allSatisfy { isWithin($0, required) }
    }

    // MARK: - In a decision

    /// Looks again at reservations: some are over, some were made for nodes that have changed. Those whose room is there start first.
    mutating func takeReservations(_ now: Timestamp, _ decisions: inout Decisions) {
        while let due = timers.min, due.time <= now {
            timers.removeMin()
            if due.queue < lines.count { touched.insert(due.queue) }
        }
        for queue in touched { wakeStarving(queue, now) }
        guard !reservations.isEmpty || !reservedBlocked.isEmpty else { return }
        let known = reservations
        reservations = []
        for reservation in known {
            let gang = reservation.gang
            guard gangIndices[reservation.key] == gang, gangs[gang].admitted == nil,
                firstInLine(gangs[gang].queue)?.gang == gang, let index = gangs[gang].lineClass
            else { continue }
            let isStale = reservation.epoch != nodes.epoch || (reservation.instant.map { $0 <= now } ?? false)
            guard var renewed = isStale ? reserve(gang, now: now) : reservation else { continue }
            renewed.isWithin = isWithinOnPath(gang)
            reservations.append(renewed)
            updateClaims()
            guard renewed.isWithin else {
                wake(index)
                continue
            }
            classes[index].block = nil
            if let block = admit(gang, classes[index].key, now, &decisions) {
                set(block, on: index)
            }
        }
        updateClaims()
        // Time has passed and claims have changed.
        wakeReserved()
    }

    /// The first of a queue that has waited long enough has its turn again, in which it gets its reservation.
    mutating func wakeStarving(_ queue: Int, _ now: Timestamp) {
        guard let first = firstInLine(queue), let index = gangs[first.gang].lineClass, classes[index].block != nil,
            starvesAt(first.gang) <= now, !reservations.contains(where: { $0.gang == first.gang })
        else { return }
        wake(index)
    }

    /// A gang started: what was reserved for it holds nobody any more.
    mutating func endReservation(_ gang: Int) {
        guard let at = reservations.firstIndex(where: { $0.gang == gang }) else { return }
        reservations.remove(at: at)
        wakeReserved()
    }

    /// Whoever was held by a reservation is looked at again.
    private mutating func wakeReserved() {
        let waiting = reservedBlocked
        reservedBlocked = []
        for index in waiting where classes[index].block?.kind == .reserved { wake(index) }
    }

    /// What of each plan is free by now: what its gangs that still run do not give back later.
    mutating func updateClaims() {
        for index in reservations.indices {
            var claims: [Int: ResourceVector] = [:]
            let shape = shapes[gangs[reservations[index].gang].shape]
            for pods in reservations[index].plan {
                claims[pods.node, default: ResourceVector()].add(shape.groups[pods.group].requests, times: pods.count)
            }
            var quota: [Int: ResourceVector] = [:]
            for queue in tree.path(gangs[reservations[index].gang].queue) { quota[queue] = shape.required }
            for release in reservations[index].releases {
                guard let gang = gangIndices[release.key], gangs[gang].admitted == release.admitted else { continue }
                for pod in gangs[gang].pods {
                    let requests = shapes[gangs[gang].shape].groups[pod.group].requests
                    if let node = pod.node { claims[node]?.add(requests, times: -1) }
                    for queue in tree.path(gangs[gang].queue) { quota[queue]?.add(requests, times: -1) }
                }
            }
            reservations[index].nodeClaims = claims.map {
                Reservation.Claim(place: $0.key, amounts: $0.value.atLeastZero)
            }
            reservations[index].quotaClaims = quota.map {
                Reservation.Claim(place: $0.key, amounts: $0.value.atLeastZero)
            }
        }
    }

    /// The reservations that a workload may not touch.
    func holding(_ gang: Int, _ key: LineClass.Key, now: Timestamp) -> [Reservation] {
        guard !reservations.isEmpty else { return [] }
        let shape = shapes[key.shape]
        let end = shape.key.timeLimit.map { Timestamp(microseconds: now.microseconds + $0) }
        let borrows = !tree.path(key.queue).allSatisfy { isWithin($0, shape.required) }
        var held: [Reservation] = []
        for reservation in reservations {
            // Of two reservations the older wins.
            if reservation.gang == gang { return held }
            guard reservation.isWithin || borrows || gangs[reservation.gang].queue == key.queue else { continue }
            if let end, let instant = reservation.instant, end <= instant { continue }
            held.append(reservation)
        }
        return held
    }

    /// A plan that leaves what is reserved, or nil.
    mutating func planBeside(_ held: [Reservation], _ key: LineClass.Key) -> [PlannedPods]? {
        let shape = shapes[key.shape]
        for queue in tree.path(key.queue) {
            for reservation in held {
                for claim in reservation.quotaClaims where claim.place == queue {
                    for resource in 0..<shape.required.count where shape.required[resource] > 0 {
                        let entry = tree.queues[queue]
                        let rest = entry.capability(resource) - claim.amounts[resource] - entry.usage[resource]
                        if shape.required[resource] > rest { return nil }
                    }
                }
            }
        }
        let claims = held.flatMap(\.nodeClaims)
        for claim in claims { nodes.take(claim.amounts, times: 1, on: claim.place) }
        defer { for claim in claims { nodes.takeBack(claim.amounts, times: 1, on: claim.place) } }
        return nodes.plan(shape, counts: shape.groups.map(\.required), kinds)
    }
}

/// When to look at a queue again.
struct QueueTimer: Sendable, Comparable {
    var time: Timestamp
    var queue: Int

    static func < (left: QueueTimer, right: QueueTimer) -> Bool { (left.time, left.queue) < (right.time, right.queue) }
}
