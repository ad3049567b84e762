import JSON
import KubernetesClient
public import KubernetesModel
import Synchronization

/// The newest known state of all objects of a kind, shared by everyone who reads it.
///
/// Reading is a dictionary look-up under a lock that is never held across a suspension; entries are immutable and shared.
/// ``Informer`` fills it; whoever writes to the API server tells it with ``noteWritten(_:)``, so that its own write is seen
/// at once and older news of that object are dropped.
public final class Store<Object: KubernetesObject>: Sendable {
    public typealias Entry = StoreEntry<Object>
    public typealias Handler = @Sendable (StoreEvent<Object>) -> Void

    private struct State {
        var objects: StoreState<Object>
        var handlers: [Handler] = []
        /// What has not been told yet, in order.
        var outbox: [Message] = []
        var isDelivering = false
    }

    private enum Message: Sendable {
        /// For the handlers of those positions: the ones that were there when it happened.
        case event(StoreEvent<Object>, for: Range<Int>)
        /// The first list is in.
        case synced
    }

    private let state: Mutex<State>
    private let synced = AsyncLatch()

    /// An empty store with indexes beside the built-in one of owners.
    public init(indexes: [StoreIndex<Object>] = []) {
        state = Mutex(State(objects: StoreState(indexes: [.owners] + indexes)))
    }

    // MARK: Reading

    /// The object, or nil when there is none or it could not be decoded.
    public subscript(key: ObjectKey) -> Object? { entry(key)?.object }

    /// The entry, or nil when there is none. O(1).
    public func entry(_ key: ObjectKey) -> Entry? { state.withLock { $0.objects.entries[key] } }

    /// The entries for which the index of that name gives that value, in no order. O(size of the result). Empty when there
    /// is no such index.
    public func entries(index name: String, value: String) -> [Entry] {
        state.withLock { state in
            guard let index = state.objects.indexes.first(where: { $0.index.name == name }),
                let keys = index.keys[value]
            else { return [] }
            return keys.compactMap { state.objects.entries[$0] }
        }
    }

    /// The entries with an owner of that UID, in no order. O(size of the result).
    public func entries(ownedBy uid: String) -> [Entry] { entries(index: "owners", value: uid) }

    /// The entries for which a condition holds, in no order. O(size of the store) under the lock: for start-up and for
    /// people, not for hot paths.
    public func entries(where condition: (Entry) -> Bool = { _ in true }) -> [Entry] {
        state.withLock { state in state.objects.entries.values.filter(condition) }
    }

    /// How many objects there are.
    public var count: Int { state.withLock { $0.objects.entries.count } }

    /// Whether the first list is in and its handlers have been told.
    public var hasSynced: Bool { synced.isOpen }

    /// Returns when ``hasSynced``; throws `CancellationError` when the task is cancelled before.
    public func waitUntilSynced() async throws { try await synced.wait() }

    // MARK: Writing

    /// Takes an object as the server answered to a create, replace or patch of ours (never a dry run's answer): readers see
    /// it from now on, and observations older than it are dropped. Without effect when newer is known already.
    public func noteWritten(_ object: Object) {
        change { $0.noteWritten(StoreEntry(.object(object)), to: &$1) }
    }

    /// Takes it that a delete of ours has removed the object of that UID for good (no grace period, no finalizers: an object
    /// that is only being deleted goes to ``noteWritten(_:)``).
    public func noteDeleted(_ key: ObjectKey, uid: String) {
        change { $0.noteDeleted(key, uid: uid, to: &$1) }
    }

    /// Has every change told to `handler`, in order, never two at once; first of all, what there is already, as added.
    ///
    /// The handler is called without a lock, on the task that made the change: it may read the store, and must not block.
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

    /// Takes a batch of a watcher.
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

    /// Tells the handlers. Whoever comes while somebody else is telling leaves it to them, so that the order is kept.
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
