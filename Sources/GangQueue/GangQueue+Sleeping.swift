import HeapModule
import KubernetesModel

/// Workloads for whose shape there is room again.
struct SleepingShape: Sendable {
    var shape: Int
    /// By topmost queue: the classes that wait for room and are not looked at yet.
    var classes: [Int: [Int]]

    var everyone: [Int] { classes.values.joined().sorted() }
}

/// Whoever waits for room on nodes wakes when there is some: first those who may be next by Q4, the others while room is left. To wake too
/// many costs time alone, so it is enough to compare topmost queues. Decisions are the same as if all woke at once.
extension GangQueue {
    /// Nodes have more free: finds the shapes for which there is room now.
    mutating func findRoomy() {
        sleeping = []
        sleepingSince = nodes.used.count
        let grown = Set(nodes.takeGrown())
        later.forgetChanges()
        guard !roomless.isEmpty else { return }
        let waiting = roomless
        roomless = []
        for shape in waiting where shapes[shape].hasNoRoom {
            let helps =
                shapes[shape].required.fits(in: nodes.totalFree)
                && grown.contains { node in
                    nodes.specs[node] != nil
                        && shapes[shape].groups.contains { nodes.slots($0, on: node, limit: 1) > 0 }
                }
            if helps { shapes[shape].hasNoRoom = false } else { roomless.append(shape) }
            if helps, findRoom(shape) != nil { putToSleep(shape) } else { tellLack(shape) }
        }
    }

    private mutating func putToSleep(_ shape: Int) {
        var classesOf: [Int: [Int]] = [:]
        for index in shapes[shape].classes where classes[index].block?.isRoom == true {
            // The head of a fifo queue holds those behind it.
            if tree.queues[classes[index].key.queue].spec.dequeueStrategy == .fifo {
                wake(index)
                continue
            }
            classesOf[tree.path(classes[index].key.queue).last ?? QueueTree.root, default: []].append(index)
            classes[index].isAsleep = true
        }
        if !classesOf.isEmpty { sleeping.append(SleepingShape(shape: shape, classes: classesOf)) }
    }

    /// Wakes those who cannot start though there is room, so that they learn why before anybody starts. Comes right before the first turns.
    mutating func wakeHindered(_ now: Timestamp) {
        sleepingSince = nodes.used.count
        for at in sleeping.indices.reversed() {
            guard let plan = findRoom(sleeping[at].shape) else {
                for index in leaveAsleep(sleeping.remove(at: at), now) { wake(index) }
                continue
            }
            for index in sleeping[at].everyone {
                let key = classes[index].key
                guard isAsleep(index), let gang = classes[index].first?.gang else { continue }
                if lacksQuota(gang, key, shapes[key.shape].required) != nil || beside(plan, gang, key, now) == nil {
                    wake(index)
                }
            }
        }
        // Whoever starves is looked at before anybody starts, too.
        if activeQueues.isEmpty, !sleeping.isEmpty { considerReservations(now) }
    }

    /// Whether a class waits for room though its shape has some, and was not looked at since.
    mutating func isAsleep(_ index: Int) -> Bool { classes[index].isAsleep && classes[index].block?.isRoom == true }

    private mutating func asleep(_ indices: [Int]) -> [Int] {
        var found: [Int] = []
        for index in indices where isAsleep(index) { found.append(index) }
        return found
    }

    /// What is lacking may be something else by now.
    private mutating func tellLack(_ shape: Int) {
        let lack = lackOfRoom(shapes[shape])
        guard shapes[shape].lack != lack else { return }
        shapes[shape].lack = lack
        for index in shapes[shape].classes where classes[index].block?.isRoom == true {
            classes[index].block = lack
            toTell.append(index)
        }
    }

