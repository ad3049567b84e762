public import JSON
public import KubernetesModel

/// A `coordination.k8s.io/v1` Lease: who leads, and for how long after the last renewal.
public struct Lease: KubernetesObject, JSONWritable, Hashable {
    public static let resourceType = ResourceType(
        group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases")

    public var metadata: ObjectMeta
    /// The identity of the leader; empty when the lease has no holder.
    public var holderIdentity = ""
    /// How long the lease is valid after a renewal.
    public var leaseDurationSeconds: Int64 = 0
    public var acquireTime: Timestamp?
    public var renewTime: Timestamp?
    /// How often the holder has changed.
    public var leaseTransitions: Int64 = 0

    /// Creates a lease without a holder.
    public init(_ key: ObjectKey) { metadata = ObjectMeta(name: key.name, namespace: key.namespace) }

    public init(from reader: inout JSONReader) throws {
        metadata = ObjectMeta()
        try reader.readFields { key, reader in
            switch key.string {
            case "metadata": metadata = try ObjectMeta(from: &reader)
            case "spec": try readSpec(&reader)
            default: try reader.skip()
            }
        }
    }

    private mutating func readSpec(_ reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key.string {
            case "holderIdentity": holderIdentity = try reader.readOptional { try $0.readString() } ?? ""
            case "leaseDurationSeconds": leaseDurationSeconds = try reader.readOptional { try $0.readInt64() } ?? 0
            case "acquireTime": acquireTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "renewTime": renewTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "leaseTransitions": leaseTransitions = try reader.readOptional { try $0.readInt64() } ?? 0
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        // MicroTime: Go's decoder requires the six digits.
        var spec: JSONObject = [
            "holderIdentity": .string(holderIdentity), "leaseDurationSeconds": .int(leaseDurationSeconds),
            "leaseTransitions": .int(leaseTransitions),
        ]
        if let acquireTime { spec["acquireTime"] = .string(acquireTime.rfc3339Micro) }
        if let renewTime { spec["renewTime"] = .string(renewTime.rfc3339Micro) }
        return [
            "apiVersion": .string(Self.resourceType.apiVersion), "kind": .string(Self.resourceType.kind),
            "metadata": metadata.json, "spec": .object(spec),
        ]
    }
}

/// Where leases are kept: the API server, or a substitute in tests.
public protocol LeaseStore: Sendable {
    /// Returns the lease, or nil when it does not exist. Throws when that could not be found out.
    func get(_ key: ObjectKey) async throws -> Lease?
    /// Creates the lease and returns it as stored. Throws when it exists already.
    func create(_ lease: Lease) async throws -> Lease
    /// Replaces the lease and returns it as stored. Throws when its `metadata.resourceVersion` is not the current one.
    func update(_ lease: Lease) async throws -> Lease
}
