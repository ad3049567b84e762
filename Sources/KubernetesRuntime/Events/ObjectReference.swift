public import JSON
public import KubernetesModel

/// A reference to an object, as in `involvedObject` of an Event.
public struct ObjectReference: Sendable, Hashable, JSONWritable {
    public var apiVersion: String
    public var kind: String
    public var namespace: String
    public var name: String
    public var uid: String
    public var resourceVersion: String
    /// The part of the object that is meant, for example `spec.containers{main}`; may be empty.
    public var fieldPath: String

    /// Creates a reference from its fields.
    public init(
        apiVersion: String, kind: String, namespace: String = "", name: String, uid: String = "",
        resourceVersion: String = "", fieldPath: String = ""
    ) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.fieldPath = fieldPath
    }

    /// Creates a reference to an object.
    public init<Object: KubernetesObject>(_ object: Object) { self.init(Object.resourceType, object.metadata) }

    /// Creates a reference to the object of this type and metadata.
    public init(_ type: ResourceType, _ metadata: ObjectMeta) {
        self.init(
            apiVersion: type.apiVersion, kind: type.kind, namespace: metadata.namespace, name: metadata.name,
            uid: metadata.uid, resourceVersion: metadata.resourceVersion)
    }

    public var json: JSONValue {
        var result: JSONObject = ["apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name)]
        if !namespace.isEmpty { result["namespace"] = .string(namespace) }
        if !uid.isEmpty { result["uid"] = .string(uid) }
        if !resourceVersion.isEmpty { result["resourceVersion"] = .string(resourceVersion) }
        if !fieldPath.isEmpty { result["fieldPath"] = .string(fieldPath) }
        return .object(result)
    }
}
