import CurlHTTP
public import EmbeddedAPIServer
public import JSON
public import KubernetesClient
import KubernetesModel
public import Logging
import ProcessNode
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A Kubernetes cluster in this process: an API server on loopback and a node that runs containers as processes. No
/// process is left when it ends.
public struct EmbeddedCluster: Sendable {
    /// The settings of a cluster.
    public struct Configuration: Sendable {
        /// The directory for objects, logs and files of pods. With nil, objects are in memory and files in a temporary
        /// directory that is removed at the end.
        public var dataDirectory: String?
        /// The port on 127.0.0.1; 0 takes any free one.
        public var port: Int
        /// CustomResourceDefinitions to install before `body` is called; the spec of one that exists already is
        /// replaced.
        public var definitions: [JSONValue]
        /// How long containers that run at the end may take to end after SIGTERM; then they are killed.
        public var stopGrace = Duration.zero

        /// Makes a configuration; every setting has a default.
        public init(dataDirectory: String? = nil, port: Int = 0, definitions: [JSONValue] = []) {
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
    /// set up: the directory cannot be created, the port is taken, another server has the file.
    public static func run<Success: Sendable>(
        _ configuration: Configuration = Configuration(), logger: Logger,
        _ body: @escaping @Sendable (EmbeddedCluster) async throws -> Success
    ) async throws -> Success {
        let directory = try WorkDirectory(configuration.dataDirectory)
        defer { directory.removeIfTemporary() }
        let logs = LateLogSource()
        let server = try APIServer(
            configuration: APIServerConfiguration(
                storage: configuration.dataDirectory == nil ? .memory : .file("\(directory.path)/objects.sqlite"),
                port: configuration.port),
            logSource: logs, logger: logger)

        return try await withThrowingTaskGroup(of: Success?.self) { group in
            group.addTask {
                try await server.run()
                return nil
            }
            group.addTask {
                let url = try await server.url
                let client = try APIClient(
                    configuration: ClientConfiguration(
                        server: url,
                        tls: TLSConfiguration(certificateAuthorities: Array(server.certificateAuthorityPEM.utf8)),
                        proxy: .none, credentials: FixedCredentials(.bearer(server.token)), userAgent: "sluice"))
                try await install(configuration.definitions, client)
                var settings = NodeAgent.Configuration(directory: "\(directory.path)/node")
                settings.stopGrace = configuration.stopGrace
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

/// The directory of a cluster.
private struct WorkDirectory: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let path: String
    private let isTemporary: Bool

    init(_ given: String?) throws {
        if let given {
            guard mkdir(given, 0o700) == 0 || errno == EEXIST else {
                throw Failure(description: "cannot make the directory \(given): \(String(cString: strerror(errno)))")
            }
            path = given
            isTemporary = false
            return
        }
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/sluice-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Failure(description: "cannot make a directory in \(base): \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        isTemporary = true
    }

    func removeIfTemporary() {
        if isTemporary { FileTree.remove(path) }
    }
}

/// Removes directories with their contents.
enum FileTree {
    /// Removes a file or a directory; does not follow links. What cannot be removed stays.
    static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        guard let directory = opendir(path) else { return }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        closedir(directory)
        for name in names { remove("\(path)/\(name)") }
        rmdir(path)
    }
}
