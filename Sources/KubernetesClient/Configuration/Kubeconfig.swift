import JSON
import YAML

/// One kubeconfig file, or several merged as kubectl does. Of clusters, users and contexts with the same name, the
/// first file's is used as a whole; so is the first current-context that is set.
///
/// Entries are checked when they are used: a mistake in a context that is not used has no effect.
public struct Kubeconfig: Sendable {
    private(set) var clusters: [String: KubeconfigField] = [:]
    private(set) var users: [String: KubeconfigField] = [:]
    private(set) var contexts: [String: KubeconfigField] = [:]
    private(set) var files: [String] = []
    /// The context that is used unless another is asked for.
    public private(set) var currentContext: String?

    /// The names of the contexts, sorted.
    public var contextNames: [String] { contexts.keys.sorted() }

    /// The files listed in a KUBECONFIG variable, each once.
    static func files(listed list: String) -> [String] {
        var files: [String] = []
        for file in list.split(separator: ":").map(String.init) where !files.contains(file) { files.append(file) }
        return files
    }

    /// Reads one file. Throws ``ConfigurationError`` when it does not exist or is malformed.
    public init(file: String) throws {
        do {
            try merge(try FileContents.read(file), file: file)
        } catch let failure as FileContents.Failure {
            throw ConfigurationError("the kubeconfig cannot be read: \(failure.reason)", file: file)
        }
    }

    /// Reads and merges those of the files that exist. Throws ``ConfigurationError`` when none exists or one is
    /// malformed.
    public init(existing files: [String]) throws {
        for file in files {
            do {
                try merge(try FileContents.read(file), file: file)
            } catch let failure as FileContents.Failure {
                if failure.isMissing { continue }
                throw ConfigurationError("the kubeconfig cannot be read: \(failure.reason)", file: file)
            }
        }
        guard !self.files.isEmpty else {
            throw ConfigurationError("none of the files in KUBECONFIG exists: \(files.joined(separator: ", "))")
        }
    }

    /// Reads a kubeconfig from memory. `file` is named in errors, and relative paths are relative to it. Throws
    /// ``ConfigurationError`` when it is malformed.
    public init(bytes: [UInt8], file: String) throws { try merge(bytes, file: file) }

    private mutating func merge(_ bytes: [UInt8], file: String) throws {
        let documents: [YAMLDocument]
        do {
            documents = try YAMLReader.parse(bytes: bytes, file: file)
        } catch let error as YAMLError {
            throw ConfigurationError(
                "line \(error.line), column \(error.column): \(error.message)", file: file)
        }
        files.append(file)
        guard documents.count <= 1 else {
            throw ConfigurationError("expected one YAML document, found \(documents.count)", file: file)
        }
        guard let value = documents.first?.value else { return }
        let root = KubeconfigField(value: value, file: file, path: "")
        guard value.object != nil else { throw root.error("expected a mapping, found \(value.kindName)") }
        if let kind = try root.string("kind"), kind != "Config" {
            throw root.error("expected Config, found \(kind)", at: "kind")
        }
        clusters.merge(try Self.entries(root, "clusters", "cluster")) { first, _ in first }
        users.merge(try Self.entries(root, "users", "user")) { first, _ in first }
        contexts.merge(try Self.entries(root, "contexts", "context")) { first, _ in first }
        if currentContext == nil { currentContext = try root.string("current-context") }
    }

    private static func entries(
        _ root: KubeconfigField, _ list: String, _ content: String
    ) throws -> [String: KubeconfigField] {
        var result: [String: KubeconfigField] = [:]
        for element in try root.elements(list) {
            guard let name = try element.string("name") else { throw element.error("expected a name", at: "name") }
            guard result[name] == nil else { throw element.error("\(name) is already defined", at: "name") }
            result[name] =
                try element.field(content)
                ?? KubeconfigField(value: [:], file: element.file, path: "\(element.path).\(content)")
        }
        return result
    }

    /// Finds the cluster, user and namespace of a context, by default the current one. Throws ``ConfigurationError``.
    func resolve(context name: String?) throws -> (cluster: KubeconfigField, user: KubeconfigField?, namespace: String)
    {
        guard let name = name ?? currentContext else {
            throw ConfigurationError(
                "no current-context is set: set it or give --context (\(Self.choice(contexts)))",
                file: files.joined(separator: ":"))
        }
        guard let context = contexts[name] else {
            throw ConfigurationError(
                "there is no context \(name) (\(Self.choice(contexts)))", file: files.joined(separator: ":"))
        }
        guard let clusterName = try context.string("cluster") else {
            throw context.error("the context \(name) does not name a cluster", at: "cluster")
        }
        guard let cluster = clusters[clusterName] else {
            throw context.error("there is no cluster \(clusterName) (\(Self.choice(clusters)))", at: "cluster")
        }
        var user: KubeconfigField?
        if let userName = try context.string("user") {
            guard let found = users[userName] else {
                throw context.error("there is no user \(userName) (\(Self.choice(users)))", at: "user")
            }
            user = found
        }
        return (cluster, user, try context.string("namespace") ?? "default")
    }

    private static func choice(_ entries: [String: KubeconfigField]) -> String {
        entries.isEmpty ? "none is defined" : "defined: \(entries.keys.sorted().joined(separator: ", "))"
    }
}
