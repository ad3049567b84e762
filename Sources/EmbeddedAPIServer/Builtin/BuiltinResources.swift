import KubernetesModel

/// The built-in kinds, in the order in which discovery lists them.
enum BuiltinResources {
    static let all: [ResourceDefinition] = core + events + policy + extensions

    private static let statusVerbs = ["get", "patch", "update"]

    private static func status(_ kind: String) -> ResourceDefinition.Subresource {
        ResourceDefinition.Subresource(name: "status", kind: kind, verbs: statusVerbs)
    }

    private static func make(
        group: String = "", version: String = "v1", _ kind: String, _ plural: String, hash: String,
        short: [String] = [],
        categories: [String] = [], isNamespaced: Bool = true, subresources: [ResourceDefinition.Subresource] = [],
        storageName: String? = nil, _ strategy: any ResourceStrategy
    ) -> ResourceDefinition {
        var resource = ResourceDefinition(
            group: group, version: version, kind: kind, plural: plural, storageName: storageName, strategy: strategy)
        resource.storageVersionHash = hash
        resource.shortNames = short
        resource.categories = categories
        resource.isNamespaced = isNamespaced
        resource.subresources = subresources
        return resource
    }

    private static let core: [ResourceDefinition] = [
        make("ConfigMap", "configmaps", hash: "qFsyl6wFWjQ=", short: ["cm"], PlainStrategies.configMap),
        make("Event", "events", hash: "r2yiGXH7wu8=", short: ["ev"], EventStrategy(isCore: true)),
        make("LimitRange", "limitranges", hash: "EBKMFVe6cwo=", short: ["limits"], PlainStrategies.limitRange),
        namespaces,
        make(
            "Node", "nodes", hash: "XwShjMxG9Fs=", short: ["no"], isNamespaced: false, subresources: [status("Node")],
            NodeStrategy()),
        make(
            "PersistentVolumeClaim", "persistentvolumeclaims", hash: "QWTyNDq0dC4=", short: ["pvc"],
            subresources: [status("PersistentVolumeClaim")], PlainStrategies.persistentVolumeClaim),
        make(
            "Pod", "pods", hash: "xPOwRZ+Yhw8=", short: ["po"], categories: ["all"],
            subresources: [
                ResourceDefinition.Subresource(name: "binding", kind: "Binding", verbs: ["create"]),
                ResourceDefinition.Subresource(
                    name: "eviction", kind: "Eviction", group: "policy", version: "v1", verbs: ["create"]),
                ResourceDefinition.Subresource(name: "log", kind: "Pod", verbs: ["get"]), status("Pod"),
            ], PodStrategy()),
        make(
            "ResourceQuota", "resourcequotas", hash: "8uhSgffRX6w=", short: ["quota"],
            subresources: [status("ResourceQuota")], PlainStrategies.resourceQuota),
        make("Secret", "secrets", hash: "S6u1pOWzb84=", PlainStrategies.secret),
        make("ServiceAccount", "serviceaccounts", hash: "pbx9ZvyFpBE=", short: ["sa"], PlainStrategies.serviceAccount),
        make(
            "Service", "services", hash: "0/CO1lhkEBI=", short: ["svc"], categories: ["all"],
            subresources: [status("Service")], ServiceStrategy()),
    ]

    private static let namespaces: ResourceDefinition = {
        var resource = make(
            "Namespace", "namespaces", hash: "Q3oi5N2YM8M=", short: ["ns"], isNamespaced: false,
            subresources: [
                ResourceDefinition.Subresource(name: "finalize", kind: "Namespace", verbs: ["update"]),
                status("Namespace"),
            ], NamespaceStrategy())
        resource.verbs.removeAll { $0 == "deletecollection" }
        return resource
    }()

    private static let events: [ResourceDefinition] = [
        make(
            group: "events.k8s.io", "Event", "events", hash: "r2yiGXH7wu8=", short: ["ev"], storageName: "events",
            EventStrategy(isCore: false))
    ]

    private static let policy: [ResourceDefinition] = [
        make(
            group: "scheduling.k8s.io", "PriorityClass", "priorityclasses", hash: "1QwjyaZjj3Y=", short: ["pc"],
            isNamespaced: false, PlainStrategies.priorityClass),
        make(group: "coordination.k8s.io", "Lease", "leases", hash: "gqkMMb/YqFM=", PlainStrategies.lease),
    ]

    private static let extensions: [ResourceDefinition] = [
        make(
            group: "apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions",
            hash: "jfWCUB31mvA=",
            short: ["crd", "crds"], categories: ["api-extensions"], isNamespaced: false,
            subresources: [status("CustomResourceDefinition")], DefinitionStrategy())
    ]
}
