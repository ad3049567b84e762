public import JSON

/// A priority by name. Its annotations are not kept.
public struct PriorityClass: KubernetesObject, Hashable {
    public static var resourceType: ResourceType {
        ResourceType(
            group: "scheduling.k8s.io", version: "v1", kind: "PriorityClass", plural: "priorityclasses",
            isNamespaced: false)
    }

    public var metadata: ObjectMeta
    /// Higher goes first.
    public var value: Int64
    /// Whether it is the one of pods that name none.
    public var globalDefault: Bool

    /// Creates a class.
    public init(metadata: ObjectMeta, value: Int64, globalDefault: Bool = false) {
        self.metadata = metadata
        self.value = value
        self.globalDefault = globalDefault
    }

    public init(from reader: inout JSONReader) throws {
        self.init(metadata: ObjectMeta(), value: 0)
        try reader.readFields { key, reader in
            switch key {
            case "metadata":
                metadata = try ObjectMeta(from: &reader)
                metadata.annotations = [:]
            case "value": value = try reader.readOptional { try $0.readInt64() } ?? 0
            case "globalDefault": globalDefault = try reader.readOptional { try $0.readBool() } ?? false
            default: try reader.skip()
            }
        }
    }
}
