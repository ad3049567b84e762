import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Runs `body` in a task that is cancelled when one of the signals arrives: SIGTERM and SIGINT, unless others are given.
///
/// The first signal asks; with it the signals get their default meaning back, so that a second one kills the process.
/// Throws what `body` throws.
public func withTerminationSignals<Success: Sendable>(
    _ signals: [Int32]? = nil, _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    let task = Task { try await body() }
    let watch = SignalWatch(signals ?? [SIGTERM, SIGINT]) { task.cancel() }
    defer { watch.end() }
    return try await withTaskCancellationHandler {
        try await task.value
    } onCancel: {
        task.cancel()
    }
}

/// Calls back at the first of some signals.
private final class SignalWatch: Sendable {
    private let signals: [Int32]
    private let sources: Mutex<[any DispatchSourceSignal]>

    init(_ signals: [Int32], _ onSignal: @escaping @Sendable () -> Void) {
        self.signals = signals
        let queue = DispatchQueue(label: "termination signals")
        let sources = signals.map { number in
            // Dispatch only hears of a signal; that it does not kill the process is up to us.
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: queue)
        }
        for source in sources {
            source.setEventHandler {
                for number in signals { signal(number, SIG_DFL) }
                onSignal()
            }
            source.resume()
        }
        self.sources = Mutex(sources)
    }

    func end() {
        sources.withLock { sources in
            for source in sources { source.cancel() }
            sources = []
        }
        for number in signals { signal(number, SIG_DFL) }
    }
}
