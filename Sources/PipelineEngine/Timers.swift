import HeapModule
import KubernetesModel

/// What is to be looked at when a time has come.
enum Timer: Sendable, Hashable, Comparable {
    /// The run's time-out.
    case run
    /// A node, by its index.
    case node(Int)
}

/// Timers, the earliest first; of equal times the run's, then those of the nodes in their order. A timer that is not needed any
/// more stays in and is found out when it is due.
struct Timers: Sendable {
    private struct Entry: Comparable {
        var time: Timestamp
        var timer: Timer

        static func < (left: Entry, right: Entry) -> Bool { (left.time, left.timer) < (right.time, right.timer) }
    }

    private var heap = Heap<Entry>()

    /// When the next one is due. O(1).
    var earliest: Timestamp? { heap.min?.time }

    /// O(log timers).
    mutating func add(_ time: Timestamp, _ timer: Timer) { heap.insert(Entry(time: time, timer: timer)) }

    /// Takes the next timer whose time has come. O(log timers).
    mutating func takeDue(_ now: Timestamp) -> Timer? {
        guard let first = heap.min, first.time <= now else { return nil }
        return heap.removeMin().timer
    }
}
