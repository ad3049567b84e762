import JSON

/// Lays pod templates over each other the way `kubectl patch --type strategic` does: objects field by field, the lists
/// below by their merge key, every other list and value replaced, `null` removing.
enum PodTemplateMerge {
    /// Fields by which the elements of a list are told apart, by the name of the list. Tolerations, which Kubernetes
    /// itself replaces whole, are joined: a task adds to what its run tolerates.
    private static let mergeKeys: [String: [String]] = [
        "containers": ["name"], "initContainers": ["name"], "volumes": ["name"], "env": ["name"],
        "imagePullSecrets": ["name"], "volumeMounts": ["mountPath"], "volumeDevices": ["devicePath"],
        "ports": ["containerPort", "protocol"], "hostAliases": ["ip"], "tolerations": ["key", "operator", "effect"],
        "topologySpreadConstraints": ["topologyKey", "whenUnsatisfiable"], "resourceClaims": ["name"],
    ]

    static func merge(_ overlay: JSONValue, over base: JSONValue, field: String = "") -> JSONValue {
        switch (base, overlay) {
        case (.object(var fields), .object(let changes)):
            for (key, change) in changes {
                if change.isNull {
                    fields[key] = nil
                } else if let old = fields[key] {
                    fields[key] = merge(change, over: old, field: key)
                } else {
                    fields[key] = change
                }
            }
            return .object(fields)
        case (.array(var elements), .array(let changes)):
            guard let keys = mergeKeys[field] else { return overlay }
            func identity(_ element: JSONValue) -> [JSONValue?] { keys.map { element[$0] } }
            for change in changes {
                if let index = elements.firstIndex(where: { identity($0) == identity(change) }) {
                    elements[index] = merge(change, over: elements[index])
                } else {
                    elements.append(change)
                }
            }
            return .array(elements)
        default: return overlay
        }
    }
}
