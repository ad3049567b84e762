import AsyncPrimitives
import DequeModule
import Synchronization

/// The checks that changes of objects ask for, in the order in which they were asked for.
///
/// A check that already waits is not added a second time. Requests add checks; ``APIServerCore/runControllers()`` takes
/// them out and hands each to the controller that knows what to do.
final class ControllerQueue: Sendable {
    /// One thing that a controller has to look at.
    enum Check: Hashable, Sendable {
        /// An object with owners: delete it if none of them is left.
        case owners(StorageKey)
        /// The owner with this UID is gone: its dependents may have to be deleted.
        case ownerGone(String)
        /// A dependent of the owner with this UID is gone: the owner may have waited for that (foreground deletion).
        case dependentGone(String)
        /// An object is marked for deletion and may wait for its dependents.
        case deletion(StorageKey)
        /// A namespace is new or being deleted, or an object in it is gone.
        case namespace(String)
        /// A custom resource definition has changed.
        case definition(String)
        /// Something that the quotas of a namespace may count has changed.
        case quotas(String)
    }

    private struct State {
        var checks: Deque<Check> = []
        var known: Set<Check> = []
    }

    private let state = Mutex(State())
    /// To be sent after checks have been added.
    let signal = AsyncSignal()

    /// Adds a check, unless the same one already waits.
    func add(_ check: Check) {
        state.withLock { state in
            if state.known.insert(check).inserted { state.checks.append(check) }
        }
    }

    /// Whether a check of a definition waits.
    var hasDefinitions: Bool {
        state.withLock { state in
            state.checks.contains { if case .definition = $0 { true } else { false } }
        }
    }

    /// Takes the oldest check out; nil when the queue is empty.
    func next() -> Check? {
        state.withLock { state in
            guard let check = state.checks.popFirst() else { return nil }
            state.known.remove(check)
            return check
        }
    }
}
