import HTTPServing
import JSON
import KubernetesModel

/// The failures of the API server, worded as Kubernetes words them (apimachinery's `api/errors`).
extension APIStatus {
    static func badRequest(_ message: String) -> APIStatus {
        APIStatus(code: 400, reason: "BadRequest", message: message)
    }

    static func details(_ resource: ResourceDefinition, name: String, kind: String? = nil) -> Details {
        var details = Details()
        details.name = name
        details.group = resource.group
        details.kind = kind ?? resource.plural
        return details
    }

    static func notFound(_ resource: ResourceDefinition, _ name: String) -> APIStatus {
        APIStatus(
            code: 404, reason: "NotFound", message: "\(resource.qualifiedName) \"\(name)\" not found",
            details: details(resource, name: name))
    }

    static func alreadyExists(_ resource: ResourceDefinition, _ name: String) -> APIStatus {
        APIStatus(
            code: 409, reason: "AlreadyExists", message: "\(resource.qualifiedName) \"\(name)\" already exists",
            details: details(resource, name: name))
    }

    static func conflict(_ resource: ResourceDefinition, _ name: String, _ why: String? = nil) -> APIStatus {
        let why =
            why ?? "the object has been modified; please apply your changes to the latest version and try again"
        return APIStatus(
            code: 409, reason: "Conflict",
            message: "Operation cannot be fulfilled on \(resource.qualifiedName) \"\(name)\": \(why)",
            details: details(resource, name: name))
    }

    static func forbidden(_ resource: ResourceDefinition, _ name: String, _ why: String) -> APIStatus {
        APIStatus(
            code: 403, reason: "Forbidden", message: "\(resource.qualifiedName) \"\(name)\" is forbidden: \(why)",
            details: details(resource, name: name))
    }

    static func entityTooLarge(limit: Int) -> APIStatus {
        APIStatus(
            code: 413, reason: "RequestEntityTooLarge", message: "Request entity too large: limit is \(limit)")
    }

    /// A request that was refused before it was looked at.
    init(_ refusal: LoopbackAccess.Refusal) {
        switch refusal {
        case .foreignHost(let host):
            self.init(
                code: 403, reason: "Forbidden",
                message: "forbidden: this server answers on 127.0.0.1, localhost and [::1] only, not on \"\(host)\"",
                details: Details())
        case .webPage:
            self.init(
                code: 403, reason: "Forbidden", message: "forbidden: requests of web pages are refused",
                details: Details())
        case .unauthenticated: self.init(code: 401, reason: "Unauthorized", message: "Unauthorized")
        }
    }

    /// No such path or resource.
    static let unknownResource = APIStatus(
        code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: Details())

    static func methodNotAllowed(_ what: String = "the server does not allow this method on the requested resource")
        -> APIStatus
    {
        APIStatus(code: 405, reason: "MethodNotAllowed", message: what, details: Details())
    }

    static func unsupportedMediaType(_ accepted: [String]) -> APIStatus {
        APIStatus(
            code: 415, reason: "UnsupportedMediaType",
            message: "the body of the request was in an unknown format - accepted media types include: "
                + accepted.joined(separator: ", "))
    }

    static func notAcceptable(_ accepted: [String]) -> APIStatus {
        APIStatus(
            code: 406, reason: "NotAcceptable",
            message: "only the following media types are accepted: " + accepted.joined(separator: ", "))
    }

    static func expired(_ message: String) -> APIStatus { APIStatus(code: 410, reason: "Expired", message: message) }

    static func tooLargeVersion(_ asked: UInt64, current: UInt64) -> APIStatus {
        var details = Details()
        details.retryAfterSeconds = 1
        details.causes = [Cause(reason: "ResourceVersionTooLarge", message: "Too large resource version")]
        return APIStatus(
            code: 504, reason: "Timeout", message: "Timeout: Too large resource version: \(asked), current: \(current)",
            details: details)
    }

    static func internalError(_ message: String) -> APIStatus {
        APIStatus(code: 500, reason: "InternalError", message: "Internal error occurred: \(message)")
    }

    /// The object breaks rules: 422 with a cause for each.
    static func invalid(_ resource: ResourceDefinition, _ name: String, _ errors: [FieldError]) -> APIStatus {
        invalid(kind: resource.kind, group: resource.group, name: name, errors)
    }

    static func invalid(kind: String, group: String, name: String, _ errors: [FieldError]) -> APIStatus {
        var details = Details()
        details.name = name
        details.group = group
        details.kind = kind
        details.causes = errors.map(\.cause)
        let qualified = group.isEmpty ? kind : "\(kind).\(group)"
        var texts: [String] = []
        for error in errors where !texts.contains(error.description) { texts.append(error.description) }
        let list = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        return APIStatus(
            code: 422, reason: "Invalid", message: "\(qualified) \"\(name)\" is invalid: \(list)", details: details)
    }
}
