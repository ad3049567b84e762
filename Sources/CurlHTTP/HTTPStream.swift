/// A response whose body arrives piece by piece. Each element is everything that arrived since the one before, and
/// never empty.
///
/// It has a single reader. Unread bytes hold the server back (at most the client's `streamBufferBytes` are kept). The
/// transfer ends when the stream is cancelled, when the reading task is cancelled, and when the last reference to the
/// stream is dropped.
public final class HTTPStream: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    public let status: Int
    public let headers: [HTTPHeader]
    private let id: UInt64
    private let buffer: StreamBuffer
    private let mailbox: Mailbox
    /// The client's loop lives as long as its streams.
    private let client: HTTPClient

    init(_ head: ResponseHead, id: UInt64, buffer: StreamBuffer, mailbox: Mailbox, client: HTTPClient) {
        status = head.status
        headers = head.headers
        self.id = id
        self.buffer = buffer
        self.mailbox = mailbox
        self.client = client
    }

    deinit { cancel() }

    /// Ends the transfer. The server sees the connection or the HTTP/2 stream closed; a reader gets
    /// `CancellationError`.
    public func cancel() {
        buffer.end(CancellationError())
        mailbox.submit(.cancel(id))
    }

    /// Returns the next batch, or nil at the end of the body. Throws ``HTTPError`` when the transfer failed, and
    /// `CancellationError` when the task or the stream is cancelled.
    public func next() async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if buffer.take(continuation) { mailbox.submit(.resume(id)) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Reads the rest of the body, but at most `maximum` bytes, and ends the transfer. Throws as ``next()`` does.
    public func collect(upTo maximum: Int) async throws -> [UInt8] {
        var body: [UInt8] = []
        while body.count < maximum, let batch = try await next() { body.append(contentsOf: batch) }
        if body.count > maximum {
            body.removeLast(body.count - maximum)
            cancel()
        }
        return body
    }

    public func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

    /// Steps through a stream.
    public struct Iterator: AsyncIteratorProtocol {
        let stream: HTTPStream

        public mutating func next() async throws -> [UInt8]? { try await stream.next() }
    }
}
