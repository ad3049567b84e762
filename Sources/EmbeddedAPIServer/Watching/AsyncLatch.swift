import Synchronization

/// A flag that is set once and never taken back; setting it fires the signals that are attached.
final class AsyncLatch: Sendable {
    private struct State {
        var isSet = false
        var signals: [ObjectIdentifier: AsyncSignal] = [:]
    }

    private let state = Mutex(State())

    /// Whether it has been set.
    var isSet: Bool { state.withLock { $0.isSet } }

    /// Sets the flag and fires every attached signal.
    func set() {
        let waiting = state.withLock { state in
            state.isSet = true
            return state.signals.values.map { $0 }
        }
        for signal in waiting { signal.fire() }
    }

    /// Fires this signal when the flag is set. Does not fire it when the flag already is: look at ``isSet`` after this.
    func attach(_ signal: AsyncSignal) { state.withLock { $0.signals[ObjectIdentifier(signal)] = signal } }

    /// Undoes ``attach(_:)``.
    func detach(_ signal: AsyncSignal) { state.withLock { $0.signals[ObjectIdentifier(signal)] = nil } }
}
