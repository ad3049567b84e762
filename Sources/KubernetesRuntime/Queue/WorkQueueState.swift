import DequeModule
import HeapModule

/// Decides which item comes next, without a lock, a clock or waiting: the time is a parameter.
///
/// An item is dirty from when it is added until a worker takes it, and processing until that worker is done with it.
/// When it is both, it is handed out only after the worker is done. Modelled on client-go's work queues and
/// controller-runtime's priority queue.
struct WorkQueueState<Key: Hashable & Sendable>: Sendable {
    private struct Dirty {
        var priority: WorkPriority
        var since: Duration
        /// The item's current place in line. A line may contain an older ticket, from before the priority rose; it is
        /// skipped.
        var ticket: UInt64
    }

    private struct Delay: Comparable {
        var deadline: Duration
        var ticket: UInt64
        var key: Key

        static func < (left: Delay, right: Delay) -> Bool {
            (left.deadline, left.ticket) < (right.deadline, right.ticket)
        }
        static func == (left: Delay, right: Delay) -> Bool { left.ticket == right.ticket }
    }

    private struct Waiting {
        var deadline: Duration
        var ticket: UInt64
        var priority: WorkPriority
    }

    private let limiter: RetryLimiter
    private var dirty: [Key: Dirty] = [:]
    private var processing: [Key: (priority: WorkPriority, since: Duration)] = [:]
    private var lines: [WorkPriority: Deque<(key: Key, ticket: UInt64)>] = [.high: [], .low: []]
    private var heap = Heap<Delay>()
    private var waiting: [Key: Waiting] = [:]
    private var failures: [Key: Int] = [:]
    /// When the next retry would be due, were there no burst: that many intervals earlier it may be made.
    private var nextRetry: Duration?
    private var lastTicket: UInt64 = 0
    private(set) var isShutDown = false
    private var counters = WorkQueueCounts()

    init(limiter: RetryLimiter) { self.limiter = limiter }

    var counts: WorkQueueCounts {
        var counts = counters
        counts.delayed = waiting.count
        counts.processing = processing.count
        return counts
    }

    var isProcessing: Bool { !processing.isEmpty }

    /// The number of entries kept for delayed and ready items, those included that no longer count.
    var entryCount: Int { heap.count + lines.values.reduce(0) { $0 + $1.count } }

    /// When the first delayed item becomes ready.
    var nextDeadline: Duration? {
        mutating get {
            while let first = heap.min, waiting[first.key]?.ticket != first.ticket { _ = heap.popMin() }
            return heap.min?.deadline
        }
    }

    func failureCount(_ key: Key) -> Int { failures[key] ?? 0 }

    mutating func add(_ key: Key, priority: WorkPriority, at now: Duration) {
        guard !isShutDown else { return }
        // Ready now is earlier than any delay.
        let priority = waiting.removeValue(forKey: key).map { max($0.priority, priority) } ?? priority
        if let present = dirty[key] {
            guard priority > present.priority else { return }
            dirty[key]?.priority = priority
            if processing[key] == nil {
                count(present.priority, -1)
                enqueue(key, at: present.since)
            }
            return
        }
        counters.adds += 1
        dirty[key] = Dirty(priority: priority, since: now, ticket: 0)
        if processing[key] == nil { enqueue(key, at: now) }
    }

    mutating func add(_ key: Key, after delay: Duration, priority: WorkPriority, at now: Duration) {
        guard !isShutDown else { return }
        guard delay > .zero else { return add(key, priority: priority, at: now) }
        // An item that is ready needs no delay, but its priority may have to rise.
        if dirty[key] != nil { return add(key, priority: priority, at: now) }
        var entry = Waiting(deadline: now + delay, ticket: nextTicket(), priority: priority)
        if let present = waiting[key] {
            entry.priority = max(entry.priority, present.priority)
            if present.deadline <= entry.deadline {
                waiting[key]?.priority = entry.priority
                return
            }
        }
        waiting[key] = entry
        heap.insert(Delay(deadline: entry.deadline, ticket: entry.ticket, key: key))
        // Delays that no longer count leave the heap only when they come to its top, which may take hours.
        if heap.count > 2 * waiting.count + 64 {
            heap = Heap(waiting.map { Delay(deadline: $1.deadline, ticket: $1.ticket, key: $0) })
        }
    }

    /// `random`, in 0..<1, decides on the jitter.
    mutating func retry(_ key: Key, priority: WorkPriority, at now: Duration, random: Double = 0) {
        let count = failures[key] ?? 0
        failures[key] = count + 1
        counters.retries += 1
        let delay = max(limiter.delay(afterFailures: count, random: random), reserveRetry(at: now))
        add(key, after: delay, priority: priority, at: now)
    }

    /// How long a retry has to wait for those of other items.
    private mutating func reserveRetry(at now: Duration) -> Duration {
        let next = max(nextRetry ?? now, now)
        nextRetry = next + limiter.interval
        return max(.zero, next - now - limiter.interval * limiter.burst)
    }

    mutating func forget(_ key: Key) { failures[key] = nil }

    /// Makes the items ready whose delay has passed.
    mutating func promote(at now: Duration) {
        while let deadline = nextDeadline, deadline <= now, let due = heap.popMin() {
            guard let entry = waiting.removeValue(forKey: due.key) else { continue }
            add(due.key, priority: entry.priority, at: deadline)
        }
    }

    /// Hands out the next item with how long it has been ready, or nil when none is ready.
    mutating func take(at now: Duration) -> (key: Key, priority: WorkPriority, wait: Duration)? {
        promote(at: now)
        for priority in [WorkPriority.high, .low] {
            while let (key, ticket) = lines[priority]?.popFirst() {
                guard let item = dirty[key], item.ticket == ticket else { continue }
                dirty[key] = nil
                count(priority, -1)
                processing[key] = (priority, now)
                return (key, priority, now - item.since)
            }
        }
        return nil
    }

    /// Ends the work on an item; gives how long it took, nil when nobody worked on it.
    @discardableResult
    mutating func done(_ key: Key, at now: Duration) -> Duration? {
        guard let work = processing.removeValue(forKey: key) else { return nil }
        if let item = dirty[key] { enqueue(key, at: item.since) }
        return now - work.since
    }

    /// Refuses further items and drops delayed ones. Waiting items are dropped too, unless `finishing` is true.
    mutating func shutDown(finishing: Bool) {
        isShutDown = true
        heap = Heap()
        waiting = [:]
        guard !finishing else { return }
        dirty = [:]
        lines = [.high: [], .low: []]
        counters.depthHigh = 0
        counters.depthLow = 0
    }

    /// Whether no item will ever be handed out again.
    var isFinished: Bool { isShutDown && dirty.isEmpty }

    private mutating func enqueue(_ key: Key, at since: Duration) {
        guard let priority = dirty[key]?.priority else { return }
        let ticket = nextTicket()
        dirty[key]?.ticket = ticket
        lines[priority]?.append((key, ticket))
        count(priority, 1)
        // The line of low priority is not looked at while there is work of high priority.
        let depth = priority == .high ? counters.depthHigh : counters.depthLow
        if let length = lines[priority]?.count, length > 2 * depth + 64 {
            lines[priority]?.removeAll { dirty[$0.key]?.ticket != $0.ticket }
        }
    }

    private mutating func nextTicket() -> UInt64 {
        lastTicket += 1
        return lastTicket
    }

    private mutating func count(_ priority: WorkPriority, _ change: Int) {
        if priority == .high { counters.depthHigh += change } else { counters.depthLow += change }
    }
}
