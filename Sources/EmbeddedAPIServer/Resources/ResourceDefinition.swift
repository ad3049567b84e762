/// One kind in one version: its names, its verbs and its rules.
struct ResourceDefinition: Sendable {
    var group = ""
    var version = "v1"
    var kind: String
    var plural: String
    var singular: String
    var listKind: String
    var shortNames: [String] = []
    var categories: [String] = []
    var isNamespaced = true
    /// In the order in which discovery lists them.
    var verbs: [String] = Self.allVerbs
    var subresources: [Subresource] = []
    /// The name under which objects are stored. All versions of a kind share it, as do groups with the same objects.
    var storageName: String
    var storageVersionHash = ""
    var strategy: any ResourceStrategy

    static let allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]

    /// A path below an object: `status`, `log`.
    struct Subresource: Sendable {
        var name: String
        var kind: String
        var group = ""
        var version = ""
        var verbs: [String]
    }

    init(
        group: String = "", version: String = "v1", kind: String, plural: String, singular: String? = nil,
        storageName: String? = nil, strategy: any ResourceStrategy
    ) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.singular = singular ?? kind.lowercased()
        listKind = kind + "List"
        self.storageName = storageName ?? (group.isEmpty ? plural : "\(plural).\(group)")
        self.strategy = strategy
    }

    /// `v1`, `batch/v1`.
    var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// `pods`, `widgets.example.dev`: the name in messages.
    var qualifiedName: String { group.isEmpty ? plural : "\(plural).\(group)" }

    var hasStatus: Bool { subresources.contains { $0.name == "status" } }
}
