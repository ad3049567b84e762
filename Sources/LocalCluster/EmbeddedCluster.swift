import CurlHTTP
public import EmbeddedAPIServer
import HTTPServing
public import JSON
public import KubernetesClient
import KubernetesModel
public import Logging
import ProcessNode
import Synchronization

/// A Kubernetes cluster in this process: an API server on loopback and a node that runs containers as processes. No
/// process is left when it ends.
public struct EmbeddedCluster: Sendable {
    /// The settings of a cluster.
    public struct Configuration: Sendable {
        /// The directory for objects, logs and files of pods. With nil, objects are in memory and files in a temporary
        /// directory that is removed at the end.
        public var dataDirectory: String?
        /// The port on 127.0.0.1; 0 takes any free one. nil takes the one that the directory was used with last, so that
        /// kubeconfigs stay good; any free one at the first start and in memory.
        public var port: Int?
        /// CustomResourceDefinitions to install before `body` is called; the spec of one that exists already is
        /// replaced.
        public var definitions: [JSONValue]
        /// Who is asked before objects are stored.
        public var hooks: [AdmissionHook] = []
        /// How long containers that run at the end may take to end after SIGTERM; then they are killed.
        public var stopGrace = Duration.zero
        /// Resources of which its node has as much as anybody asks for.
        public var ignoredResources: Set<String> = []
        /// Whether containers are kept apart from the machine as far as it lets us.
        public var isSandboxed = true
        /// Directories of the machine that containers may write to all the same.
        public var writable: [String] = []
        /// Files and directories that containers do not see, besides its own.
        public var hidden: [String] = []

        /// Makes a configuration; every setting has a default.
        public init(dataDirectory: String? = nil, port: Int? = nil, definitions: [JSONValue] = []) {
            self.dataDirectory = dataDirectory
            self.port = port
            self.definitions = definitions
        }
    }

    /// `https://127.0.0.1:PORT`.
    public let url: String
    /// A kubeconfig with the token of the cluster's administrator.
    public let kubeconfig: String
    /// A client with the same token.
    public let client: APIClient

    /// Runs a cluster while `body` runs, and returns what `body` returns. Ends every container before it returns.
    ///
    /// Throws what `body` throws, and the errors of the API server, the node and the client when the cluster cannot be
    /// set up: the directory cannot be used, the port is taken, another server has the file.
    public static func run<Success: Sendable>(
        _ configuration: Configuration = Configuration(), logger: Logger,
        _ body: @escaping @Sendable (EmbeddedCluster) async throws -> Success
    ) async throws -> Success {
        let directory = try WorkDirectory(configuration.dataDirectory)
        defer { directory.removeIfTemporary() }
        let logs = LateLogSource()
        let isKept = configuration.dataDirectory != nil
        let access = isKept ? try ClusterAccess.read(directory.access) : nil
        var settings = APIServerConfiguration(
            storage: isKept ? .file(directory.objects) : .memory, port: configuration.port ?? access?.port ?? 0,
            token: access?.token)
        settings.certificateAuthority = access.map { ($0.authority.certificatePEM, $0.authority.privateKeyPEM) }
        settings.hooks = configuration.hooks
        let server = try APIServer(configuration: settings, logSource: logs, logger: logger)

        // It ends after all that talks to it: a task of its own, which nobody cancels before.
        let serving = Task { try await server.run() }
        return try await withThrowingTaskGroup(of: Success?.self) { group in
            group.addTask {
                try await serving.value
                return nil
            }
            group.addTask {
                defer { serving.cancel() }
                let url = try await server.url
                if isKept {
                    let now = ClusterAccess(
                        authority: server.certificateAuthority, token: server.token, port: try await server.port)
                    if now != access { try now.write(directory.access) }
                }
                let client = try APIClient(
                    configuration: ClientConfiguration(
                        server: url,
                        tls: TLSConfiguration(certificateAuthorities: Array(server.certificateAuthorityPEM.utf8)),
                        proxy: .none, credentials: FixedCredentials(.bearer(server.token)), userAgent: "sluice"))
                try await install(configuration.definitions, client)
                var settings = NodeAgent.Configuration(directory: "\(directory.path)/node")
                settings.stopGrace = configuration.stopGrace
                settings.ignoredResources = configuration.ignoredResources
                settings.isSandboxed = configuration.isSandboxed
                settings.writable = configuration.writable
                // The objects, with all Secrets, and the token are no business of tasks.
                settings.hidden = [directory.path] + configuration.hidden
                let node = NodeAgent(client: client, configuration: settings, logger: logger)
                logs.set(node)
                let cluster = EmbeddedCluster(url: url, kubeconfig: try await server.kubeconfig(), client: client)
                return try await withThrowingTaskGroup(of: Success?.self) { group in
                    group.addTask {
                        try await node.run()
                        return nil
                    }
                    group.addTask { try await body(cluster) }
                    return try await firstResult(&group)
                }
            }
            return try await firstResult(&group)
        }
    }

    /// The first result of a group. Cancels the other tasks and waits for them.
    private static func firstResult<Success: Sendable>(
        _ group: inout ThrowingTaskGroup<Success?, any Error>
    ) async throws -> Success {
        var result: Result<Success, any Error>?
        while let next = await group.nextResult() {
            switch next {
            case .success(let success?): result = result ?? .success(success)
            case .success(nil): break
            case .failure(let error): result = result ?? .failure(error)
            }
            if result != nil { group.cancelAll() }
        }
        return try result?.get() ?? { throw CancellationError() }()
    }

    /// Creates the definitions, or replaces the specs of those that exist.
    private static func install(_ definitions: [JSONValue], _ client: APIClient) async throws {
        let resource = client.dynamic(
            ResourceType(
                group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition",
                plural: "customresourcedefinitions", isNamespaced: false))
        for definition in definitions {
            let name = definition["metadata"]?["name"]?.string ?? ""
            do {
                _ = try await resource.create(definition)
            } catch let status as APIStatus where status.isAlreadyExists {
                _ = try await resource.patch(name, .merge(["spec": definition["spec"] ?? [:]]))
            }
        }
    }
}

extension NodeAgent: PodLogSource {}

/// Passes requests for logs to the node, which is created after the API server.
private final class LateLogSource: PodLogSource {
    private let source = Mutex<(any PodLogSource)?>(nil)

    func set(_ source: any PodLogSource) { self.source.withLock { $0 = source } }

    func logs(
        namespace: String, pod: String, uid: String, container: String, options: PodLogOptions
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        guard let source = source.withLock({ $0 }) else {
            throw APIStatus(code: 503, reason: "ServiceUnavailable", message: "the node has not started yet")
        }
        return try await source.logs(namespace: namespace, pod: pod, uid: uid, container: container, options: options)
    }
}
