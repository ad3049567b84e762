import JSON
import KubernetesModel
import KubernetesSchema

/// The rules of CustomResourceDefinition objects.
struct DefinitionStrategy: ResourceStrategy {
    let type = SimpleStrategy("CustomResourceDefinition").type
    var tracksGeneration: Bool { true }
    var returnsDeletedObject: Bool { true }

    var skeleton: JSONValue {
        [
            "metadata": [:],
            "spec": ["group": "", "names": ["plural": "", "kind": ""], "scope": "", "versions": .null],
            "status": ["conditions": .null, "acceptedNames": ["plural": "", "kind": ""], "storedVersions": .null],
        ]
    }

    let columns: [TableColumn] = [
        .name,
        TableColumn("Created At", type: "date", description: ColumnTexts.creationTimestamp) { object, _ in
            object["metadata"]?["creationTimestamp"] ?? .null
        },
    ]

    func applyDefaults(_ object: inout JSONValue) {
        type.dropUnknownFields(in: &object)
        guard object["spec"]?.object != nil else { return }
        object.setDefault(["spec", "conversion"], ["strategy": "None"])
        if let kind = object["spec"]?["names"]?["kind"]?.string {
            object.setDefault(["spec", "names", "singular"], .string(kind.lowercased()))
            object.setDefault(["spec", "names", "listKind"], .string(kind + "List"))
        }
    }

    func prepareForCreate(_ object: inout JSONValue, now: Timestamp) {
        let storage = (object["spec"]?["versions"]?.array ?? []).filter { $0["storage"] == true }
        object["status"] = [
            "conditions": .null, "acceptedNames": ["plural": "", "kind": ""],
            "storedVersions": .array(storage.compactMap { $0["name"] }),
        ]
    }

    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [FieldError] {
        let spec = object["spec"] ?? [:]
        var errors: [FieldError] = []
        let group = spec["group"]?.string ?? ""
        let plural = spec["names"]?["plural"]?.string ?? ""
        let name = object["metadata"]?["name"]?.string ?? ""
        if name != "\(plural).\(group)" {
            errors.append(.invalid("metadata.name", .string(name), "must be spec.names.plural+\".\"+spec.group"))
        }
        if group.isEmpty {
            errors.append(.required("spec.group"))
        } else if group.split(separator: ".").count < 2 {
            errors.append(.invalid("spec.group", .string(group), "should be a domain with at least one dot"))
        }
        if spec["names"]?["kind"]?.string ?? "" == "" { errors.append(.required("spec.names.kind")) }
        if plural.isEmpty { errors.append(.required("spec.names.plural")) }
        let scope = spec["scope"] ?? ""
        if scope != "Namespaced", scope != "Cluster" {
            errors.append(
                scope == "" ? .required("spec.scope") : .notSupported("spec.scope", scope, ["Cluster", "Namespaced"]))
        }
        let versions = spec["versions"]?.array ?? []
        if versions.filter({ $0["storage"] == true }).count != 1 {
            errors.append(
                .invalid("spec.versions", .array([]), "must have exactly one version marked as storage version"))
        }
        for (index, version) in versions.enumerated() {
            let path = FieldPath("spec.versions").index(index)
            let schemaPath = path.field("schema").field("openAPIV3Schema")
            if let problem = Names.labelProblem(version["name"]?.string ?? "") {
                errors.append(.invalid(path.field("name"), version["name"] ?? "", problem))
            }
            if version["schema"]?["openAPIV3Schema"]?.object == nil {
                errors.append(.required(schemaPath, "schemas are required"))
            } else {
                errors += schemaErrors(version["schema"]?["openAPIV3Schema"] ?? [:], schemaPath)
            }
        }
        if let old {
            for (field, before, now) in [
                ("spec.group", old["spec"]?["group"], spec["group"]),
                ("spec.scope", old["spec"]?["scope"], spec["scope"]),
                ("spec.names.plural", old["spec"]?["names"]?["plural"], spec["names"]?["plural"]),
                ("spec.names.kind", old["spec"]?["names"]?["kind"], spec["names"]?["kind"]),
            ] as [(FieldPath, JSONValue?, JSONValue?)] where before != now {
                errors.append(.invalid(field, now ?? .null, "field is immutable"))
            }
        }
        return errors
    }

    private func schemaErrors(_ schema: JSONValue, _ path: FieldPath) -> [FieldError] {
        do {
            return RuleCheck.problems(in: try StructuralSchema(openAPI: schema), path)
        } catch let error as SchemaError {
            return [
                .invalid(
                    FieldPath(path.steps + error.path.steps), .string(schema["type"]?.rendered ?? ""), error.message)
            ]
        } catch {
            return [.invalid(path, "", "\(error)")]
        }
    }
}
