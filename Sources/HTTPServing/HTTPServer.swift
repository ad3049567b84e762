import HTTPTypes
import HummingbirdCore
public import Logging
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An HTTP/1.1 server over TLS, or plain: a listener with limits, and a function from requests to responses.
///
/// Requests are answered concurrently, those of one connection in order. The limits apply to every client, also before
/// it has authenticated: the number of connections (more wait in the listen queue), the time that a connection may be
/// idle or slow, and the size of a request body.
public struct HTTPServer: Sendable {
    /// The address and the limits of a server.
    public struct Configuration: Sendable {
        /// The address to listen on; empty for all addresses of the machine, of IPv6 and of IPv4.
        public var host: String
        /// The TCP port; 0 chooses a free one.
        public var port: Int
        /// The largest request body, in bytes.
        public var maximumBodySize: Int
        /// A connection is closed when for this long it has no request, or sends nothing of one that it has begun.
        /// Responses may take longer. Go's API server has 90 s.
        public var idleTimeout: Duration
        /// The largest number of open connections; more wait until one is closed.
        public var maximumConnections: Int
        /// How long running requests may continue after the server was asked to end. Then they are cancelled.
        public var shutdownGrace: Duration

        /// Creates a configuration. Everything has a default.
        public init(
            host: String = "127.0.0.1", port: Int = 0, maximumBodySize: Int = 3 << 20,
            idleTimeout: Duration = .seconds(90), maximumConnections: Int = 1000,
            shutdownGrace: Duration = .seconds(3)
        ) {
            self.host = host
            self.port = port
            self.maximumBodySize = maximumBodySize
            self.idleTimeout = idleTimeout
            self.maximumConnections = maximumConnections
            self.shutdownGrace = shutdownGrace
        }
    }

    private let configuration: Configuration
    private let tls: TLSContextProvider?
    private let refuse: @Sendable (ServerRequest) -> ServerResponse?
    private let tooLarge: @Sendable (_ limit: Int) -> ServerResponse
    private let respond: @Sendable (ServerRequest) async -> ServerResponse
    private let logger: Logger

    /// Creates a server; it does not listen before ``run(onListening:)``.
    ///
    /// - Parameters:
    ///   - configuration: The address and the limits.
    ///   - tls: Provides the certificate for each new connection; nil for plain HTTP, which anybody on the way can read.
    ///   - logger: Gets the messages of the server.
    ///   - refuse: Checks a request before its body is read. If it returns a response, that is sent and the request
    ///     ends.
    ///   - tooLarge: Makes the response to a request whose body is larger than the limit.
    ///   - respond: Answers a request.
    public init(
        configuration: Configuration, tls: TLSContextProvider?, logger: Logger,
        refuse: @escaping @Sendable (ServerRequest) -> ServerResponse? = { _ in nil },
        tooLarge: @escaping @Sendable (_ limit: Int) -> ServerResponse = { _ in ServerResponse(status: 413) },
        respond: @escaping @Sendable (ServerRequest) async -> ServerResponse
    ) {
        self.configuration = configuration
        self.tls = tls
        self.refuse = refuse
        self.tooLarge = tooLarge
        self.respond = respond
        self.logger = logger
    }

    /// Serves until the task is cancelled. `onListening` gets the port. Throws NIO's error when the server cannot
    /// listen on the address.
    public func run(onListening: @escaping @Sendable (Int) -> Void) async throws {
        guard configuration.host.isEmpty else { return try await run(on: configuration.host, onListening) }
        do {
            // Of both families, where the machine has both.
            try await run(on: "::", onListening)
        } catch let error as IOError where [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errnoCode) {
            try await run(on: "0.0.0.0", onListening)
        }
    }

    /// Why ``run(onListening:)`` could not listen, as the end of a sentence.
    public static func reasonNotListening(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return error.errnoCode == EADDRINUSE
            ? "another program listens there" : String(cString: strerror(error.errnoCode))
    }

    private func run(on host: String, _ onListening: @escaping @Sendable (Int) -> Void) async throws {
        let disconnects = Disconnects()
        let channel = HTTP1Channel(
            responder: { request, writer, channel in try await answer(request, writer, channel, disconnects) },
            configuration: .init(
                additionalChannelHandlers: [disconnects.makeHandler()],
                idleTimeout: TimeAmount(configuration.idleTimeout)))
        if let tls {
            try await serve(OpenSSLChannel(channel, provider: tls), on: host, onListening)
        } else {
            try await serve(channel, on: host, onListening)
        }
    }

