/// An operation took longer than it may.
struct TimedOut: Error, CustomStringConvertible {
    var limit: Duration
    var description: String { "no answer within \(limit)" }
}

/// Runs an operation that is cancelled, and fails with ``TimedOut``, when it takes longer than `limit`.
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
        // There are two children, and the first to end is the one that counts.
        guard let first = try await group.next(), let success = first else { throw TimedOut(limit: limit) }
        return success
    }
}

/// Runs an operation that is cancelled when the latch opens. Returns when the operation has ended.
func perform(until latch: AsyncLatch, _ operation: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
            try await operation()
            return true
        }
        group.addTask {
            // Cancelled when the operation was first.
            try? await latch.wait()
            return false
        }
        do {
            while let isOperation = try await group.next() {
                group.cancelAll()
                if isOperation { return }
            }
        } catch is CancellationError where latch.isOpen {
            // What was asked for.
        }
    }
}
