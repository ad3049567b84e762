import CurlHTTP
import Foundation
import KubernetesModel
import LoopbackTesting
import Testing

@testable import KubernetesClient

@Suite(.timeLimit(.minutes(1)))
struct KubeconfigTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func environment(_ variables: [String: String] = [:]) -> ClientEnvironment {
        ClientEnvironment(variables: variables, serviceAccountDirectory: directory.path)
    }

    private static func config(
        server: String = "https://one:6443", user: String = "{token: one}", cluster: String = "", current: String = "c"
    ) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: \(current)
        clusters: [{name: k, cluster: {server: "\(server)"\(cluster)}}]
        users: [{name: u, user: \(user)}]
        contexts: [{name: c, context: {cluster: k, user: u, namespace: team}}]
        """
    }

    private func authorization(_ configuration: ClientConfiguration) async throws -> String? {
        try await configuration.credentials.credentials().authorization
    }

    @Test func `Of entries of one name the first file's is taken, and the first current-context that is set`()
        async throws
    {
        let first = try directory.write(
            "first",
            """
            clusters: [{name: k, cluster: {server: "https://first"}}]
            users: [{name: u, user: {token: first}}]
            """)
        let second = try directory.write("second", Self.config(server: "https://second", user: "{token: second}"))
        let third = try directory.write(
            "third",
            """
            current-context: other
            users: [{name: v, user: {username: a, password: b}}]
            contexts: [{name: other, context: {cluster: k, user: v}}]
            """)
        let list = [first, "", directory.path + "/missing", second, third, first].joined(separator: ":")
        let variables = environment(["KUBECONFIG": list])
        let merged = try ClientConfiguration.load(environment: variables)
        #expect(merged.server == "https://first" && merged.namespace == "team")
        #expect(try await authorization(merged) == "Bearer first")
        let other = try ClientConfiguration.load(context: "other", environment: variables)
        #expect(try await authorization(other) == "Basic YTpi" && other.namespace == "default")
        // The flag takes precedence over the variable.
        let flag = try ClientConfiguration.load(kubeconfig: second, environment: variables)
        #expect(flag.server == "https://second")
    }

    @Test func `Without flag and variable the file in the home directory is read, then the service account`()
        async throws
    {
        let home = ["HOME": directory.path]
        #expect(throws: ConfigurationError.self) { try ClientConfiguration.load(environment: environment(home)) }
        try directory.write("token", "abc\n")
        try directory.write("ca.crt", "-----BEGIN CERTIFICATE-----")
        try directory.write("namespace", "inside\n")
        let pod = home.merging(["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]) { $1 }
        let inCluster = try ClientConfiguration.load(environment: environment(pod))
        #expect(inCluster.server == "https://[fd00::1]:443" && inCluster.namespace == "inside")
        #expect(inCluster.tls.certificateAuthorities == Array("-----BEGIN CERTIFICATE-----".utf8))
        try directory.write(".kube/config", Self.config())
        #expect(try ClientConfiguration.load(environment: environment(pod)).server == "https://one:6443")
    }

    @Test func `A rotated token takes effect at once, and the last one is kept while the file is missing`() async throws
    {
        try directory.write("token", "one\n")
        try directory.write("ca.crt", "-----BEGIN CERTIFICATE-----")
        let configuration = try ClientConfiguration.inCluster(
            environment(["KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"]))
        #expect(configuration.server == "https://10.0.0.1:443" && configuration.namespace == "default")
        #expect(try await authorization(configuration) == "Bearer one")
        try directory.write("token", "two")
        #expect(try await authorization(configuration) == "Bearer two")
        // Truncated, and not written again yet; then half of something.
        for text in ["", "\n", "two three"] {
            try directory.write("token", text)
            #expect(try await authorization(configuration) == "Bearer two")
        }
        try FileManager.default.removeItem(atPath: directory.path + "/token")
        #expect(try await authorization(configuration) == "Bearer two")
        #expect(await configuration.credentials.refresh(after: .bearer("one")))
        #expect(await !configuration.credentials.refresh(after: .bearer("two")))
    }

    @Test func `A rotated authority takes effect, and the last one is kept while the file is written`() throws {
        func pem(_ text: String) -> String { "-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n" }
        func authorities(_ configuration: ClientConfiguration) -> String? {
            configuration.currentTLS.certificateAuthorities.map { String(decoding: $0, as: UTF8.self) }
        }
        try directory.write("token", "one\n")
        try directory.write("ca.crt", pem("one"))
        let file = try directory.write("config", Self.config(cluster: ", certificate-authority: ca.crt"))
        let inCluster = try ClientConfiguration.inCluster(
            environment(["KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"]))
        for configuration in [
            inCluster, try ClientConfiguration.load(kubeconfig: file, environment: environment()),
        ] {
            try directory.write("ca.crt", pem("one"))
            #expect(authorities(configuration) == pem("one"))
            try directory.write("ca.crt", pem("one") + pem("two"))
            #expect(authorities(configuration) == pem("one") + pem("two"))
            try directory.write("ca.crt", pem("one") + "-----BEGIN CERT")
            #expect(authorities(configuration) == pem("one") + pem("two"))
            try directory.write("ca.crt", "-----BEGIN CERTIFICATE-----\nhalf")
            #expect(authorities(configuration) == pem("one") + pem("two"))
            try FileManager.default.removeItem(atPath: directory.path + "/ca.crt")
            #expect(authorities(configuration) == pem("one") + pem("two"))
            var other = configuration
            other.tls.certificateAuthorities = Array("mine".utf8)
            #expect(authorities(other) == "mine")
        }
    }

    @Test func `A request trusts the authorities that the file has now`() async throws {
        // One that cannot be read is refused before the handshake, which the other side breaks off.
        let server = try LoopbackServer { _ in }
        let path = try directory.write("ca.crt", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
        let file = try directory.write(
            "config",
            Self.config(
                server: "https://127.0.0.1:\(server.port)", cluster: ", certificate-authority: ca.crt"))
        var configuration = try ClientConfiguration.load(kubeconfig: file, environment: environment())
        configuration.proxy = .none
        var settings = APIClient.Settings()
        settings.retry = .never
        let client = try APIClient(configuration: configuration, settings: settings)
        func code() async -> HTTPError.Code? {
            do { _ = try await client.request("GET", "/") } catch {
                return (error as? KubernetesClientError)?.transport?.code
            }
            return nil
        }
        #expect(await code() == .tls)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
            "/CN=ca", "-keyout", directory.path + "/key", "-out", path,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(await code() == .handshake)
    }

    @Test func `Files are relative to the kubeconfig they stand in, data go before files`() async throws {
        try directory.write("pki/ca.pem", "-----BEGIN CERTIFICATE----- ca")
        try directory.write("pki/c.pem", "-----BEGIN CERTIFICATE----- c")
        try directory.write("pki/k.pem", "-----BEGIN PRIVATE KEY----- k")
        try directory.write("pki/token", "from-file")
        let data = Data("-----BEGIN PRIVATE KEY----- data".utf8).base64EncodedString()
        let file = try directory.write(
            "config",
            Self.config(
                user:
                    "{client-certificate: pki/c.pem, client-key: pki/absent, client-key-data: \(data), tokenFile: pki/token}",
                cluster: ", certificate-authority: pki/ca.pem, tls-server-name: inner, proxy-url: 'socks5://p:1'"))
        let configuration = try ClientConfiguration.load(kubeconfig: file, environment: environment())
        #expect(configuration.tls.certificateAuthorities == Array("-----BEGIN CERTIFICATE----- ca".utf8))
        #expect(configuration.tls.serverName == "inner" && configuration.proxy == .url("socks5://p:1"))
        let credentials = try await configuration.credentials.credentials()
        #expect(credentials.authorization == "Bearer from-file")
        #expect(credentials.identity?.certificate == Array("-----BEGIN CERTIFICATE----- c".utf8))
        #expect(credentials.identity?.key == Array("-----BEGIN PRIVATE KEY----- data".utf8))
        try directory.write("pki/c.pem", "-----BEGIN CERTIFICATE----- renewed")
        let renewed = try await configuration.credentials.credentials()
        #expect(renewed.identity?.certificate == Array("-----BEGIN CERTIFICATE----- renewed".utf8))
    }

    @Test func `Impersonation goes into headers`() throws {
        let user = "{token: t, as: jane, as-uid: '7', as-groups: [a, b], as-user-extra: {Scopes/x: [view]}}"
        let file = try directory.write("config", Self.config(user: user))
        let configuration = try ClientConfiguration.load(kubeconfig: file, environment: environment())
        #expect(
            configuration.headers == [
                HTTPHeader("Impersonate-User", "jane"), HTTPHeader("Impersonate-Uid", "7"),
                HTTPHeader("Impersonate-Group", "a"), HTTPHeader("Impersonate-Group", "b"),
                HTTPHeader("Impersonate-Extra-scopes%2Fx", "view"),
            ])
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        var text: String
        var context: String?
        var says: String
        var testDescription: String { says }
    }

    @Test(arguments: [
        Mistake(text: "", says: "config: no current-context is set: set it or give --context (none is defined)"),
        Mistake(text: "[]", says: "config: expected a mapping, found array"),
        Mistake(text: "a: [", says: "config: line "),
        Mistake(text: "a: 1\n---\nb: 2", says: "config: expected one YAML document, found 2"),
        Mistake(text: "kind: Pod", says: "config: kind: expected Config, found Pod"),
        Mistake(text: "users: 5", says: "config: users: expected a list, found integer"),
        Mistake(text: "users: [{user: {}}]", says: "config: users[0].name: expected a name"),
        Mistake(text: "users: [{name: a}, {name: a}]", says: "config: users[1].name: a is already defined"),
        Mistake(text: config(), context: "x", says: "config: there is no context x (defined: c)"),
        Mistake(
            text: "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]",
            says: "config: contexts[0].context.cluster: there is no cluster k (none is defined)"),
        Mistake(
            text: "current-context: c\nclusters: [{name: k}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]",
            says: "config: contexts[0].context.user: there is no user u (none is defined)"),
        Mistake(
            text: "current-context: c\nclusters: [{name: k}]\ncontexts: [{name: c, context: {cluster: k}}]",
            says: "config: clusters[0].cluster.server: the cluster has no server"),
        Mistake(
            text: config(server: "gopher://x"),
            says: "config: clusters[0].cluster.server: expected an http or https URL, found gopher://x"),
        Mistake(
            text: config(cluster: ", certificate-authority-data: '***'"),
            says: "config: clusters[0].cluster.certificate-authority-data: expected base64"),
        Mistake(
            text: config(cluster: ", certificate-authority-data: YWJj"),
            says: "config: clusters[0].cluster.certificate-authority-data: expected PEM"),
        Mistake(
            text: config(cluster: ", certificate-authority: absent.pem"),
            says: "config: clusters[0].cluster.certificate-authority: the file "),
        Mistake(
            text: config(cluster: ", insecure-skip-tls-verify: maybe"),
            says: "config: clusters[0].cluster.insecure-skip-tls-verify: expected true or false, found string"),
        Mistake(
            text: config(cluster: ", insecure-skip-tls-verify: true, certificate-authority-data: LS0tLS1CRUdJTiBY"),
            says:
                "config: clusters[0].cluster.insecure-skip-tls-verify: a certificate authority has no effect beside it"),
        Mistake(
            text: config(user: "{token: 5}"), says: "config: users[0].user.token: expected a string, found integer"),
        Mistake(
            text: config(user: "{token: t, username: u}"),
            says: "config: users[0].user: a token and a user name are two ways to authenticate"),
        Mistake(
            text: config(user: "{client-certificate-data: LS0tLS1CRUdJTiBY}"),
            says: "config: users[0].user.client-key-data: the client certificate has no key"),
        Mistake(
            text: config(user: "{auth-provider: {name: gcp}}"),
            says: "config: users[0].user.auth-provider: auth providers were removed in Kubernetes 1.26"),
        Mistake(
            text: config(user: "{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}"),
            says: "config: users[0].user.exec.apiVersion: expected client.authentication.k8s.io/v1 or "),
        Mistake(
            text: config(user: "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x}}"),
            says: "config: users[0].user.exec.interactiveMode: expected Never, IfAvailable or Always"),
        Mistake(text: config(user: "{as-uid: '7'}"), says: "config: users[0].user.as: impersonating"),
    ])
    func `A mistake gets one sentence with the file and the field`(mistake: Mistake) throws {
        let file = try directory.write("config", mistake.text)
        let error = #expect(throws: ConfigurationError.self) {
            try ClientConfiguration.load(kubeconfig: file, context: mistake.context, environment: environment())
        }
        let text = try #require(error).description
        #expect(text.hasPrefix(directory.path + "/" + mistake.says), "\(text)")
        #expect(!text.contains("\n"))
    }

    @Test func `A kubeconfig that is asked for must be there, one of a list may be missing`() throws {
        let missing = directory.path + "/missing"
        for load in [
            { try ClientConfiguration.load(kubeconfig: missing, environment: environment()) },
            { try ClientConfiguration.load(environment: environment(["KUBECONFIG": missing])) },
        ] {
            #expect { try load() } throws: { "\($0)".contains(missing) }
        }
    }

    @Test func `A server without a scheme is spoken to as its TLS settings say`() throws {
        let plain = try directory.write("plain", Self.config(server: "h:1"))
        #expect(try ClientConfiguration.load(kubeconfig: plain, environment: environment()).server == "http://h:1")
        let secure = try directory.write("tls", Self.config(server: "h:1", cluster: ", insecure-skip-tls-verify: true"))
        let configuration = try ClientConfiguration.load(kubeconfig: secure, environment: environment())
        #expect(configuration.server == "https://h:1" && !configuration.tls.verifiesServer)
    }
}
