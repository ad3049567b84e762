public import JSON

/// A node with the fields that decide which pods may be on it. Its annotations are not kept.
public struct Node: KubernetesObject, Hashable {
    public static var resourceType: ResourceType {
        ResourceType(version: "v1", kind: "Node", plural: "nodes", isNamespaced: false)
    }

    /// One entry of `spec.taints`.
    public struct Taint: Sendable, Hashable {
        public var key: String
        public var value: String
        /// NoSchedule, PreferNoSchedule or NoExecute.
        public var effect: String

        /// Creates a taint.
        public init(key: String, value: String = "", effect: String) {
            self.key = key
            self.value = value
            self.effect = effect
        }
    }

    public var metadata = ObjectMeta()
    /// What pods may use, by resource. A quantity that cannot be read is left out.
    public var allocatable: [String: Quantity] = [:]
    public var taints: [Taint] = []
    /// Cordoned.
    public var unschedulable = false
    /// Whether the condition Ready is True.
    public var isReady = false

    /// Creates a node without a name that is not ready.
    public init() {}

    public init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "metadata":
                metadata = try ObjectMeta(from: &reader)
                metadata.annotations = [:]
            case "spec":
                try reader.readFields { key, reader in
                    switch key {
                    case "unschedulable": unschedulable = try reader.readOptional { try $0.readBool() } ?? false
                    case "taints": taints = try reader.readArray { try Taint(from: &$0) }
                    default: try reader.skip()
                    }
                }
            case "status":
                try reader.readFields { key, reader in
                    switch key {
                    case "allocatable":
                        try reader.readFields { key, reader in
                            allocatable[key.string] = Quantity(json: try reader.readValue())
                        }
                    case "conditions":
                        for condition in try reader.readArray({ try PodCondition(from: &$0) })
                        where condition.type == "Ready" {
                            isReady = condition.status == "True"
                        }
                    default: try reader.skip()
                    }
                }
            default: try reader.skip()
            }
        }
    }
}

extension Node.Taint: JSONReadable {
    public init(from reader: inout JSONReader) throws {
        self.init(key: "", effect: "")
        try reader.readFields { key, reader in
            switch key {
            case "key": self.key = try reader.readString()
            case "value": value = try reader.readOptional { try $0.readString() } ?? ""
            case "effect": effect = try reader.readString()
            default: try reader.skip()
            }
        }
    }
}
