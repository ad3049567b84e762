import GangQueue

/// Where each part of the room goes that is kept for a run, when it changes under pods that are in it.
struct RoomPlan {
    /// What the room is made of.
    private(set) var room: PeakDemand
    /// All of it, with the node of what has one.
    private(set) var placements: [PodPlacement] = []
    /// How many of each kind have no place.
    private var left: [Int64]
    /// What the run had on each node, less what is placed there; and for which kinds of pods it had something there.
    private var free: [String: [String: Int64]] = [:]
    private var kinds: [String: [PodGroup]] = [:]

    init(_ room: PeakDemand, formerly: PeakDemand, at places: [PodPlacement]) {
        self.room = room
        left = room.slots.map(\.count)
        for place in places {
            guard let node = place.node, formerly.slots.indices.contains(place.group) else { continue }
            let group = formerly.slots[place.group].group
            for entry in Self.amounts(group) { free[node, default: [:]][entry.name, default: 0] += entry.amount }
            kinds[node, default: []].append(group)
        }
    }

    /// A pod is there.
    mutating func put(_ pod: PodGroup, on node: String?) {
        let fitting = room.slots.indices.filter { left[$0] > 0 && room.slots[$0].group.covers(pod) }
        if let same = fitting.first(where: { pod.covers(room.slots[$0].group) }) { return place(same, on: node) }
        guard let larger = fitting.last else { return add(pod, on: node) }
        if node.map({ has(room.slots[larger].group, on: $0) }) ?? true { return place(larger, on: node) }
        // Its rest has its place elsewhere.
        var rest = room.slots[larger].group
        let taken = pod.requests
        rest.requests = Resources(
            rest.requests.entries.map { Resources.Entry($0.name, $0.amount - (taken[$0.name] ?? 0)) })
        left[larger] -= 1
        room.slots[larger].count -= 1
        add(pod, on: node)
        append(rest, count: 1)
    }

    /// What has no place yet stays on nodes where the run had as much for pods of its kind; the rest has none.
    mutating func keepPlaces() {
        for slot in room.slots.indices {
            let group = room.slots[slot].group
            for node in kinds.keys.sorted() where kinds[node]?.contains(where: { $0.isAlike(group) }) ?? false {
                while left[slot] > 0, has(group, on: node) { place(slot, on: node) }
            }
            while left[slot] > 0 { place(slot, on: nil) }
        }
        // Replicas are counted from 0, whatever went before.
        var next = Array(repeating: 0, count: room.slots.count)
        for index in placements.indices {
            placements[index].replica = next[placements[index].group]
            next[placements[index].group] += 1
        }
    }

    /// What a pod takes, itself included.
    private static func amounts(_ group: PodGroup) -> [Resources.Entry] {
        group.requests.entries + [Resources.Entry("pods", 1)]
    }

    private func has(_ group: PodGroup, on node: String) -> Bool {
        Self.amounts(group).allSatisfy { $0.amount <= free[node]?[$0.name] ?? 0 }
    }

    private mutating func add(_ pod: PodGroup, on node: String?) {
        append(pod, count: 1)
        place(room.slots.count - 1, on: node)
    }

    private mutating func append(_ group: PodGroup, count: Int64) {
        room.slots.append(PeakDemand.Slots(group: group, count: count))
        left.append(count)
    }

    private mutating func place(_ slot: Int, on node: String?) {
        left[slot] -= 1
        placements.append(PodPlacement(group: slot, replica: 0, node: node))
        guard let node else { return }
        for entry in Self.amounts(room.slots[slot].group) {
            free[node, default: [:]][entry.name, default: 0] -= entry.amount
        }
    }
}

extension PodGroup {
    /// Whether its pods may be on the same nodes, amounts aside.
    func isAlike(_ other: PodGroup) -> Bool {
        tolerations == other.tolerations && nodeSelector == other.nodeSelector && affinity == other.affinity
            && separateHosts == other.separateHosts
    }
}
