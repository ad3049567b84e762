import JSON

extension ListOptions {
    var query: [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if let labelSelector { query.append(("labelSelector", labelSelector)) }
        if let fieldSelector { query.append(("fieldSelector", fieldSelector)) }
        if let limit { query.append(("limit", String(limit))) }
        if let continueToken { query.append(("continue", continueToken)) }
        if let resourceVersion { query.append(("resourceVersion", resourceVersion)) }
        if let resourceVersionMatch { query.append(("resourceVersionMatch", resourceVersionMatch)) }
        return query
    }
}

extension WatchOptions {
    var query: [(name: String, value: String)] {
        var query: [(name: String, value: String)] = [
            ("watch", "1"), ("timeoutSeconds", String(max(1, timeout.components.seconds))),
        ]
        if allowBookmarks { query.append(("allowWatchBookmarks", "true")) }
        if let labelSelector { query.append(("labelSelector", labelSelector)) }
        if let fieldSelector { query.append(("fieldSelector", fieldSelector)) }
        if let resourceVersion { query.append(("resourceVersion", resourceVersion)) }
        return query
    }
}

extension WriteOptions {
    func query(isApply: Bool) -> [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if let fieldManager { query.append(("fieldManager", fieldManager)) }
        if let fieldValidation { query.append(("fieldValidation", fieldValidation)) }
        if dryRun { query.append(("dryRun", "All")) }
        if force, isApply { query.append(("force", "true")) }
        return query
    }
}

extension DeleteOptions {
    var body: JSONValue {
        var body: JSONObject = ["apiVersion": "v1", "kind": "DeleteOptions"]
        var preconditions = JSONObject()
        if let uid { preconditions["uid"] = .string(uid) }
        if let resourceVersion { preconditions["resourceVersion"] = .string(resourceVersion) }
        if !preconditions.isEmpty { body["preconditions"] = .object(preconditions) }
        if let propagation { body["propagationPolicy"] = .string(propagation.rawValue) }
        if let gracePeriodSeconds { body["gracePeriodSeconds"] = .int(Int64(gracePeriodSeconds)) }
        if dryRun { body["dryRun"] = ["All"] }
        return .object(body)
    }
}

extension Patch {
    var body: JSONValue {
        switch self {
        case .json(let body), .merge(let body), .strategic(let body), .apply(let body): body
        }
    }

    var contentType: String {
        switch self {
        case .json: "application/json-patch+json"
        case .merge: "application/merge-patch+json"
        case .strategic: "application/strategic-merge-patch+json"
        // JSON is YAML too, and the server knows apply only by this name.
        case .apply: "application/apply-patch+yaml"
        }
    }
}
