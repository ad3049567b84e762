import JSON
import KubernetesModel

/// The rules of nodes.
struct NodeStrategy: ResourceStrategy {
    let type = SimpleStrategy("Node").type
    var skeleton: JSONValue { ["metadata": [:], "spec": [:], "status": [:]] }
    var selectableFields: [String] { ["spec.unschedulable"] }

    func applyDefaults(_ object: inout JSONValue) {
        type.dropUnknownFields(in: &object)
        object.setDefault(["spec"], [:])
        object.setDefault(["status"], [:])
    }

    var keepsStatusAtCreation: Bool { true }
    func prepareForCreate(_ object: inout JSONValue, now: Timestamp) {}

    let columns: [TableColumn] = [
        .name,
        TableColumn("Status", description: "Whether the node is ready and may be scheduled to.") { node, _ in
            var texts: [String] = []
            let ready = (node["status"]?["conditions"]?.array ?? []).first { $0["type"] == "Ready" }
            texts.append(ready == nil ? "Unknown" : ready?["status"] == "True" ? "Ready" : "NotReady")
            if node["spec"]?["unschedulable"] == true { texts.append("SchedulingDisabled") }
            return .string(texts.joined(separator: ","))
        },
        TableColumn("Roles", description: "The roles that the node's labels give it.") { node, _ in
            let prefix = "node-role.kubernetes.io/"
            let roles = (node["metadata"]?["labels"]?.object?.keys ?? []).filter { $0.hasPrefix(prefix) }
            return .string(
                roles.isEmpty ? "<none>" : roles.map { String($0.dropFirst(prefix.count)) }.joined(separator: ","))
        },
        .age, TableColumn("Version", path: "status.nodeInfo.kubeletVersion", description: "The version of its agent."),
        address("InternalIP", "Internal-IP"), address("ExternalIP", "External-IP"),
        TableColumn("OS-Image", path: "status.nodeInfo.osImage", priority: 1, absent: "<unknown>"),
        TableColumn("Kernel-Version", priority: 1) { node, _ in
            let info = node["status"]?["nodeInfo"]
            guard let version = info?["kernelVersion"]?.string else { return "<unknown>" }
            return .string(info?["architecture"]?.string.map { "\(version) (\($0))" } ?? version)
        },
        TableColumn(
            "Container-Runtime", path: "status.nodeInfo.containerRuntimeVersion", priority: 1, absent: "<unknown>"),
    ]

    private static func address(_ type: String, _ name: String) -> TableColumn {
        TableColumn(name, priority: 1) { node, _ in
            let found = (node["status"]?["addresses"]?.array ?? []).first { $0["type"]?.string == type }
            return found?["address"] ?? "<none>"
        }
    }
}
