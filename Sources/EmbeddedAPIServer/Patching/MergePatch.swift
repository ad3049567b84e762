import JSON

/// JSON Merge Patch (RFC 7386).
enum MergePatch {
    /// The target with the patch applied; a null in the patch removes a field.
    static func apply(_ patch: JSONValue, to target: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = target.object ?? JSONObject()
        for (name, value) in changes {
            if value.isNull {
                result[name] = nil
            } else {
                result[name] = apply(value, to: result[name] ?? .null)
            }
        }
        return .object(result)
    }
}
