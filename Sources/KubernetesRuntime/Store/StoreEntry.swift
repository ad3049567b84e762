public import JSON
public import KubernetesClient
public import KubernetesModel

/// An object in a store: immutable, shared by everyone who reads it, one reference to copy.
public final class StoreEntry<Object: KubernetesObject>: Sendable {
    public let value: Decoded<Object>
    public let key: ObjectKey
    /// The resourceVersion as a number, nil when it is none.
    let version: UInt64?

    init(_ value: Decoded<Object>) {
        self.value = value
        let metadata = value.metadata
        key = ObjectKey(metadata)
        version = ResourceVersion.number(metadata.resourceVersion)
    }

    /// The object; nil when it could not be decoded.
    public var object: Object? { if case .object(let object) = value { object } else { nil } }

    public var metadata: ObjectMeta { value.metadata }

    /// Why the object could not be decoded; nil when it could.
    public var decodingError: JSONError? { if case .undecodable(_, let error) = value { error } else { nil } }
}

/// Resource versions as numbers, which Kubernetes permits to compare within one resource type from 1.35 on (KEP-5504).
enum ResourceVersion {
    /// The number; nil when the text is not a decimal number in its shortest form, and so may not be compared.
    static func number(_ text: String) -> UInt64? {
        guard let number = UInt64(text), text.utf8.first != UInt8(ascii: "+"), number > 0,
            text.utf8.first != UInt8(ascii: "0")
        else { return nil }
        return number
    }
}
