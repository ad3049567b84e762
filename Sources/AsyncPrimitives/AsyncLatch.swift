import Synchronization

/// Opens once and stays open. Any number of tasks can wait for it.
package final class AsyncLatch: Sendable {
    private struct State {
        var isOpen = false
        var nextID = 0
        var waiters: [Int: CheckedContinuation<Void, any Error>] = [:]
        var signals: [ObjectIdentifier: AsyncSignal] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package var isOpen: Bool { state.withLock(\.isOpen) }

    /// Opens the latch, resumes every waiting task and sends every attached signal.
    package func open() {
        let opened = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return state
        }
        for waiter in opened.waiters.sorted(by: { $0.key < $1.key }) { waiter.value.resume() }
        for signal in opened.signals.values { signal.signal() }
    }

    /// Sends this signal when the latch is opened. Not when it is open already: look at ``isOpen`` after this.
    package func attach(_ signal: AsyncSignal) { state.withLock { $0.signals[ObjectIdentifier(signal)] = signal } }

    /// Undoes ``attach(_:)``.
    package func detach(_ signal: AsyncSignal) { state.withLock { $0.signals[ObjectIdentifier(signal)] = nil } }

    /// Returns once the latch is open. Throws `CancellationError` when the task is cancelled before that.
    package func wait() async throws {
        if isOpen { return }
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.isOpen { return .success(()) }
                    // A cancellation before this lock was taken shows here; the handler of a later one finds the waiter.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiters[id] = waiter
                    return nil
                }
                if let outcome { waiter.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
