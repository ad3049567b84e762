public import JSON
public import KubernetesClient
public import KubernetesModel

/// An object in a store. Immutable and shared by all readers; copying it copies one reference.
public final class StoreEntry<Object: KubernetesObject>: Sendable {
    /// The object, or its metadata and the error if it could not be decoded.
    public let value: Decoded<Object>
    public let key: ObjectKey
    /// The resourceVersion as a number; nil when it is not a number.
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

/// Resource versions as numbers. From 1.35 on, Kubernetes permits comparing them within one resource type (KEP-5504).
enum ResourceVersion {
    /// Parses a version; nil unless it is a positive decimal number without sign or leading zeros. Others may not be
    /// compared.
    static func number(_ text: String) -> UInt64? {
        guard let number = UInt64(text), text.utf8.first != UInt8(ascii: "+"), number > 0,
            text.utf8.first != UInt8(ascii: "0")
        else { return nil }
        return number
    }
}
