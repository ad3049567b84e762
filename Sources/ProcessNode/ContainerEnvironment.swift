import JSON
import KubernetesModel

/// Why a container cannot be started yet. It is shown as the container's waiting state, and the start is tried again.
struct ContainerProblem: Error, Hashable {
    var reason: String
    var message: String
}

/// Reads ConfigMaps and Secrets of the pod's namespace; nil when the object does not exist.
struct ConfigurationSource: Sendable {
    var configMap: @Sendable (String) async throws -> JSONValue?
    var secret: @Sendable (String) async throws -> JSONValue?
    /// A PersistentVolumeClaim, and where its directory is once it is bound.
    var claim: @Sendable (String) async throws -> (json: JSONValue, directory: String?)? = { _ in nil }
}

/// The environment variables of a container, from `env` and `envFrom`.
struct ContainerEnvironment: Sendable {
    /// The values by variable name.
    private(set) var variables: [String: String]

    /// Starts with these variables.
    init(_ variables: [String: String] = [:]) { self.variables = variables }

    /// Adds the container's `envFrom`, then its `env`, whose values may refer to variables added before.
    ///
    /// Throws ``ContainerProblem``, worded as the kubelet does, when something is missing that is not optional, and
    /// what `source` throws.
    mutating func add(_ container: ContainerSpec, of pod: NodePod, from source: ConfigurationSource) async throws {
        for entry in container.json["envFrom"]?.array ?? [] {
            let prefix = entry["prefix"]?.string ?? ""
            for (kind, isSecret) in [("configMapRef", false), ("secretRef", true)] {
                guard let reference = entry[kind] else { continue }
                guard let values = try await Self.values(reference, isSecret: isSecret, source) else { continue }
                for (key, value) in values { variables[prefix + key] = try Self.text(value) }
            }
        }
        for entry in container.json["env"]?.array ?? [] {
            guard let name = entry["name"]?.string else { continue }
            if let reference = entry["valueFrom"] {
                if let value = try await Self.value(reference, container, pod, source) { variables[name] = value }
            } else {
                variables[name] = expand(entry["value"]?.string ?? "")
            }
        }
    }

    /// Sets or replaces a variable.
    mutating func set(_ name: String, _ value: String) { variables[name] = value }

    /// Replaces every value.
    mutating func mapValues(_ transform: (String) -> String) { variables = variables.mapValues(transform) }

    /// Replaces the value of every variable whose value is `value`.
    mutating func replaceValues(_ value: String, by replacement: String) {
        for (name, old) in variables where old == value { variables[name] = replacement }
    }

    /// Replaces `$(NAME)` by the variable's value. `$$` becomes one dollar sign; an unknown name stays as it is
    /// (k8s.io/kubernetes/third_party/forked/golang/expansion).
    func expand(_ text: String) -> String {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            switch rest.first {
            case "$":
                result += "$"
                rest.removeFirst()
            case "(":
                guard let end = rest.firstIndex(of: ")") else {
                    result += "$"
                    continue
                }
                let name = String(rest[rest.index(after: rest.startIndex)..<end])
                result += variables[name] ?? "$(\(name))"
                rest = rest[rest.index(after: end)...]
            default: result += "$"
            }
        }
        return result + rest
    }

    /// The values of a ConfigMap or Secret, nil where they are no text; nil when it is missing and optional.
    private static func values(
        _ reference: JSONValue, isSecret: Bool, _ source: ConfigurationSource
    ) async throws -> [String: String?]? {
        let name = reference["name"]?.string ?? ""
        let object = try await isSecret ? source.secret(name) : source.configMap(name)
        guard let object else {
            if reference["optional"]?.bool == true { return nil }
            throw ContainerProblem(
                reason: "CreateContainerConfigError",
                message: "\(isSecret ? "secret" : "configmap") \"\(name)\" not found")
        }
        let data = object["data"]?.stringMap ?? [:]
        return data.mapValues { isSecret ? String(validating: Base64.decode($0) ?? [], as: UTF8.self) : $0 }
    }

    /// A value as a variable. Throws ``ContainerProblem`` for bytes that are no text, which a kubelet cannot tell its runtime either.
    private static func text(_ value: String?) throws -> String {
        guard let value else {
            throw ContainerProblem(
                reason: "CreateContainerError",
                message: "grpc: error while marshaling: string field contains invalid UTF-8")
        }
        return value
    }

    /// The value of one `valueFrom`; nil when it is missing and optional.
    private static func value(
        _ reference: JSONValue, _ container: ContainerSpec, _ pod: NodePod, _ source: ConfigurationSource
    ) async throws -> String? {
        for (kind, isSecret) in [("configMapKeyRef", false), ("secretKeyRef", true)] {
            guard let selector = reference[kind] else { continue }
            let name = selector["name"]?.string ?? ""
            let key = selector["key"]?.string ?? ""
            guard let values = try await values(selector, isSecret: isSecret, source) else { return nil }
            if let value = values[key] { return try text(value) }
            if selector["optional"]?.bool == true { return nil }
            throw ContainerProblem(
                reason: "CreateContainerConfigError",
                message: "couldn't find key \(key) in \(isSecret ? "Secret" : "ConfigMap") "
                    + "\(pod.metadata.namespace)/\(name)")
        }
        if let path = reference[path: "fieldRef", "fieldPath"]?.string {
            if let value = field(path, of: pod) { return value }
            throw ContainerProblem(
                reason: "CreateContainerConfigError", message: "unsupported fieldPath: \(path)")
        }
        if let resource = reference[path: "resourceFieldRef", "resource"]?.string {
            let parts = resource.split(separator: ".", maxSplits: 1).map(String.init)
            let amount = parts.count == 2 ? container.json[path: "resources", parts[0], parts[1]] : nil
            guard let quantity = amount.flatMap(Quantity.init(json:)) else { return "0" }
            let divisor = reference[path: "resourceFieldRef", "divisor"].flatMap(Quantity.init(json:))
            let unit = max(1, divisor.flatMap { $0.isZero ? nil : $0.nanoUnits } ?? 1_000_000_000)
            return String((quantity.nanoUnits + unit - 1) / unit)
        }
        return nil
    }

    /// The value of a `fieldRef`; nil when the path is not supported.
    static func field(_ path: String, of pod: NodePod) -> String? {
        func entry(_ prefix: String, _ map: [String: String]) -> String? {
            guard path.hasPrefix(prefix + "['"), path.hasSuffix("']") else { return nil }
            return map[String(path.dropFirst(prefix.count + 2).dropLast(2))] ?? ""
        }
        return switch path {
        case "metadata.name": pod.metadata.name
        case "metadata.namespace": pod.metadata.namespace
        case "metadata.uid": pod.metadata.uid
        case "spec.nodeName": pod.nodeName
        case "spec.serviceAccountName": pod.spec["serviceAccountName"]?.string ?? ""
        case "status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs": "127.0.0.1"
        default:
            entry("metadata.labels", pod.metadata.labels) ?? entry("metadata.annotations", pod.metadata.annotations)
        }
    }
}
