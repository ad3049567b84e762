public import Clocks
import CurlHTTP
public import JSON
public import KubernetesModel
public import Logging
import Synchronization

/// A client of one API server. It may be used from any task.
///
/// Requests share connections (HTTP/2 where the server speaks it); each watch and log has its own. All methods throw
/// `APIStatus` when the server refused the request, ``KubernetesClientError`` when it did not get through or the answer
/// cannot be understood, and `CancellationError` when the task is cancelled; then the request has been ended.
public final class APIClient: Sendable {
    /// The behaviour of a client.
    public struct Settings: Sendable {
        public var retry = RetryPolicy()
        /// Waits before a request is sent again.
        public var clock: any RuntimeClock = SystemClock()
        /// The jitter of those waits.
        public var random: RandomSource = systemRandom
        /// The limit for connecting, including TLS.
        public var connectTimeout = Duration.seconds(10)
        /// The limit from sending a request to the end of the answer; for a watch or a log, to its headers.
        public var responseTimeout = Duration.seconds(60)
        /// The largest answer that is accepted, in bytes. Each page of a list is one answer.
        public var maximumBodyBytes = 256 << 20
        /// Receives the server's warnings (deprecated versions, unknown fields). If nil, each different text is logged
        /// once.
        public var onWarning: (@Sendable (_ warning: String) -> Void)?

        /// Creates the default settings.
        public init() {}
    }

    public let configuration: ClientConfiguration
    let settings: Settings
    let logger: Logger
    private let requests: HTTPClient
    /// Streams have their own HTTP/1.1 connections, which TCP holds back when their reader is slow. On a shared HTTP/2
    /// connection curl 7.88 continues to read for the other requests and keeps what it reads: a paused stream of 54 MB
    /// grew the process by 65 MB, and requests beside it took five times as long.
    private let streams: HTTPClient
    private let seenWarnings = Mutex<Set<String>>([])
    private let serverClock = ServerClock()

    /// Creates a client. Throws `HTTPError` when the system has no thread or memory for it.
    public init(
        configuration: ClientConfiguration, settings: Settings = Settings(),
        logger: Logger = Logger(label: "kubernetes-client")
    ) throws {
        self.configuration = configuration
        self.settings = settings
        self.logger = logger
        var http = HTTPClient.Configuration()
        http.tls = configuration.tls
        http.proxy = configuration.proxy
        http.userAgent = configuration.userAgent
        // A limit for servers without HTTP/2; further requests wait.
        http.maximumConnectionsPerHost = 32
        requests = try HTTPClient(configuration: http)
        http.usesHTTP2 = false
        http.maximumConnectionsPerHost = nil
        streams = try HTTPClient(configuration: http)
    }

    /// Ends all requests, streams and threads. Later requests fail. This happens automatically when the last reference
    /// to the client is dropped.
    public func shutDown() {
        requests.shutDown()
        streams.shutDown()
    }

    /// How far the API server's wall clock is ahead of this machine's (behind it, where negative), as its answers tell; zero within two
    /// seconds.
    public var clockDifference: Duration { serverClock.difference }

    // MARK: Typed and dynamic access

    /// The objects of a resource type, decoded as `Object`. If `namespace` is nil: those of all namespaces, or
    /// cluster-scoped ones.
    public func resource<Object: JSONReadable & Sendable>(
        _ type: ResourceType, of object: Object.Type, namespace: String? = nil
    ) -> ResourceClient<Object> {
        ResourceClient(client: self, type: type, namespace: namespace)
    }

    /// The objects of a Swift type. If `namespace` is nil: those of all namespaces, or cluster-scoped ones.
    public func resource<Object: KubernetesObject>(
        _ object: Object.Type, namespace: String? = nil
    ) -> ResourceClient<Object> {
        ResourceClient(client: self, type: Object.resourceType, namespace: namespace)
    }

    /// The objects of any resource type, with all fields. If `namespace` is nil: those of all namespaces, or
    /// cluster-scoped ones.
    public func dynamic(_ type: ResourceType, namespace: String? = nil) -> ResourceClient<DynamicObject> {
        ResourceClient(client: self, type: type, namespace: namespace)
    }

    /// Sends any request, for discovery, health and whatever has no method here. Returns the body of a successful
    /// answer.
    ///
    /// `path` begins with a slash and is percent-encoded. GET, HEAD and PUT are sent again as ``RetryPolicy`` says.
    /// Throws as ``APIClient`` describes.
    public func request(
        _ method: String, _ path: String, query: [(name: String, value: String)] = [], body: JSONValue? = nil,
        contentType: String = "application/json", accept: String = "application/json"
    ) async throws -> [UInt8] {
        let isSafe = ["GET", "HEAD", "PUT"].contains(method)
        return try await send(
            APIRequest(
                method: method, path: path, query: query, body: body?.bytes, contentType: contentType, accept: accept,
                repeatability: isSafe ? .safe : .unsafe)
        ).body
    }

    // MARK: Sending

    /// Sends a request, again if the policy allows it, and returns a successful answer. Throws as ``APIClient``
    /// describes.
    func send(_ request: APIRequest) async throws -> HTTPResponse {
        try await attempts(request) { http, _ in try await self.requests.send(http) }
    }

