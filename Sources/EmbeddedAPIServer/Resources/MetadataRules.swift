import JSON
import KubernetesModel

/// Validation of metadata (apimachinery's `ValidateObjectMeta` and `ValidateObjectMetaUpdate`).
enum MetadataRules {
    /// The errors in an object's metadata; `old` is nil at creation.
    static func errors(_ object: JSONValue, old: JSONValue?, strategy: any ResourceStrategy, isNamespaced: Bool)
        -> [FieldError]
    {
        let metadata = object["metadata"] ?? [:]
        var errors: [FieldError] = []
        let name = metadata["name"]?.string ?? ""
        if old == nil {
            if name.isEmpty {
                errors.append(.required("metadata.name", "name or generateName is required"))
            } else if let problem = strategy.validateName(name) {
                errors.append(.invalid("metadata.name", .string(name), problem))
            }
        }
        let path: FieldPath = "metadata"
        for field in ["labels", "annotations"] {
            for (key, value) in metadata[field]?.object ?? [:] {
                if let problem = Names.qualifiedNameProblem(field == "labels" ? key : key.lowercased()) {
                    errors.append(.invalid(path.field(field), .string(key), problem))
                }
                if field == "labels", let text = value.string, let problem = Names.labelValueProblem(text) {
                    errors.append(.invalid("metadata.labels", .string(text), problem))
                }
            }
        }
        let annotationBytes = (metadata["annotations"]?.object ?? [:]).reduce(0) {
            $0 + $1.key.utf8.count + ($1.value.string?.utf8.count ?? 0)
        }
        if annotationBytes > 256 << 10 {
            errors.append(.tooLong("metadata.annotations", maximum: 256 << 10))
        }
        for (index, finalizer) in (metadata["finalizers"]?.array ?? []).enumerated() {
            if let text = finalizer.string, let problem = Names.qualifiedNameProblem(text) {
                errors.append(.invalid(path.field("finalizers").index(index), finalizer, problem))
            }
        }
        errors += ownerErrors(metadata["ownerReferences"]?.array ?? [])
        guard let oldMetadata = old?["metadata"] else { return errors }
        if oldMetadata["deletionTimestamp"] != nil {
            let before = oldMetadata["finalizers"]?.strings ?? []
            let added = (metadata["finalizers"]?.strings ?? []).filter { !before.contains($0) }
            if !added.isEmpty {
                let list = added.map { JSONValue.string($0).text }.joined(separator: ", ")
                errors.append(
                    .forbidden(
                        "metadata.finalizers",
                        "no new finalizers can be added if the object is being deleted, found new finalizers"
                            + " []string{\(list)}"))
            }
        }
        return errors
    }

    private static func ownerErrors(_ owners: [JSONValue]) -> [FieldError] {
        var errors: [FieldError] = []
        var controllers: [String] = []
        for (index, owner) in owners.enumerated() {
            let path = FieldPath("metadata.ownerReferences").index(index)
            for field in ["apiVersion", "kind", "name", "uid"] where owner[field]?.string ?? "" == "" {
                let what = field == "apiVersion" ? "version" : field
                errors.append(.invalid(path.field(field), .string(""), "\(what) must not be empty"))
            }
            if owner["controller"] == true { controllers.append(owner["name"]?.string ?? "") }
        }
        if controllers.count > 1 {
            errors.append(
                .invalid(
                    "metadata.ownerReferences", .array(owners),
                    "Only one reference can have Controller set to true. Found \"true\" in references for"
                        + " \(controllers[0]) and \(controllers[1])"))
        }
        return errors
    }
}
