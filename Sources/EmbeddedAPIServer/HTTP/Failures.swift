import HTTPServing
import JSON
import KubernetesModel

/// The failures of the API server, with the messages of Kubernetes (apimachinery's `api/errors`).
extension APIStatus {
    /// 400.
    static func badRequest(_ message: String) -> APIStatus {
        APIStatus(code: 400, reason: "BadRequest", message: message)
    }

    /// The details of a failure that concerns one object.
    static func details(_ resource: ResourceDefinition, name: String, kind: String? = nil) -> Details {
        var details = Details()
        details.name = name
        details.group = resource.group
        details.kind = kind ?? resource.plural
        return details
    }

    /// 404: the object does not exist.
    static func notFound(_ resource: ResourceDefinition, _ name: String) -> APIStatus {
        APIStatus(
            code: 404, reason: "NotFound", message: "\(resource.qualifiedName) \"\(name)\" not found",
            details: details(resource, name: name))
    }

    /// 409: the object exists already.
    static func alreadyExists(_ resource: ResourceDefinition, _ name: String) -> APIStatus {
        APIStatus(
            code: 409, reason: "AlreadyExists", message: "\(resource.qualifiedName) \"\(name)\" already exists",
            details: details(resource, name: name))
    }

    /// 409: the object has changed; `why` replaces the usual explanation.
    static func conflict(_ resource: ResourceDefinition, _ name: String, _ why: String? = nil) -> APIStatus {
        let why =
            why ?? "the object has been modified; please apply your changes to the latest version and try again"
        return APIStatus(
            code: 409, reason: "Conflict",
            message: "Operation cannot be fulfilled on \(resource.qualifiedName) \"\(name)\": \(why)",
            details: details(resource, name: name))
    }

    /// 403: the request is not allowed on this object.
    static func forbidden(_ resource: ResourceDefinition, _ name: String, _ why: String) -> APIStatus {
        APIStatus(
            code: 403, reason: "Forbidden", message: "\(resource.qualifiedName) \"\(name)\" is forbidden: \(why)",
            details: details(resource, name: name))
    }

    /// 413: the body is larger than the limit, in bytes.
    static func entityTooLarge(limit: Int) -> APIStatus {
        APIStatus(
            code: 413, reason: "RequestEntityTooLarge", message: "Request entity too large: limit is \(limit)")
    }

    /// 501: this node, whose containers are processes of the machine, has no such thing.
    static func notOnThisNode(_ what: String) -> APIStatus {
        APIStatus(
            code: 501, reason: "NotImplemented",
            message: "this node runs containers as processes of the machine and does not serve \(what): use the"
                + " machine's own shell, files and ports", details: Details())
    }

    /// 413: the object would have more bytes than can be stored.
    static let objectTooLarge = APIStatus.entityTooLarge(limit: ObjectStore.maximumObjectSize)

    /// The status for a request that the access check refused.
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

    /// 404: no such path or resource.
    static let unknownResource = APIStatus(
        code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: Details())

    /// 405.
    static func methodNotAllowed(_ what: String = "the server does not allow this method on the requested resource")
        -> APIStatus
    {
        APIStatus(code: 405, reason: "MethodNotAllowed", message: what, details: Details())
    }

    /// 415: the body has none of the media types that are accepted.
    static func unsupportedMediaType(_ accepted: [String]) -> APIStatus {
        APIStatus(
            code: 415, reason: "UnsupportedMediaType",
            message: "the body of the request was in an unknown format - accepted media types include: "
                + accepted.joined(separator: ", "))
    }

    /// 406: the client accepts none of the media types that the server has.
    static func notAcceptable(_ accepted: [String]) -> APIStatus {
        APIStatus(
            code: 406, reason: "NotAcceptable",
            message: "only the following media types are accepted: " + accepted.joined(separator: ", "))
    }

    /// 410: the version that the client asked for is no longer kept.
    static func expired(_ message: String) -> APIStatus { APIStatus(code: 410, reason: "Expired", message: message) }

    /// 504: the client asked for a version that the server has not reached.
    static func tooLargeVersion(_ asked: UInt64, current: UInt64) -> APIStatus {
        var details = Details()
        details.retryAfterSeconds = 1
        details.causes = [Cause(reason: "ResourceVersionTooLarge", message: "Too large resource version")]
        return APIStatus(
            code: 504, reason: "Timeout", message: "Timeout: Too large resource version: \(asked), current: \(current)",
            details: details)
    }

    /// 500.
    static func internalError(_ message: String) -> APIStatus {
        APIStatus(code: 500, reason: "InternalError", message: "Internal error occurred: \(message)")
    }

    /// 422: the object is invalid; one cause for each error.
    static func invalid(_ resource: ResourceDefinition, _ name: String, _ errors: [FieldError]) -> APIStatus {
        invalid(kind: resource.kind, group: resource.group, name: name, errors)
    }

    /// 422, for an object that is not of a served resource, such as options.
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
