import HeapModule
import KubernetesModel

/// Q6: the first gang of a queue that has waited too long gets a reservation, and only work passes that does not delay it (EASY).
extension GangQueue {
    /// How many reservations there are at most, the oldest; the cost of a decision grows with them.
    static let mostReservations = 16

    /// The first workload of a queue that could ever start.
    mutating func firstInLine(_ queue: Int) -> OrderKey? {
        var first: OrderKey?
        for index in lines[queue].classes where !classes[index].key.surplus && !classes[index].key.isEnding {
            guard let head = classes[index].first, counts(index) else { continue }
            if first.map({ head < $0 }) ?? true { first = head }
        }
        return first
    }

    /// When a workload has waited so long that it gets a reservation.
    func starvesAt(_ gang: Int) -> Timestamp {
        Timestamp(microseconds: gangs[gang].since.microseconds + settings.starvationLimit)
    }

    func isReserved(_ gang: Int) -> Bool { reservations.contains { $0.gang == gang } }

    /// Makes reservations for the first workloads of the touched queues that have waited long enough, the oldest first; for the others
    /// it notes when to look again.
    mutating func considerReservations(_ now: Timestamp) {
        var starving: [OrderKey] = []
        var unseen: Set<Int> = []
        for queue in touched.sorted() {
            guard let first = firstInLine(queue), let index = gangs[first.gang].lineClass, !isReserved(first.gang)
            else { continue }
            if classes[index].block == nil || isAsleep(index) {
                // It may start yet.
                unseen.insert(queue)
                continue
            }
            let time = starvesAt(first.gang)
            if time <= now {
                starving.append(first)
            } else if lines[queue].timer != time {
                lines[queue].timer = time
                timers.insert(QueueTimer(time: time, queue: queue))
            }
        }
        touched = unseen
        for first in starving.sorted(by: { $0.isOlder(than: $1) }) {
            // Of too many the older ones hold: a younger one need not be worked out.
            if reservations.count >= Self.mostReservations, let last = reservations.last,
                gangs[last.gang].order.isOlder(than: first)
            {
                unreserved.insert(gangs[first.gang].queue)
                continue
            }
            guard let reservation = reserve(first.gang, now: now) else {
                unreservable.insert(gangs[first.gang].queue)
                continue
            }
            reservations.append(reservation)
            reservations.sort { gangs[$0.gang].order.isOlder(than: gangs[$1.gang].order) }
            if reservations.count > Self.mostReservations, let last = reservations.popLast() {
                unreserved.insert(gangs[last.gang].queue)
            }
            wakeReserved()
            // From now on only older reservations hold it.
            if isReserved(first.gang), let index = gangs[first.gang].lineClass { wake(index) }
        }
    }

    // MARK: - Working out

    /// What runs in the order in which room is expected from it.
    private mutating func sortReleases() {
        func isBefore(_ left: Release, _ right: Release) -> Bool {
            if left.end != right.end { return left.end < right.end }
            if left.admitted != right.admitted { return left.admitted < right.admitted }
            return gangs[left.gang].order.name < gangs[right.gang].order.name
        }
        func isLive(_ release: Release) -> Bool {
            gangs[release.gang].admitted != nil && gangs[release.gang].admission == release.admission
        }
        var new = newReleases.filter(isLive)
        new.sort(by: isBefore)
        newReleases = []
        var merged: [Release] = []
        merged.reserveCapacity(releases.count + new.count)
        var next = 0
        for release in releases where isLive(release) {
            while next < new.count, isBefore(new[next], release) {
                merged.append(new[next])
                next += 1
            }
            merged.append(release)
        }
        merged += new[next...]
        releases = merged
    }

    /// Notes that a gang runs, for ``sortReleases()``.
    mutating func noteRelease(_ gang: Int) {
        guard let admitted = gangs[gang].admitted else { return }
        admissions += 1
        gangs[gang].admission = admissions
        let end = shapes[gangs[gang].shape].key.timeLimit.map { admitted.microseconds + $0 } ?? Int64.max
        newReleases.append(Release(end: end, admitted: admitted, gang: gang, admission: admissions))
        if newReleases.count > 4 * gangs.count + 1024 { sortReleases() }
    }

