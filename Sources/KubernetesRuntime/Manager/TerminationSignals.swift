import AsyncPrimitives
import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Runs `body` in a task that is cancelled when one of the signals arrives: SIGTERM, SIGINT and SIGHUP by default.
///
/// The first signal cancels `body` and restores the default action of the signals, so that a second one kills the
/// process. Throws what `body` throws. Only one call at a time may use the same signals.
public func withTerminationSignals<Success: Sendable>(
    _ signals: [Int32]? = nil, _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    let signals = signals ?? standardSignals()
    let arrival = AsyncLatch()
    // The handlers are installed before the body begins.
    let watch = SignalCenter.shared.watch(signals) { arrival.open() }
    defer { SignalCenter.shared.end(watch, signals) }
    return try await withThrowingTaskGroup(of: Success?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            // Throws only when the body ended first and cancelled it.
            try? await arrival.wait()
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

/// Calls `onSignal` each time that one of the signals arrives while `body` runs: SIGTERM, SIGINT and SIGHUP by default. It gets how many have
/// arrived, from 1, and must not block; nothing else happens.
///
/// Throws what `body` throws. Only one call at a time may use the same signals.
public func withTerminationSignals<Success: Sendable>(
    _ signals: [Int32]? = nil, onSignal: @escaping @Sendable (Int) -> Void,
    _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    let signals = signals ?? standardSignals()
    let count = Atomic(0)
    let watch = SignalCenter.shared.watch(signals, isKept: true) {
        onSignal(count.add(1, ordering: .relaxed).newValue)
    }
    defer { SignalCenter.shared.end(watch, signals) }
    return try await body()
}

/// Those that ask a process to end. What is started by nohup goes on after SIGHUP.
private func standardSignals() -> [Int32] {
    let before = signal(SIGHUP, SIG_IGN)
    _ = signal(SIGHUP, before)
    // SIG_IGN is 1.
    return [SIGTERM, SIGINT] + (unsafeBitCast(before, to: Int.self) == 1 ? [] : [SIGHUP])
}

/// The end of the pipe to which signal handlers write one byte, the signal's number. A handler may safely do little
/// more.
private let signalPipe = Atomic<Int32>(-1)

/// Receives signals through a pipe. A handler is in force as soon as it is set, whatever threads exist, and no signal
/// is lost.
private final class SignalCenter: Sendable {
    static let shared = SignalCenter()

    private struct Watch {
        var signals: [Int32]
        /// Whether it stays after the first signal.
        var isKept: Bool
        var onSignal: @Sendable () -> Void
    }

    private struct State {
        var nextID = 0
        var watches: [Int: Watch] = [:]
    }

    private let state = Mutex(State())
    /// Kept until the process ends.
    private let source: Mutex<(any DispatchSourceRead)?>

    private init() {
        var ends: [Int32] = [-1, -1]
        // Fails when the process has too many open files. Then signals keep their default action.
        guard pipe(&ends) == 0 else {
            source = Mutex(nil)
            return
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        signalPipe.store(ends[1], ordering: .sequentiallyConsistent)
        let readEnd = ends[0]
        let queue = DispatchQueue(label: "termination signals")
        let source = DispatchSource.makeReadSource(fileDescriptor: readEnd, queue: queue)
        source.setEventHandler {
            var number: UInt8 = 0
            while read(readEnd, &number, 1) == 1 { SignalCenter.shared.arrived(Int32(number)) }
        }
        source.resume()
        self.source = Mutex(source)
    }

    func watch(_ signals: [Int32], isKept: Bool = false, _ onSignal: @escaping @Sendable () -> Void) -> Int {
        let id = state.withLock { state in
            state.nextID += 1
            state.watches[state.nextID] = Watch(signals: signals, isKept: isKept, onSignal: onSignal)
            return state.nextID
        }
        guard signalPipe.load(ordering: .sequentiallyConsistent) >= 0 else { return id }
        for number in signals {
            signal(number) { number in
                let error = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(signalPipe.load(ordering: .relaxed), &byte, 1)
                errno = error
            }
        }
        return id
    }

    func end(_ id: Int, _ signals: [Int32]) {
        // Gone when a signal has arrived: the default action is restored already.
        guard state.withLock({ $0.watches.removeValue(forKey: id) }) != nil else { return }
        for number in signals { signal(number, SIG_DFL) }
    }

    private func arrived(_ number: Int32) {
        let due = state.withLock { state in
            let due = state.watches.filter { $0.value.signals.contains(number) }
            for (id, watch) in due where !watch.isKept { state.watches[id] = nil }
            return Array(due.values)
        }
        for watch in due {
            if !watch.isKept { for number in watch.signals { signal(number, SIG_DFL) } }
            watch.onSignal()
        }
    }
}
