import AdmissionWebhook
import CurlHTTP
import Foundation
import HTTPServing
import JSON
import KubernetesModel
import KubernetesTesting
import Logging
import Monitoring
import Synchronization
import Testing

@testable import WebhookServing

/// The two objects that the webhook reads and writes, with resourceVersions as an API server keeps them.
private final class WebhookCluster: WebhookAccess {
    enum Place: Sendable { case secret, configuration }

    struct State: Sendable {
        var objects: [Place: JSONValue] = [:]
        var version = 0
        var writes = 0
        /// So many requests are refused from now on.
        var refusals = 0
        /// Done once before the next write: somebody else is faster.
        var before: (@Sendable (inout State) -> Void)?

        mutating func put(_ place: Place, _ value: JSONValue) {
            version += 1
            var value = value
            value["metadata"]?["resourceVersion"] = .string(String(version))
            objects[place] = value
        }
    }

    let state = Mutex(State())

    subscript(place: Place) -> JSONValue? { state.withLock { $0.objects[place] } }

    func put(_ place: Place, _ value: JSONValue) { state.withLock { $0.put(place, value) } }

    private func write(_ place: Place, _ value: JSONValue, isNew: Bool) throws {
        try state.withLock { state in
            if let before = state.before {
                state.before = nil
                before(&state)
            }
            let there = state.objects[place]
            if isNew, there != nil { throw APIStatus(code: 409, reason: "AlreadyExists", message: "there is one") }
            if !isNew, there?["metadata"]?["resourceVersion"] != value["metadata"]?["resourceVersion"] {
                throw APIStatus(code: 409, reason: "Conflict", message: "changed")
            }
            state.put(place, value)
            state.writes += 1
        }
    }

    func secret() async throws -> JSONValue? {
        try state.withLock { state in
            if state.refusals > 0 {
                state.refusals -= 1
                throw APIStatus(code: 403, reason: "Forbidden", message: "secrets is forbidden")
            }
        }
        return self[.secret]
    }
    func createSecret(_ secret: JSONValue) async throws { try write(.secret, secret, isNew: true) }
    func replaceSecret(_ secret: JSONValue) async throws { try write(.secret, secret, isNew: false) }
    func configuration() async throws -> JSONValue? { self[.configuration] }
    func replaceConfiguration(_ configuration: JSONValue) async throws {
        try write(.configuration, configuration, isNew: false)
    }
}

@Suite struct WebhookTests {
    private static let name = "sluice-webhook.home.svc"
    private static let day: Int64 = 86_400
    private static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    private static func webhook(
        _ cluster: WebhookCluster, address: ListenAddress = ListenAddress(host: "127.0.0.1", port: 0),
        clock: ManualClock = ManualClock(start: now)
    ) -> Webhook {
        Webhook(
            address: address, namespace: "home", reviewer: AdmissionReviewer(), access: cluster, clock: clock,
            logger: logger)
    }

    /// Certificates are made by the machine's time.
    private static var now: Timestamp { Timestamp(seconds: Int64(Date().timeIntervalSince1970)) }

    private static func inDays(_ days: Int64) -> Timestamp { Timestamp(seconds: now.seconds + days * day) }

    // MARK: The certificate