    /// Supposes that a gang has ended, or with 1 that it runs again.
    private mutating func suppose(_ gang: Int, times: Int64, quota: Bool) {
        let queue = gangs[gang].queue
        for pod in gangs[gang].pods {
            let requests = shapes[gangs[gang].shape].groups[pod.group].requests
            if quota { tree.charge(requests, times: times, to: queue) }
            if let node = pod.node { nodes.suppose(requests, times: times, on: node) }
        }
        for above in tree.path(queue) where tree.queues[above].spec.maxRunningRuns != nil {
            let count = lines[above].runs[gangs[gang].run, default: 0] + Int(times)
            lines[above].runs[gangs[gang].run] = count == 0 ? nil : count
        }
    }

    /// Supposes that all pods which end are gone, or the second time that they are there again. Whatever else is supposed in between has to
    /// be taken back in between.
    mutating func supposeEnding() { swap(&nodes, &later) }

    /// What has to be there for a gang: the running ones are released in the order of their time limits until it fits.
    mutating func reserve(_ gang: Int, now: Timestamp) -> Reservation? {
        guard let index = gangs[gang].lineClass else { return nil }
        let key = classes[index].key
        let shape = shapes[key.shape]
        let counts = shape.groups.map(\.required)
        sortReleases()
        supposeEnding()
        let quota = tree.hasGuarantees || tree.path(key.queue).contains { !tree.queues[$0].capabilityNamed.isEmpty }
        var done = 0
        defer {
            for release in releases[..<done].reversed() { suppose(release.gang, times: 1, quota: quota) }
            supposeEnding()
        }
        var probe = FitProbe(shape, nodes)
        func isPossible() -> Bool {
            probe.isPossible && lacksQuota(gang, key, shape.required) == nil
        }
        while !isPossible() {
            guard done < releases.count else { return nil }
            let next = releases[done].gang
            probe.willChange(gangs[next].pods, nodes)
            suppose(next, times: -1, quota: quota)
            probe.hasChanged(gangs[next].pods, nodes)
            done += 1
        }
        func move(to count: Int) {
            while done < count {
                suppose(releases[done].gang, times: -1, quota: quota)
                done += 1
            }
            while done > count {
                done -= 1
                suppose(releases[done].gang, times: 1, quota: quota)
            }
        }
        // Where slots alone do not say that it fits, the number of releases is sought by larger and larger steps, then halved.
        var low = done
        var high = done
        var step = 1
        var best = nodes.plan(shape, counts: counts, kinds)
        while best == nil {
            guard high < releases.count else { return nil }
            low = high + 1
            high = min(high + step, releases.count)
            step *= 2
            move(to: high)
            best = nodes.plan(shape, counts: counts, kinds)
        }
        while low < high {
            let middle = (low + high) / 2
            move(to: middle)
            if let found = nodes.plan(shape, counts: counts, kinds) {
                best = found
                high = middle
            } else {
                low = middle + 1
            }
        }
        guard let plan = best else { return nil }
        let released = releases[..<high].map(\.gang)
        let last = high == 0 ? now.microseconds : releases[high - 1].end
        var reservation = Reservation(
            gang: gang, key: gangs[gang].order.name, isWithin: isWithinOnPath(gang),
            instant: last == Int64.max ? nil : max(now, Timestamp(microseconds: last)), plan: plan,
            releases: Set(released))
        for pods in plan {
            reservation.nodeClaims[pods.node, default: ResourceVector()].add(
                shape.groups[pods.group].requests, times: pods.count)
        }
        for queue in tree.path(key.queue) { reservation.quotaClaims[queue] = shape.required }
        for other in released {
            for pod in gangs[other].pods {
                reservation.change(
                    shapes[gangs[other].shape].groups[pod.group].requests, times: -1, on: pod.node,
                    in: tree.path(gangs[other].queue))
            }
        }
        return reservation
    }

    func isWithinOnPath(_ gang: Int) -> Bool {
        isWithinOnPath(gangs[gang].queue, shapes[gangs[gang].shape].required)
    }

    private func isWithinOnPath(_ queue: Int, _ amounts: ResourceVector) -> Bool {
        for above in tree.path(queue) where !isWithin(above, amounts) { return false }
        return true
    }

