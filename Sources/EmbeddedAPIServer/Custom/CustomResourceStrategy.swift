import JSON
import KubernetesModel
import KubernetesSchema

/// The rules of custom resources, all taken from the schema of their definition.
struct CustomResourceStrategy: ResourceStrategy {
    let type: FieldType
    /// The schema as the definition has it, for OpenAPI.
    let openAPI: JSONValue
    let schema: StructuralSchema
    let columns: [TableColumn]
    let selectableFields: [String]
    private let rules: RuleCheck?

    var isCustom: Bool { true }
    var tracksGeneration: Bool { true }
    var skeleton: JSONValue { [:] }

    private static let metadataType = FieldType.object(BuiltinTypes.fields(of: "Object"), rest: .any)

    /// Reads one version of a definition. Throws `SchemaError` when its schema is not a structural one.
    init(version: JSONValue) throws {
        openAPI = version["schema"]?["openAPIV3Schema"] ?? [:]
        schema = try StructuralSchema(openAPI: openAPI)
        rules = RuleCheck(schema)
        var fields = BuiltinTypes.fields(of: "Object")
        var rest: FieldType?
        switch FieldType(schema) {
        case .object(let own, let more):
            fields.merge(own) { builtin, _ in builtin }
            rest = more
        case .map, .any: rest = .any
        default: break
        }
        type = .object(fields, rest: rest)
        let extra = (version["additionalPrinterColumns"]?.array ?? []).compactMap { Self.column($0) }
        columns = extra.isEmpty ? [.name, .age] : [.name] + extra
        selectableFields = (version["selectableFields"]?.array ?? []).compactMap {
            $0["jsonPath"]?.string.map { String($0.drop { $0 == "." }) }
        }
    }

    func unknownFields(in object: JSONValue) -> [String] {
        var copy = object
        let unknown = schema.prune(&copy).map(\.description)
        return unknown + Self.metadataType.unknownFields(in: ["metadata": object["metadata"] ?? [:]])
    }

    func applyDefaults(_ object: inout JSONValue) {
        var metadata: JSONValue = ["metadata": object["metadata"] ?? [:]]
        Self.metadataType.dropUnknownFields(in: &metadata)
        object["metadata"] = metadata["metadata"]
        schema.prune(&object)
        schema.dropNulls(&object)
        schema.applyDefaults(&object)
    }

    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [FieldError] {
        var errors: [FieldError] = []
        var isBlocking = false
        for error in schema.validate(object) {
            errors.append(error)
            if [.required, .typeInvalid, .notSupported, .tooLong, .tooMany].contains(error.kind) { isBlocking = true }
        }
        guard let rules else { return errors }
        if isBlocking {
            let text =
                "some validation rules were not checked because the object was invalid; correct the existing errors to"
                + " complete validation"
            return errors + [FieldError(.root, .invalid, badValue: .null, text)]
        }
        return errors + rules.errors(object, old: old, schema)
    }

    /// One of `additionalPrinterColumns`; nil when it lacks a name or its path is not understood.
    private static func column(_ json: JSONValue) -> TableColumn? {
        guard let name = json["name"]?.string, let text = json["jsonPath"]?.string, let path = JSONPath(text) else {
            return nil
        }
        let type = json["type"]?.string ?? "string"
        let description = json["description"]?.string
        return TableColumn(
            name, type: type, format: json["format"]?.string ?? "", priority: Int(json["priority"]?.int ?? 0),
            description: description ?? "Custom resource definition column (in JSONPath format): \(text)"
        ) { object, now in
            let values = path.values(in: object)
            guard let first = values.first, !first.isNull else { return .null }
            switch type {
            case "date": return .string(HumanDuration.age(since: first, now: now))
            case "integer": return first.int.map { .int($0) } ?? .null
            case "number": return first.double == nil ? .null : first
            case "boolean": return first.bool.map { .bool($0) } ?? .null
            default:
                return .string(values.count > 1 ? values.map(\.rendered).joined(separator: ",") : first.rendered)
            }
        }
    }
}
