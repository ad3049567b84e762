public import JSON
public import KubernetesModel

/// A core/v1 Event, as much of it as a recorder writes; `kubectl describe` shows it under its object.
public struct Event: Sendable, Hashable, JSONWritable {
    /// How bad it is.
    public enum Kind: String, Sendable, Hashable {
        case normal = "Normal"
        case warning = "Warning"
    }

    public static let resourceType = ResourceType(version: "v1", kind: "Event", plural: "events")

    public var metadata: ObjectMeta
    public var involvedObject: ObjectReference
    public var type: Kind
    /// One CamelCase word for machines.
    public var reason: String
    /// One sentence for people.
    public var message: String
    /// What reports: the name of the controller.
    public var component: String
    /// Which instance of it reports; may be empty.
    public var instance: String
    public var firstTimestamp: Timestamp
    public var lastTimestamp: Timestamp
    /// How often it has happened.
    public var count: Int64

    public var json: JSONValue {
        var source: JSONObject = ["component": .string(component)]
        if !instance.isEmpty { source["host"] = .string(instance) }
        return [
            "apiVersion": "v1", "kind": "Event", "metadata": metadata.json, "involvedObject": involvedObject.json,
            "type": .string(type.rawValue), "reason": .string(reason), "message": .string(message),
            "source": .object(source), "firstTimestamp": .string(firstTimestamp.rfc3339),
            "lastTimestamp": .string(lastTimestamp.rfc3339), "count": .int(count),
            "reportingComponent": .string(component), "reportingInstance": .string(instance),
        ]
    }
}

/// Where events go: the API server, or what stands for it in a test.
public protocol EventSink: Sendable {
    /// Creates the event in the namespace that its metadata say.
    func create(_ event: Event) async throws
    /// Changes an event by a merge patch (RFC 7386).
    func patch(_ key: ObjectKey, _ patch: JSONValue) async throws
}
