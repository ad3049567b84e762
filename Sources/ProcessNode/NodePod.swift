import JSON
import KubernetesModel
import KubernetesRuntime

/// A pod with its whole JSON, as the node needs it.
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
    /// Empty until the pod is bound to a node.
    var nodeName: String { spec["nodeName"]?.string ?? "" }
    var phase: String { status["phase"]?.string ?? "Pending" }
    var isFinished: Bool { phase == "Succeeded" || phase == "Failed" }
    var restartPolicy: RestartPolicy { RestartPolicy(rawValue: spec["restartPolicy"]?.string ?? "") ?? .always }

    /// The init containers in their order, then the main containers.
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

    /// Whether a main container is started again after this exit code.
    func restarts(after exitCode: Int) -> Bool { self == .always || self == .onFailure && exitCode != 0 }
}

/// The specification of one container.
struct ContainerSpec: Sendable {
    enum Role: Sendable {
        /// An init container that must end before the next one starts.
        case initial
        /// An init container with `restartPolicy: Always`: runs until the main containers have ended.
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
    /// How many `nvidia.com/gpu` it asks for.
    var gpus: Int {
        json[path: "resources", "limits", "nvidia.com/gpu"].flatMap { Quantity(json: $0) }
            .map { Int(clamping: $0.nanoUnits / 1_000_000_000) } ?? 0
    }
    var fallsBackToLogs: Bool { json["terminationMessagePolicy"]?.string == "FallbackToLogsOnError" }

    /// The error in the image's name, worded as the kubelet does; nil when the name is valid. The image is never
    /// pulled.
    var imageProblem: String? {
        let repository = image.split(separator: "@").first.map(String.init) ?? image
        // After the last slash a colon starts the tag, which may have capitals. So may the host before the first slash.
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
