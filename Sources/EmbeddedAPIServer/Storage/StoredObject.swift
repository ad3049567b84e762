import JSON
import KubernetesModel

/// The key of an object: its resource's storage name, its namespace (empty for none) and its name.
struct StorageKey: Hashable, Comparable, Sendable {
    /// `pods`, `widgets.example.dev`.
    var resource: String
    var namespace: String
    var name: String

    static func < (left: StorageKey, right: StorageKey) -> Bool {
        (left.resource, left.namespace, left.name) < (right.resource, right.namespace, right.name)
    }
}

/// One version of one object, immutable: its JSON as it is sent, and the values that selectors and controllers need.
///
/// The bytes leave out `apiVersion` and `kind`, which depend on the version that a client asks for and which lists of
/// built-in kinds leave out. A parsed tree would take five times the memory.
final class StoredObject: Sendable {
    let key: StorageKey
    let resourceVersion: UInt64
    /// The object's JSON without apiVersion and kind.
    let body: [UInt8]
    let uid: String
    let labels: [String: String]
    /// The values of the selectable fields, besides name and namespace.
    let fields: [String: String]
    let ownerUIDs: [String]
    let isBeingDeleted: Bool

    init(key: StorageKey, resourceVersion: UInt64, object: JSONValue, fields: [String: String]) {
        var object = object
        object["apiVersion"] = nil
        object["kind"] = nil
        let metadata = object["metadata"]
        self.key = key
        self.resourceVersion = resourceVersion
        body = object.bytes
        uid = metadata?["uid"]?.string ?? ""
        labels = metadata?["labels"]?.stringMap ?? [:]
        self.fields = fields
        ownerUIDs = metadata?["ownerReferences"]?.array?.compactMap { $0["uid"]?.string } ?? []
        isBeingDeleted = metadata?["deletionTimestamp"] != nil
    }

    /// The JSON with apiVersion and kind in front.
    func bytes(apiVersion: String, kind: String) -> [UInt8] {
        var result = Array("{\"apiVersion\":\"\(apiVersion)\",\"kind\":\"\(kind)\"".utf8)
        result.reserveCapacity(result.count + body.count + 1)
        if body.count > 2 { result.append(UInt8(ascii: ",")) }
        result.append(contentsOf: body.dropFirst())
        return result
    }

    /// The parsed object with apiVersion and kind. Throws `JSONError`.
    func json(apiVersion: String, kind: String) throws -> JSONValue {
        var value = try JSONValue(parsing: body)
        value["apiVersion"] = .string(apiVersion)
        value["kind"] = .string(kind)
        return value
    }
}

/// One change of one object.
struct StorageEvent: Sendable {
    enum Kind: Sendable { case added, modified, deleted }

    var kind: Kind
    /// The object after the change; for a deletion its last state, with the version of the deletion.
    var object: StoredObject
    /// The object before the change; nil when it was added.
    var previous: StoredObject?

    var resourceVersion: UInt64 { object.resourceVersion }
}
