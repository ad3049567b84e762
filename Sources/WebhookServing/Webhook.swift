public import AdmissionWebhook
import AsyncPrimitives
import Clocks
import HTTPServing
import JSON
public import KubernetesClient
import KubernetesModel
public import Logging
public import Monitoring
import Synchronization

/// The admission webhook of one operator. Every replica serves it, with a certificate that all of them share, and the leader tells API
/// servers which authority to trust.
public final class Webhook: Sendable {
    /// The Service by which API servers call it, in the operator's namespace.
    static let service = "sluice-webhook"
    /// The Secret with the certificate, there too.
    static let secret = "sluice-webhook-tls"
    /// The ValidatingWebhookConfiguration.
    static let configuration = "sluice"
    static let path = "/validate"
    /// An object in a request is at most 1.5 MiB where etcd is as it comes, and an update shows two.
    private static let maximumBodySize = 4 << 20
    /// Three API servers keep 25 idle ones each. Who else reaches the port must not fill the memory: bodies are read whole.
    private static let maximumConnections = 128

    /// How often the Secret is read: by then a replica has what another one has renewed.
    static let certificatePause = Duration.seconds(60)
    /// How often the leader looks whether the configuration has the authority still.
    static let registrationPause = Duration.seconds(15)
    /// After a failure, while there is no certificate yet.
    static let retryPause = Duration.seconds(5)

    private struct Current: Sendable {
        var certificate: WebhookCertificate
        var context: TLSContext
    }

    private let address: ListenAddress
    private let namespace: String
    private let reviewer: AdmissionReviewer
    private let access: any WebhookAccess
    private let clock: any RuntimeClock
    private let logger: Logger
    private let current = Mutex<Current?>(nil)
    private let hasCertificate = AsyncLatch()
    /// What was told last, by what it was about: the same is not told each time that it is tried again.
    private let told = Mutex<[String: String]>([:])

    /// A webhook that does not listen yet, of an operator in that namespace.
    public convenience init(
        address: ListenAddress, namespace: String, reviewer: AdmissionReviewer, client: APIClient, logger: Logger
    ) {
        self.init(
            address: address, namespace: namespace, reviewer: reviewer,
            access: APIServerWebhookAccess(client, namespace: namespace), logger: logger)
    }

    /// A webhook over any access to the cluster.
    init(
        address: ListenAddress, namespace: String, reviewer: AdmissionReviewer, access: any WebhookAccess,
        clock: any RuntimeClock = SystemClock(), logger: Logger
    ) {
        self.address = address
        self.namespace = namespace
        self.reviewer = reviewer
        self.access = access
        self.clock = clock
        self.logger = logger
    }

    /// The name by which API servers call it.
    private var serverName: String { "\(Self.service).\(namespace).svc" }

    /// What is served with now.
    var certificate: WebhookCertificate? { current.withLock { $0?.certificate } }

