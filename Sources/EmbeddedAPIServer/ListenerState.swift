import HTTPServing
import Synchronization

/// Why the server does not listen.
public struct ListenError: Error, Sendable, CustomStringConvertible {
    /// The port that was asked for; 0 for any.
    public var port: Int
    /// The reason, as the end of a sentence.
    public var reason: String

    init(port: Int, _ cause: any Error) {
        self.port = port
        reason = HTTPServer.reasonNotListening(cause)
    }

    /// One sentence for people.
    public var description: String {
        "cannot listen on \(port == 0 ? "any port" : "port \(port)") of 127.0.0.1: \(reason)"
    }
}

/// Whether a server listens, and the tasks that wait for it.
final class ListenerState: Sendable {
    private enum Phase {
        case starting
        case listening(Int)
        case ended(any Error)
    }

    private struct State {
        var phase = Phase.starting
        var waiters: [Int: CheckedContinuation<Int, any Error>] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    /// Whether the port is known.
    var isListening: Bool { state.withLock { if case .listening = $0.phase { true } else { false } } }

    /// Tells the port to all that wait.
    func listens(on port: Int) { settle(.listening(port), .success(port)) }

    /// Tells all that wait that there will be no port.
    func end(_ error: any Error) { settle(.ended(error), .failure(error)) }

    private func settle(_ phase: Phase, _ result: Result<Int, any Error>) {
        let waiters = state.withLock { state in
            state.phase = phase
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(with: result) }
    }

    /// Waits for the port. Throws the error of ``end(_:)``, and `CancellationError` when the task is cancelled.
    func port() async throws -> Int {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let known: Result<Int, any Error>? = state.withLock { state in
                    // Cancelled before it waits: the handler below has found nobody to wake.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    switch state.phase {
                    case .starting:
                        state.waiters[number] = continuation
                        return nil
                    case .listening(let port): return .success(port)
                    case .ended(let error): return .failure(error)
                    }
                }
                if let known { continuation.resume(with: known) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume(throwing: CancellationError())
        }
    }
}
