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
    private var tree: JSONValue
    private var parsed: ObjectMeta

    /// The whole object, including apiVersion, kind and managedFields. Setting it sets ``metadata`` too; a tree whose
    /// metadata are not well formed leaves them as they were.
    public var json: JSONValue {
        get { tree }
        set {
            let isChanged = newValue["metadata"] != tree["metadata"]
            tree = newValue
            guard isChanged else { return }
            if let metadata = tree["metadata"] {
                parsed = (try? ObjectMeta(metadata)) ?? parsed
            } else {
                parsed = ObjectMeta()
            }
        }
    }

    /// The parsed metadata. Setting them sets those fields of ``json``; other fields there, as managedFields, stay.
    public var metadata: ObjectMeta {
        get { parsed }
        set {
            let (old, new) = (parsed.json.object ?? JSONObject(), newValue.json.object ?? JSONObject())
            parsed = newValue
            guard old != new else { return }
            var fields = tree["metadata"]?.object ?? JSONObject()
            for key in old.keys where !new.contains(key) { fields[key] = nil }
            for (key, value) in new where old[key] != value { fields[key] = value }
            tree["metadata"] = .object(fields)
        }
    }

    /// Creates an object from its tree. Throws ``JSONError`` when its metadata are not well formed.
    public init(_ json: JSONValue) throws {
        tree = json
        parsed = try json["metadata"].map { try ObjectMeta($0) } ?? ObjectMeta()
    }

    public init(from reader: inout JSONReader) throws { try self.init(try reader.readValue()) }

    public var apiVersion: String { json["apiVersion"]?.string ?? "" }
    public var kind: String { json["kind"]?.string ?? "" }
}
