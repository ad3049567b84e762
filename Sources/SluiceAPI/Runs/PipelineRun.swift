public import JSON
public import KubernetesModel

/// A PipelineRun as it is watched: the spec as it came, since only validation decides whether it means anything.
public struct PipelineRun: KubernetesObject, Hashable {
    public static var resourceType: ResourceType { Sluice.pipelineRuns }

    public var metadata: ObjectMeta
    public var spec: JSONValue
    public var status: PipelineRunStatus

    /// A run.
    public init(metadata: ObjectMeta, spec: JSONValue, status: PipelineRunStatus = PipelineRunStatus()) {
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
            case "status": status = try PipelineRunStatus(from: &reader)
            default: try reader.skip()
            }
        }
    }
}

/// A Pipeline as it is watched.
public struct Pipeline: KubernetesObject, Hashable {
    public static var resourceType: ResourceType { Sluice.pipelines }

    public var metadata: ObjectMeta
    public var spec: JSONValue

    public init(from reader: inout JSONReader) throws {
        metadata = ObjectMeta()
        spec = [:]
        try reader.readFields { key, reader in
            switch key {
            case "metadata": metadata = try ObjectMeta(from: &reader)
            case "spec": spec = try reader.readValue()
            default: try reader.skip()
            }
        }
    }
}
