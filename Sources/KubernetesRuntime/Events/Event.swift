public import JSON
public import KubernetesModel

/// A core/v1 Event with the fields that a recorder writes. `kubectl describe` shows it under its object.
public struct Event: Sendable, Hashable, JSONWritable {
    /// Whether the event reports normal progress or a problem.
    public enum Kind: String, Sendable, Hashable {
        case normal = "Normal"
        case warning = "Warning"
    }

    public static let resourceType = ResourceType(version: "v1", kind: "Event", plural: "events")

    public var metadata: ObjectMeta
    public var involvedObject: ObjectReference
    public var type: Kind
    /// Why the event was raised: one CamelCase word, for programs.
    public var reason: String
    /// What happened: one sentence, for people.
    public var message: String
    /// The name of the reporting controller.
    public var component: String
    /// The reporting instance of the controller; may be empty.
    public var instance: String
    public var firstTimestamp: Timestamp
    public var lastTimestamp: Timestamp
    /// How often the event has happened.
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

/// Where events are sent: the API server, or a substitute in tests.
public protocol EventSink: Sendable {
    /// Creates the event in the namespace of its metadata. Throws when it could not be stored; `APIStatus` for a
    /// refusal.
    func create(_ event: Event) async throws
    /// Changes an event by a merge patch (RFC 7386). Throws `APIStatus` with `isNotFound` when the event is gone.
    func patch(_ key: ObjectKey, _ patch: JSONValue) async throws
}
