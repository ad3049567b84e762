public import JSON
public import KubernetesModel
import SluiceAPI

/// A pod as one that is in the way (rule Q2): where it is and how much room it takes. It is read straight to this small form, since
/// a cluster has tens of thousands of them. Also our own pods are read so, and told by ``run``.
public struct ForeignPod: KubernetesObject, Hashable {
    public static var resourceType: ResourceType { Pod.resourceType }

    public var namespace = ""
    public var name = ""
    public var uid = ""
    public var resourceVersion = ""
    /// The run that it is of, by its label; nil for a pod that is not Sluice's.
    public var run: String?
    /// The node that it is bound to; empty before that.
    public var nodeName = ""
    /// The only node that its affinity allows by name: what is planned for a pod of ours.
    public var plannedNode: String?
    public var phase = PodStatus.Phase.pending
    /// What it takes on its node: nothing without a node, or once it has ended.
    public var requests = PodRequests.none

    /// Creates a pod that takes nothing.
    public init() {}

    /// Whether it takes room on a node.
    public var takesRoom: Bool { !nodeName.isEmpty && phase != .succeeded && phase != .failed }

    /// Namespace, name, UID, version and the label of ``run``; the rest was not kept.
    public var metadata: ObjectMeta {
        var metadata = ObjectMeta(name: name, namespace: namespace)
        metadata.uid = uid
        metadata.resourceVersion = resourceVersion
        if let run { metadata.labels[Sluice.Label.run] = run }
        return metadata
    }

    public init(from reader: inout JSONReader) throws {
        var sum = PodRequestsSum()
        try reader.readFields { key, reader in
            switch key {
            case "metadata": try readMetadata(from: &reader)
            case "spec":
                try reader.readFields { key, reader in
                    switch key {
                    case "nodeName": nodeName = try reader.readOptional { try $0.readString() } ?? ""
                    case "affinity": plannedNode = Self.plannedNode(try reader.readValue())
                    default: if try !sum.read(key, &reader) { try reader.skip() }
                    }
                }
            case "status":
                try reader.readFields { key, reader in
                    switch key {
                    case "phase":
                        let text = try reader.readOptional { try $0.readString() } ?? ""
                        phase = text.isEmpty ? .pending : PodStatus.Phase(rawValue: text) ?? .unknown
                    default: try reader.skip()
                    }
                }
            default: try reader.skip()
            }
        }
        if takesRoom { requests = sum.requests }
    }

    private static func plannedNode(_ affinity: JSONValue) -> String? {
        let required = "requiredDuringSchedulingIgnoredDuringExecution"
        let fields = affinity[path: "nodeAffinity", required]?["nodeSelectorTerms"]?[0]?["matchFields"]?.array
        let names = fields?.last { $0["key"]?.string == "metadata.name" && $0["operator"]?.string == "In" }
        return names?["values"]?[0]?.string
    }

    private mutating func readMetadata(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "namespace": namespace = try reader.readOptional { try $0.readString() } ?? ""
            case "name": name = try reader.readOptional { try $0.readString() } ?? ""
            case "uid": uid = try reader.readOptional { try $0.readString() } ?? ""
            case "resourceVersion": resourceVersion = try reader.readOptional { try $0.readString() } ?? ""
            case "labels":
                try reader.readFields { key, reader in
                    if key.string == Sluice.Label.run {
                        run = try reader.readOptional { try $0.readString() }
                    } else {
                        try reader.skip()
                    }
                }
            default: try reader.skip()
            }
        }
    }
}
