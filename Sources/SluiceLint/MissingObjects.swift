import JSON
import KubernetesModel
import SluiceAPI

/// ConfigMaps and Secrets that pods name and a text does not hold.
enum MissingObjects {
    /// One that is named, with the place of its name.
    private struct Name {
        var kind: String
        var path: FieldPath
        var name: String
        /// Whether the task that needs it may never run: it has a condition, or is for a failure.
        var isConditional: Bool
    }

    /// A name of what is not there.
    struct Mistake {
        var error: FieldError
        /// Whether the run may do without it.
        var isConditional: Bool
    }

    /// The names in an object of ours of what none of `all` is. What may be absent is passed over, and so is a name that is a reference.
    static func mistakes(in object: JSONValue, among all: [JSONValue]) -> [Mistake] {
        guard object["apiVersion"] == .string(Sluice.apiVersion) else { return [] }
        var names: [Name] = []
        find(in: object["spec"] ?? [:], FieldPath().field("spec"), isPod: false, isConditional: false, &names)
        let namespace = object["metadata"]?["namespace"]?.string
        return names.compactMap { name in
            // Every namespace of a cluster has it.
            if name.name.contains("$(") || name.kind == "ConfigMap" && name.name == "kube-root-ca.crt" { return nil }
            let isThere = all.contains { other in
                let place = other["metadata"]?["namespace"]?.string
                return other["apiVersion"] == "v1" && other["kind"] == .string(name.kind)
                    && other["metadata"]?["name"] == .string(name.name)
                    && (place == nil || namespace == nil || place == namespace)
            }
            guard !isThere else { return nil }
            return Mistake(
                error: .notFound(
                    name.path, .string(name.name),
                    "the file has no such \(name.kind), without which the pod does not start"),
                isConditional: name.isConditional)
        }
    }

    /// Looks through the parts of a spec that pods are made of.
    private static func find(
        in value: JSONValue, _ path: FieldPath, isPod: Bool, isConditional: Bool, _ names: inout [Name]
    ) {
        let isConditional = isConditional || !isPod && mayNeverRun(value)
        for (index, element) in (value.array ?? []).enumerated() {
            find(in: element, path.index(index), isPod: isPod, isConditional: isConditional, &names)
        }
        for (key, element) in value.object ?? [:] {
            let path = path.field(key)
            if isPod, let (kind, field) = reference(key, element) {
                if element["optional"] != true, let name = element[field]?.string {
                    names.append(Name(kind: kind, path: path.field(field), name: name, isConditional: isConditional))
                }
            } else if isPod || !["parameters", "forEach"].contains(key) {
                find(
                    in: element, path, isPod: isPod || key == "podTemplate" || key == "container",
                    isConditional: isConditional, &names)
            }
        }
    }

    /// Whether a task has a condition, or waits for a failure.
    private static func mayNeverRun(_ task: JSONValue) -> Bool {
        task["when"] != nil || (task["dependsOn"]?.array ?? []).contains { $0["on"] == "Failed" }
    }

    /// What a field of a pod names, and the field of the name; nil where it names nothing.
    private static func reference(_ key: String, _ value: JSONValue) -> (kind: String, field: String)? {
        switch key {
        case "configMapKeyRef", "configMapRef", "configMap": ("ConfigMap", "name")
        case "secretKeyRef", "secretRef": ("Secret", "name")
        case "secret": ("Secret", value["secretName"] == nil ? "name" : "secretName")
        default: nil
        }
    }
}
