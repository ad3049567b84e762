import CLibcurl
import Synchronization

/// A request from another thread to the loop thread.
enum LoopCommand: Sendable {
    case start(TransferOrder)
    /// Ends the transfer; does nothing when it has ended already.
    case cancel(UInt64)
    /// The reader has made room in the stream's buffer.
    case resume(UInt64)
    /// No further transfer comes: ends the loop when those that run have ended.
    case retire
    case shutDown
}

/// A request and the receiver of its result.
struct TransferOrder: Sendable {
    enum Receiver: Sendable {
        case whole(CheckedContinuation<HTTPResponse, any Error>)
        case stream(StreamBuffer)
    }

    var id: UInt64
    var request: HTTPRequest
    var receiver: Receiver

    /// Reports a failure to the receiver.
    func fail(_ error: any Error) {
        switch receiver {
        case .whole(let continuation): continuation.resume(throwing: error)
        case .stream(let buffer): buffer.end(error)
        }
    }
}

/// The queue of commands for the loop thread.
final class Mailbox: Sendable {
    /// The multi handle for other threads. They call only `curl_multi_wakeup`, which curl documents as safe from any
    /// thread, and only under the mailbox's lock while the handle is in the mailbox.
    struct Wakeable: @unchecked Sendable {
        let multi: UnsafeMutableRawPointer
    }

    private struct State {
        var commands: [LoopCommand] = []
        var wakeable: Wakeable?
        var isClosed = false
        var lastID: UInt64 = 0
        /// How many transfers have a number and have not been submitted yet.
        var expected = 0
        var isSuspect = false
    }

    private let state: Mutex<State>

    init(_ wakeable: Wakeable) { state = Mutex(State(wakeable: wakeable)) }

    /// The number for a transfer, which the caller then submits without fail.
    func newID() -> UInt64 {
        state.withLock { state in
            state.expected += 1
            state.lastID += 1
            return state.lastID
        }
    }

    /// Queues a command. After ``close()``, a start fails at once, and other commands have no effect.
    func submit(_ command: LoopCommand) {
        let isTaken = state.withLock { state in
            if case .start = command { state.expected -= 1 }
            guard !state.isClosed else { return false }
            let wasEmpty = state.commands.isEmpty
            state.commands.append(command)
            // If commands were queued already, the loop has been woken and has not taken them yet.
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

    /// Whether a connection of the loop seems to be dead, so that further transfers should go to another loop.
    var isSuspect: Bool { state.withLock(\.isSuspect) }
    func markSuspect() { state.withLock { $0.isSuspect = true } }

    var isClosed: Bool { state.withLock(\.isClosed) }

    /// Closes the mailbox unless a command waits in it or a transfer is about to come.
    func closeIfUnused() -> Bool {
        state.withLock { state in
            guard state.commands.isEmpty, state.expected == 0 else { return false }
            state.isClosed = true
            state.wakeable = nil
            return true
        }
    }

    /// Refuses further commands, stops waking the loop, and returns the commands that were left.
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
