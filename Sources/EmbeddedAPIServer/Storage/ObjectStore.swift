import AsyncPrimitives
import JSON
import KubernetesModel
import Synchronization

/// All objects of the cluster, with one version counter and one lock for all writers.
///
/// Objects are kept in memory; ``SQLiteStorage`` writes each change to a file as well. The next writer and the
/// controllers build on a change at once. Clients see it once it is durable: in lists and watches, and as the answer to
/// their write, see ``waitUntilDurable(_:)``. So nobody has seen a version that is given again after a crash.
///
/// A change that cannot be written to the file is undone in memory, and its writer is told. The next write tries anew.
final class ObjectStore: Sendable {
    /// Why a write is refused; checked under the lock.
    enum WriteFailure: Error, Sendable {
        case alreadyExists
        case changedMeanwhile
        case missingNamespace
        case terminatingNamespace
        /// The object has more bytes than ``maximumObjectSize``.
        case tooLarge
    }

    /// The largest object in bytes, that of etcd: its limit for a request.
    static let maximumObjectSize = 3 << 19

    struct State: Sendable {
        var revision: UInt64
        var durableRevision: UInt64
        var caches: [String: WatchCache] = [:]
        /// The dependents of each owner, by the owner's UID.
        var dependents: [String: Set<StorageKey>] = [:]
        var signals: [String: [ObjectIdentifier: AsyncSignal]] = [:]
        var pending: [StorageEvent] = []
        var isCommitting = false
        var waiters: [(revision: UInt64, continuation: CheckedContinuation<Void, any Error>)] = []
        /// Why the last change could not be written to the file; nil once one could be written again.
        var failure: SQLiteError?
        /// The versions of changes that were undone, with the reason.
        var undone: [(revisions: ClosedRange<UInt64>, failure: SQLiteError)] = []
        var startRevision: UInt64
    }

    let state: Mutex<State>
    let storage: SQLiteStorage?
    private let window: WatchCache.Window
    /// Told when changes begin to be undone since the file cannot be written, and, with nil, when it can be again.
    let onFailure = Mutex(FailureHandler { _ in })

    /// In a struct: hack/check-sources.py says why.
    struct FailureHandler: Sendable {
        var call: @Sendable (SQLiteError?) -> Void
    }

    /// A store with the objects in the storage; without a storage it is empty and only in memory. `fields` gives the
    /// selectable fields of an object. Throws ``SQLiteError``, and `JSONError` when a stored object cannot be parsed.
    init(storage: SQLiteStorage?, window: WatchCache.Window, fields: (StorageKey, JSONValue) -> [String: String]) throws
    {
        self.storage = storage
        self.window = window
        var state = State(revision: 0, durableRevision: 0, startRevision: 0)
        if let storage {
            let (revision, rows) = try storage.load()
            (state.revision, state.durableRevision, state.startRevision) = (revision, revision, revision)
            for row in rows {
                let json = try JSONValue(parsing: row.body)
                let object = StoredObject(
                    key: row.key, resourceVersion: row.resourceVersion, object: json, fields: fields(row.key, json))
                state.caches[row.key.resource, default: WatchCache(floor: revision)].set(object)
                for owner in object.ownerUIDs { state.dependents[owner, default: []].insert(row.key) }
            }
        }
        self.state = Mutex(state)
    }

    // MARK: Reading

    var revision: UInt64 { state.withLock { $0.revision } }

    /// The object with this key as clients may see it: without a change that is not durable yet.
    func durable(_ key: StorageKey) -> StoredObject? {
        state.withLock { state in
            if let change = state.pending.first(where: { $0.object.key == key }) { return change.previous }
            return state.caches[key.resource]?[key.namespace, key.name]
        }
    }

    /// The objects of a resource as clients may see them, without changes that are not durable yet, and the version of
    /// this list.
    func durableList(_ resource: String, namespace: String?) -> (objects: [StoredObject], revision: UInt64) {
        state.withLock { state in
            guard let cache = state.caches[resource] else { return ([], state.durableRevision) }
            let objects = cache.slice(namespace, without: state.pending.filter { $0.object.key.resource == resource })
            return (objects, state.durableRevision)
        }
    }

    /// The current object with this key, for those who change it; its last change may not be durable yet.
    func get(_ key: StorageKey) -> StoredObject? {
        state.withLock { $0.caches[key.resource]?[key.namespace, key.name] }
    }

    /// The current objects of a resource, for those who change them, and the version of this list. The last of its
    /// changes may not be durable yet.
    func list(_ resource: String, namespace: String?) -> (objects: [StoredObject], revision: UInt64) {
        state.withLock { state in
            (state.caches[resource].map { Array($0.slice(namespace)) } ?? [], state.revision)
        }
    }

    /// The objects of a resource as they were at a version; nil when the changes since then are no longer kept.
    func list(_ resource: String, namespace: String?, at revision: UInt64) -> [StoredObject]? {
        state.withLock { state in
            guard let cache = state.caches[resource] else { return revision >= state.startRevision ? [] : nil }
            return cache.snapshot(
                namespace, at: revision, pending: state.pending.filter { $0.object.key.resource == resource })
        }
    }

