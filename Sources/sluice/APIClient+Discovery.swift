import JSON
import KubernetesClient
import KubernetesModel

extension APIClient {
    /// The resource type under which the server keeps objects of that kind. Throws `APIStatus` when it knows none.
    func resourceType(apiVersion: String, kind: String) async throws -> ResourceType {
        let parts = apiVersion.split(separator: "/", maxSplits: 1).map(String.init)
        let (group, version) = parts.count == 2 ? (parts[0], parts[1]) : ("", apiVersion)
        var type = ResourceType(group: group, version: version, kind: kind, plural: "")
        let list = try JSONValue(parsing: try await request("GET", type.basePath))
        for resource in list["resources"]?.array ?? [] {
            guard resource["kind"]?.string == kind, let name = resource["name"]?.string, !name.contains("/") else {
                continue
            }
            type.plural = name
            type.isNamespaced = resource["namespaced"]?.bool ?? true
            return type
        }
        throw APIStatus(code: 404, reason: "NotFound", message: "the server knows no kind \(kind) in \(apiVersion)")
    }
}
