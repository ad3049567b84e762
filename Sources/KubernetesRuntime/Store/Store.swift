import AsyncPrimitives
import JSON
import KubernetesClient
public import KubernetesModel
import Synchronization

/// A cache of the latest known state of all objects of a kind, shared by all readers.
///
/// Reads are dictionary look-ups under a lock that is never held across a suspension; entries are immutable.
/// ``Informer`` fills the store. Code that writes to the API server passes the answer to ``noteWritten(_:)``, so that
/// readers see the write at once and older observations of that object are dropped.
public final class Store<Object: KubernetesObject>: Sendable {
    /// An object with its key, or the error why it could not be decoded.
    public typealias Entry = StoreEntry<Object>
    /// Receives the changes of the store.
    public typealias Handler = @Sendable (StoreEvent<Object>) -> Void

    private struct State {
        var objects: StoreState<Object>
        var handlers: [Handler] = []
        /// Events that have not been delivered yet, in order.
        var outbox: [Message] = []
        var isDelivering = false
    }

    private enum Message: Sendable {
        /// An event for the handlers at these positions: those that existed when it happened.
        case event(StoreEvent<Object>, for: Range<Int>)
        /// The first list is complete.
        case synced
    }

    private let state: Mutex<State>
    private let synced = AsyncLatch()

    /// Creates an empty store. It has these indexes and a built-in one by owner.
    public init(indexes: [StoreIndex<Object>] = []) {
        state = Mutex(State(objects: StoreState(indexes: [.owners] + indexes)))
    }

    // MARK: Reading

    /// The object, or nil when it does not exist or could not be decoded. O(1). Where nil is taken to mean that the object
    /// is gone, use ``object(_:)``.
    public subscript(key: ObjectKey) -> Object? { entry(key)?.object }

    /// The object, or nil when it does not exist. O(1). Throws `JSONError` when it exists and could not be decoded.
    public func object(_ key: ObjectKey) throws -> Object? {
        switch entry(key)?.value {
        case .object(let object): object
        case .undecodable(_, let error): throw error
        case nil: nil
        }
    }

    /// The entry, or nil when the object does not exist. O(1).
    public func entry(_ key: ObjectKey) -> Entry? { state.withLock { $0.objects.entries[key] } }

    /// The entries for which the index named `name` gives `value`, in no particular order. Empty when there is no such
    /// index. O(size of the result).
    public func entries(index name: String, value: String) -> [Entry] {
        state.withLock { state in
            guard let index = state.objects.indexes.first(where: { $0.index.name == name }),
                let keys = index.keys[value]
            else { return [] }
            return keys.compactMap { state.objects.entries[$0] }
        }
    }

    /// The entries that have an owner with this UID, in no particular order. O(size of the result).
    public func entries(ownedBy uid: String) -> [Entry] { entries(index: "owners", value: uid) }

    /// The entries that satisfy a condition, in no particular order. O(size of the store), under the lock: use it at
    /// start-up and for people's requests, not in frequent code.
    public func entries(where condition: (Entry) -> Bool = { _ in true }) -> [Entry] {
        state.withLock { state in state.objects.entries.values.filter(condition) }
    }

    /// The number of objects.
    public var count: Int { state.withLock { $0.objects.entries.count } }

    /// Whether the first list is complete and was delivered to the handlers.
    public var hasSynced: Bool { synced.isOpen }

    /// Returns when ``hasSynced`` is true. Throws `CancellationError` when the task is cancelled before that.
    public func waitUntilSynced() async throws { try await synced.wait() }

    // MARK: Writing

    /// Stores an object as the server returned it from a create, replace or patch by this process (never from a dry
    /// run). Readers see it from now on, and older observations of it are dropped. Does nothing when a newer version is
    /// known.
    public func noteWritten(_ object: Object) {
        change { $0.noteWritten(StoreEntry(.object(object)), to: &$1) }
    }

    /// Removes an object that this process has deleted for good. Use it only when the object is gone; if it waits for a
    /// grace period or finalizers, pass it to ``noteWritten(_:)``.
    public func noteDeleted(_ key: ObjectKey, uid: String) {
        change { $0.noteDeleted(key, uid: uid, to: &$1) }
    }

    /// Adds a handler that gets every change, in order and never two at once. First it gets the present objects, as
    /// added.
    ///
    /// The handler runs without a lock, on the task that made the change. It may read the store and must not block.
    public func addHandler(_ handler: @escaping Handler) {
        state.withLock { state in
            state.handlers.append(handler)
            let index = state.handlers.count - 1
            for entry in state.objects.entries.values.sorted(by: { $0.key < $1.key }) {
                let event = StoreEvent(change: .added(entry), origin: .initialList)
                state.outbox.append(.event(event, for: index..<(index + 1)))
            }
        }
        deliver()
    }

    /// Applies a batch of events from a watcher.
    func apply(_ events: [WatcherEvent<Object>]) {
        change { objects, changes in
            for event in events { objects.apply(event, to: &changes) }
        }
    }

    private func change(_ body: (inout StoreState<Object>, inout [StoreEvent<Object>]) -> Void) {
        state.withLock { state in
            let hadSynced = state.objects.hasSynced
            var changes: [StoreEvent<Object>] = []
            body(&state.objects, &changes)
            let handlers = state.handlers.indices
            if !handlers.isEmpty { for event in changes { state.outbox.append(.event(event, for: handlers)) } }
            if state.objects.hasSynced, !hadSynced { state.outbox.append(.synced) }
        }
        deliver()
    }

    /// Delivers events to the handlers. If another task is delivering, that task takes over these events, which keeps
    /// the order.
    private func deliver() {
        while true {
            let work: (batch: [Message], handlers: [Handler])? = state.withLock { state in
                if state.outbox.isEmpty || state.isDelivering { return nil }
                state.isDelivering = true
                defer { state.outbox = [] }
                return (state.outbox, state.handlers)
            }
            guard let work else { return }
            for message in work.batch {
                switch message {
                case .event(let event, let range): for handler in work.handlers[range] { handler(event) }
                case .synced: synced.open()
                }
            }
            state.withLock { $0.isDelivering = false }
        }
    }
}
