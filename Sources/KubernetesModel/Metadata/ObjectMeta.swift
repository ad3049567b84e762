public import JSON

/// The metadata of a Kubernetes object, without managedFields: these are 44 % of a real pod's JSON, and no code here
/// reads them.
public struct ObjectMeta: Sendable, Hashable {
    public var name = ""
    /// The prefix from which the server makes a name, when ``name`` is empty.
    public var generateName: String?
    /// Empty for cluster-scoped objects.
    public var namespace = ""
    public var uid = ""
    /// Changes with every write. Compare it only for equality, unless it is a number (see KubernetesRuntime).
    public var resourceVersion = ""
    /// Counts the changes of the spec.
    public var generation: Int64 = 0
    /// When the object was created; nil before the server has stored it.
    public var creationTimestamp: Timestamp?
    public var deletionTimestamp: Timestamp?
    public var deletionGracePeriodSeconds: Int64?
    public var labels: [String: String] = [:]
    public var annotations: [String: String] = [:]
    public var ownerReferences: [OwnerReference] = []
    public var finalizers: [String] = []

    /// Creates metadata with a name, and a namespace for namespaced objects.
    public init(name: String = "", namespace: String = "") {
        self.name = name
        self.namespace = namespace
    }

    /// Whether deletion has been asked for.
    public var isBeingDeleted: Bool { deletionTimestamp != nil }

    /// The controlling owner, if there is one.
    public var controller: OwnerReference? { ownerReferences.first { $0.controller } }
}

/// One entry of `metadata.ownerReferences`.
public struct OwnerReference: Sendable, Hashable {
    public var apiVersion: String
    public var kind: String
    public var name: String
    public var uid: String
    /// Whether this owner manages the object. An object has at most one such owner.
    public var controller: Bool
    /// Whether the owner cannot be deleted in the foreground before this object is gone.
    public var blockOwnerDeletion: Bool

    /// Creates a reference to an owner.
    public init(
        apiVersion: String, kind: String, name: String, uid: String, controller: Bool = true,
        blockOwnerDeletion: Bool = true
    ) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.name = name
        self.uid = uid
        self.controller = controller
        self.blockOwnerDeletion = blockOwnerDeletion
    }
}

extension JSONReader {
    /// Reads a value, or returns nil for `null`. Throws what `read` throws.
    public mutating func readOptional<Value>(_ read: (inout JSONReader) throws -> Value) throws -> Value? {
        try readNull() ? nil : read(&self)
    }

    /// Reads an array; `null` gives an empty one. Throws ``JSONError`` for any other value, and what `read` throws.
    public mutating func readArray<Value>(_ read: (inout JSONReader) throws -> Value) throws -> [Value] {
        var result: [Value] = []
        if try readNull() { return result }
        try beginArray()
        while try nextElement() { result.append(try read(&self)) }
        return result
    }

    /// Reads an object of strings; `null` gives an empty one. Throws ``JSONError`` for any other value.
    public mutating func readStringMap() throws -> [String: String] {
        var result: [String: String] = [:]
        if try readNull() { return result }
        try beginObject()
        while let key = try nextKey() { result[key.string] = try readOptional { try $0.readString() } ?? "" }
        return result
    }

    /// Reads an object field by field; `null` is an object without fields. `body` must read or skip each value. Throws
    /// ``JSONError`` for any other value, and what `body` throws.
    public mutating func readFields(_ body: (Key, inout JSONReader) throws -> Void) throws {
        if try readNull() { return }
        try beginObject()
        while let key = try nextKey() { try body(key, &self) }
    }
}

extension ObjectMeta: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "name": name = try reader.readOptional { try $0.readString() } ?? ""
            case "generateName": generateName = try reader.readOptional { try $0.readString() }
            case "namespace": namespace = try reader.readOptional { try $0.readString() } ?? ""
            case "uid": uid = try reader.readOptional { try $0.readString() } ?? ""
            case "resourceVersion": resourceVersion = try reader.readOptional { try $0.readString() } ?? ""
            case "generation": generation = try reader.readOptional { try $0.readInt64() } ?? 0
            case "creationTimestamp": creationTimestamp = try reader.readOptional { try Timestamp(from: &$0) }
            case "deletionTimestamp": deletionTimestamp = try reader.readOptional { try Timestamp(from: &$0) }
            case "deletionGracePeriodSeconds":
                deletionGracePeriodSeconds = try reader.readOptional { try $0.readInt64() }
            case "labels": labels = try reader.readStringMap()
            case "annotations": annotations = try reader.readStringMap()
            case "ownerReferences": ownerReferences = try reader.readArray { try OwnerReference(from: &$0) }
            case "finalizers": finalizers = try reader.readArray { try $0.readString() }
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var result = JSONObject()
        if !name.isEmpty { result["name"] = .string(name) }
        if let generateName { result["generateName"] = .string(generateName) }
        if !namespace.isEmpty { result["namespace"] = .string(namespace) }
        if !uid.isEmpty { result["uid"] = .string(uid) }
        if !resourceVersion.isEmpty { result["resourceVersion"] = .string(resourceVersion) }
        if generation != 0 { result["generation"] = .int(generation) }
        if let creationTimestamp { result["creationTimestamp"] = creationTimestamp.json }
        if let deletionTimestamp { result["deletionTimestamp"] = deletionTimestamp.json }
        if let deletionGracePeriodSeconds { result["deletionGracePeriodSeconds"] = .int(deletionGracePeriodSeconds) }
        if !labels.isEmpty { result["labels"] = JSONValue(labels) }
        if !annotations.isEmpty { result["annotations"] = JSONValue(annotations) }
        if !ownerReferences.isEmpty { result["ownerReferences"] = .array(ownerReferences.map(\.json)) }
        if !finalizers.isEmpty { result["finalizers"] = JSONValue(finalizers) }
        return .object(result)
    }
}

extension OwnerReference: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws {
        self.init(apiVersion: "", kind: "", name: "", uid: "", controller: false, blockOwnerDeletion: false)
        try reader.readFields { key, reader in
            switch key {
            case "apiVersion": apiVersion = try reader.readString()
            case "kind": kind = try reader.readString()
            case "name": name = try reader.readString()
            case "uid": uid = try reader.readString()
            case "controller": controller = try reader.readOptional { try $0.readBool() } ?? false
            case "blockOwnerDeletion": blockOwnerDeletion = try reader.readOptional { try $0.readBool() } ?? false
            default: try reader.skip()
            }
        }
    }

    public var json: JSONValue {
        var result: JSONObject = [
            "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name), "uid": .string(uid),
        ]
        if controller { result["controller"] = true }
        if blockOwnerDeletion { result["blockOwnerDeletion"] = true }
        return .object(result)
    }
}
