import KubernetesModel
import KubernetesRuntime
import Synchronization

/// Takes Sluice's finalizer off pods in the background: it only tidies, and must not hold up a create or a status that lets a run go
/// on. A few workers do it one after the other, so that it uses what the others leave of the API server.
final class FinalizerQueue: Sendable {
    /// One pod, and what to do when the request has failed.
    struct Item: Sendable {
        var pod: ObjectKey
        var uid: String
        var onFailure: @Sendable () async -> Void
    }

    private let items: AsyncStream<Item>
    private let continuation: AsyncStream<Item>.Continuation
    private let pending = Mutex(0)

    init() { (items, continuation) = AsyncStream.makeStream(of: Item.self) }

    /// How many wait or are under way.
    var count: Int { pending.withLock { $0 } }

    /// Adds a pod.
    func add(_ item: Item) {
        pending.withLock { $0 += 1 }
        continuation.yield(item)
    }

    /// Works until the task is cancelled. `remove` throws when the request has failed.
    func run(workers: Int, _ remove: @escaping @Sendable (_ pod: ObjectKey, _ uid: String) async throws -> Void) async {
        await withDiscardingTaskGroup { group in
            var iterator = items.makeAsyncIterator()
            // A place for each worker: the next item is taken when one is free.
            let places = AsyncStream.makeStream(of: Void.self)
            for _ in 0..<workers { places.continuation.yield() }
            var free = places.stream.makeAsyncIterator()
            while await free.next() != nil, let item = await iterator.next() {
                group.addTask { [self] in
                    do { try await remove(item.pod, item.uid) } catch { await item.onFailure() }
                    pending.withLock { $0 -= 1 }
                    places.continuation.yield()
                }
            }
        }
    }
}
