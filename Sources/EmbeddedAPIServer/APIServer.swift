import AsyncPrimitives
public import HTTPServing
import KubernetesModel
public import Logging
import Synchronization

/// A small Kubernetes API server in this process, for kubectl and controllers: discovery, schemas, objects, patches and
/// watches, over HTTPS on loopback with a bearer token.
///
/// ``respond(to:)`` answers a request in memory; ``run()`` listens on a port. The page of this module says how a
/// request travels.
public final class APIServer: Sendable {
    private let configuration: APIServerConfiguration
    let core: APIServerCore
    private let contexts: TLSContextProvider
    private let logger: Logger
    private let listener = ListenerState()

    /// The bearer token that requests must carry.
    public let token: String
    /// The certificate that clients must trust, with its key.
    public let certificateAuthority: Credential
    /// The certificate that clients must trust, in PEM.
    public var certificateAuthorityPEM: String { certificateAuthority.certificatePEM }

    /// Opens the storage and makes keys and certificates; does not listen yet.
    ///
    /// Throws ``SQLiteError`` when the file cannot be opened or read, or when another server has it open; the message
    /// says which. Throws `TLSError` when the certificate cannot be made, `JSONError` when a stored object
    /// cannot be parsed, and `APIStatus` when the system's namespaces cannot be created.
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
        certificateAuthority = authority.credential
        token = try configuration.token ?? SecureRandom.token()

        let registry = ResourceRegistry(builtin: BuiltinResources.all)
        let database: SQLiteStorage? =
            switch configuration.storage {
            case .memory: nil
            case .file(let path): try SQLiteStorage(path: path)
            }
        var window = WatchCache.Window()
        window.events = configuration.watchWindow
        let store = try ObjectStore(storage: database, window: window) { key, json in
            registry.resource(storageName: key.resource)?.strategy.fieldValues(json) ?? [:]
        }
        core = APIServerCore(
            store: store, registry: registry, logSource: logSource, hooks: configuration.hooks,
            clock: configuration.clock,
            bookmarkInterval: configuration.bookmarkInterval, logger: logger
        )
        core.refreshDefinitions()
        try NamespaceController(core: core).seed(certificateAuthorityPEM: authority.certificatePEM)
        core.resumeControllers()
    }

    /// Answers a request in memory, without a socket and without checking the token. Never throws: a failure is a
    /// response with a Status object.
    public func respond(to request: InboundRequest) async -> InboundResponse {
        let response = await core.respond(to: request)
        if request.method != "GET", request.path.contains("/customresourcedefinitions") {
            await core.settleDefinitions()
        }
        return response
    }

    /// Listens and runs the controllers until the task is cancelled; then ends all watches and closes the storage. Call
    /// it once.
    ///
    /// Throws ``ListenError`` when the port is taken, and ``SQLiteError`` when the last changes cannot be written.
    /// However it ends, nobody waits for ``port`` any more.
    public func run() async throws {
        do {
            try await listen()
            listener.end(CancellationError())
        } catch {
            listener.end(error)
            throw error
        }
    }

    private func listen() async throws {
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
                    do {
                        try await server.run { self.listener.listens(on: $0) }
                    } catch  where !self.listener.isListening && !(error is CancellationError) {
                        throw ListenError(port: self.configuration.port, error)
                    }
                }
                try await group.next()
                core.stopping.open()
                group.cancelAll()
                try await group.waitForAll()
            }
        } onCancel: {
            core.stopping.open()
        }
        try await core.store.close()
    }

    /// The port. Waits until the server listens; throws what ``run()`` throws when it ends before, and
    /// `CancellationError` when the task is cancelled.
    public var port: Int {
        get async throws { try await listener.port() }
    }

    /// `https://127.0.0.1:PORT`. Waits and throws as ``port`` does.
    public var url: String { get async throws { "https://127.0.0.1:\(try await port)" } }

    /// A kubeconfig with the server's URL, certificate and token. Waits and throws as ``port`` does. Anyone who can
    /// read it can do everything in this cluster.
    public func kubeconfig(namespace: String = "default", name: String = "sluice") async throws -> String {
        let authority = Base64.encode(certificateAuthorityPEM.utf8)
        return """
            apiVersion: v1
            kind: Config
            clusters:
            - name: \(name)
              cluster:
                server: \(try await url)
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
