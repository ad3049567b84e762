import KubernetesModel

/// Custom resources: everything comes from the definition's schema.
struct CustomResourceStrategy: ResourceStrategy {
    let type: FieldType
    let schema: JSONValue
    let columns: [TableColumn]
    let selectableFields: [String]

    var isCustom: Bool { true }
    var tracksGeneration: Bool { true }
    var skeleton: JSONValue { [:] }

    init(version: JSONValue) {
        schema = version["schema"]?["openAPIV3Schema"] ?? [:]
        var fields = BuiltinTypes.fields(of: "Object")
        var rest: FieldType?
        switch SchemaTypes.type(of: schema) {
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

    func applyDefaults(_ object: inout JSONValue) {
        type.dropUnknownFields(in: &object)
        SchemaTypes.applyDefaults(schema, to: &object)
    }

    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [ObjectError] { [] }

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
            case "date": return .string(HumanDuration.since(first, now))
            case "integer": return first.int.map { .int($0) } ?? .null
            case "number": return first.double == nil ? .null : first
            case "boolean": return first.bool.map { .bool($0) } ?? .null
            default:
                return .string(values.count > 1 ? values.map(\.rendered).joined(separator: ",") : first.rendered)
            }
        }
    }
}
