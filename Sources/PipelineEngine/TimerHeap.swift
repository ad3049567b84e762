import KubernetesModel

/// The tasks that want to be looked at, earliest first. A binary heap; entries that have become needless are found out
/// when they are due.
struct TimerHeap: Sendable {
    private var entries: [(time: Timestamp, task: Int)] = []

    var earliest: Timestamp? { entries.first?.time }

    mutating func add(_ time: Timestamp, _ task: Int) {
        entries.append((time, task))
        var child = entries.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the next task whose time has come.
    mutating func takeDue(_ now: Timestamp) -> Int? {
        guard let first = entries.first, first.time <= now else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count && isBefore(child, least) {
                    least = child
                }
                if least == parent { break }
                entries.swapAt(parent, least)
                parent = least
            }
        }
        return first.task
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (entries[left].time, entries[left].task) < (entries[right].time, entries[right].task)
    }
}
