import CLibcurl

/// Sends requests over libcurl: one thread of its own drives all transfers, callers await.
///
/// Connections are kept and, over HTTP/2, shared. Redirects are not followed, cookies and .netrc not used.
public final class HTTPClient: Sendable {
    /// How a client behaves.
    public struct Configuration: Sendable {
        public var tls = TLSConfiguration()
        public var proxy = ProxySetting.environment()
        public var userAgent = "swift-curl-http"
        /// false keeps to HTTP/1.1 even where the server offers HTTP/2.
        public var usesHTTP2 = true
        /// Most connections to one host; more requests wait for one. nil sets no limit.
        public var maximumConnectionsPerHost: Int?
        /// How many bytes of a stream are kept for its reader before the server is held back.
        public var streamBufferBytes = 1 << 20

        /// The default: HTTP/2 where offered, the system's authorities, the environment's proxies.
        public init() {}
    }

    private let configuration: Configuration
    private let mailbox: Mailbox

    /// A client with its thread. Throws ``HTTPError`` when the system has no thread or memory for it.
    public init(configuration: Configuration = Configuration()) throws {
        self.configuration = configuration
        mailbox = try TransferLoop.start(configuration)
    }

    deinit { shutDown() }

    /// Ends all transfers, with ``HTTPError/Code/shutDown``, and the thread. Later requests fail at once.
    public func shutDown() { mailbox.submit(.shutDown) }

    /// Sends a request and takes in the whole answer, whatever its status. Throws ``HTTPError``, and `CancellationError`
    /// when the task is cancelled: the transfer has then been ended or is about to be.
    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = mailbox.newID()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                mailbox.submit(.start(TransferOrder(id: id, request: request, receiver: .whole(continuation))))
                // A handler that ran before the start has cancelled nothing.
                if Task.isCancelled { mailbox.submit(.cancel(id)) }
            }
        } onCancel: {
            mailbox.submit(.cancel(id))
        }
    }

    /// Sends a request and returns when the headers of the answer are there. Throws as ``send(_:)`` does.
    public func stream(_ request: HTTPRequest) async throws -> HTTPStream {
        let id = mailbox.newID()
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
