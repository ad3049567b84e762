public import KubernetesModel
public import Logging
import Synchronization

/// A store kept up to date by a watcher.
///
/// ```swift
/// let pods = Informer(podSource, logger: logger)
/// pods.store.addHandler { event in queue.add(event.key) }
/// async let running: Void = pods.run()
/// try await pods.store.waitUntilSynced()
/// ```
public final class Informer<Object: KubernetesObject>: Sendable {
    public let store: Store<Object>
    private let watcher: Watcher<Object>
    private let failure = Mutex<(any Error)?>(nil)

    /// An informer on what the selectors leave of the source.
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

    /// Whether the first list is in and its handlers have been told.
    public var hasSynced: Bool { store.hasSynced }

    /// Returns when ``hasSynced``; throws `CancellationError` when the task is cancelled before.
    public func waitUntilSynced() async throws { try await store.waitUntilSynced() }

    /// What last went wrong, nil since the server answered again.
    public var lastError: (any Error)? { failure.withLock { $0 } }

    /// Lists and watches until the task is cancelled. To be called once.
    public func run() async {
        await watcher.run(
            deliver: { events in
                failure.withLock { $0 = nil }
                store.apply(events)
            },
            onFailure: { error in failure.withLock { $0 = error } })
    }
}
