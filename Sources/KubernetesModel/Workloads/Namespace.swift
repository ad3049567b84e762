public import JSON

/// A namespace with its labels. Its annotations are not kept.
public struct Namespace: KubernetesObject, Hashable {
    public static var resourceType: ResourceType {
        ResourceType(version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false)
    }

    public var metadata: ObjectMeta

    /// Creates a namespace.
    public init(metadata: ObjectMeta) { self.metadata = metadata }

    public init(from reader: inout JSONReader) throws {
        metadata = ObjectMeta()
        try reader.readFields { key, reader in
            switch key {
            case "metadata":
                metadata = try ObjectMeta(from: &reader)
                metadata.annotations = [:]
            default: try reader.skip()
            }
        }
    }
}
