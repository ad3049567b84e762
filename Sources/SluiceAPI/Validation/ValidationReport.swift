public import KubernetesModel

/// What is wrong with an object, and what looks wrong.
public struct ValidationReport: Sendable, Hashable {
    /// With any of these the object cannot be run.
    public package(set) var errors: [FieldError] = []
    /// With these it can, but hardly as was meant.
    public package(set) var warnings: [FieldError] = []

    /// Nothing is wrong.
    package init() {}

    public var isValid: Bool { errors.isEmpty }

    /// The errors as one text for a status: at most `limit` of them, each a sentence with its path.
    public func message(limit: Int = 5) -> String {
        let shown = errors.prefix(limit).map { error in
            error.path.steps.isEmpty ? error.body : "\(error.path): \(error.body)"
        }
        let rest = errors.count - shown.count
        return shown.joined(separator: "; ") + (rest > 0 ? "; and \(rest) more" : "")
    }

    mutating func add(_ error: FieldError) { errors.append(error) }
    mutating func warn(_ warning: FieldError) { warnings.append(warning) }
}