    // MARK: - In a decision

    /// Looks again at reservations: some are over, some were made for nodes that have changed. Those whose room is there start first.
    mutating func takeReservations(_ now: Timestamp, _ decisions: inout Decisions) {
        while let due = timers.min, due.time <= now {
            timers.removeMin()
            guard due.queue < lines.count else { continue }
            touched.insert(due.queue)
            if lines[due.queue].timer == due.time { lines[due.queue].timer = nil }
        }
        let changed = nodes.takeChanged()
        if !changed.nodes.isEmpty {
            touched.formUnion(unreservable)
            unreservable = []
        }
        guard !reservations.isEmpty else { return }
        let known = reservations
        var isChanged = false
        reservations = []
        for reservation in known {
            let gang = reservation.gang
            guard gangIndices[reservation.key] == gang, gangs[gang].admitted == nil,
                firstInLine(gangs[gang].queue)?.gang == gang, gangs[gang].lineClass != nil
            else {
                isChanged = true
                noteFreeReservation()
                continue
            }
            let isStale =
                changed.hasMore || reservation.plan.contains { changed.nodes.contains($0.node) }
                || reservation.plan.isEmpty || (reservation.instant.map { $0 <= now } ?? false)
            guard let renewed = isStale ? reserve(gang, now: now) : reservation else {
                isChanged = true
                unreservable.insert(gangs[gang].queue)
                noteFreeReservation()
                continue
            }
            if isStale { isChanged = true }
            reservations.append(renewed)
        }
        if isChanged { wakeReserved() }
        reviewHolds(now)
        for reservation in reservations {
            let gang = reservation.gang
            guard isReserved(gang), let index = gangs[gang].lineClass else { continue }
            classes[index].block = nil
            let key = classes[index].key
            if let block = admit(gang, key, now, &decisions) {
                // The head of a fifo queue holds those behind it: its whole line is looked at again.
                if isFifo(key.queue) { wake(index) } else { set(block, on: index) }
            } else if classIndices[key] == index {
                wake(index)
            }
        }
    }

    /// One more may get a reservation.
    private mutating func noteFreeReservation() {
        touched.formUnion(unreserved.filter { $0 < lines.count })
        unreserved = []
    }

    /// A gang started: what was reserved for it holds nobody any more.
    mutating func endReservation(_ gang: Int) {
        guard let at = reservations.firstIndex(where: { $0.gang == gang }) else { return }
        reservations.remove(at: at)
        noteFreeReservation()
        wakeReserved()
    }

    /// Whoever was held by a reservation is looked at again.
    mutating func wakeReserved() {
        besideFailed = [:]
        let waiting = reservedBlocked
        reservedBlocked = []
        for index in waiting where classes[index].block?.kind == .reserved { wake(index) }
    }

    /// Whether reservations are within what their queues deserve may have changed, and with it whom they hold.
    mutating func reviewHolds(_ now: Timestamp) {
        var isChanged = false
        for index in reservations.indices {
            let isWithin = isWithinOnPath(reservations[index].gang)
            if isWithin != reservations[index].isWithin { isChanged = true }
            reservations[index].isWithin = isWithin
        }
        if isChanged { wakeReserved() } else { wakeUnheld(now) }
    }

    /// Wakes those who were held by reservations and are held by others now, or for whose shape there is room beside.
    private mutating func wakeUnheld(_ now: Timestamp) {
        guard !reservedBlocked.isEmpty else { return }
        let waiting = reservedBlocked
        reservedBlocked = []
        besideFailed = [:]
        for index in Set(waiting).sorted() {
            guard let block = classes[index].block, block.kind == .reserved, let first = classes[index].first else {
                continue
            }
            let key = classes[index].key
            let held = holding(first.gang, key, now: now)
            if held != block.held || lacksQuota(first.gang, key, shapes[key.shape].required) != nil
                || planBeside(held, key) != nil
            {
                wake(index)
            } else {
                reservedBlocked.append(index)
            }
        }
    }

    /// Pods of a gang are gone, or with -1 came: what is reserved on what they free is claimed.
    mutating func changeClaims(_ requests: ResourceVector, times: Int64, of gang: Int, on node: Int?) {
        for index in reservations.indices where reservations[index].releases.contains(gang) {
            reservations[index].change(requests, times: times, on: node, in: tree.path(gangs[gang].queue))
        }
    }

