import KubernetesModel

/// The contents of a store and the rules for accepting observations, without a lock or handlers.
///
/// All rules follow from two facts. The events of a watch come in the order of their versions, so everything up to the
/// version that the stream has reached has been reported. An own write with a higher version will still be reported.
struct StoreState<Object: KubernetesObject>: Sendable {
    typealias Entry = StoreEntry<Object>
    typealias Event = StoreEvent<Object>

    private(set) var entries: [ObjectKey: Entry] = [:]
    private(set) var indexes: [StoreIndexState<Object>]
    private(set) var hasSynced = false
    /// The version up to which the stream has reported.
    private var observed: UInt64?
    /// Own writes that the stream has not reported yet, with their versions.
    private var unconfirmed: [ObjectKey: UInt64] = [:]
    /// UIDs of objects that this process deleted for good and whose deletion the stream has not reported yet.
    private var ownDeletions: [String: ObjectKey] = [:]
    private var staged: [ObjectKey: Entry] = [:]
    private var stagedOrder: [ObjectKey] = []

    init(indexes: [StoreIndex<Object>]) { self.indexes = indexes.map(StoreIndexState.init) }

    /// Applies one event of the watcher and appends the resulting changes.
    mutating func apply(_ event: WatcherEvent<Object>, to changes: inout [Event]) {
        switch event {
        case .initStart:
            staged = [:]
            stagedOrder = []
        case .initApply(let item):
            let entry = Entry(item)
            if staged.updateValue(entry, forKey: entry.key) == nil { stagedOrder.append(entry.key) }
        case .initDone(let version): swap(at: ResourceVersion.number(version), &changes)
        case .apply(let item): applied(Entry(item), &changes)
        case .delete(let item): deleted(Entry(item), &changes)
        case .progress(let version):
            guard let version = ResourceVersion.number(version) else { return }
            reached(version, &changes)
            dropUnconfirmed({ $0 <= version }, &changes)
        }
    }

    /// Stores an object as the server returned it from an own write.
    mutating func noteWritten(_ entry: Entry, to changes: inout [Event]) {
        if let version = entry.version {
            // The stream has passed this version: it has reported this write, and perhaps later ones.
            if let observed, version <= observed { return }
            if let stored = entries[entry.key]?.version, stored >= version { return }
            unconfirmed[entry.key] = version
        }
        set(entry, .ownWrite, &changes)
    }

    /// Removes the object with this UID, which is gone for good.
    mutating func noteDeleted(_ key: ObjectKey, uid: String, to changes: inout [Event]) {
        guard let entry = entries[key], entry.metadata.uid == uid else { return }
        ownDeletions[uid] = key
        remove(entry, .ownWrite, &changes)
    }

    private mutating func applied(_ entry: Entry, _ changes: inout [Event]) {
        defer { if let version = entry.version { reached(version, &changes) } }
        if ownDeletions[entry.metadata.uid] != nil { return }
        if let version = entry.version {
            if let stored = entries[entry.key] {
                if let storedVersion = stored.version, version <= storedVersion {
                    if version == storedVersion { unconfirmed[entry.key] = nil }
                    return
                }
            } else if let observed, version <= observed {
                return  // a repetition: the deletion has been reported
            }
        }
        unconfirmed[entry.key] = nil
        set(entry, .watch, &changes)
    }

    private mutating func deleted(_ entry: Entry, _ changes: inout [Event]) {
        defer { if let version = entry.version { reached(version, &changes) } }
        ownDeletions[entry.metadata.uid] = nil
        guard let stored = entries[entry.key] else { return }
        let isSame = stored.metadata.uid == entry.metadata.uid
        if let version = entry.version, let storedVersion = stored.version {
            if version < storedVersion { return }
        } else if !isSame {
            return
        }
        remove(stored, last: isSame ? entry : stored, .watch, &changes)
    }

    /// Notes that the stream has reached this version.
    private mutating func reached(_ version: UInt64, _ changes: inout [Event]) {
        observed = max(observed ?? 0, version)
        dropUnconfirmed({ $0 < version }, &changes)
    }

    /// Drops own writes that the stream has passed without reporting: they do not match the watch's selector.
    private mutating func dropUnconfirmed(_ isPassed: (UInt64) -> Bool, _ changes: inout [Event]) {
        guard !unconfirmed.isEmpty else { return }
        for key in unconfirmed.filter({ isPassed($0.value) }).keys.sorted() {
            unconfirmed[key] = nil
            if let entry = entries[key] { remove(entry, .watch, &changes) }
        }
    }

    /// Replaces the contents with the complete list, keeps own writes that are newer, and appends the differences.
    private mutating func swap(at listVersion: UInt64?, _ changes: inout [Event]) {
        var next = staged
        var order = stagedOrder
        staged = [:]
        stagedOrder = []
        // The list is older than what was reported: the server was reset, so nothing known before counts.
        let isReset = if let listVersion, let observed { listVersion < observed } else { false }
        if isReset { ownDeletions = [:] }
        for (uid, key) in ownDeletions {
            if next[key]?.metadata.uid == uid { next[key] = nil } else { ownDeletions[uid] = nil }
        }
        for (key, version) in unconfirmed.sorted(by: { $0.key < $1.key }) {
            guard !isReset, let listVersion, version > listVersion, let entry = entries[key],
                version > next[key]?.version ?? 0
            else {
                unconfirmed[key] = nil
                continue
            }
            if next.updateValue(entry, forKey: key) == nil { order.append(key) }
        }
        if let listVersion { observed = listVersion }

        let origin: Event.Origin = hasSynced ? .relist : .initialList
        let old = entries
        for key in old.keys.filter({ next[$0] == nil }).sorted() {
            if let entry = old[key] { remove(entry, origin, &changes) }
        }
        for key in order {
            guard let entry = next[key] else { continue }
            if let stored = old[key], !isReset, stored.metadata.uid == entry.metadata.uid,
                stored.metadata.resourceVersion == entry.metadata.resourceVersion
            {
                continue
            }
            set(entry, origin, &changes)
        }
        hasSynced = true
    }

    private mutating func set(_ entry: Entry, _ origin: Event.Origin, _ changes: inout [Event]) {
        var old = entries.updateValue(entry, forKey: entry.key)
        for index in indexes.indices { indexes[index].replace(old, with: entry) }
        // Another object under the same name: the old one was deleted and the new one added.
        if let gone = old, gone.metadata.uid != entry.metadata.uid {
            changes.append(Event(change: .deleted(gone), origin: origin))
            old = nil
        }
        changes.append(Event(change: old.map { .updated(old: $0, new: entry) } ?? .added(entry), origin: origin))
    }

    private mutating func remove(
        _ entry: Entry, last: Entry? = nil, _ origin: Event.Origin, _ changes: inout [Event]
    ) {
        entries[entry.key] = nil
        unconfirmed[entry.key] = nil
        for index in indexes.indices { indexes[index].replace(entry, with: nil) }
        changes.append(Event(change: .deleted(last ?? entry), origin: origin))
    }
}
