/// The path of a request, parsed.
enum APIPath: Sendable, Hashable {
    case version
    case health(isReadiness: Bool)
    case metrics
    case apiVersions
    case apiGroups
    case group(String)
    case groupVersion(group: String, version: String)
    case openAPIV2
    /// The part after `/openapi/v3/`; empty for the index.
    case openAPIV3(String)
    case resource(ResourcePath)
    case unknown

    /// A collection, an object or a subresource.
    struct ResourcePath: Sendable, Hashable {
        var group: String
        var version: String
        var resource: String
        /// nil for a cluster-scoped object, and for a list over all namespaces.
        var namespace: String?
        var name: String?
        var subresource: String?
    }

    /// Parses a path that is still percent-encoded, without a query.
    init(_ path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).map {
            InboundRequest.percentDecoded($0)
        }
        self = Self.parse(parts)
    }

    private static func parse(_ parts: [String]) -> APIPath {
        switch parts.first {
        case "version": return parts.count == 1 ? .version : .unknown
        case "healthz", "livez", "readyz": return .health(isReadiness: parts[0] == "readyz")
        case "metrics": return parts.count == 1 ? .metrics : .unknown
        case "openapi":
            if parts == ["openapi", "v2"] { return .openAPIV2 }
            return parts.count > 1 && parts[1] == "v3"
                ? .openAPIV3(parts.dropFirst(2).joined(separator: "/")) : .unknown
        case "api":
            if parts.count == 1 { return .apiVersions }
            if parts.count == 2 { return .groupVersion(group: "", version: parts[1]) }
            return resource(group: "", version: parts[1], Array(parts.dropFirst(2)))
        case "apis":
            if parts.count == 1 { return .apiGroups }
            if parts.count == 2 { return .group(parts[1]) }
            if parts.count == 3 { return .groupVersion(group: parts[1], version: parts[2]) }
            return resource(group: parts[1], version: parts[2], Array(parts.dropFirst(3)))
        default: return .unknown
        }
    }

    private static func resource(group: String, version: String, _ parts: [String]) -> APIPath {
        var path = ResourcePath(group: group, version: version, resource: parts[0])
        var rest = parts[...]
        // /namespaces/NAME/RESOURCE... is in that namespace. /namespaces, /namespaces/NAME and the subresources of a
        // namespace are not.
        if group.isEmpty, parts[0] == "namespaces", parts.count >= 3,
            !(parts.count == 3 && ["status", "finalize"].contains(parts[2]))
        {
            path.namespace = parts[1]
            rest = parts.dropFirst(2)
        } else if !group.isEmpty, parts[0] == "namespaces", parts.count >= 3 {
            path.namespace = parts[1]
            rest = parts.dropFirst(2)
        }
        guard let resource = rest.first, rest.count <= 3 else { return .unknown }
        path.resource = resource
        path.name = rest.dropFirst().first
        path.subresource = rest.dropFirst(2).first
        return .resource(path)
    }
}