    /// Gives turns to those who may go before all that have one.
    mutating func wakeSleeping(_ turns: inout Turns, _ now: Timestamp) {
        while !sleeping.isEmpty {
            if sleepingSince != nodes.used.count {
                sleepingSince = nodes.used.count
                var full: [SleepingShape] = []
                for at in sleeping.indices.reversed() where findRoom(sleeping[at].shape) == nil {
                    full.append(sleeping.remove(at: at))
                }
                if sleeping.isEmpty, isDone(full, turns, now) {
                    for sleepers in full { _ = leaveAsleep(sleepers, now) }
                } else {
                    // As long as anybody may start, they count in whose turn it is.
                    for sleepers in full { enterTurns(asleep(sleepers.everyone), &turns) }
                }
            }
            let next = nextAsleep(before: first(below: QueueTree.root, &turns))
            guard !next.isEmpty else { return }
            var woken: [Int] = []
            for (at, top) in next { woken += sleeping[at].classes.removeValue(forKey: top) ?? [] }
            sleeping.removeAll { $0.classes.isEmpty }
            enterTurns(asleep(woken), &turns)
        }
    }

    /// Shapes and topmost queues that may go before the queue whose turn it would be: the first of them by Q4, several where it is not known.
    private mutating func nextAsleep(before turn: QueueTurn?) -> [(at: Int, top: Int)] {
        var best: (isWithin: Bool, share: Fraction)?
        var found: [(at: Int, top: Int)] = []
        for at in sleeping.indices {
            for top in sleeping[at].classes.keys {
                let isWithin = isWithin(top, shapes[sleeping[at].shape].required)
                if let best, best.isWithin, !isWithin { continue }
                let share = dominantShare(tree.queues[top].usage, weight: tree.queues[top].spec.weight)
                if let turn, turn.queue != top {
                    if turn.isWithin != isWithin ? turn.isWithin : (turn.isReserved || turn.share < share) { continue }
                }
                if let best, best.isWithin == isWithin {
                    if best.share < share { continue }
                    if best.share == share {
                        found.append((at, top))
                        continue
                    }
                }
                best = (isWithin, share)
                found = [(at, top)]
            }
        }
        return found
    }

    /// Whether nobody, of those that have turns and of those for whose shapes there is no room any more, can start.
    private mutating func isDone(_ full: [SleepingShape], _ turns: Turns, _ now: Timestamp) -> Bool {
        for sleepers in full { findRoomLater(sleepers.shape) }
        let inTurn = turns.leaves.values.flatMap { $0.unordered.map(\.line) }.sorted()
        for index in inTurn where classes[index].block == nil {
            let key = classes[index].key
            if !shapes[key.shape].hasNoRoom || provisions(key) || canGainOtherwise(index, now) { return false }
        }
        for sleepers in full {
            for index in sleepers.everyone where isAsleep(index) && canGainOtherwise(index, now) {
                return false
            }
        }
        return true
    }

    /// Whether something may be evicted or reserved for the first of a class that finds no room.
    private mutating func canGainOtherwise(_ index: Int, _ now: Timestamp) -> Bool {
        let key = classes[index].key
        guard let gang = classes[index].first?.gang else { return false }
        return touched.contains(key.queue) && starvesAt(gang) <= now
            || mayHaveVictims(gang, key, now) && !hasRoomLater(gang, key, now)
    }

    /// There is no room any more: those stay as they are for whom nothing else can be done. Returns the others.
    private mutating func leaveAsleep(_ sleepers: SleepingShape, _ now: Timestamp) -> [Int] {
        let asleep = asleep(sleepers.everyone)
        tellLack(sleepers.shape)
        findRoomLater(sleepers.shape)
        var others: [Int] = []
        for index in asleep {
            classes[index].isAsleep = false
            if canGainOtherwise(index, now) { others.append(index) }
        }
        return others
    }

    /// Notes whether room that is being freed is enough for a shape.
    private mutating func findRoomLater(_ shape: Int) {
        guard shapes[shape].required.fits(in: later.totalFree),
            later.plan(shapes[shape], counts: shapes[shape].groups.map(\.required), kinds) != nil
        else { return }
        roomLater.insert(BesideKey(shape: shape, held: 0))
    }

    /// Gives turns to classes that could start when the others got theirs.
    private mutating func enterTurns(_ woken: [Int], _ turns: inout Turns) {
        for index in woken.sorted() {
            classes[index].settle()
            classes[index].block = nil
            classes[index].isAsleep = false
            guard let first = classes[index].first else { continue }
            let key = classes[index].key
            turns.leaves[key.queue, default: Heap()].insert(
                ClassTurn(surplus: key.surplus, order: first, line: index))
        }
        var queues: [Int] = []
        for index in woken { queues.append(classes[index].key.queue) }
        refresh(queues, &turns)
    }
}
