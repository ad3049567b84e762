import Synchronization

/// Wakes one task that waits. Fired while no task waits, it lets the next wait return at once; more than once counts as once.
final class AsyncSignal: Sendable {
    private struct State {
        var isFired = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Lets the waiting task go on, or the next one that waits.
    func fire() {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.isFired = true
                return nil as CheckedContinuation<Void, Never>?
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    /// Waits until the signal is fired or the task is cancelled. At most one task may wait at a time.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isFired = state.withLock { state in
                    if state.isFired {
                        state.isFired = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isFired { continuation.resume() }
            }
        } onCancel: {
            fire()
        }
    }
}
