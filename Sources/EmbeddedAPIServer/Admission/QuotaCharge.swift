import JSON
import KubernetesModel

/// What one object counts against resource quotas.
struct QuotaCharge: Sendable, Hashable {
    private(set) var amounts = Amounts()
    /// What the scopes of quotas ask about a pod; nil for other objects, which no quota with scopes counts.
    private(set) var scopes: Scopes?

    struct Scopes: Sendable, Hashable {
        var isTerminating: Bool
        var isBestEffort: Bool
        var priorityClass: String
    }

    /// The core kinds whose number also has a name without `count/`.
    private static let counted: Set = [
        "services", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims",
    ]

    init(_ object: JSONValue, _ resource: ResourceDefinition) {
        let one = Quantity(1)
        amounts["count/\(resource.qualifiedName)"] = one
        if resource.group.isEmpty, Self.counted.contains(resource.plural) { amounts[resource.plural] = one }
        let spec = object["spec"] ?? [:]
        if resource.storageName == "persistentvolumeclaims" {
            amounts["requests.storage"] = Amounts(spec["resources"]?["requests"])["storage"]
        }
        guard resource.storageName == "pods" else { return }
        scopes = Scopes(
            isTerminating: spec["activeDeadlineSeconds"]?.int != nil,
            isBestEffort: PodStrategy.qualityOfService(spec) == "BestEffort",
            priorityClass: spec["priorityClassName"]?.string ?? "")
        // Of a pod that has ended only the object is left.
        guard !["Succeeded", "Failed"].contains(object["status"]?["phase"] ?? "") else { return }
        amounts["pods"] = one
        for (name, quantity) in Amounts(ofPod: spec, "requests").quantities {
            switch name {
            case "cpu", "memory", "ephemeral-storage":
                amounts[name] = quantity
                amounts["requests.\(name)"] = quantity
            case _ where name.hasPrefix("hugepages-"):
                amounts[name] = quantity
                amounts["requests.\(name)"] = quantity
            default: amounts["requests.\(name)"] = quantity
            }
        }
        for (name, quantity) in Amounts(ofPod: spec, "limits").quantities
        where ["cpu", "memory", "ephemeral-storage"].contains(name) {
            amounts["limits.\(name)"] = quantity
        }
    }

    /// Whether a quota counts the object, by its scopes.
    func isCounted(by quota: JSONValue) -> Bool {
        let names = quota["spec"]?["scopes"]?.strings ?? []
        let expressions = quota["spec"]?["scopeSelector"]?["matchExpressions"]?.array ?? []
        guard !names.isEmpty || !expressions.isEmpty else { return true }
        guard let scopes else { return false }
        func has(_ scope: String) -> Bool {
            switch scope {
            case "Terminating": scopes.isTerminating
            case "NotTerminating": !scopes.isTerminating
            case "BestEffort": scopes.isBestEffort
            case "NotBestEffort": !scopes.isBestEffort
            case "PriorityClass": !scopes.priorityClass.isEmpty
            default: false
            }
        }
        return names.allSatisfy(has)
            && expressions.allSatisfy { expression in
                let scope = expression["scopeName"]?.string ?? ""
                let values = expression["values"]?.strings ?? []
                return switch expression["operator"]?.string {
                case "In": scope == "PriorityClass" && values.contains(scopes.priorityClass)
                case "NotIn": scope == "PriorityClass" && !values.contains(scopes.priorityClass)
                case "DoesNotExist": !has(scope)
                default: has(scope)
                }
            }
    }

    /// What the containers of a pod have to say since a quota limits it, as the end of a sentence; nil when they do.
    static func missing(in pod: JSONValue, limited: [String]) -> String? {
        let required: [(String, String, String)] = limited.sorted().compactMap { name in
            switch name {
            case "cpu", "memory": (name, "requests", name)
            case "requests.cpu", "requests.memory", "limits.cpu", "limits.memory":
                (name, String(name.prefix { $0 != "." }), String(name.drop { $0 != "." }.dropFirst()))
            default: nil
            }
        }
        let spec = pod["spec"] ?? [:]
        let containers = (spec["containers"]?.array ?? []) + (spec["initContainers"]?.array ?? [])
        let texts = required.compactMap { name, field, resource -> String? in
            let silent = containers.filter { $0["resources"]?[field]?[resource] == nil }
            guard !silent.isEmpty else { return nil }
            return "\(name) for: \(silent.compactMap { $0["name"]?.string }.sorted().joined(separator: ","))"
        }
        return texts.isEmpty ? nil : "must specify \(texts.joined(separator: "; "))"
    }
}