    /// The durable changes of a resource after a version, at most `limit`; nil when they are no longer kept.
    func events(_ resource: String, after revision: UInt64, limit: Int) -> [StorageEvent]? {
        state.withLock { state in
            guard let cache = state.caches[resource] else { return revision >= state.startRevision ? [] : nil }
            return cache.events(after: revision).map { Array($0.prefix(limit)) }
        }
    }

    /// The oldest version from which a watch of this resource can start.
    func floor(_ resource: String) -> UInt64 {
        state.withLock { $0.caches[resource]?.floor ?? $0.startRevision }
    }

    /// The version up to which all changes are durable and have been published to watches.
    var durableRevision: UInt64 { state.withLock { $0.durableRevision } }

    /// The keys of the objects that have an owner reference with this UID.
    func dependents(of uid: String) -> [StorageKey] {
        state.withLock { $0.dependents[uid].map { $0.sorted() } ?? [] }
    }

    /// The storage names of all resources that have objects in a namespace.
    func occupiedResources(namespace: String) -> [String] {
        state.withLock { state in
            state.caches.filter { !$0.value.slice(namespace).isEmpty }.map(\.key).sorted()
        }
    }

    // MARK: Writing

    /// Stores a new object and sets its resourceVersion. Throws ``WriteFailure``.
    func insert(
        _ key: StorageKey, _ object: JSONValue, fields: [String: String], mayFillTerminatingNamespace: Bool = false
    ) throws -> StoredObject {
        try write { state in
            if state.caches[key.resource]?[key.namespace, key.name] != nil { throw WriteFailure.alreadyExists }
            if !key.namespace.isEmpty {
                guard let namespace = state.caches["namespaces"]?["", key.namespace] else {
                    throw WriteFailure.missingNamespace
                }
                if namespace.isBeingDeleted, !mayFillTerminatingNamespace { throw WriteFailure.terminatingNamespace }
            }
            return try apply(&state, kind: .added, key, object, fields: fields, previous: nil)
        }
    }

    /// Replaces `expected` if it is still the current version. Throws as
    /// ``insert(_:_:fields:mayFillTerminatingNamespace:)``.
    func replace(_ expected: StoredObject, with object: JSONValue, fields: [String: String]) throws -> StoredObject {
        try write { state in
            let key = expected.key
            guard state.caches[key.resource]?[key.namespace, key.name] === expected else {
                throw WriteFailure.changedMeanwhile
            }
            return try apply(&state, kind: .modified, key, object, fields: fields, previous: expected)
        }
    }

    /// Removes `expected` if it is still the current version; `last` is the state that watches see in the deletion.
    /// Throws as ``insert(_:_:fields:mayFillTerminatingNamespace:)``.
    func remove(_ expected: StoredObject, last: JSONValue, fields: [String: String]) throws -> StoredObject {
        try write { state in
            let key = expected.key
            guard state.caches[key.resource]?[key.namespace, key.name] === expected else {
                throw WriteFailure.changedMeanwhile
            }
            return try apply(&state, kind: .deleted, key, last, fields: fields, previous: expected)
        }
    }

    private func write(_ body: (inout State) throws -> StoredObject) throws -> StoredObject {
        let (object, mustCommit) = try state.withLock { state in
            let object = try body(&state)
            if storage == nil {
                Self.publish(&state, upTo: state.revision, window: window)
                return (object, false)
            }
            let mustCommit = !state.isCommitting
            state.isCommitting = true
            return (object, mustCommit)
        }
        if mustCommit { storage?.schedule { [self] in commitPending() } }
        return object
    }

    /// Makes the change in memory, with the next version, and adds it to the pending ones.
    private func apply(
        _ state: inout State, kind: StorageEvent.Kind, _ key: StorageKey, _ object: JSONValue, fields: [String: String],
        previous: StoredObject?
    ) throws -> StoredObject {
        var object = object
        var metadata = object["metadata"] ?? [:]
        object["metadata"] = nil
        metadata["resourceVersion"] = .string(String(state.revision + 1))
        object["metadata"] = metadata
        let stored = StoredObject(key: key, resourceVersion: state.revision + 1, object: object, fields: fields)
        if kind != .deleted, stored.body.count > Self.maximumObjectSize { throw WriteFailure.tooLarge }
        state.revision += 1
        if kind == .deleted {
            Self.put(&state, nil, key, replacing: previous)
        } else {
            Self.put(&state, stored, key, replacing: previous)
        }
        state.pending.append(StorageEvent(kind: kind, object: stored, previous: previous))
        return stored
    }

    /// Puts an object in the place of another one, or removes that.
    private static func put(
        _ state: inout State, _ object: StoredObject?, _ key: StorageKey, replacing previous: StoredObject?
    ) {
        for owner in previous?.ownerUIDs ?? [] { state.dependents[owner]?.remove(key) }
        if let object {
            // A resource that has not been written since the start: all its changes since then are known.
            state.caches[key.resource, default: WatchCache(floor: state.startRevision)].set(object)
            for owner in object.ownerUIDs { state.dependents[owner, default: []].insert(key) }
        } else {
            state.caches[key.resource]?.remove(key)
        }
        for owner in previous?.ownerUIDs ?? [] where state.dependents[owner]?.isEmpty == true {
            state.dependents[owner] = nil
        }
    }

