import JSON
import KubernetesModel

/// The rules of one kind: defaults, validation, selectable fields and table columns.
///
/// Everything here is a pure function of its arguments. The order of a write is: decode (with defaults), prepare, field
/// ownership, admission, validation.
protocol ResourceStrategy: Sendable {
    /// The type of the whole object.
    var type: FieldType { get }

    /// What an empty object of the kind contains in Go. No manager owns these fields, since they are there even when
    /// they are not set.
    var skeleton: JSONValue { get }

    /// Whether changes outside metadata and status count up `metadata.generation`.
    var tracksGeneration: Bool { get }

    /// Whether a new object has the status that it is created with: nodes do, with which a kubelet registers.
    var keepsStatusAtCreation: Bool { get }

    /// Whether it is a custom resource. Lists of custom resources repeat apiVersion and kind in every item.
    var isCustom: Bool { get }

    /// Whether a deletion is answered with the object, as for pods and services, instead of a Status.
    var returnsDeletedObject: Bool { get }

    /// The paths of the fields that are not part of the schema. Strict validation refuses them; else the client is
    /// warned.
    func unknownFields(in object: JSONValue) -> [String]

    /// Drops unknown fields and sets defaults.
    func applyDefaults(_ object: inout JSONValue)

    /// Sets what the server sets at creation, before field ownership is computed.
    func prepareForCreate(_ object: inout JSONValue, now: Timestamp)

    /// Sets what admission sets, after field ownership is computed, so that no manager owns it. Throws `APIStatus` to
    /// refuse the object.
    func admit(_ object: inout JSONValue, cluster: any ClusterView, now: Timestamp) throws

    /// Restores or derives fields of a new state from the old one.
    func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String?)

    /// The errors in an object; `old` is nil at creation.
    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [FieldError]

    /// The error in the object's name, if any.
    func validateName(_ name: String) -> String?

    /// The fields that field selectors support besides metadata.name and metadata.namespace.
    var selectableFields: [String] { get }

    /// The values of the selectable fields of a stored object.
    func fieldValues(_ object: JSONValue) -> [String: String]

    /// The columns of a table.
    var columns: [TableColumn] { get }

    /// Whether this version differs from the stored form.
    var convertsStorage: Bool { get }
    /// Converts the stored form to this version.
    func fromStorage(_ object: JSONValue) -> JSONValue
    /// Converts this version to the stored form.
    func toStorage(_ object: JSONValue) -> JSONValue
}

/// The objects that admission can read.
protocol ClusterView: Sendable {
    /// An object by the storage name of its resource; nil when it does not exist.
    func object(_ resource: String, namespace: String, name: String) -> JSONValue?
    /// The objects of a resource, in one namespace or in all.
    func objects(_ resource: String, namespace: String?) -> [JSONValue]
}

extension ResourceStrategy {
    var keepsStatusAtCreation: Bool { false }
    var skeleton: JSONValue { ["metadata": [:]] }
    var tracksGeneration: Bool { false }
    var isCustom: Bool { false }
    var returnsDeletedObject: Bool { false }
    func unknownFields(in object: JSONValue) -> [String] { type.unknownFields(in: object) }
    func applyDefaults(_ object: inout JSONValue) { type.dropUnknownFields(in: &object) }
    func prepareForCreate(_ object: inout JSONValue, now: Timestamp) {}
    func admit(_ object: inout JSONValue, cluster: any ClusterView, now: Timestamp) throws {}
    func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String?) {}
    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [FieldError] { [] }
    func validateName(_ name: String) -> String? { Names.subdomainProblem(name) }
    var selectableFields: [String] { [] }
    func fieldValues(_ object: JSONValue) -> [String: String] {
        var values: [String: String] = [:]
        for path in selectableFields {
            var value: JSONValue? = object
            for part in path.split(separator: ".") { value = value?[String(part)] }
            if let value, !value.isNull, value != false, value != "" { values[path] = value.rendered }
        }
        return values
    }
    var columns: [TableColumn] { [.name, .age] }
    var convertsStorage: Bool { false }
    func fromStorage(_ object: JSONValue) -> JSONValue { object }
    func toStorage(_ object: JSONValue) -> JSONValue { object }
}
