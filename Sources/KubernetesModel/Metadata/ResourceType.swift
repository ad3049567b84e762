public import JSON

/// A kind of object as the API server serves it: where its path is and what its objects call themselves.
public struct ResourceType: Sendable, Hashable {
    /// Empty for the core group.
    public var group: String
    public var version: String
    public var kind: String
    /// The plural in the path: `pods`.
    public var plural: String
    public var isNamespaced: Bool

    /// A resource type.
    public init(group: String = "", version: String, kind: String, plural: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    /// What objects carry in `apiVersion`: `v1`, `batch/v1`.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// `/api/v1` or `/apis/GROUP/VERSION`.
    public var basePath: String { group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)" }
}

/// An object of a known resource type, as much of it as its Swift type keeps.
public protocol KubernetesObject: Sendable, JSONReadable {
    /// The resource type all objects of this Swift type are of.
    static var resourceType: ResourceType { get }
    var metadata: ObjectMeta { get }
}

/// An object of any kind, whole.
public struct DynamicObject: Sendable, Hashable, JSONReadable, JSONWritable {
    /// The whole object, apiVersion, kind and managedFields included.
    public var json: JSONValue
    /// Its metadata, parsed.
    public var metadata: ObjectMeta

    /// An object by its tree; throws ``JSONError`` when its metadata are not what metadata must be.
    public init(_ json: JSONValue) throws {
        self.json = json
        metadata = try json["metadata"].map { try ObjectMeta($0) } ?? ObjectMeta()
    }

    public init(from reader: inout JSONReader) throws { try self.init(try reader.readValue()) }

    public var apiVersion: String { json["apiVersion"]?.string ?? "" }
    public var kind: String { json["kind"]?.string ?? "" }
}
