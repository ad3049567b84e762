import Glibc

/// Work that may block, such as reading a file, on a thread of its own: Swift's own threads are few, and all of Sluice
/// waits when they are taken.
enum OwnThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new thread and returns what it returns. Throws what it throws; when the system has no thread to
    /// give, ``ProcessSupervisor/LaunchError``.
    static func run<Success: Sendable>(_ body: @escaping @Sendable () throws -> Success) async throws -> Success {
        try await withCheckedThrowingContinuation { continuation in
            let work = Work { continuation.resume(with: Result { try body() }) }
            let context = Unmanaged.passRetained(work)
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { context in
                    guard let context else { return nil }
                    Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                    return nil
                }, context.toOpaque())
            guard code == 0 else {
                context.release()
                return continuation.resume(throwing: ProcessSupervisor.LaunchError(code: code))
            }
            pthread_detach(thread)
        }
    }
}
