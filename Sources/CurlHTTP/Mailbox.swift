import CLibcurl
import Synchronization

/// What other threads ask the loop thread for.
enum LoopCommand: Sendable {
    case start(TransferOrder)
    /// Ends the transfer; no-op when it has ended by itself.
    case cancel(UInt64)
    /// The reader has made room in the stream's buffer.
    case resume(UInt64)
    case shutDown
}

/// A request and who waits for what comes of it.
struct TransferOrder: Sendable {
    enum Receiver: Sendable {
        case whole(CheckedContinuation<HTTPResponse, any Error>)
        case stream(StreamBuffer)
    }

    var id: UInt64
    var request: HTTPRequest
    var receiver: Receiver

    /// Tells whoever waits that nothing will come.
    func fail(_ error: any Error) {
        switch receiver {
        case .whole(let continuation): continuation.resume(throwing: error)
        case .stream(let buffer): buffer.end(error)
        }
    }
}

/// The way into the loop thread.
final class Mailbox: Sendable {
    /// The multi handle, as other threads may have it: they call nothing but `curl_multi_wakeup`, which curl documents as
    /// safe from any thread, and only while the handle is in the mailbox, under its lock.
    struct Wakeable: @unchecked Sendable {
        let multi: UnsafeMutableRawPointer
    }

    private struct State {
        var commands: [LoopCommand] = []
        var wakeable: Wakeable?
        var isClosed = false
        var lastID: UInt64 = 0
    }

    private let state: Mutex<State>

    init(_ wakeable: Wakeable) { state = Mutex(State(wakeable: wakeable)) }

    func newID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// Hands a command to the loop. After ``close()`` a start fails at once, all else has nothing left to act on.
    func submit(_ command: LoopCommand) {
        let isTaken = state.withLock { state in
            guard !state.isClosed else { return false }
            let wasEmpty = state.commands.isEmpty
            state.commands.append(command)
            // With commands in the box the loop has been woken already and has not looked yet.
            if wasEmpty, let wakeable = state.wakeable { curl_multi_wakeup(wakeable.multi) }
            return true
        }
        if !isTaken, case .start(let order) = command { order.fail(HTTPError.shutDown(order.request)) }
    }

    /// Takes all commands out.
    func take() -> [LoopCommand] {
        state.withLock { state in
            var commands: [LoopCommand] = []
            swap(&commands, &state.commands)
            return commands
        }
    }

    /// Takes no more commands and wakes nobody any more; the commands that were left.
    func close() -> [LoopCommand] {
        state.withLock { state in
            state.isClosed = true
            state.wakeable = nil
            var commands: [LoopCommand] = []
            swap(&commands, &state.commands)
            return commands
        }
    }
}

extension HTTPError {
    static func shutDown(_ request: HTTPRequest) -> HTTPError {
        HTTPError(
            .shutDown, "the HTTP client has been shut down", method: request.method, url: request.url,
            mayHaveBeenSent: false)
    }
}
