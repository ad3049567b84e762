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
