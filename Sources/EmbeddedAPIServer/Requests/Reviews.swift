import JSON
import KubernetesModel

/// Answers reviews of permissions: whoever has the token may do everything.
enum Reviews {
    private static let kinds = [
        "selfsubjectaccessreviews": "SelfSubjectAccessReview", "subjectaccessreviews": "SubjectAccessReview",
        "localsubjectaccessreviews": "LocalSubjectAccessReview", "selfsubjectrulesreviews": "SelfSubjectRulesReview",
        "tokenreviews": "TokenReview", "selfsubjectreviews": "SelfSubjectReview",
    ]

    /// Answers a review; nil when the path is not one. Throws `APIStatus` 400, 405 and 415.
    static func respond(to request: InboundRequest, _ path: APIPath.ResourcePath, now: Timestamp) throws
        -> InboundResponse?
    {
        let answer: JSONValue
        switch (path.group, path.resource) {
        case ("authorization.k8s.io", "selfsubjectaccessreviews"):
            answer = ["allowed": true, "reason": "the token of this cluster may do everything"]
        case ("authorization.k8s.io", "subjectaccessreviews"),
            ("authorization.k8s.io", "localsubjectaccessreviews"):
            answer = ["allowed": false]
        case ("authorization.k8s.io", "selfsubjectrulesreviews"):
            answer = [
                "resourceRules": [["verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]]],
                "nonResourceRules": [["verbs": ["*"], "nonResourceURLs": ["*"]]], "incomplete": false,
            ]
        case ("authentication.k8s.io", "tokenreviews"):
            answer = ["user": [:], "error": "invalid bearer token"]
        case ("authentication.k8s.io", "selfsubjectreviews"):
            answer = ["userInfo": ["username": "admin", "groups": ["system:masters", "system:authenticated"]]]
        default: return nil
        }
        guard path.version == "v1" else { return nil }
        guard request.method == "POST" else { throw APIStatus.methodNotAllowed() }
        guard var review = try RequestBody.object(request, kind: Self.kinds[path.resource] ?? ""), review.object != nil
        else {
            throw APIStatus.badRequest("a review must be an object")
        }
        review["status"] = answer
        var metadata = review["metadata"] ?? [:]
        if metadata.object == nil { metadata = [:] }
        metadata["creationTimestamp"] = nil
        let manager = request.nonEmptyParameter("fieldManager") ?? String(request.userAgent.prefix { $0 != "/" })
        review["metadata"] = metadata
        if let spec = review["spec"] {
            // The type always has a spec, so only the fields in it count as set.
            let owned = FieldDifference(from: ["spec": [:]], to: ["spec": spec], .any).added
            let entry = ManagedFieldsEntry(
                manager: manager, operation: .update, apiVersion: review["apiVersion"]?.string ?? "", time: now,
                subresource: "", fields: owned)
            review["metadata"]?["managedFields"] = .array([entry.json])
        }
        return InboundResponse(review, status: 201)
    }
}

/// Reads the bodies of requests.
enum RequestBody {
    /// The object of that kind in the body; nil when it is empty. Throws `APIStatus` 400 and 415.
    static func object(_ request: InboundRequest, kind: String) throws -> JSONValue? {
        do {
            return try json(request)
        } catch let error as JSONError {
            let text = String(decoding: request.body.prefix(200), as: UTF8.self)
            throw APIStatus.badRequest(
                "the object provided is unrecognized (must be of type \(kind)): couldn't get version/kind;"
                    + " json parse error: \(GoJSONError.text(error, request.body)) (\(text))")
        }
    }

    /// The body as JSON; nil when it is empty. Throws `APIStatus` 415 for a media type that is not supported, and
    /// `JSONError`.
    static func json(_ request: InboundRequest) throws -> JSONValue? {
        guard !request.body.isEmpty else { return nil }
        switch request.mediaType {
        case "", "application/json", "application/merge-patch+json", "application/json-patch+json",
            "application/strategic-merge-patch+json", "application/apply-patch+yaml":
            break
        case "application/vnd.kubernetes.protobuf":
            do {
                return try ProtobufReader.object(request.body)
            } catch let failure as ProtobufReader.Failure {
                var status = APIStatus.unsupportedMediaType(["application/json"])
                status.message += " (\(failure))"
                throw status
            }
        default: throw APIStatus.unsupportedMediaType(["application/json"])
        }
        return try JSONValue(parsing: request.body)
    }
}
