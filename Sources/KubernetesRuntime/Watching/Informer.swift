public import Clocks
public import KubernetesModel
public import Logging
import Synchronization

/// A store that a watcher keeps up to date.
///
/// ```swift
/// let pods = Informer(podSource, logger: logger)
/// pods.store.addHandler { event in queue.add(event.key) }
/// async let running: Void = pods.run()
/// try await pods.store.waitUntilSynced()
/// ```
public final class Informer<Object: KubernetesObject>: Sendable {
    /// The store that the informer fills.
    public let store: Store<Object>
    private let watcher: Watcher<Object>
    private let failure = Mutex<(any Error)?>(nil)

    /// Creates an informer for the objects of `source` that match the selectors.
    public init(
        _ source: any ListWatch<Object>, store: Store<Object> = Store(), labelSelector: String? = nil,
        fieldSelector: String? = nil, pageSize: Int = 500, clock: any RuntimeClock = SystemClock(),
        random: @escaping RandomSource = systemRandom, logger: Logger
    ) {
        self.store = store
        watcher = Watcher(
            source, labelSelector: labelSelector, fieldSelector: fieldSelector, pageSize: pageSize, clock: clock,
            random: random, logger: logger)
    }

    /// Whether the first list is complete and was delivered to the handlers.
    public var hasSynced: Bool { store.hasSynced }

    /// Returns when ``hasSynced`` is true. Throws `CancellationError` when the task is cancelled before that.
    public func waitUntilSynced() async throws { try await store.waitUntilSynced() }

    /// The last error of listing or watching; nil once the server has answered again.
    public var lastError: (any Error)? { failure.withLock { $0 } }

    /// Lists and watches until the task is cancelled. Call it once.
    public func run() async {
        await watcher.run(
            deliver: { events in
                failure.withLock { $0 = nil }
                store.apply(events)
            },
            onFailure: { error in failure.withLock { $0 = error } })
    }
}
