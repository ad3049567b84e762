import JSON
import KubernetesModel
import KubernetesSchema

/// Answers the discovery paths: versions, groups, resources, schemas.
struct Discovery: Sendable {
    let registry: ResourceRegistry

    /// The version of Kubernetes whose behaviour this server follows.
    static let kubernetesVersion = (major: "1", minor: "36", git: "v1.36.2")

    /// Answers a GET of a discovery or schema path. Throws `APIStatus` 404 for any other path.
    func respond(to request: InboundRequest, _ path: APIPath) throws -> InboundResponse {
        switch path {
        case .version: return InboundResponse(Self.version)
        case .apiVersions:
            if Self.wantsAggregated(request.accept) { return aggregated(isCore: true) }
            return InboundResponse([
                "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"]],
            ])
        case .apiGroups:
            if Self.wantsAggregated(request.accept) { return aggregated(isCore: false) }
            return InboundResponse([
                "kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups.dropFirst().map { group($0) }),
            ])
        case .group(let name):
            guard !name.isEmpty, groups.contains(name) else {
                return InboundResponse(text: "404 page not found\n", status: 404)
            }
            var json = group(name)
            json["kind"] = "APIGroup"
            json["apiVersion"] = "v1"
            return InboundResponse(json)
        case .groupVersion(let group, let version):
            let resources = entries.filter { $0.group == group && $0.version == version }
            guard !resources.isEmpty else { return InboundResponse(text: "404 page not found\n", status: 404) }
            var json: JSONValue = [
                "kind": "APIResourceList", "groupVersion": .string(group.isEmpty ? version : "\(group)/\(version)"),
                "resources": .array(resources.flatMap { Self.legacy($0) }),
            ]
            if !group.isEmpty { json["apiVersion"] = "v1" }
            return InboundResponse(json)
        case .openAPIV2: return OpenAPIV2(registry: registry).respond(to: request)
        case .openAPIV3(let name): return OpenAPIV3(registry: registry).respond(name)
        case .resource, .health, .metrics, .unknown: throw APIStatus.unknownResource
        }
    }

    private static let version: JSONValue = [
        "major": .string(kubernetesVersion.major), "minor": .string(kubernetesVersion.minor), "emulationMajor": "1",
        "emulationMinor": "36", "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
        "gitVersion": .string(kubernetesVersion.git), "gitCommit": .string(String(repeating: "0", count: 40)),
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "swiftc", "platform": "linux/amd64",
    ]

    /// All resources, including those of ``VirtualResources``.
    private var entries: [ResourceDefinition] { registry.builtin + VirtualResources.all + registry.custom }

    /// All groups in order; the core group, "", is first.
    private var groups: [String] {
        var names: [String] = []
        for entry in entries where !names.contains(entry.group) { names.append(entry.group) }
        return names
    }

    /// The versions of a group, the preferred one first.
    private func versions(_ group: String) -> [String] {
        var names: [String] = []
        for entry in entries where entry.group == group && !names.contains(entry.version) {
            names.append(entry.version)
        }
        return names.sorted { VersionOrder.precedes($0, $1) }
    }

    private func group(_ name: String) -> JSONValue {
        let versions = versions(name).map { version -> JSONValue in
            ["groupVersion": .string("\(name)/\(version)"), "version": .string(version)]
        }
        return ["name": .string(name), "versions": .array(versions), "preferredVersion": versions.first ?? .null]
    }

    private static func legacy(_ resource: ResourceDefinition) -> [JSONValue] {
        var json: JSONValue = [
            "name": .string(resource.plural), "singularName": .string(resource.singular),
            "namespaced": .bool(resource.isNamespaced), "kind": .string(resource.kind),
            "verbs": JSONValue(resource.verbs),
        ]
        if !resource.shortNames.isEmpty { json["shortNames"] = JSONValue(resource.shortNames) }
        if !resource.categories.isEmpty { json["categories"] = JSONValue(resource.categories) }
        if !resource.storageVersionHash.isEmpty { json["storageVersionHash"] = .string(resource.storageVersionHash) }
        return [json]
            + resource.subresources.map { sub in
                var json: JSONValue = [
                    "name": .string("\(resource.plural)/\(sub.name)"), "singularName": "",
                    "namespaced": .bool(resource.isNamespaced), "kind": .string(sub.kind),
                    "verbs": JSONValue(sub.verbs),
                ]
                if !sub.group.isEmpty { json["group"] = .string(sub.group) }
                if !sub.version.isEmpty { json["version"] = .string(sub.version) }
                return json
            }
    }

    // MARK: Aggregated

    private static func wantsAggregated(_ accept: String) -> Bool {
        accept.split(separator: ",").contains { item in
            let parts = item.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
            return parts.first == "application/json" && parts.contains("g=apidiscovery.k8s.io")
                && parts.contains("v=v2")
                && parts.contains("as=APIGroupDiscoveryList")
        }
    }

    private func aggregated(isCore: Bool) -> InboundResponse {
        let items = groups.filter { $0.isEmpty == isCore }.map { name -> JSONValue in
            let versions = versions(name).map { version -> JSONValue in
                [
                    "version": .string(version), "freshness": "Current",
                    "resources": .array(
                        entries.filter { $0.group == name && $0.version == version }.map { Self.entry($0) }),
                ]
            }
            return ["metadata": name.isEmpty ? [:] : ["name": .string(name)], "versions": .array(versions)]
        }
        var response = InboundResponse([
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": [:],
            "items": .array(items),
        ])
        response.contentType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        return response
    }

    private static func entry(_ resource: ResourceDefinition) -> JSONValue {
        let isCustom = resource.strategy.isCustom
        var json: JSONValue = [
            "resource": .string(resource.plural), "scope": .string(resource.isNamespaced ? "Namespaced" : "Cluster"),
            "responseKind": [
                "group": .string(isCustom ? resource.group : ""), "version": .string(isCustom ? resource.version : ""),
                "kind": .string(resource.kind),
            ],
            "singularResource": .string(resource.singular), "verbs": JSONValue(resource.verbs),
        ]
        if !resource.shortNames.isEmpty { json["shortNames"] = JSONValue(resource.shortNames) }
        if !resource.categories.isEmpty { json["categories"] = JSONValue(resource.categories) }
        if !resource.subresources.isEmpty {
            json["subresources"] = .array(
                resource.subresources.map { sub in
                    [
                        "subresource": .string(sub.name), "verbs": JSONValue(sub.verbs),
                        "responseKind": [
                            "group": .string(isCustom ? resource.group : sub.group),
                            "version": .string(isCustom ? resource.version : sub.version), "kind": .string(sub.kind),
                        ],
                    ]
                })
        }
        return json
    }
}

