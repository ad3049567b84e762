import AsyncPrimitives
import HTTPServing
public import KubernetesRuntime
public import Logging
public import PrometheusMetrics

/// What a process that runs for ever tells of itself over plain HTTP: whether it lives, whether it is ready, and its metrics.
///
/// `/healthz` and `/livez` say whether it lives, `/readyz` whether it can work and else why not, a reason a line, `/metrics` gives the
/// metrics to Prometheus. Each answer is worked out on the threads that all tasks of the process share: where these hang, none comes,
/// and a probe fails by its time-out.
public struct MonitoringServer: Sendable {
    /// An address that could not be listened on.
    public struct ListenError: Error, Sendable, Hashable, CustomStringConvertible {
        public let address: ListenAddress
        /// What it was for: "health", "metrics" or both, or something else that is listened for.
        public let purpose: String
        /// The end of a sentence.
        public let reason: String

        /// An error.
        public init(address: ListenAddress, purpose: String, reason: String) {
            self.address = address
            self.purpose = purpose
            self.reason = reason
        }

        /// One sentence for people.
        public var description: String { "cannot listen on \(address) for \(purpose): \(reason)" }
    }

    /// The state of the process, asked for each probe. Both must answer at once.
    public struct Health: Sendable {
        public var isAlive: @Sendable () -> Bool
        /// Empty when it is ready.
        public var unreadyReasons: @Sendable () -> [String]

        /// The answers of two functions.
        public init(isAlive: @escaping @Sendable () -> Bool, unreadyReasons: @escaping @Sendable () -> [String]) {
            self.isAlive = isAlive
            self.unreadyReasons = unreadyReasons
        }

        /// The health of a manager.
        public init(_ manager: Manager) {
            self.init(isAlive: { manager.isAlive }, unreadyReasons: { manager.unreadyReasons })
        }
    }

    private struct Listener: Sendable {
        var address: ListenAddress
        var hasHealth: Bool
        var hasMetrics: Bool

        var purpose: String { hasHealth && hasMetrics ? "health and metrics" : hasHealth ? "health" : "metrics" }
    }

    private let listeners: [Listener]
    private let registry: PrometheusRegistry
    private let logger: Logger

    /// A server that does not listen yet. An address that is nil is not served; where both are the same, one listener has both.
    public init(health: ListenAddress?, metrics: ListenAddress?, registry: PrometheusRegistry, logger: Logger) {
        var listeners: [Listener] = []
        if let health { listeners.append(Listener(address: health, hasHealth: true, hasMetrics: health == metrics)) }
        if let metrics, metrics != health {
            listeners.append(Listener(address: metrics, hasHealth: false, hasMetrics: true))
        }
        self.listeners = listeners
        self.registry = registry
        self.logger = logger
    }

    /// Serves while `body` runs, which begins when all is listened on. Where the task is cancelled it goes on until `body` has ended.
    ///
    /// Throws ``ListenError``, and then `body` was never begun; and what `body` throws. `onListening` gets the ports, first of the
    /// health.
    public func serve(
        _ health: Health, onListening: @escaping @Sendable ([Int]) -> Void = { _ in },
        while body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let running = listeners.map { Running($0, server(for: $0, health)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for listener in running { group.addTask { try await listener.ended() } }
            group.addTask {
                var ports: [Int] = []
                for listener in running {
                    let port = try await listener.port()
                    logger.info(
                        "listening",
                        metadata: [
                            "address": "\(listener.listener.address)", "port": "\(port)",
                            "for": "\(listener.listener.purpose)",
                        ])
                    ports.append(port)
                }
                onListening(ports)
                try await body()
            }
            defer {
                for listener in running { listener.cancel() }
                group.cancelAll()
            }
            try await group.next()
        }
    }

    private func server(for listener: Listener, _ health: Health) -> HTTPServer {
        // Of probes and scrapes there are few, and whoever else connects must not keep them out for long.
        let configuration = HTTPServer.Configuration(
            host: listener.address.host, port: listener.address.port, maximumBodySize: 1024,
            idleTimeout: .seconds(60), maximumConnections: 256, shutdownGrace: .seconds(1))
        return HTTPServer(configuration: configuration, tls: nil, logger: logger) { [registry] request in
            Self.response(to: request, listener, health, registry)
        }
    }

    private static func response(
        to request: ServerRequest, _ listener: Listener, _ health: Health, _ registry: PrometheusRegistry
    ) -> ServerResponse {
        let paths =
            (listener.hasHealth ? ["/healthz", "/livez", "/readyz"] : []) + (listener.hasMetrics ? ["/metrics"] : [])
        let path = String(request.target.prefix { $0 != "?" })
        guard paths.contains(path) else {
            return text(404, "there is nothing here but \(paths.joined(separator: ", "))\n")
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            var response = text(405, "expected GET\n")
            response.headers.append(("Allow", "GET, HEAD"))
            return response
        }
        switch path {
        case "/metrics": return text(200, registry.exposition(), type: PrometheusRegistry.contentType)
        case "/readyz":
            let reasons = health.unreadyReasons()
            return reasons.isEmpty ? text(200, "ok\n") : text(503, reasons.map { $0 + "\n" }.joined())
        default: return health.isAlive() ? text(200, "ok\n") : text(503, "the process has to be started anew\n")
        }
    }

    private static func text(
        _ status: Int, _ body: String, type: String = "text/plain; charset=utf-8"
    ) -> ServerResponse {
        ServerResponse(
            status: status, headers: [("Content-Type", type), ("Cache-Control", "no-store")],
            body: .bytes(Array(body.utf8)))
    }

    /// A server at work, in a task of its own: it is to outlive the cancelling of whoever started it.
    private struct Running: Sendable {
        let listener: Listener
        private let work: Task<Void, any Error>
        private let ports: AsyncStream<Int>

        init(_ listener: Listener, _ server: HTTPServer) {
            let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
            self.listener = listener
            self.ports = ports
            work = Task {
                defer { continuation.finish() }
                let isListening = AsyncLatch()
                do {
                    try await server.run { port in
                        isListening.open()
                        continuation.yield(port)
                    }
                } catch  where !isListening.isOpen && !(error is CancellationError) {
                    throw ListenError(
                        address: listener.address, purpose: listener.purpose,
                        reason: HTTPServer.reasonNotListening(error))
                }
            }
        }

        /// The port, when it listens. Throws where it never will.
        func port() async throws -> Int {
            for await port in ports { return port }
            try await work.value
            throw CancellationError()
        }

        func ended() async throws { try await work.value }
        func cancel() { work.cancel() }
    }
}
