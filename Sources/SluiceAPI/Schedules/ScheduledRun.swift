public import JSON
public import KubernetesModel

/// A ScheduledRun as it is watched: the spec as it came, since only validation decides whether it means anything.
public struct ScheduledRun: KubernetesObject, Hashable {
    public static var resourceType: ResourceType { Sluice.scheduledRuns }

    public var metadata: ObjectMeta
    public var spec: JSONValue
    public var status: ScheduledRunStatus

    /// A scheduled run.
    public init(metadata: ObjectMeta, spec: JSONValue, status: ScheduledRunStatus = ScheduledRunStatus()) {
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
            case "status": status = try ScheduledRunStatus(from: &reader)
            default: try reader.skip()
            }
        }
    }
}
