import AsyncPrimitives
import Clocks

/// An operation did not end within its time limit.
struct TimedOut: Error, CustomStringConvertible {
    var limit: Duration
    var description: String { "no answer within \(limit)" }
}

/// Runs an operation and cancels it when it takes longer than `limit`. Throws ``TimedOut`` in that case, otherwise what
/// the operation throws.
func withTimeout<Success: Sendable>(
    _ limit: Duration, clock: any RuntimeClock, _ operation: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    try await withThrowingTaskGroup(of: Success?.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await clock.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        // Of the two children the first to end decides the result.
        guard let first = try await group.next(), let success = first else { throw TimedOut(limit: limit) }
        return success
    }
}

/// Runs an operation and cancels it when the latch opens. Returns when the operation has ended. Throws what the
/// operation throws, except the `CancellationError` that the open latch caused.
func perform(until latch: AsyncLatch, _ operation: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
            try await operation()
            return true
        }
        group.addTask {
            // Throws only when the operation ended first and cancelled it.
            try? await latch.wait()
            return false
        }
        do {
            while let isOperation = try await group.next() {
                group.cancelAll()
                if isOperation { return }
            }
        } catch is CancellationError where latch.isOpen {
            // The open latch cancelled the operation, as intended.
        }
    }
}

extension AsyncSignal {
    /// Waits for a signal, but no longer than `limit`.
    func wait(atMost limit: Duration, clock: any RuntimeClock) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            // Throws only when the signal came first and cancelled it: nothing to report.
            group.addTask { try? await clock.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }
}