    /// Sends a request for a stream, again if the policy allows it, until an answer succeeds. Throws as ``APIClient``
    /// describes.
    func stream(_ request: APIRequest, idle: Duration?) async throws -> HTTPStream {
        var opened: HTTPStream?
        _ = try await attempts(request) { http, _ in
            var http = http
            http.timeouts.idle = idle
            let stream = try await self.streams.stream(http)
            guard (200..<300).contains(stream.status) else {
                return HTTPResponse(
                    status: stream.status, headers: stream.headers, body: try await stream.collect(upTo: 1 << 20))
            }
            opened = stream
            return HTTPResponse(status: stream.status, headers: stream.headers)
        }
        guard let opened else {
            throw KubernetesClientError(.unexpectedBody, "no stream", method: request.method, url: request.path)
        }
        return opened
    }

    private func attempts(
        _ request: APIRequest, _ perform: (HTTPRequest, Int) async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        let url = configuration.server + request.target
        var needsNewConnection = false
        var hasRefreshed = false
        var attempt = 0
        while true {
            attempt += 1
            let credentials = try await credentials(for: request, url: url)
            var http = HTTPRequest(method: request.method, url: url, headers: headers(request, credentials))
            http.body = request.body
            http.timeouts = HTTPTimeouts(connect: settings.connectTimeout, response: settings.responseTimeout)
            http.maximumBodyBytes = settings.maximumBodyBytes
            http.acceptsCompression = request.acceptsCompression
            http.needsNewConnection = needsNewConnection
            http.isRepeatable = request.repeatability == .safe
            if configuration.authorityFile != nil || credentials.identity != nil {
                http.tls = configuration.currentTLS
                if let identity = credentials.identity { http.tls?.identity = identity }
            }
            let failure: RetryPolicy.Failure
            let error: any Error
            do {
                let sent = settings.clock.now
                let response = try await perform(http, attempt)
                report(warnings: response.headers)
                note(date: response.headers, sent: sent)
                if (200..<300).contains(response.status) { return response }
                let status = APIStatus(response, method: request.method, url: url)
                if response.status == 401, !hasRefreshed, await configuration.credentials.refresh(after: credentials) {
                    hasRefreshed = true
                    attempt -= 1
                    continue
                }
                let patience = APIStatus.retryAfter(response).map { Duration.seconds($0) }
                failure = .status(response.status, retryAfter: patience)
                error = status
            } catch let transport as HTTPError {
                if transport.code == .responseTimeout || transport.code == .connectionLost { needsNewConnection = true }
                // These failures are final. A server that is silent for a minute would not be quicker at the next try,
                // and a wrong certificate stays wrong. A handshake that breaks off is not: that is how a server ends.
                let isFinal: Set<HTTPError.Code> = [.invalidRequest, .tls, .bodyTooLarge, .shutDown, .responseTimeout]
                error = KubernetesClientError(
                    .transport, transport.message, method: request.method, url: url, transport: transport)
                if isFinal.contains(transport.code) { throw error }
                failure = .transport(mayHaveBeenSent: transport.mayHaveBeenSent)
            }
            let delay = settings.retry.delay(
                after: failure, request.repeatability, attempt: attempt, random: settings.random())
            guard let delay else { throw error }
            logger.debug(
                "request is sent again",
                metadata: [
                    "method": "\(request.method)", "url": "\(url)", "error": "\(error)", "delay": "\(delay)",
                    "attempt": "\(attempt)",
                ])
            try await settings.clock.sleep(for: delay)
        }
    }

    private func credentials(for request: APIRequest, url: String) async throws -> Credentials {
        do {
            return try await configuration.credentials.credentials()
        } catch let error as CredentialError {
            throw KubernetesClientError(.credentials, error.message, method: request.method, url: url)
        }
    }

    private func headers(_ request: APIRequest, _ credentials: Credentials) -> [HTTPHeader] {
        var headers = [HTTPHeader("Accept", request.accept)]
        if request.body != nil { headers.append(HTTPHeader("Content-Type", request.contentType)) }
        if let authorization = credentials.authorization { headers.append(HTTPHeader("Authorization", authorization)) }
        return headers + configuration.headers
    }

    private func note(date headers: [HTTPHeader], sent: Timestamp) {
        guard let date = headers.firstValue(of: "Date"),
            let difference = serverClock.observe(date: date, sent: sent, answered: settings.clock.now)
        else { return }
        guard difference != .zero else {
            return logger.notice("this machine's clock and the API server's agree again")
        }
        logger.warning(
            "this machine's clock differs from the API server's, which counts: keep both by NTP",
            metadata: ["server-ahead-by-seconds": "\(difference.components.seconds)"])
    }

    private func report(warnings headers: [HTTPHeader]) {
        for value in headers.values(of: "Warning") {
            for text in WarningHeader.texts(value) {
                if let onWarning = settings.onWarning {
                    onWarning(text)
                    continue
                }
                let isNew = seenWarnings.withLock { $0.count < 1000 && $0.insert(text).inserted }
                if isNew { logger.warning("the API server warns", metadata: ["warning": "\(text)"]) }
            }
        }
    }
}

/// A request to the API, without the server's address.
struct APIRequest: Sendable {
    var method: String
    /// The percent-encoded path.
    var path: String
    var query: [(name: String, value: String)] = []
    var body: [UInt8]?
    var contentType = "application/json"
    var accept = "application/json"
    /// Whether the answer may be compressed on its way. An API server does so with large ones.
    var acceptsCompression = false
    var repeatability = RetryPolicy.Repeatability.unsafe

    /// The path with the query.
    var target: String {
        guard !query.isEmpty else { return path }
        return path + (path.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + RequestPath.query(query)
    }
}
