/// The current objects of one resource, sorted by key, and its last changes.
struct WatchCache: Sendable {
    /// Sorted by namespace and name.
    private(set) var objects: [StoredObject] = []
    private(set) var events: [StorageEvent] = []
    private var firstEvent = 0
    private var eventBytes = 0
    /// Changes up to and including this version are no longer kept: a watch must start at it or later.
    private(set) var floor: UInt64

    /// How many changes are kept, and at most how many bytes of objects in them.
    struct Window: Sendable {
        var events = 10_000
        var bytes = 32 << 20
    }

    /// An empty cache; watches can start at `floor`.
    init(floor: UInt64) { self.floor = floor }

    /// Where the object is, or where it would have to be inserted.
    func index(_ namespace: String, _ name: String) -> (index: Int, found: Bool) {
        var low = 0
        var high = objects.count
        while low < high {
            let middle = (low + high) / 2
            let key = objects[middle].key
            if (key.namespace, key.name) < (namespace, name) { low = middle + 1 } else { high = middle }
        }
        guard low < objects.count else { return (low, false) }
        let key = objects[low].key
        return (low, key.namespace == namespace && key.name == name)
    }

    subscript(namespace: String, name: String) -> StoredObject? {
        let (index, found) = index(namespace, name)
        return found ? objects[index] : nil
    }

    /// The objects of a namespace, or all when it is nil.
    func slice(_ namespace: String?) -> ArraySlice<StoredObject> {
        guard let namespace else { return objects[...] }
        let start = index(namespace, "").index
        var end = start
        while end < objects.count, objects[end].key.namespace == namespace { end += 1 }
        return objects[start..<end]
    }

    /// Inserts or replaces an object.
    mutating func set(_ object: StoredObject) {
        let (index, found) = index(object.key.namespace, object.key.name)
        if found { objects[index] = object } else { objects.insert(object, at: index) }
    }

    /// Removes an object, if it is there.
    mutating func remove(_ key: StorageKey) {
        let (index, found) = index(key.namespace, key.name)
        if found { objects.remove(at: index) }
    }

    /// Appends a change and drops the oldest that no longer fit in the window.
    mutating func record(_ event: StorageEvent, window: Window) {
        events.append(event)
        eventBytes += event.object.body.count
        while events.count - firstEvent > window.events || (eventBytes > window.bytes && events.count - firstEvent > 1)
        {
            floor = events[firstEvent].resourceVersion
            eventBytes -= events[firstEvent].object.body.count
            firstEvent += 1
        }
        if firstEvent > 1024, firstEvent * 2 > events.count {
            events.removeFirst(firstEvent)
            firstEvent = 0
        }
    }

    /// The changes after a version; nil when they are no longer kept.
    func events(after version: UInt64) -> ArraySlice<StorageEvent>? {
        guard version >= floor else { return nil }
        var low = firstEvent
        var high = events.count
        while low < high {
            let middle = (low + high) / 2
            if events[middle].resourceVersion <= version { low = middle + 1 } else { high = middle }
        }
        return events[low...]
    }

    /// The objects as they were at a version, sorted; nil when the changes since then are no longer kept. `pending` are
    /// the changes that were made but not recorded yet.
    func snapshot(_ namespace: String?, at version: UInt64, pending: [StorageEvent]) -> [StoredObject]? {
        guard let later = events(after: version) else { return nil }
        return slice(namespace, without: later + pending)
    }

    /// The objects of a namespace, or all when it is nil, as they were before these changes, sorted.
    func slice(_ namespace: String?, without later: some Collection<StorageEvent>) -> [StoredObject] {
        let now = slice(namespace)
        if later.isEmpty { return Array(now) }
        var changed: [StorageKey: StoredObject?] = [:]
        for event in later where namespace == nil || event.object.key.namespace == namespace {
            // The first change of an object after the version has its state at the version.
            if changed[event.object.key] == nil { changed[event.object.key] = .some(event.previous) }
        }
        var result = now.filter { changed[$0.key] == nil }
        for case .some(let object) in changed.values { result.append(object) }
        result.sort { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }
        return result
    }
}