    /// A gang runs no more.
    mutating func leaveReleases(_ gang: Int) {
        for index in reservations.indices { reservations[index].releases.remove(gang) }
    }

    /// The reservations that a workload may not touch, as bits by their place.
    func holding(_ gang: Int, _ key: LineClass.Key, now: Timestamp) -> UInt32 {
        guard !reservations.isEmpty else { return 0 }
        let borrows = !isWithinOnPath(key.queue, shapes[key.shape].required)
        let limit = shapes[key.shape].key.timeLimit
        var held: UInt32 = 0
        for (place, reservation) in reservations.enumerated() {
            // Of two reservations the older wins.
            if reservation.gang == gang { return held }
            guard reservation.isWithin || borrows || gangs[reservation.gang].queue == key.queue else { continue }
            if let limit, let instant = reservation.instant, now.microseconds + limit <= instant.microseconds {
                continue
            }
            held |= 1 << UInt32(place)
        }
        return held
    }

    func isHeld(_ place: Int, _ held: UInt32) -> Bool { held & (1 << UInt32(place)) != 0 }

    /// Whether what is reserved in queues leaves what the class asks for.
    func leavesQuota(_ held: UInt32, _ key: LineClass.Key) -> Bool {
        let required = shapes[key.shape].required
        for queue in tree.path(key.queue) where !tree.queues[queue].capabilityNamed.isEmpty {
            for place in reservations.indices where isHeld(place, held) {
                guard let claim = reservations[place].quotaClaims[queue] else { continue }
                for resource in 0..<required.count where required[resource] > 0 {
                    let rest =
                        tree.queues[queue].capability(resource) - max(0, claim[resource])
                        - tree.queues[queue].usage[resource]
                    if required[resource] > rest { return false }
                }
            }
        }
        return true
    }

    /// Takes what is reserved on nodes, for a search, or with -1 gives it back.
    mutating func takeClaims(_ held: UInt32, times: Int64) {
        for place in reservations.indices where isHeld(place, held) {
            for (node, amounts) in reservations[place].nodeClaims {
                nodes.take(amounts.atLeastZero, times: times, on: node)
            }
        }
    }

    /// A plan that leaves what is reserved, or nil.
    mutating func planBeside(_ held: UInt32, _ key: LineClass.Key) -> [PlannedPods]? {
        guard held != 0 else {
            return nodes.plan(shapes[key.shape], counts: shapes[key.shape].groups.map(\.required), kinds)
        }
        guard leavesQuota(held, key) else { return nil }
        let failed = BesideKey(shape: key.shape, held: held)
        guard besideFailed[failed] == nil else { return nil }
        takeClaims(held, times: 1)
        defer { takeClaims(held, times: -1) }
        let shape = shapes[key.shape]
        let plan = nodes.plan(shape, counts: shape.groups.map(\.required), kinds)
        if plan == nil { besideFailed[failed] = true }
        return plan
    }

    /// Whether a plan is on no node of which something is reserved.
    func leavesClaims(_ plan: [PlannedPods], _ held: UInt32) -> Bool {
        for place in reservations.indices where isHeld(place, held) {
            for pods in plan {
                if let claim = reservations[place].nodeClaims[pods.node], !claim.atLeastZero.isZero { return false }
            }
        }
        return true
    }
}

/// A shape and the reservations that hold it.
struct BesideKey: Hashable, Sendable {
    var shape: Int
    var held: UInt32
}

extension Reservation {
    /// Pods on a node, of queues, are gone, or with -1 come.
    mutating func change(_ requests: ResourceVector, times: Int64, on node: Int?, in path: [Int]) {
        if let node { nodeClaims[node]?.add(requests, times: times) }
        for queue in path { quotaClaims[queue]?.add(requests, times: times) }
    }
}

/// When to look at a queue again.
struct QueueTimer: Sendable, Comparable {
    var time: Timestamp
    var queue: Int

    static func < (left: QueueTimer, right: QueueTimer) -> Bool { (left.time, left.queue) < (right.time, right.queue) }
}
