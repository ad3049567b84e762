import CurlHTTP
public import JSON
public import KubernetesModel
public import Logging
import Synchronization

/// A client of one API server.
///
/// Requests share connections (HTTP/2 where the server speaks it); watches and logs have one each. Safe from everywhere;
/// everything throws `APIStatus` for what the server refused, ``KubernetesClientError`` for what did not get through, and
/// `CancellationError`, the request having been ended, when the task is cancelled.
public final class APIClient: Sendable {
    /// How a client behaves.
    public struct Settings: Sendable {
        public var retry = RetryPolicy()
        public var clock = ClientClock.system
        /// Connecting, with TLS.
        public var connectTimeout = Duration.seconds(10)
        /// From the sending of a request to the end of its answer; for a watch or a log to its first byte.
        public var responseTimeout = Duration.seconds(60)
        /// The largest answer that is taken in, in bytes; a page of a list is one.
        public var maximumBodyBytes = 256 << 20
        /// What the server warns of (deprecated versions, unknown fields); nil logs each text once.
        public var onWarning: (@Sendable (_ warning: String) -> Void)?

        /// The default.
        public init() {}
    }

    public let configuration: ClientConfiguration
    let settings: Settings
    let logger: Logger
    private let requests: HTTPClient
    /// Streams have HTTP/1.1 connections of their own, which TCP holds back when their reader is slow. On a shared HTTP/2
    /// connection curl 7.88 reads on for the sake of the others and keeps what it reads: a paused stream of 54 MB grew the
    /// process by 65 MB, and the requests beside it took five times as long.
    private let streams: HTTPClient
    private let seenWarnings = Mutex<Set<String>>([])

    /// A client. Throws when the machine has no threads for it or the configuration is wrong.
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
        // For servers that do not multiplex: as many at once, the others wait.
        http.maximumConnectionsPerHost = 32
        requests = try HTTPClient(configuration: http)
        http.usesHTTP2 = false
        http.maximumConnectionsPerHost = nil
        streams = try HTTPClient(configuration: http)
    }

    /// Ends all requests, streams and threads. Later requests fail. A client that is let go does this by itself.
    public func shutDown() {
        requests.shutDown()
        streams.shutDown()
    }

    // MARK: Typed and dynamic access

    /// The objects of a resource type as that Swift type; `namespace` nil means all namespaces, or cluster-scoped objects.
    public func resource<Object: JSONReadable & Sendable>(
        _ type: ResourceType, of object: Object.Type, namespace: String? = nil
    ) -> ResourceClient<Object> {
        ResourceClient(client: self, type: type, namespace: namespace)
    }

    /// The objects of a Swift type; `namespace` nil means all namespaces, or cluster-scoped objects.
    public func resource<Object: KubernetesObject>(
        _ object: Object.Type, namespace: String? = nil
    ) -> ResourceClient<Object> {
        ResourceClient(client: self, type: Object.resourceType, namespace: namespace)
    }

    /// The objects of any resource type, whole; `namespace` nil means all namespaces, or cluster-scoped objects.
    public func dynamic(_ type: ResourceType, namespace: String? = nil) -> ResourceClient<DynamicObject> {
        ResourceClient(client: self, type: type, namespace: namespace)
    }

    /// Any request: discovery, health, what has no method here. The body of a successful answer.
    ///
    /// `path` begins with a slash and is encoded already. GET, HEAD and PUT are sent again as ``RetryPolicy`` says.
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

    /// Sends a request as often as the policy allows; a successful answer.
    func send(_ request: APIRequest) async throws -> HTTPResponse {
        try await attempts(request) { http, _ in try await self.requests.send(http) }
    }

    /// Sends a request for a stream as often as the policy allows, until there is a successful head.
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
            http.needsNewConnection = needsNewConnection
            http.isRepeatable = request.repeatability == .safe
            if let identity = credentials.identity {
                http.tls = configuration.tls
                http.tls?.identity = identity
            }
            let failure: RetryPolicy.Failure
            let error: any Error
            do {
                let response = try await perform(http, attempt)
                report(warnings: response.headers)
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
                // A server that says nothing for a minute will not be quicker with the same load again; nor is a
                // certificate that is wrong right the next time.
                let isFinal: Set<HTTPError.Code> = [.invalidRequest, .tls, .bodyTooLarge, .shutDown, .responseTimeout]
                error = KubernetesClientError(
                    .transport, transport.message, method: request.method, url: url, transport: transport)
                if isFinal.contains(transport.code) { throw error }
                failure = .transport(mayHaveBeenSent: transport.mayHaveBeenSent)
            }
            let delay = settings.retry.delay(
                after: failure, request.repeatability, attempt: attempt, random: settings.clock.random())
            guard let delay else { throw error }
            logger.debug(
                "request is sent again",
                metadata: [
                    "method": "\(request.method)", "url": "\(url)", "error": "\(error)", "delay": "\(delay)",
                    "attempt": "\(attempt)",
                ])
            try await settings.clock.sleep(delay)
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

/// A request to the API, before it has a server.
struct APIRequest: Sendable {
    var method: String
    /// Encoded.
    var path: String
    var query: [(name: String, value: String)] = []
    var body: [UInt8]?
    var contentType = "application/json"
    var accept = "application/json"
    var repeatability = RetryPolicy.Repeatability.unsafe

    /// Path and query.
    var target: String {
        guard !query.isEmpty else { return path }
        return path + (path.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + RequestPath.query(query)
    }
}
