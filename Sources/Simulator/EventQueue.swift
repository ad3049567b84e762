import HeapModule
import KubernetesModel

/// What is to come, the earliest first. Of one instant: ends of pods, then runs that come, then actions, then the operator's
/// wake-ups; of one kind in the order in which they were added.
struct EventQueue {
    enum Event {
        /// A pod ends by itself, or by its deadline: the indices of its run and of the pod.
        case podEnd(run: Int, pod: Int, isDeadline: Bool)
        /// The run of that index in the list of arrivals.
        case arrival(Int)
        /// The action of that index.
        case action(Int)
        /// The operator looks at a run, unless it has another time for it by now.
        case wake(run: Int)
        /// The operator looks at a schedule, unless it has another time for it by now.
        case look(schedule: Int)
        /// The operator's queue decides, unless it has another time for that by now.
        case decide

        fileprivate var rank: Int {
            switch self {
            case .podEnd(_, _, let isDeadline): isDeadline ? 1 : 0
            case .arrival: 2
            case .action: 3
            case .wake, .look: 4
            case .decide: 5
            }
        }

        /// Whether something happens in the world. Slots of schedules do.
        fileprivate var isOwn: Bool {
            switch self {
            case .podEnd, .arrival, .action, .look: true
            case .wake, .decide: false
            }
        }
    }

    private struct Entry: Comparable {
        var time: Timestamp
        var number: Int
        var event: Event

        static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
        static func < (left: Entry, right: Entry) -> Bool {
            if left.time != right.time { return left.time < right.time }
            return (left.event.rank, left.number) < (right.event.rank, right.number)
        }
    }

    private var heap = Heap<Entry>()
    private var added = 0
    /// Entries that are not mere wake-ups of the operator.
    private(set) var ownCount = 0
    private var decisionCount = 0
    /// Whether nothing is to come but that the queue thinks again.
    var hasOnlyDecisions: Bool { heap.count == decisionCount }

    /// When the next one is; nil when nothing is to come. O(1).
    var nextTime: Timestamp? { heap.min?.time }

    /// O(log events).
    mutating func add(_ time: Timestamp, _ event: Event) {
        added += 1
        if event.isOwn { ownCount += 1 }
        if event.rank == 5 { decisionCount += 1 }
        heap.insert(Entry(time: time, number: added, event: event))
    }

    /// Takes the next one, if it is at that time. O(log events).
    mutating func take(at time: Timestamp) -> Event? {
        guard let first = heap.min, first.time <= time else { return nil }
        let event = heap.removeMin().event
        if event.isOwn { ownCount -= 1 }
        if event.rank == 5 { decisionCount -= 1 }
        return event
    }
}
