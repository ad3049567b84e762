public import JSON
public import KubernetesModel

/// A Queue as it is watched: the spec as it came, since only validation decides whether it means anything.
public struct Queue: KubernetesObject, Hashable {
    public static var resourceType: ResourceType { Sluice.queues }

    public var metadata: ObjectMeta
    public var spec: JSONValue
    public var status: QueueStatus

    /// A queue.
    public init(metadata: ObjectMeta, spec: JSONValue, status: QueueStatus = QueueStatus()) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public init(from reader: inout JSONReader) throws {
        self.init(metadata: ObjectMeta(), spec: [:])
        try reader.readFields { key, reader in
            switch key {
            case "metadata": metadata = try ObjectMeta(from: &reader)
            case "spec": spec = try reader.readValue()
            case "status": status = try QueueStatus(from: &reader)
            default: try reader.skip()
            }
        }
    }
}
