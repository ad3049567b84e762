public import Clocks
public import CurlHTTP
import FoundationEssentials

/// A file of certificate authorities, and what it contained when the configuration was made.
struct AuthorityFile: Sendable {
    let file: WatchedFile
    let first: [UInt8]

    init(_ path: String, first: [UInt8]) {
        file = WatchedFile(path, what: "certificate authority", isUsable: WatchedFile.isCompletePEM)
        self.first = first
    }
}

/// Which API server to use, whom to trust, and which identity to present.
public struct ClientConfiguration: Sendable {
    /// `https://host:port`, possibly with a path before that of the API; without a slash at the end.
    public var server: String
    public var tls: TLSConfiguration
    /// The file from which the authorities of ``tls`` come. It is read again when it has changed, so that a rotated
    /// authority takes effect in a process that runs for months.
    var authorityFile: AuthorityFile?
    public var proxy: ProxySetting
    /// The namespace of the context or of the service account; `default` if they name none.
    public var namespace: String
    /// The source of the credentials for every request.
    public var credentials: any CredentialSource
    /// Header fields for every request (impersonation).
    public var headers: [HTTPHeader]
    /// The User-Agent header. It must not begin with `curl`: then the API server would indent its JSON, twice the
    /// bytes.
    public var userAgent: String

    /// Creates a configuration.
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

    /// Whom to trust and what to present now. Other authorities that were set in ``tls`` take precedence over the file.
    var currentTLS: TLSConfiguration {
        guard let authorityFile, tls.certificateAuthorities == authorityFile.first else { return tls }
        var tls = tls
        if let bytes = try? authorityFile.file.contents(), WatchedFile.isCompletePEM(bytes) {
            tls.certificateAuthorities = bytes
        }
        return tls
    }

    /// Finds the configuration as kubectl does: the given kubeconfig file, else the merged files of $KUBECONFIG, else
    /// `~/.kube/config`, else the service account of the pod. Throws ``ConfigurationError`` when there is none or it is
    /// wrong.
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

/// The parts of a process's environment that a configuration depends on. A parameter, for tests.
public struct ClientEnvironment: Sendable {
    public var variables: [String: String]
    /// The directory of a pod's service account, with `token`, `ca.crt` and `namespace`.
    public var serviceAccountDirectory: String
    /// Tells when credentials expire.
    public var clock: any RuntimeClock

    /// Creates an environment.
    public init(
        variables: [String: String],
        serviceAccountDirectory: String = "/var/run/secrets/kubernetes.io/serviceaccount",
        clock: any RuntimeClock = SystemClock()
    ) {
        self.variables = variables
        self.serviceAccountDirectory = serviceAccountDirectory
        self.clock = clock
    }

    /// The environment of this process.
    public static var process: ClientEnvironment {
        ClientEnvironment(variables: ProcessInfo.processInfo.environment)
    }

    /// Whether the variables that every container of a pod has are set.
    var isInCluster: Bool {
        variables["KUBERNETES_SERVICE_HOST"]?.isEmpty == false && variables["KUBERNETES_SERVICE_PORT"]?.isEmpty == false
    }

    var proxy: ProxySetting { .variables(ProxyVariables { variables[$0] }) }
}

/// Why there is no configuration: one sentence with file and field.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    public var message: String
    /// The file with the mistake.
    public var file: String?
    /// The field with the mistake: `users[0].user.token`.
    public var path: String?

    /// Creates an error, with the file and the field if they are known.
    public init(_ message: String, file: String? = nil, path: String? = nil) {
        self.message = message
        self.file = file
        self.path = path
    }

    public var description: String { ([file, path].compactMap { $0 } + [message]).joined(separator: ": ") }
}