    @Test func `The serving certificate is renewed when a third of its life is left, by the same authority`() throws {
        let made = try WebhookCertificate(for: Self.name)
        #expect(try made.renewed(for: Self.name, now: Self.now) == made)
        #expect(try made.renewed(for: Self.name, now: Self.inDays(240)) == made)
        let renewed = try made.renewed(for: Self.name, now: Self.inDays(245))
        #expect(renewed.authority == made.authority && renewed.serving != made.serving)
        #expect(
            try CertificateAuthority(credential: made.authority).hasIssued(
                renewed.serving.certificatePEM, for: Self.name))
        #expect(try renewed.renewed(for: Self.name, now: Self.inDays(1)) == renewed)
    }

    @Test func `A renewed authority is trusted beside the one before, and only these two are kept`() throws {
        let made = try WebhookCertificate(for: Self.name)
        var current = made
        for _ in 0..<3 { current = try current.renewed(for: Self.name, now: Self.inDays(365 * 7)) }
        let count = current.authority.certificatePEM.components(separatedBy: "BEGIN CERTIFICATE").count - 1
        #expect(count == 2)
        let once = try made.renewed(for: Self.name, now: Self.inDays(365 * 7))
        #expect(once.authority.certificatePEM.hasSuffix(made.authority.certificatePEM))
        #expect(
            try CertificateAuthority(credential: once.authority).hasIssued(once.serving.certificatePEM, for: Self.name))
        #expect(
            try !CertificateAuthority(credential: once.authority).hasIssued(made.serving.certificatePEM, for: Self.name)
        )
    }

    @Test func `A certificate for another name is made anew; a Secret that makes no sense counts for none`() throws {
        let made = try WebhookCertificate(for: Self.name)
        let moved = try made.renewed(for: "sluice-webhook.elsewhere.svc", now: Self.now)
        #expect(moved.authority == made.authority && moved.serving != made.serving)
        let secret: JSONValue = ["data": made.secretData]
        #expect(WebhookCertificate(secret: secret) == made)
        let other = try WebhookCertificate(for: Self.name)
        for (key, value) in [
            ("ca.crt", nil), ("ca.key", other.secretData["ca.key"]), ("tls.key", other.secretData["tls.key"]),
            ("tls.crt", "bm9uZQ=="), ("tls.crt", "no base64"), ("ca.crt", 3),
        ] as [(String, JSONValue?)] {
            var broken = secret
            broken["data"]?[key] = value
            #expect(WebhookCertificate(secret: broken) == nil, "\(key)")
        }
        #expect(WebhookCertificate(secret: [:]) == nil)
    }

    // MARK: The Secret

    @Test func `All replicas end with one certificate, whoever is first`() async throws {
        let cluster = WebhookCluster()
        let first = Self.webhook(cluster)
        let second = Self.webhook(cluster)
        // The second one's Secret is there when the first creates its own.
        let faster = try WebhookCertificate(for: Self.name)
        cluster.state.withLock {
            $0.before = { $0.put(.secret, ["metadata": [:], "data": faster.secretData]) }
        }
        try await first.refreshCertificate()
        try await second.refreshCertificate()
        #expect(first.certificate == faster && second.certificate == faster)
        #expect(cluster.state.withLock(\.writes) == 0)
    }

    @Test func `It is renewed in the Secret by the clock, and another replica takes it from there`() async throws {
        let cluster = WebhookCluster()
        let clock = ManualClock(start: Self.now)
        let first = Self.webhook(cluster, clock: clock)
        let second = Self.webhook(cluster, clock: clock)
        try await first.refreshCertificate()
        try await second.refreshCertificate()
        let old = try #require(first.certificate)
        #expect(second.certificate == old)
        clock.advance(by: .seconds(250 * 86_400))
        try await second.refreshCertificate()
        let renewed = try #require(second.certificate)
        #expect(renewed.serving != old.serving && renewed.authority == old.authority)
        let stored = try #require(cluster[.secret])
        #expect(stored["data"] == renewed.secretData && stored["type"] == "kubernetes.io/tls")
        #expect(stored["metadata"]?["name"] == "sluice-webhook-tls" && stored["metadata"]?["namespace"] == "home")
    }

    @Test func `A deleted Secret comes back with what is trusted already, a spoilt one is made anew`() async throws {
        let cluster = WebhookCluster()
        let webhook = Self.webhook(cluster)
        try await webhook.refreshCertificate()
        let certificate = try #require(webhook.certificate)
        cluster.state.withLock { $0.objects[.secret] = nil }
        try await webhook.refreshCertificate()
        #expect(cluster[.secret]?["data"] == certificate.secretData)
        cluster.state.withLock {
            $0.put(.secret, ["metadata": ["labels": ["kept": "yes"]], "data": ["tls.crt": "eA=="]])
        }
        try await webhook.refreshCertificate()
        let mended = cluster[.secret]
        #expect(mended?["data"] == certificate.secretData && mended?["metadata"]?["labels"]?["kept"] == "yes")
    }

    // MARK: The configuration

    @Test func `The leader writes the authority where it differs, after a conflict again, and else nothing`()
        async throws
    {
        let cluster = WebhookCluster()
        let webhook = Self.webhook(cluster)
        try await webhook.register()
        try await webhook.refreshCertificate()
        try await webhook.register()
        #expect(cluster.state.withLock(\.writes) == 1)
        let applied: JSONValue = [
            "metadata": ["name": "sluice"],
            "webhooks": [
                ["name": "validate.sluice.dev", "clientConfig": ["service": ["name": "sluice-webhook"]]],
                ["name": "other.sluice.dev", "clientConfig": ["service": ["name": "x"], "caBundle": "old"]],
            ],
        ]
        cluster.state.withLock {
            $0.put(.configuration, applied)
            $0.before = { $0.put(.configuration, applied) }
        }
        let bundle = try #require(webhook.certificate?.bundle)
        for _ in 0..<2 {
            try await webhook.register()
            let webhooks = cluster[.configuration]?["webhooks"]?.array ?? []
            #expect(webhooks.map { $0["clientConfig"]?["caBundle"]?.string } == [bundle, bundle])
            #expect(webhooks[0]["clientConfig"]?["service"] == ["name": "sluice-webhook"])
        }
        #expect(cluster.state.withLock(\.writes) == 2)
    }

    @Test func `What a GitOps tool takes out is there again without a restart`() async throws {
        let cluster = WebhookCluster()
        let clock = ManualClock(start: Self.now)
        let webhook = Self.webhook(cluster, clock: clock)
        let applied: JSONValue = [
            "metadata": ["name": "sluice"], "webhooks": [["name": "validate.sluice.dev", "clientConfig": [:]]],
        ]
        cluster.put(.configuration, applied)
        try await webhook.refreshCertificate()
        let keeping = Task { try await webhook.keepRegistered() }
        for _ in 0..<3 {
            await clock.waitForSleepers()
            #expect(
                cluster[.configuration]?["webhooks"]?[0]?["clientConfig"]?["caBundle"]?.string
                    == webhook.certificate?.bundle)
            cluster.put(.configuration, applied)
            clock.advance(by: Webhook.registrationPause)
        }
        keeping.cancel()
        await #expect(throws: CancellationError.self) { try await keeping.value }
    }

    // MARK: Serving

    /// Runs `body` with the port of a webhook that serves.
    private func serving(
        _ cluster: WebhookCluster, clock: ManualClock, _ body: @escaping @Sendable (Webhook, Int) async throws -> Void
    ) async throws {
        let webhook = Self.webhook(cluster, clock: clock)
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await webhook.run { listening.yield($0) } }
            group.addTask {
                for await port in ports { return try await body(webhook, port) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private static func send(
        _ port: Int, trusting authority: String, path: String = "/validate?timeout=5s", method: String = "POST",
        name: String = name, _ body: [UInt8] = []
    ) async throws -> HTTPResponse {
        var configuration = HTTPClient.Configuration()
        configuration.proxy = .none
        configuration.tls = TLSConfiguration(certificateAuthorities: Array(authority.utf8), serverName: name)
        let client = try HTTPClient(configuration: configuration)
        defer { client.shutDown() }
        return try await client.send(
            HTTPRequest(
                method: method, url: "https://127.0.0.1:\(port)\(path)",
                headers: [HTTPHeader("Content-Type", "application/json")], body: method == "POST" ? body : nil))
    }

    private static let review: JSONValue = [
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": [
            "uid": "u1", "operation": "CREATE",
            "kind": ["group": "sluice.dev", "version": "v1alpha1", "kind": "ScheduledRun"],
            "object": [
                "apiVersion": "sluice.dev/v1alpha1", "kind": "ScheduledRun", "metadata": ["name": "x"],
                "spec": ["schedule": "0 25 * * *", "template": ["spec": ["pipelineRef": ["name": "p"]]]],
            ],
        ],
    ]

    @Test func `Over TLS it answers who trusts its authority, and nobody who does not`() async throws {
        try await serving(WebhookCluster(), clock: ManualClock(start: Self.now)) { webhook, port in
            let authority = try #require(webhook.certificate?.authority.certificatePEM)
            let answer = try await Self.send(port, trusting: authority, Self.review.bytes)
            #expect(answer.status == 200)
            let response = try JSONValue(parsing: answer.body)["response"]
            #expect(response?["uid"] == "u1" && response?["allowed"] == false)
            #expect(response?["status"]?["message"]?.string?.contains("at character 3") == true)
            #expect(try await Self.send(port, trusting: authority, Array("{".utf8)).status == 400)
            #expect(try await Self.send(port, trusting: authority, path: "/metrics").status == 404)
            #expect(try await Self.send(port, trusting: authority, method: "GET").status == 405)
            let large = [UInt8](repeating: 0x20, count: 5 << 20)
            #expect(try await Self.send(port, trusting: authority, large).status == 413)
            let stranger = try CertificateAuthority(commonName: "sluice-webhook-ca").certificatePEM
            await #expect(throws: HTTPError.self) {
                try await Self.send(port, trusting: stranger, Self.review.bytes)
            }
            await #expect(throws: HTTPError.self) {
                try await Self.send(port, trusting: authority, name: "other.home.svc", Self.review.bytes)
            }
        }
    }

    @Test func `A renewed certificate is served without a restart`() async throws {
        let cluster = WebhookCluster()
        let clock = ManualClock(start: Self.now)
        try await serving(cluster, clock: clock) { webhook, port in
            let before = try #require(webhook.certificate)
            #expect(
                try await Self.send(port, trusting: before.authority.certificatePEM, Self.review.bytes).status == 200)
            // Another replica has made everything anew.
            let next = try WebhookCertificate(for: Self.name)
            cluster.put(.secret, ["metadata": [:], "data": next.secretData])
            await clock.waitForSleepers()
            clock.advance(by: Webhook.certificatePause)
            await clock.waitForSleepers()
            #expect(webhook.certificate == next)
            #expect(try await Self.send(port, trusting: next.authority.certificatePEM, Self.review.bytes).status == 200)
            await #expect(throws: HTTPError.self) {
                try await Self.send(port, trusting: before.authority.certificatePEM, Self.review.bytes)
            }
        }
    }

    @Test func `A Secret that cannot be had ends nothing, and is asked for again`() async throws {
        let cluster = WebhookCluster()
        cluster.state.withLock { $0.refusals = 2 }
        let clock = ManualClock(start: Self.now)
        let tries = Task {
            for _ in 0..<2 {
                await clock.waitForSleepers()
                clock.advance(by: Webhook.retryPause)
            }
        }
        try await serving(cluster, clock: clock) { webhook, port in
            let authority = try #require(webhook.certificate?.authority.certificatePEM)
            #expect(try await Self.send(port, trusting: authority, Self.review.bytes).status == 200)
        }
        await tries.value
        #expect(cluster.state.withLock(\.refusals) == 0)
    }

    @Test func `An address that is taken is told with one sentence`() async throws {
        let cluster = WebhookCluster()
        try await serving(cluster, clock: ManualClock(start: Self.now)) { _, port in
            let second = Self.webhook(cluster, address: ListenAddress(host: "127.0.0.1", port: port))
            let error = await #expect(throws: MonitoringServer.ListenError.self) { try await second.run() }
            #expect(
                error?.description
                    == "cannot listen on 127.0.0.1:\(port) for the admission webhook: another program listens there")
        }
    }
}
