import KubernetesModel

/// The representation of objects that a client asks for in its Accept header.
enum Representation: Sendable, Hashable {
    case whole
    /// Table rows, each with the object, its metadata or neither.
    case table(TableObject)
    case metadata

    enum TableObject: String, Sendable { case none = "None", metadata = "Metadata", object = "Object" }

    /// The first representation in the header that the server has. Throws `APIStatus` 406 when it has none of them.
    static func negotiate(_ accept: String, includeObject: String?) throws -> Representation {
        if accept.isEmpty { return .whole }
        for item in accept.split(separator: ",") {
            let parts = item.split(separator: ";").map { String($0.filter { !$0.isWhitespace }) }
            guard let type = parts.first?.lowercased() else { continue }
            guard ["application/json", "*/*", "application/*"].contains(type) else { continue }
            var parameters: [String: String] = [:]
            for part in parts.dropFirst() {
                let pair = part.split(separator: "=", maxSplits: 1)
                if pair.count == 2 { parameters[String(pair[0])] = String(pair[1]) }
            }
            guard let form = parameters["as"] else { return .whole }
            guard parameters["g"] == "meta.k8s.io", parameters["v"] == "v1" else { continue }
            switch form {
            case "Table":
                return .table(includeObject.flatMap { TableObject(rawValue: $0) } ?? .metadata)
            case "PartialObjectMetadata", "PartialObjectMetadataList": return .metadata
            default: continue
            }
        }
        throw APIStatus.notAcceptable(["application/json"])
    }
}
