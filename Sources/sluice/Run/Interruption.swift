import AsyncPrimitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What Ctrl-C asks of `sluice run`: the first cancels the run, the second stops at once.
final class Interruption: Sendable {
    /// Open once the run is to be cancelled.
    let isCancelled = AsyncLatch()
    /// Open once everything is to be stopped.
    let isStopped = AsyncLatch()

    /// Takes in a signal; `count` is how many there were. Returns what is to be said.
    func arrived(_ count: Int) -> String? {
        switch count {
        case 1:
            isCancelled.open()
            return "cancelling, once more to stop at once"
        case 2:
            isStopped.open()
            return "stopping at once"
        default:
            // Whoever asks three times does not wait for anything to be put away.
            _exit(ExitStatus.interrupted)
        }
    }

    /// Runs `body`, which is cancelled when everything is to be stopped. Throws what it throws.
    func stopping<Success: Sendable>(_ body: @escaping @Sendable () async throws -> Success) async throws -> Success {
        try await withThrowingTaskGroup(of: Success?.self, returning: Success.self) { group in
            group.addTask { try await body() }
            group.addTask { [isStopped] in
                // Throws only when the body has ended first.
                try? await isStopped.wait()
                return nil
            }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let success = ended { return success }
                group.cancelAll()
            }
            throw CancellationError()
        }
    }
}
