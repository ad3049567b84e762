import JSON
import KubernetesModel
import Queueing
import SluiceAPI

/// An object of the cluster that runs are simulated in: what is there beside runs and Pipelines.
struct ClusterObject: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case queue = "Queue"
        case node = "Node"
        case priorityClass = "PriorityClass"
        case namespace = "Namespace"
        case pod = "Pod"

        /// What its documents may have as apiVersion.
        var apiVersions: [String] {
            switch self {
            case .queue: [Sluice.apiVersion]
            case .node, .namespace, .pod: ["v1"]
            case .priorityClass: ["scheduling.k8s.io/v1", "v1"]
            }
        }
    }

    /// It as it is read.
    enum Value: Sendable {
        case queue(Queue)
        case node(Node)
        case priorityClass(PriorityClass)
        case namespace(Namespace)
        case pod(ForeignPod)
    }

    /// Which object: that of a kind and a name, which is in no namespace unless it is a pod or a run.
    struct Identity: Sendable, Hashable {
        var kind: Kind
        var name: RunName

        init(_ kind: Kind, _ name: RunName) {
            self.kind = kind
            self.name = kind == .pod ? name : RunName(namespace: "", name: name.name)
        }

        /// As people write it.
        var title: String { kind == .pod ? name.description : name.name }
    }

    var identity: Identity
    var document: JSONValue
    var value: Value

    /// Whether a document with that apiVersion is of that kind rather than of one of the same name of another group.
    static func isKind(_ kind: Kind, _ apiVersion: JSONValue?) -> Bool {
        guard let text = apiVersion?.string else { return true }
        let group = text.split(separator: "/").first
        return kind.apiVersions.contains { $0.split(separator: "/").first == group }
    }

    /// Reads and checks a document, or says why it is refused.
    static func read(_ kind: Kind, _ document: JSONValue) -> Result<ClusterObject, Refused> {
        let metadata = document["metadata"]
        let identity = Identity(
            kind,
            RunName(
                namespace: metadata?["namespace"]?.string ?? "default", name: metadata?["name"]?.string ?? ""))
        func refused(_ message: String) -> Result<ClusterObject, Refused> {
            .failure(
                Refused(
                    refusal: SimulationReport.Refusal(kind: kind.rawValue, name: identity.title, message: message)))
        }
        if kind == .queue {
            let report = Validator.validate(document)
            guard report.isValid else { return refused(report.message()) }
        }
        var errors: [FieldError] = []
        let versions = kind.apiVersions
        if document["apiVersion"]?.string.map(versions.contains) != true {
            errors.append(
                document["apiVersion"].map { .notSupported("apiVersion", $0, versions) }
                    ?? .required("apiVersion", "must be \(versions[0])"))
        }
        if let problem = Names.subdomainProblem(identity.name.name) {
            errors.append(
                identity.name.name.isEmpty
                    ? .required("metadata.name")
                    : .invalid("metadata.name", .string(identity.name.name), problem))
        }
        checkAmounts(kind, document, &errors)
        guard errors.isEmpty else { return refused(errors.map(\.description).joined(separator: "; ")) }
        do {
            return .success(
                ClusterObject(identity: identity, document: document, value: try value(kind, identity, document)))
        } catch {
            return refused("it cannot be read: \(error)")
        }
    }

    /// Why a document is refused.
    struct Refused: Error {
        var refusal: SimulationReport.Refusal
    }

    private static func value(_ kind: Kind, _ identity: Identity, _ document: JSONValue) throws -> Value {
        switch kind {
        case .queue: return .queue(try Queue(document))
        case .priorityClass: return .priorityClass(try PriorityClass(document))
        case .namespace: return .namespace(try Namespace(document))
        case .node:
            var node = try Node(document)
            let conditions = document["status"]?["conditions"]?.array ?? []
            // People write what there is to use, and seldom that it is ready.
            if !conditions.contains(where: { $0["type"] == "Ready" }) { node.isReady = true }
            return .node(node)
        case .pod:
            var pod = try ForeignPod(document)
            pod.namespace = identity.name.namespace
            // Somebody else's here, even where it was copied from a cluster with Sluice.
            pod.run = nil
            return .pod(pod)
        }
    }

    /// Amounts that would count as nothing since they cannot be read.
    private static func checkAmounts(_ kind: Kind, _ document: JSONValue, _ errors: inout [FieldError]) {
        func check(_ amounts: JSONValue?, _ path: FieldPath) {
            for (name, value) in amounts?.object ?? JSONObject() {
                if let quantity = Quantity(json: value), !quantity.isNegative { continue }
                errors.append(.invalid(path.field(name), value, "must be an amount such as 2, 500m or 16Gi"))
            }
        }
        switch kind {
        case .node: check(document["status"]?["allocatable"], FieldPath("status").field("allocatable"))
        case .pod:
            for field in ["initContainers", "containers"] {
                for (index, container) in (document["spec"]?[field]?.array ?? []).enumerated() {
                    for amounts in ["requests", "limits"] {
                        check(
                            container["resources"]?[amounts],
                            FieldPath("spec").field(field).index(index).field("resources").field(amounts))
                    }
                }
            }
        case .priorityClass:
            guard document["value"]?.int == nil else { return }
            errors.append(
                document["value"].map { .invalid("value", $0, "must be an integer") } ?? .required("value"))
        case .queue, .namespace: break
        }
    }
}
