import KubernetesModel

/// What is to be looked at when a time has come.
enum Timer: Sendable, Hashable, Comparable {
    /// The run's time-out.
    case run
    /// A task, by its index.
    case task(Int)
}

/// Timers, the earliest first; of equal times the run's, then those of the tasks in their order. A timer that is not needed any
/// more stays in and is found out when it is due.
struct TimerHeap: Sendable {
    private var entries: [(time: Timestamp, timer: Timer)] = []

    var earliest: Timestamp? { entries.first?.time }

    mutating func add(_ time: Timestamp, _ timer: Timer) {
        entries.append((time, timer))
        var child = entries.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the next timer whose time has come.
    mutating func takeDue(_ now: Timestamp) -> Timer? {
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
        return first.timer
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (entries[left].time, entries[left].timer) < (entries[right].time, entries[right].timer)
    }
}
