public import CurlHTTP
import FoundationEssentials

/// Which API server, whom to trust, who one is.
public struct ClientConfiguration: Sendable {
    /// `https://host:port`, perhaps with a path before the API's; no slash at the end.
    public var server: String
    public var tls: TLSConfiguration
    public var proxy: ProxySetting
    /// The namespace of the context or of the service account; `default` where they say none.
    public var namespace: String
    public var credentials: any CredentialSource
    /// Sent with every request (impersonation).
    public var headers: [HTTPHeader]
    /// Never begins with `curl`: the API server would then send its JSON indented, twice the bytes.
    public var userAgent: String

    /// A configuration.
    public init(
        server: String, tls: TLSConfiguration = TLSConfiguration(), proxy: ProxySetting = .environment(),
        namespace: String = "default", credentials: any CredentialSource = FixedCredentials(),
        headers: [HTTPHeader] = [], userAgent: String = "swift-kubernetes-client"
    ) {
        var server = server
        while server.hasSuffix("/") { server.removeLast() }
        self.server = server
        self.tls = tls
        self.proxy = proxy
        self.namespace = namespace
        self.credentials = credentials
        self.headers = headers
        self.userAgent = userAgent
    }

    /// The configuration that kubectl would take: the kubeconfig file given, else those of $KUBECONFIG merged, else
    /// `~/.kube/config`, else the service account of the pod one runs in. Throws ``ConfigurationError``.
    public static func load(
        kubeconfig: String? = nil, context: String? = nil, environment: ClientEnvironment = .process
    ) throws -> ClientConfiguration {
        if let kubeconfig {
            return try Kubeconfig(file: kubeconfig).configuration(context: context, environment: environment)
        }
        let listed = Kubeconfig.files(listed: environment.variables["KUBECONFIG"] ?? "")
        if !listed.isEmpty {
            return try Kubeconfig(existing: listed).configuration(context: context, environment: environment)
        }
        let home = environment.variables["HOME"].flatMap { $0.isEmpty ? nil : $0 }
        let standard = home.map { "\($0)/.kube/config" }
        if let standard, (try? FileContents.identity(of: standard)) != nil {
            return try Kubeconfig(file: standard).configuration(context: context, environment: environment)
        }
        if environment.isInCluster, context == nil { return try inCluster(environment) }
        throw ConfigurationError(
            "there is no kubeconfig: give --kubeconfig, set KUBECONFIG or make \(standard ?? "~/.kube/config")")
    }
}

/// What a process knows of where it runs; a parameter for tests.
public struct ClientEnvironment: Sendable {
    public var variables: [String: String]
    /// Where a pod finds its service account: `token`, `ca.crt`, `namespace`.
    public var serviceAccountDirectory: String
    public var clock: ClientClock

    /// An environment.
    public init(
        variables: [String: String],
        serviceAccountDirectory: String = "/var/run/secrets/kubernetes.io/serviceaccount", clock: ClientClock = .system
    ) {
        self.variables = variables
        self.serviceAccountDirectory = serviceAccountDirectory
        self.clock = clock
    }

    /// That of this process.
    public static var process: ClientEnvironment {
        ClientEnvironment(variables: ProcessInfo.processInfo.environment)
    }

    /// Whether the variables are there that every container of a pod has.
    var isInCluster: Bool {
        variables["KUBERNETES_SERVICE_HOST"]?.isEmpty == false && variables["KUBERNETES_SERVICE_PORT"]?.isEmpty == false
    }

    var proxy: ProxySetting { .variables(ProxyVariables { variables[$0] }) }
}

/// Why there is no configuration: one sentence with file and field.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    public var message: String
    /// The file that is wrong.
    public var file: String?
    /// The field in it: `users[0].user.token`.
    public var path: String?

    /// A mistake in a file, or elsewhere.
    public init(_ message: String, file: String? = nil, path: String? = nil) {
        self.message = message
        self.file = file
        self.path = path
    }

    public var description: String { ([file, path].compactMap { $0 } + [message]).joined(separator: ": ") }
}
