import JSON
import KubernetesModel

/// How the objects of one kind behave: what is filled in, what is refused, what is shown.
///
/// Everything here is a pure function of its arguments. The order of a write is: decode (with defaults), prepare,
/// ownership of fields, admission, validation.
protocol ResourceStrategy: Sendable {
    /// The shape of the whole object.
    var type: FieldType { get }

    /// What an empty object of the kind has in Go: fields that are there whether set or not are owned by nobody.
    var skeleton: JSONValue { get }

    /// Whether a change of anything but metadata and status counts up `metadata.generation`.
    var tracksGeneration: Bool { get }

    /// Whether lists repeat apiVersion and kind in every item, and whether a deletion answers with the object.
    var isCustom: Bool { get }

    /// Whether a deletion answers with the object where Kubernetes does (pods, services) and not with a Status.
    var returnsDeletedObject: Bool { get }

    /// The fields that are not part of the schema, as paths, to be refused under strict validation and warned of otherwise.
    func unknownFields(in object: JSONValue) -> [String]

    /// Drops what is not part of the schema and fills in defaults.
    func applyDefaults(_ object: inout JSONValue)

    /// Sets what the server sets at creation. Runs before ownership is worked out.
    func prepareForCreate(_ object: inout JSONValue, now: Timestamp)

    /// Sets what admission sets, which nobody owns. Throws an ``APIStatus`` to refuse the object.
    func admit(_ object: inout JSONValue, cluster: any ClusterView, now: Timestamp) throws

    /// Brings a new state in line with the old one.
    func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String?)

    /// The errors in an object; `old` is nil at creation.
    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [FieldError]

    /// The error in the object's name, if any.
    func validateName(_ name: String) -> String?

    /// What field selectors may ask for beside metadata.name and metadata.namespace.
    var selectableFields: [String] { get }

    /// The values of the selectable fields.
    func fieldValues(_ object: JSONValue) -> [String: String]

    /// The columns of a table.
    var columns: [TableColumn] { get }

    /// Whether this version's form is not the one that is stored.
    var convertsStorage: Bool { get }
    /// The stored form in this version's words.
    func fromStorage(_ object: JSONValue) -> JSONValue
    /// This version's form in the words of the stored one.
    func toStorage(_ object: JSONValue) -> JSONValue
}

/// What admission may look at.
protocol ClusterView: Sendable {
    func object(_ resource: String, namespace: String, name: String) -> JSONValue?
    func objects(_ resource: String, namespace: String?) -> [JSONValue]
}

extension ResourceStrategy {
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
    func validateName(_ name: String) -> String? { NameRules.subdomainError(name) }
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