    /// Serves until the task is cancelled, from when there is a certificate. Throws `MonitoringServer.ListenError`.
    public func run(onListening: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.keepCertificate() }
            group.addTask { try await self.serve(onListening) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    // MARK: Serving

    private func serve(_ onListening: @escaping @Sendable (Int) -> Void) async throws {
        try await hasCertificate.wait()
        guard let first = current.withLock({ $0?.context }) else { return }
        // The closure is called for each new connection: a renewed certificate needs no restart.
        let contexts = TLSContextProvider { self.current.withLock { $0?.context } ?? first }
        let configuration = HTTPServer.Configuration(
            host: address.host, port: address.port, maximumBodySize: Self.maximumBodySize,
            maximumConnections: Self.maximumConnections)
        let server = HTTPServer(configuration: configuration, tls: contexts, logger: logger) { request in
            self.response(to: request)
        }
        let isListening = AsyncLatch()
        do {
            try await server.run { port in
                isListening.open()
                self.logger.info(
                    "listening",
                    metadata: ["address": "\(self.address)", "port": "\(port)", "for": "the admission webhook"])
                onListening(port)
            }
        } catch  where !isListening.isOpen && !(error is CancellationError) {
            throw MonitoringServer.ListenError(
                address: address, purpose: "the admission webhook", reason: HTTPServer.reasonNotListening(error))
        }
    }

    private func response(to request: ServerRequest) -> ServerResponse {
        func text(_ status: Int, _ body: String) -> ServerResponse {
            ServerResponse(
                status: status, headers: [("Content-Type", "text/plain; charset=utf-8")],
                body: .bytes(Array("\(body)\n".utf8)))
        }
        // API servers add their time-out as a query.
        guard request.target.prefix(while: { $0 != "?" }) == Self.path else {
            return text(404, "there is nothing here but \(Self.path)")
        }
        guard request.method == "POST" else { return text(405, "expected POST") }
        do {
            return ServerResponse(
                status: 200, headers: [("Content-Type", "application/json")],
                body: .bytes(try reviewer.review(request.body)))
        } catch {
            return text(400, error.description)
        }
    }

    /// Logs a failure, where it is another one than the last time; nil for none.
    private func tell(_ error: (any Error)?, of what: String) {
        let text = error.map { "\($0)" }
        let isNews = told.withLock { told in
            defer { told[what] = text }
            return text != nil && told[what] != text
        }
        if let text, isNews { logger.warning("\(what)", metadata: ["error": "\(text)"]) }
    }

    // MARK: The certificate

    private func keepCertificate() async throws {
        while true {
            do {
                try await refreshCertificate()
                tell(nil, of: "the certificate of the admission webhook cannot be kept")
            } catch  where !(error is CancellationError) {
                tell(error, of: "the certificate of the admission webhook cannot be kept")
            }
            try await clock.sleep(for: hasCertificate.isOpen ? Self.certificatePause : Self.retryPause)
        }
    }

    /// Takes the certificate of the Secret, and makes or renews it there where that is due. Another replica may be first: then its
    /// certificate is taken.
    func refreshCertificate() async throws {
        for _ in 0..<3 {
            let stored = try await access.secret()
            let found = stored.flatMap { WebhookCertificate(secret: $0) }
            // A Secret that somebody deleted comes back with what API servers trust already.
            let wanted =
                try (found ?? certificate)?.renewed(for: serverName, now: clock.now)
                ?? WebhookCertificate(for: serverName)
            if wanted == found { return try take(wanted) }
            do {
                if var secret = stored {
                    secret["data"] = wanted.secretData
                    try await access.replaceSecret(secret)
                } else {
                    try await access.createSecret(newSecret(wanted))
                }
                return try take(wanted)
            } catch let status as APIStatus where status.isAlreadyExists || status.isConflict || status.isNotFound {
                continue
            }
        }
        logger.info("the Secret of the admission webhook changes all the time", metadata: ["secret": "\(Self.secret)"])
    }

    private func newSecret(_ certificate: WebhookCertificate) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": [
                "name": .string(Self.secret), "namespace": .string(namespace),
                "labels": ["app.kubernetes.io/name": "sluice", "app.kubernetes.io/component": "operator"],
            ],
            "data": certificate.secretData,
        ]
    }

    private func take(_ certificate: WebhookCertificate) throws {
        guard certificate != self.certificate else { return }
        let context = try TLSContext(certificate.serving)
        current.withLock { $0 = Current(certificate: certificate, context: context) }
        hasCertificate.open()
    }

    // MARK: The configuration

    /// Keeps the authority in the configuration until the task is cancelled, whoever takes it out: the leader's part.
    public func keepRegistered() async throws {
        try await hasCertificate.wait()
        while true {
            do {
                try await register()
                tell(nil, of: "API servers cannot be told to trust the admission webhook")
            } catch  where !(error is CancellationError) {
                tell(error, of: "API servers cannot be told to trust the admission webhook")
            }
            try await clock.sleep(for: Self.registrationPause)
        }
    }

    /// Writes the authority into each webhook of the configuration that has another one.
    func register() async throws {
        for _ in 0..<3 {
            // Without the configuration nobody calls the webhook, which is fine.
            guard let bundle = certificate?.bundle, let stored = try await access.configuration() else { return }
            var configuration = stored
            configuration["webhooks"] = .array(
                (stored["webhooks"]?.array ?? []).map { webhook in
                    var webhook = webhook
                    webhook["clientConfig"]?["caBundle"] = .string(bundle)
                    return webhook
                })
            guard configuration != stored else { return }
            do {
                return try await access.replaceConfiguration(configuration)
            } catch let status as APIStatus where status.isConflict || status.isNotFound {
                continue
            }
        }
    }
}
