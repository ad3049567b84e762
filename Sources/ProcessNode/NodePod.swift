import JSON
import KubernetesModel
import KubernetesRuntime

/// A pod as the node needs it: whole.
struct NodePod: KubernetesObject {
    static var resourceType: ResourceType { Pod.resourceType }
    var metadata: ObjectMeta
    var json: JSONValue

    init(from reader: inout JSONReader) throws {
        let object = try DynamicObject(from: &reader)
        (metadata, json) = (object.metadata, object.json)
    }

    var spec: JSONValue { json["spec"] ?? [:] }
    var status: JSONValue { json["status"] ?? [:] }
    /// Empty until it is bound.
    var nodeName: String { spec["nodeName"]?.string ?? "" }
    var phase: String { status["phase"]?.string ?? "Pending" }
    var isFinished: Bool { phase == "Succeeded" || phase == "Failed" }
    var restartPolicy: RestartPolicy { RestartPolicy(rawValue: spec["restartPolicy"]?.string ?? "") ?? .always }

    /// The init containers first, in order, then the main ones.
    var containers: [ContainerSpec] {
        (spec["initContainers"]?.array ?? []).map { ContainerSpec($0, isInit: true) }
            + (spec["containers"]?.array ?? []).map { ContainerSpec($0, isInit: false) }
    }
}

/// `spec.restartPolicy`.
enum RestartPolicy: String, Sendable {
    case always = "Always"
    case onFailure = "OnFailure"
    case never = "Never"

    func restarts(after exitCode: Int) -> Bool { self == .always || self == .onFailure && exitCode != 0 }
}

/// What a pod says of one container.
struct ContainerSpec: Sendable {
    enum Role: Sendable {
        /// Runs to its end before the next begins.
        case initial
        /// Runs from its turn among the init containers until the main ones have ended.
        case sidecar
        case main
    }

    var name: String
    var image: String
    var role: Role
    var json: JSONValue

    init(_ json: JSONValue, isInit: Bool) {
        self.json = json
        name = json["name"]?.string ?? ""
        image = json["image"]?.string ?? ""
        role = !isInit ? .main : json["restartPolicy"]?.string == "Always" ? .sidecar : .initial
    }

    var command: [String] { json["command"]?.strings ?? [] }
    var arguments: [String] { json["args"]?.strings ?? [] }
    var workingDirectory: String? { json["workingDir"]?.string.flatMap { $0.isEmpty ? nil : $0 } }
    var terminationMessagePath: String { json["terminationMessagePath"]?.string ?? "/dev/termination-log" }
    var fallsBackToLogs: Bool { json["terminationMessagePolicy"]?.string == "FallbackToLogsOnError" }

    /// What is wrong with the image's name, in the kubelet's words; nil when it can be one.
    var imageProblem: String? {
        let repository = image.split(separator: "@").first.map(String.init) ?? image
        // Past the last slash a colon begins the tag, which may have capitals; so may the host before the first slash.
        var path = repository.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if let last = path.last, let colon = last.firstIndex(of: ":") { path[path.count - 1] = String(last[..<colon]) }
        if path.count > 1, path[0].contains(".") || path[0].contains(":") || path[0] == "localhost" {
            path.removeFirst()
        }
        let isValid = path.allSatisfy { part in
            !part.isEmpty
                && part.unicodeScalars.allSatisfy {
                    ("a"..."z").contains($0) || ("0"..."9").contains($0) || "._-".unicodeScalars.contains($0)
                }
        }
        guard !isValid else { return nil }
        let why =
            image.contains(where: \.isUppercase)
            ? "repository name (library/\(image)) must be lowercase" : "invalid reference format"
        let prefix = why.hasPrefix("invalid") ? "" : "invalid reference format: "
        return "Failed to apply default image tag \"\(image)\": couldn't parse image name \"\(image)\": \(prefix)\(why)"
    }
}