/// Resources that answer a POST and store no object: reviews of access and tokens.
enum VirtualResources {
    static let all: [ResourceDefinition] = [
        make("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
        make("authentication.k8s.io", "TokenReview", "tokenreviews"),
        make("authorization.k8s.io", "LocalSubjectAccessReview", "localsubjectaccessreviews", isNamespaced: true),
        make("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
        make("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
        make("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews"),
    ]

    private static func make(_ group: String, _ kind: String, _ plural: String, isNamespaced: Bool = false)
        -> ResourceDefinition
    {
        var resource = ResourceDefinition(group: group, kind: kind, plural: plural, strategy: SimpleStrategy(kind))
        resource.isNamespaced = isNamespaced
        resource.verbs = ["create"]
        return resource
    }
}

/// The order in which Kubernetes prefers versions: v2, v1, v1beta1, v1alpha1.
enum VersionOrder {
    /// Whether `left` is preferred to `right`.
    static func precedes(_ left: String, _ right: String) -> Bool {
        let (a, b) = (parse(left), parse(right))
        return a == b ? left < right : b.lexicographicallyPrecedes(a)
    }

    /// Stability, major and minor number as sort keys; any other text sorts last.
    private static func parse(_ text: String) -> [Int] {
        guard text.hasPrefix("v") else { return [-1, 0, 0] }
        let rest = text.dropFirst()
        for (word, rank) in [("alpha", 0), ("beta", 1)] {
            if let range = rest.firstRange(of: word), let major = Int(rest[..<range.lowerBound]),
                let minor = Int(rest[range.upperBound...])
            {
                return [rank, major, minor]
            }
        }
        return Int(rest).map { [2, $0, 0] } ?? [-1, 0, 0]
    }
}
