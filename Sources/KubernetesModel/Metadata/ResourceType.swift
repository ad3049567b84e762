public import JSON

/// A kind of object in the Kubernetes API: its path on the server and its `apiVersion` and `kind`.
public struct ResourceType: Sendable, Hashable {
    /// Empty for the core group.
    public var group: String
    public var version: String
    public var kind: String
    /// The plural name in paths, for example `pods`.
    public var plural: String
    /// Whether its objects are in a namespace; otherwise they are cluster-scoped.
    public var isNamespaced: Bool

    /// Creates a resource type.
    public init(group: String = "", version: String, kind: String, plural: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    /// The `apiVersion` of its objects: `v1`, `batch/v1`.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// The path of its group and version: `/api/v1` or `/apis/GROUP/VERSION`.
    public var basePath: String { group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)" }
}

/// A Swift type for objects of one resource type. It may keep only some of their fields.
public protocol KubernetesObject: Sendable, JSONReadable {
    /// The resource type of all objects of this Swift type.
    static var resourceType: ResourceType { get }
    var metadata: ObjectMeta { get }
}

/// An object of any kind, with all its fields.
public struct DynamicObject: Sendable, Hashable, JSONReadable, JSONWritable {
    /// The whole object, including apiVersion, kind and managedFields.
    public var json: JSONValue
    /// The parsed metadata.
    public var metadata: ObjectMeta

    /// Creates an object from its tree. Throws ``JSONError`` when its metadata are not well formed.
    public init(_ json: JSONValue) throws {
        self.json = json
        metadata = try json["metadata"].map { try ObjectMeta($0) } ?? ObjectMeta()
    }

    public init(from reader: inout JSONReader) throws { try self.init(try reader.readValue()) }

    public var apiVersion: String { json["apiVersion"]?.string ?? "" }
    public var kind: String { json["kind"]?.string ?? "" }
}
