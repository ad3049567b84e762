import CThread

/// Threads for work that blocks: the threads of tasks are few, and everything waits when they are taken.
package enum DetachedThread {
    /// The system cannot create a thread; with the errno.
    package struct StartError: Error, Hashable {
        package let code: Int32
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new thread with a megabyte of stack that takes no signals of the process.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(StartError) {
        let work = Unmanaged.passRetained(Work(body))
        let code = cthread_start_detached(
            { argument in
                guard let argument else { return nil }
                Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        guard code != 0 else { return }
        work.release()
        throw StartError(code: code)
    }

    /// Runs `body` on a new thread and returns what it returns. Throws what it throws, and ``StartError``.
    package static func run<Success: Sendable>(
        _ body: @escaping @Sendable () throws -> Success
    ) async throws -> Success {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try start { continuation.resume(with: Result { try body() }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
