import KubernetesModel

/// Values that a container's environment takes from elsewhere, and what of them is missing.
struct MissingReference: Error, Sendable {
    /// As a kubelet says it: `configmap "x" not found`.
    var message: String
}

/// Builds the environment and the command line of a container by the kubelet's rules.
struct ContainerEnvironment: Sendable {
    var pod: JSONValue
    var nodeName: String
    /// The data of a ConfigMap or the decoded data of a Secret of the pod's namespace; nil when there is none.
    var configMap: @Sendable (String) async throws -> [String: String]?
    var secret: @Sendable (String) async throws -> [String: String]?

    /// The variables in their order; later ones of a name win. Throws ``MissingReference``.
    func variables(of container: JSONValue) async throws -> [(name: String, value: String)] {
        var names: [String] = []
        var values: [String: String] = [:]
        func set(_ name: String, _ value: String) {
            if values[name] == nil { names.append(name) }
            values[name] = value
        }
        for source in container["envFrom"]?.array ?? [] {
            let prefix = source["prefix"]?.string ?? ""
            for (field, kind, fetch) in [("configMapRef", "configmap", configMap), ("secretRef", "secret", secret)] {
                guard let reference = source[field], let name = reference["name"]?.string else { continue }
                if let data = try await fetch(name) {
                    for (key, value) in data.sorted(by: { $0.key < $1.key }) { set(prefix + key, value) }
                } else if reference["optional"]?.bool != true {
                    throw MissingReference(message: "\(kind) \"\(name)\" not found")
                }
            }
        }
        for variable in container["env"]?.array ?? [] {
            guard let name = variable["name"]?.string else { continue }
            if let value = variable["value"]?.string {
                set(name, Self.expand(value) { values[$0] })
            } else if let source = variable["valueFrom"] {
                if let value = try await self.value(source, container) { set(name, value) }
            } else {
                set(name, "")
            }
        }
        return names.map { ($0, values[$0] ?? "") }
    }

    private func value(_ source: JSONValue, _ container: JSONValue) async throws -> String? {
        for (field, kind, fetch) in [("configMapKeyRef", "configmap", configMap), ("secretKeyRef", "secret", secret)] {
            guard let reference = source[field], let name = reference["name"]?.string,
                let key = reference["key"]?.string
            else { continue }
            let isOptional = reference["optional"]?.bool == true
            guard let data = try await fetch(name) else {
                if isOptional { return nil }
                throw MissingReference(message: "\(kind) \"\(name)\" not found")
            }
            guard let value = data[key] else {
                if isOptional { return nil }
                let namespace = pod["metadata"]?["namespace"]?.string ?? ""
                throw MissingReference(
                    message:
                        "couldn't find key \(key) in \(kind == "secret" ? "Secret" : "ConfigMap") \(namespace)/\(name)")
            }
            return value
        }
        if let path = source["fieldRef"]?["fieldPath"]?.string { return field(path) }
        if let resource = source["resourceFieldRef"]?["resource"]?.string {
            let parts = resource.split(separator: ".", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { return "" }
            return container["resources"]?[parts[0]]?[parts[1]]?.rendered ?? ""
        }
        return nil
    }

    private func field(_ path: String) -> String {
        let metadata = pod["metadata"]
        for (prefix, map) in [
            ("metadata.labels['", metadata?["labels"]), ("metadata.annotations['", metadata?["annotations"]),
        ]
        where path.hasPrefix(prefix) && path.hasSuffix("']") {
            return map?[String(path.dropFirst(prefix.count).dropLast(2))]?.string ?? ""
        }
        return switch path {
        case "metadata.name": metadata?["name"]?.string ?? ""
        case "metadata.namespace": metadata?["namespace"]?.string ?? ""
        case "metadata.uid": metadata?["uid"]?.string ?? ""
        case "spec.nodeName": nodeName
        case "spec.serviceAccountName": pod["spec"]?["serviceAccountName"]?.string ?? "default"
        case "status.podIP", "status.hostIP", "status.podIPs", "status.hostIPs": "127.0.0.1"
        default: ""
        }
    }

    /// `$(NAME)` by Kubernetes' rules: a name that is not known stays as it is, `$$` is a dollar that begins nothing.
    static func expand(_ text: String, _ value: (String) -> String?) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "$"), index + 1 < bytes.count else {
                result.append(bytes[index])
                index += 1
                continue
            }
            switch bytes[index + 1] {
            case UInt8(ascii: "$"):
                result.append(UInt8(ascii: "$"))
                index += 2
            case UInt8(ascii: "("):
                guard let end = bytes[index...].firstIndex(of: UInt8(ascii: ")")) else {
                    result.append(contentsOf: bytes[index...])
                    index = bytes.count
                    continue
                }
                let name = String(decoding: bytes[(index + 2)..<end], as: UTF8.self)
                result.append(contentsOf: value(name).map { Array($0.utf8) } ?? Array(bytes[index...end]))
                index = end + 1
            default:
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
