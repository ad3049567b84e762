/// Workloads of one shape in one queue that wait together: one verdict holds for all of them.
struct LineClass: Sendable {
    struct Key: Hashable, Sendable {
        var queue: Int
        var shape: Int
        var underWay: Bool
        /// Whether a run of it counts in its queue already; only where a queue limits runs.
        var runCounts: Bool
        /// Whether pods of former attempts still end, or the gang for which they had to go does not run yet.
        var isEnding: Bool
        /// Single pods that gangs which run already may still get.
        var surplus: Bool
        /// Why no queue takes them.
        var problem: String?
    }

    var key: Key
    /// Set where a ceiling is below what one of them asks for, or where one is missing.
    var ceiling: Block?
    /// Why its first workload cannot start, and so none of them; nil: to be looked at.
    var block: Block?
    /// Workloads in line whose reason nobody was told.
    var untold: [Int] = []
    /// The reason that the others were told.
    var told: Block.Identity?
    /// Its places in the lists of its queue and of its shape.
    var placeInQueue = 0
    var placeInShape = 0
    /// Whether there were victims for its first workload, but not enough.
    var missedVictims = false
    /// Whether other resources are short than when evictions were considered last.
    var lacksOther = false
    /// Whether it is one of ``GangQueue/GangQueue/sleeping``.
    var isAsleep = false
    /// Whether it is in the list of those that wait for an eviction.
    var waitsForEviction = false

    private var items: [OrderKey] = []
    private var taken = 0
    private var inbox: [OrderKey] = []
    /// The first of the inbox.
    private var inboxFirst: OrderKey?

    init(_ key: Key) { self.key = key }

    var count: Int { items.count - taken + inbox.count }
    var isEmpty: Bool { count == 0 }
    /// In order; only after ``settle()``.
    var waiting: ArraySlice<OrderKey> { items[taken...] }
    /// The first, settled or not.
    var first: OrderKey? {
        let settled = taken < items.count ? items[taken] : nil
        guard let inboxFirst else { return settled }
        return settled.map { min($0, inboxFirst) } ?? inboxFirst
    }

    /// In no particular order.
    var everyone: [OrderKey] { items[taken...] + inbox }

    mutating func insert(_ key: OrderKey) {
        inbox.append(key)
        if inboxFirst.map({ key < $0 }) ?? true { inboxFirst = key }
    }

    /// Puts what came into its place.
    mutating func settle() {
        guard !inbox.isEmpty else { return }
        defer {
            inbox = []
            inboxFirst = nil
        }
        if inbox.count == 1 {
            items.insert(inbox[0], at: place(of: inbox[0]))
            return
        }
        if taken > 0 {
            items.removeFirst(taken)
            taken = 0
        }
        items += inbox
        items.sort()
    }

    /// Settles what costs no more than a look at a few.
    mutating func settleIfSmall() {
        if inbox.count == 1, items.last.map({ $0 < inbox[0] }) ?? true {
            items.append(inbox[0])
            inbox = []
            inboxFirst = nil
        }
    }

    /// Where a key is or would be.
    private func place(of key: OrderKey) -> Int {
        var low = taken
        var high = items.count
        while low < high {
            let middle = (low + high) / 2
            if items[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// How many are before that key; only after ``settle()``.
    func countBefore(_ key: OrderKey) -> Int { place(of: key) - taken }

    mutating func remove(_ key: OrderKey) {
        settle()
        let place = place(of: key)
        guard place < items.count, items[place] == key else { return }
        if place == taken {
            taken += 1
            if taken > 64, taken * 2 > items.count {
                items.removeFirst(taken)
                taken = 0
            }
        } else {
            items.remove(at: place)
        }
    }
}

/// Why a class waits; the numbers are looked up when somebody asks.
struct Block: Sendable, Hashable {
    /// What has to change for it to be told again.
    struct Identity: Sendable, Hashable {
        var kind: WaitingReason.Kind
        var queue: String
        var resource: Int
    }

    var kind: WaitingReason.Kind
    /// The queue whose ceiling it is.
    var queue = QueueTree.root
    var resource = 0
    /// The key of the gang for which something is kept.
    var gang: String?
    /// The reservations that hold it, see ``GangQueue/GangQueue/holding(_:_:now:)``.
    var held: UInt32 = 0

    /// Whether an eviction could make room.
    var canEndByEviction: Bool {
        switch kind {
        case .quota, .guaranteed, .resources, .fragmentation: true
        default: false
        }
    }

    /// Whether room on nodes is lacking.
    var isRoom: Bool { kind == .resources || kind == .fragmentation }
}
