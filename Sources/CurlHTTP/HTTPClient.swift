import Synchronization

/// Sends HTTP requests with libcurl. One dedicated thread drives all transfers; callers await.
///
/// Connections are reused and, over HTTP/2, shared. Redirects are not followed; cookies and .netrc are not used. All
/// methods may be called from any task.
public final class HTTPClient: Sendable {
    /// The behaviour of a client.
    public struct Configuration: Sendable {
        /// Trust and identity, unless a request has its own.
        public var tls = TLSConfiguration()
        /// The proxies; by default those of the environment when the configuration is created.
        public var proxy = ProxySetting.environment()
        public var userAgent = "swift-curl-http"
        /// Whether HTTP/2 is used where the server offers it; otherwise HTTP/1.1.
        public var usesHTTP2 = true
        /// The largest number of connections to one host; further requests wait. Nil sets no limit.
        public var maximumConnectionsPerHost: Int?
        /// How many unread bytes of a stream are buffered before the server is held back.
        public var streamBufferBytes = 1 << 20
        /// How long nothing may come on a connection on which an answer is awaited. Then further requests go to new
        /// connections: over HTTP/2 all would wait on a connection whose other end is gone, for as long as something in
        /// between acknowledges their bytes. The requests that wait already go on waiting, since the server may be slow.
        public var silenceLimit = Duration.seconds(15)

        /// Creates the default: HTTP/2 where offered, the system's authorities, the environment's proxies.
        public init() {}
    }

    private struct State {
        var current: Mailbox
        /// Loops that end when their last transfer has ended.
        var retired: [Mailbox] = []
        var isShutDown = false
    }

    private let configuration: Configuration
    private let state: Mutex<State>

    /// Creates a client and starts its thread. Throws ``HTTPError`` when the system has no thread or memory for it.
    public init(configuration: Configuration = Configuration()) throws {
        self.configuration = configuration
        state = Mutex(State(current: try TransferLoop.start(configuration)))
    }

    deinit { shutDown() }

    /// Ends all transfers with ``HTTPError/Code/shutDown`` and stops the thread. Later requests fail at once.
    public func shutDown() {
        state.withLock { state in
            state.isShutDown = true
            for mailbox in state.retired + [state.current] { mailbox.submit(.shutDown) }
        }
    }

    /// The loop for a new transfer, and the transfer's number in it.
    private func enlist() -> (Mailbox, UInt64) {
        state.withLock { state in
            // Its own connections are the only ones that a loop knows, so a new loop has none that is dead.
            if !state.isShutDown, state.current.isSuspect, let fresh = try? TransferLoop.start(configuration) {
                state.current.submit(.retire)
                state.retired.removeAll(where: \.isClosed)
                state.retired.append(state.current)
                state.current = fresh
            }
            return (state.current, state.current.newID())
        }
    }

    /// Sends a request and reads the whole response, whatever its status.
    ///
    /// Throws ``HTTPError`` when there is no complete response, and `CancellationError` when the task is cancelled;
    /// then the transfer has ended or is about to end.
    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let (mailbox, id) = enlist()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                mailbox.submit(.start(TransferOrder(id: id, request: request, receiver: .whole(continuation))))
                // A cancellation handler that ran before the start had nothing to cancel.
                if Task.isCancelled { mailbox.submit(.cancel(id)) }
            }
        } onCancel: {
            mailbox.submit(.cancel(id))
        }
    }

    /// Sends a request and returns when the headers of the response have arrived. Throws as ``send(_:)`` does.
    public func stream(_ request: HTTPRequest) async throws -> HTTPStream {
        let (mailbox, id) = enlist()
        let buffer = StreamBuffer(limit: configuration.streamBufferBytes)
        let head = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                buffer.expectHead(continuation)
                mailbox.submit(.start(TransferOrder(id: id, request: request, receiver: .stream(buffer))))
                if Task.isCancelled { mailbox.submit(.cancel(id)) }
            }
        } onCancel: {
            mailbox.submit(.cancel(id))
        }
        return HTTPStream(head, id: id, buffer: buffer, mailbox: mailbox, client: self)
    }
}