    /// Undoes all pending changes, the last one first. Nobody has seen them but their writers, who are told.
    private static func undo(_ state: inout State, _ failure: SQLiteError) {
        guard let first = state.pending.first, let last = state.pending.last else { return }
        for event in state.pending.reversed() {
            put(
                &state, event.previous, event.object.key,
                replacing: event.kind == .deleted ? nil : event.object)
        }
        state.pending = []
        state.failure = failure
        // Who asks for one of the oldest has been waiting since then, and was told.
        if state.undone.count >= 1000 { state.undone.removeFirst(500) }
        state.undone.append((first.resourceVersion...last.resourceVersion, failure))
        let waiters = state.waiters
        state.waiters = []
        for waiter in waiters { waiter.continuation.resume(throwing: failure) }
    }

    /// Publishes the pending changes up to a version: records them for watches, wakes those, and answers the writers.
    private static func publish(_ state: inout State, upTo revision: UInt64, window: WatchCache.Window) {
        var count = 0
        for event in state.pending {
            guard event.resourceVersion <= revision else { break }
            count += 1
            state.caches[event.object.key.resource]?.record(event, window: window)
        }
        let touched = Set(state.pending[..<count].map { $0.object.key.resource })
        state.pending.removeFirst(count)
        state.durableRevision = revision
        for resource in touched { state.signals[resource]?.values.forEach { $0.signal() } }
        let ready = state.waiters.filter { $0.revision <= revision }
        state.waiters.removeAll { $0.revision <= revision }
        for waiter in ready { waiter.continuation.resume() }
    }

    // MARK: Durability

    /// Writes pending changes, each time all of them in one transaction, until none is left. Those that cannot be
    /// written are undone, with all that were made meanwhile, since they build on them.
    private func commitPending() {
        while true {
            let batch = state.withLock { state in
                if state.pending.isEmpty { state.isCommitting = false }
                return state.pending
            }
            guard let last = batch.last, let storage else { return }
            do {
                try storage.commit(batch)
                let wasFailing = state.withLock { state in
                    Self.publish(&state, upTo: last.resourceVersion, window: window)
                    defer { state.failure = nil }
                    return state.failure != nil
                }
                if wasFailing { onFailure.withLock(\.call)(nil) }
            } catch {
                let failure = error as? SQLiteError ?? SQLiteError(code: 0, message: "\(error)")
                state.withLock { Self.undo(&$0, failure) }
                onFailure.withLock(\.call)(failure)
            }
        }
    }

    /// Returns once this version is on disk; at once for a store in memory. Throws ``SQLiteError`` when it cannot be
    /// written; then the change has been undone.
    func waitUntilDurable(_ revision: UInt64) async throws {
        guard storage != nil else { return }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let result: Result<Void, SQLiteError>? = state.withLock { state in
                if let undone = state.undone.last(where: { $0.revisions.contains(revision) }) {
                    return .failure(undone.failure)
                }
                if state.durableRevision >= revision { return .success(()) }
                state.waiters.append((revision, continuation))
                return nil
            }
            switch result {
            case .success?: continuation.resume()
            case .failure(let failure)?: continuation.resume(throwing: failure)
            case nil: break
            }
        }
    }

    /// Why the file cannot be written; nil when it can. After a failure it tries to write, so that it is known at once
    /// when there is room again.
    func probe() async -> SQLiteError? {
        guard let storage, state.withLock({ $0.failure }) != nil else { return nil }
        return await withCheckedContinuation { continuation in
            storage.schedule { [self] in
                do {
                    try storage.tryToWrite()
                    let wasFailing = state.withLock { state in
                        defer { state.failure = nil }
                        return state.failure != nil
                    }
                    if wasFailing { onFailure.withLock(\.call)(nil) }
                    continuation.resume(returning: nil)
                } catch {
                    continuation.resume(
                        returning: error as? SQLiteError ?? SQLiteError(code: 0, message: "\(error)"))
                }
            }
        }
    }

    /// Waits until all changes are durable and closes the file. Throws ``SQLiteError``.
    func close() async throws {
        if let last = state.withLock({ $0.pending.last?.resourceVersion }) { try await waitUntilDurable(last) }
        await storage?.close()
    }

    // MARK: Watching

    /// Sends the signal when changes of this resource are published.
    func attach(_ signal: AsyncSignal, to resource: String) {
        state.withLock { $0.signals[resource, default: [:]][ObjectIdentifier(signal)] = signal }
    }

    /// Undoes ``attach(_:to:)``.
    func detach(_ signal: AsyncSignal, from resource: String) {
        state.withLock { state in
            state.signals[resource]?[ObjectIdentifier(signal)] = nil
            if state.signals[resource]?.isEmpty == true { state.signals[resource] = nil }
        }
    }
}