    private func serve(
        _ channel: some ServerChildChannel, on host: String, _ onListening: @escaping @Sendable (Int) -> Void
    ) async throws {
        // The server logs its own end as an error. Only critical messages are passed on, unless the level is debug.
        var serverLogger = logger
        if serverLogger.logLevel > .debug { serverLogger.logLevel = .critical }
        let ending = Ending()
        let server = Server(
            childChannelSetup: channel,
            configuration: ServerConfiguration(
                address: .hostname(host, port: configuration.port),
                availableConnectionsDelegate: .maximum(configuration.maximumConnections, logger: serverLogger)),
            onServerRunning: { channel in
                onListening(channel.localAddress?.port ?? configuration.port)
                ending.isRunning()
            },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: serverLogger)
        // In a separate task, so that the server always ends in order once it runs. A server that is cancelled drops
        // connections that it has accepted and not begun to serve, and one that is shut down before it runs drops its
        // listener; both end the process ("Deinited NIOAsyncWriter").
        let work = Task { try await server.run() }
        ending.prepare {
            Task { [logger] in
                do {
                    try await server.shutdownGracefully()
                } catch {
                    logger.debug("the server's end: \(error)")
                }
            }
            Task { [grace = configuration.shutdownGrace] in
                // This task is never cancelled. If the server has ended before, cancelling it has no effect.
                try? await Task.sleep(for: grace)
                work.cancel()
            }
        }
        try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            ending.request()
        }
    }

    private func answer(
        _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel, _ disconnects: Disconnects
    ) async throws {
        var message = ServerRequest(
            method: request.method.rawValue, target: request.head.path ?? "/", authority: request.head.authority,
            headers: request.headers.map { ($0.name.canonicalName, $0.value) })
        // The client waits for leave to send the body, or for the answer.
        let waits = request.headers[.expect]?.lowercased() == "100-continue"
        var isBodyWanted = true
        let response: ServerResponse
        if let refusal = refuse(message) {
            response = refusal
            isBodyWanted = false
        } else if waits, let length = request.headers[.contentLength].flatMap({ Int($0) }),
            length > configuration.maximumBodySize
        {
            response = tooLarge(configuration.maximumBodySize)
            isBodyWanted = false
        } else {
            do {
                if waits { try await writer.writeInformationalHead(HTTPResponse(status: .continue)) }
                let body = try await request.body.collect(upTo: configuration.maximumBodySize)
                message.body = Array(body.readableBytesView)
                response = await respond(message)
            } catch is NIOTooManyBytesError {
                response = tooLarge(configuration.maximumBodySize)
            }
        }
        var head = HTTPResponse(status: .init(code: response.status))
        for (name, value) in response.headers {
            if let name = HTTPField.Name(name) { head.headerFields.append(HTTPField(name: name, value: value)) }
        }
        // What follows on this connection could be the body or the next request.
        if waits, !isBodyWanted { head.headerFields[.connection] = "close" }
        switch response.body {
        case .bytes(let bytes):
            head.headerFields[.contentLength] = String(bytes.count)
            if request.method == .head {
                try await writer.writeResponse(head)
            } else {
                try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
            }
        case .stream(let produce):
            let output = Output(try await writer.writeHead(head))
            try await disconnects.cancelling(channel) {
                try await produce { bytes in
                    if !bytes.isEmpty { try await output.writer.write(ByteBuffer(bytes: bytes)) }
                }
                try await output.writer.finish(nil)
            }
        }
    }
}

/// The writer of a streamed response, passed to the task that produces its body.
private final class Output: @unchecked Sendable {
    // @unchecked: only the task that produces the body uses this, while the task that started it waits.
    var writer: any ResponseBodyWriter

    init(_ writer: some ResponseBodyWriter) { self.writer = writer }
}

/// Runs an action when the end of the server was requested and the server is running, whichever comes last.
private final class Ending: Sendable {
    private struct State {
        var action: (@Sendable () -> Void)?
        var isRunning = false
        var isRequested = false
    }

    private let state = Mutex(State())

    func prepare(_ action: @escaping @Sendable () -> Void) { change { $0.action = action } }
    func isRunning() { change { $0.isRunning = true } }
    func request() { change { $0.isRequested = true } }

    private func change(_ body: (inout State) -> Void) {
        let action: (@Sendable () -> Void)? = state.withLock { state in
            body(&state)
            guard state.isRunning, state.isRequested else { return nil }
            defer { state.action = nil }
            return state.action
        }
        action?()
    }
}
