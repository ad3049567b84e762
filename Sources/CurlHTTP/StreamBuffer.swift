import Synchronization

/// The status line and headers of a response.
struct ResponseHead: Sendable {
    var status: Int
    var headers: [HTTPHeader]
}

/// The buffer between the loop thread, which fills it, and the single reader of a stream, which empties it.
///
/// It holds at most `limit` bytes plus one of curl's chunks. When it is full the loop pauses the transfer, and TCP
/// holds the server back.
final class StreamBuffer: Sendable {
    private struct State {
        var head: CheckedContinuation<ResponseHead, any Error>?
        var bytes: [UInt8] = []
        var isPaused = false
        /// Set when no more bytes will come.
        var end: Result<Void, any Error>?
        var reader: CheckedContinuation<[UInt8]?, any Error>?
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    // MARK: The loop's side

    /// Makes `continuation` wait for the head. Call it once, before the transfer starts.
    func expectHead(_ continuation: CheckedContinuation<ResponseHead, any Error>) {
        state.withLock { $0.head = continuation }
    }

    /// Passes on the head. Only the first one counts.
    func deliver(_ head: ResponseHead) {
        let waiting = state.withLock { state in
            let waiting = state.head
            state.head = nil
            return waiting
        }
        waiting?.resume(returning: head)
    }

    /// Appends bytes. Returns false when there is no room: then the caller pauses and offers the same bytes again.
    func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let (isTaken, reader, batch) = state.withLock {
            state -> (Bool, CheckedContinuation<[UInt8]?, any Error>?, [UInt8]) in
            // Reading has ended; the cancellation is on its way to the loop.
            if state.end != nil { return (true, nil, []) }
            if !state.bytes.isEmpty, state.bytes.count + bytes.count > limit {
                state.isPaused = true
                return (false, nil, [])
            }
            state.bytes.append(contentsOf: bytes)
            guard let reader = state.reader else { return (true, nil, []) }
            state.reader = nil
            var batch: [UInt8] = []
            swap(&batch, &state.bytes)
            return (true, reader, batch)
        }
        reader?.resume(returning: batch)
        return isTaken
    }

    /// Ends the stream, with an error or because the body is complete. Only the first end counts. Buffered bytes can
    /// still be read, except after a cancellation.
    func end(_ error: (any Error)? = nil) {
        let (head, reader) = state.withLock { state in
            guard state.end == nil else {
                return (
                    nil as CheckedContinuation<ResponseHead, any Error>?,
                    nil as CheckedContinuation<[UInt8]?, any Error>?
                )
            }
            state.end = error.map { .failure($0) } ?? .success(())
            if error is CancellationError { state.bytes = [] }
            let waiting = (state.head, state.reader)
            state.head = nil
            state.reader = nil
            return waiting
        }
        head?.resume(throwing: error ?? CancellationError())
        // A reader waits only when the buffer is empty.
        if let error { reader?.resume(throwing: error) } else { reader?.resume(returning: nil) }
    }

    // MARK: The reader's side

    /// Gives the reader all buffered bytes, or makes it wait for some; nil at the end. Returns whether the transfer was
    /// paused and now has room.
    func take(_ continuation: CheckedContinuation<[UInt8]?, any Error>) -> Bool {
        enum Outcome {
            case bytes([UInt8], wasPaused: Bool)
            case end(Result<Void, any Error>)
            case wait
            case busy
        }
        let outcome = state.withLock { state -> Outcome in
            if !state.bytes.isEmpty {
                var batch: [UInt8] = []
                swap(&batch, &state.bytes)
                let wasPaused = state.isPaused
                state.isPaused = false
                return .bytes(batch, wasPaused: wasPaused)
            }
            if let end = state.end { return .end(end) }
            guard state.reader == nil else { return .busy }
            state.reader = continuation
            return .wait
        }
        switch outcome {
        case .bytes(let batch, let wasPaused):
            continuation.resume(returning: batch)
            return wasPaused
        case .end(let end): continuation.resume(with: end.map { nil })
        case .busy: continuation.resume(throwing: StreamHasReader())
        case .wait: break
        }
        return false
    }
}

/// A second task reads a stream while another waits for bytes.
struct StreamHasReader: Error, CustomStringConvertible {
    var description: String { "a stream has one reader at a time" }
}
