import JSON
import KubernetesModel

/// The rules of namespaces.
struct NamespaceStrategy: ResourceStrategy {
    let type = SimpleStrategy("Namespace").type
    var skeleton: JSONValue { ["metadata": [:], "spec": [:], "status": [:]] }
    var returnsDeletedObject: Bool { true }
    let columns: [TableColumn] = [
        .name, TableColumn("Status", path: "status.phase", description: "Active, or Terminating while it is deleted."),
        .age,
    ]
    var selectableFields: [String] { ["status.phase"] }

    func applyDefaults(_ object: inout JSONValue) {
        type.dropUnknownFields(in: &object)
        object.setDefault(["spec"], [:])
        guard let name = object["metadata"]?["name"]?.string else { return }
        object.setDefault(["metadata", "labels", "kubernetes.io/metadata.name"], .string(name))
    }

    func prepareForCreate(_ object: inout JSONValue, now: Timestamp) {
        object["spec"] = [:]
        object["status"] = [:]
    }

    func admit(_ object: inout JSONValue, cluster: any ClusterView, now: Timestamp) throws {
        // Set after field ownership has been computed, so that no manager owns these fields.
        object["spec"] = ["finalizers": ["kubernetes"]]
        object["status"] = ["phase": "Active"]
    }

    func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String?) {
        if subresource != "finalize" { object["spec"] = old["spec"] }
    }

    func validateName(_ name: String) -> String? { Names.labelProblem(name) }
}
