import HTTPServing
import KubernetesModel
public import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An API server that kubectl and controllers take for a small real one: discovery, schemas, objects with all the ways to
/// change and to watch them, over HTTPS on loopback with a token (DESIGN.md, section 8).
///
/// ``respond(to:)`` answers in memory; ``run()`` listens.
public final class APIServer: Sendable {
    private let configuration: APIServerConfiguration
    let core: APIServerCore
    private let contexts: TLSContextProvider
    private let logger: Logger
    private let listening = Mutex<(port: Int?, waiters: [CheckedContinuation<Int, Never>])>((nil, []))

    /// The bearer token that requests must carry.
    public let token: String
    /// The certificate that clients must trust, in PEM.
    public let certificateAuthorityPEM: String

    /// Opens the store and makes keys and certificates; nothing listens yet. Throws when the file is another server's or
    /// cannot be read, with a sentence that says so.
    public init(
        configuration: APIServerConfiguration = APIServerConfiguration(), logSource: (any PodLogSource)? = nil,
        logger: Logger = Logger(label: "sluice.apiserver")
    ) throws {
        self.configuration = configuration
        self.logger = logger
        let authority =
            if let given = configuration.certificateAuthority {
                CertificateAuthority(
                    credential: Credential(certificatePEM: given.certificatePEM, privateKeyPEM: given.privateKeyPEM))
            } else {
                try CertificateAuthority(commonName: "sluice-ca")
            }
        let credential = try authority.issue(
            commonName: "sluice-apiserver",
            names: ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"],
            addresses: ["127.0.0.1", "::1"], validity: .seconds(365 * 86_400))
        contexts = TLSContextProvider(try TLSContext(credential))
        certificateAuthorityPEM = authority.certificatePEM
        token = try configuration.token ?? SecureRandom.token()

        let registry = ResourceRegistry(builtin: BuiltinResources.all)
        let database: SQLiteStorage? =
            switch configuration.storage {
            case .memory: nil
            case .file(let path): try SQLiteStorage(path: path)
            }
        var window = WatchCache.Window()
        window.events = configuration.watchWindow
        let clock = configuration.clock ?? Self.systemTime
        let store = try ObjectStore(storage: database, window: window) { key, json in
            registry.resource(storageName: key.resource)?.strategy.fieldValues(json) ?? [:]
        }
        core = APIServerCore(
            store: store, registry: registry, logSource: logSource, clock: clock,
            bookmarkInterval: configuration.bookmarkInterval, ruleEvaluator: configuration.ruleEvaluator, logger: logger
        )
        core.refreshDefinitions()
        try NamespaceController(core: core).seed(certificateAuthorityPEM: certificateAuthorityPEM)
        core.resumeControllers()
    }

    private static let systemTime: @Sendable () -> Timestamp = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    /// Answers a request in memory: no socket, no token. Never throws; a failure is a Status.
    public func respond(to request: InboundRequest) async -> InboundResponse {
        let response = await core.respond(to: request)
        if request.method != "GET", request.path.contains("/customresourcedefinitions") {
            await core.settleDefinitions()
        }
        return response
    }

    /// Listens and looks after things until the task is cancelled; then running watches are ended. Throws when the port
    /// cannot be had.
    public func run() async throws {
        let access = LoopbackAccess(token: token)
        let server = HTTPServer(
            configuration: HTTPServer.Configuration(
                port: configuration.port, maximumBodySize: configuration.maximumBodySize),
            tls: contexts, logger: logger,
            refuse: { request in access.refusal(of: request).map { ServerResponse(InboundResponse(APIStatus($0))) } },
            tooLarge: { ServerResponse(InboundResponse(.entityTooLarge(limit: $0))) },
            respond: { [self] in ServerResponse(await respond(to: InboundRequest($0))) })
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [core] in await core.runControllers() }
                group.addTask { [self] in
                    try await server.run { port in
                        let waiters = self.listening.withLock { state in
                            state.port = port
                            defer { state.waiters = [] }
                            return state.waiters
                        }
                        for waiter in waiters { waiter.resume(returning: port) }
                    }
                }
                try await group.next()
                core.stopping.set()
                group.cancelAll()
                try await group.waitForAll()
            }
        } onCancel: {
            core.stopping.set()
        }
        try await core.store.close()
    }

    /// The port, once the server listens.
    public var port: Int {
        get async {
            await withCheckedContinuation { continuation in
                let port = listening.withLock { state in
                    if state.port == nil { state.waiters.append(continuation) }
                    return state.port
                }
                if let port { continuation.resume(returning: port) }
            }
        }
    }

    /// `https://127.0.0.1:PORT`, once the server listens.
    public var url: String { get async { "https://127.0.0.1:\(await port)" } }

    /// A kubeconfig for this server with its token, once the server listens. It gives whoever reads it the whole cluster.
    public func kubeconfig(namespace: String = "default", name: String = "sluice") async -> String {
        let authority = Base64.encode(certificateAuthorityPEM.utf8)
        return """
            apiVersion: v1
            kind: Config
            clusters:
            - name: \(name)
              cluster:
                server: \(await url)
                certificate-authority-data: \(authority)
            users:
            - name: \(name)
              user:
                token: \(token)
            contexts:
            - name: \(name)
              context:
                cluster: \(name)
                user: \(name)
                namespace: \(namespace)
            current-context: \(name)

            """
    }
}
