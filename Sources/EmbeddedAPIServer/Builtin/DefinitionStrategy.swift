import JSON
import KubernetesModel
import KubernetesSchema

/// Custom resource definitions.
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

    func validate(_ object: JSONValue, old: JSONValue?, subresource: String?) -> [ObjectError] {
        let spec = object["spec"] ?? [:]
        var errors: [ObjectError] = []
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
            if let problem = NameRules.labelError(version["name"]?.string ?? "") {
                errors.append(.invalid("spec.versions[\(index)].name", version["name"] ?? "", problem))
            }
            if version["schema"]?["openAPIV3Schema"]?.object == nil {
                errors.append(.required("spec.versions[\(index)].schema.openAPIV3Schema", "schemas are required"))
            } else {
                errors += schemaErrors(
                    version["schema"]?["openAPIV3Schema"] ?? [:], "spec.versions[\(index)].schema.openAPIV3Schema")
            }
        }
        if let old {
            for (field, before, now) in [
                ("spec.group", old["spec"]?["group"], spec["group"]),
                ("spec.scope", old["spec"]?["scope"], spec["scope"]),
                ("spec.names.plural", old["spec"]?["names"]?["plural"], spec["names"]?["plural"]),
                ("spec.names.kind", old["spec"]?["names"]?["kind"], spec["names"]?["kind"]),
            ] where before != now {
                errors.append(.invalid(field, now ?? .null, "field is immutable"))
            }
        }
        return errors
    }

    private func schemaErrors(_ schema: JSONValue, _ path: String) -> [ObjectError] {
        do {
            _ = try StructuralSchema(openAPI: schema)
            return []
        } catch let error as SchemaError {
            let place = error.path.steps.isEmpty ? path : "\(path).\(error.path)"
            return [.invalid(place, .string(schema["type"]?.rendered ?? ""), error.message)]
        } catch {
            return [.invalid(path, "", "\(error)")]
        }
    }
}
