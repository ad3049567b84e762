import JSON
import KubernetesModel
import SluiceAPI

/// Whether an object may be stored, and what its writer is told.
struct AdmissionDecision: Sendable, Hashable {
    /// More are counted, not told.
    static let maximumErrors = 10
    static let maximumWarnings = 15
    /// The longest sentence about one mistake, in Unicode scalars.
    static let maximumSentence = 500
    /// The longest warning: Kubernetes cuts longer ones where there are many.
    static let maximumWarning = 256
    /// The most that is repeated of a wrong value.
    private static let maximumValue = 100

    var kind = ""
    var name = ""
    /// With any of these it is refused.
    var errors: [FieldError] = []
    var warnings: [FieldError] = []

    var isAllowed: Bool { errors.isEmpty }

    /// The AdmissionReview that says so.
    func review(uid: String) -> JSONValue {
        var response: JSONValue = ["uid": .string(uid), "allowed": .bool(isAllowed)]
        if !isAllowed { response["status"] = status.json }
        if !warnings.isEmpty {
            response["warnings"] = JSONValue(
                warnings.prefix(Self.maximumWarnings).map { Self.sentence($0, Self.maximumWarning) })
        }
        return [
            "apiVersion": .string(AdmissionRequest.apiVersion), "kind": .string(AdmissionRequest.kind),
            "response": response,
        ]
    }

    private var status: APIStatus {
        let shown = errors.prefix(Self.maximumErrors)
        var sentences = shown.map { Self.sentence($0, Self.maximumSentence) }
        if errors.count > shown.count { sentences.append("and \(errors.count - shown.count) more") }
        var details = APIStatus.Details()
        details.name = name
        details.group = Sluice.group
        details.kind = kind
        // kubectl prints these, and not the message.
        details.causes = shown.map { error in
            APIStatus.Cause(
                reason: error.kind.rawValue, message: Self.cut(Self.short(error).body, Self.maximumSentence),
                field: error.path.steps.isEmpty ? "" : Self.cut(error.path.description, Self.maximumWarning))
        }
        if errors.count > shown.count {
            details.causes.append(
                APIStatus.Cause(reason: FieldError.Kind.invalid.rawValue, message: sentences[shown.count]))
        }
        return APIStatus(code: 422, reason: "Invalid", message: sentences.joined(separator: "; "), details: details)
    }

    private static func sentence(_ error: FieldError, _ limit: Int) -> String {
        let body = short(error).body
        return cut(error.path.steps.isEmpty ? body : "\(error.path): \(body)", limit)
    }

    /// The error with no more of the wrong value than tells which it is: what was expected comes after it.
    private static func short(_ error: FieldError) -> FieldError {
        let text = error.badValue.text
        guard text.unicodeScalars.count > maximumValue else { return error }
        var error = error
        error.badValue = .string(cut(error.badValue.string ?? text, maximumValue))
        return error
    }

    /// One line of so many scalars at most.
    private static func cut(_ text: String, _ limit: Int) -> String {
        var scalars = text.unicodeScalars.prefix(limit + 1).map { scalar in
            scalar.properties.generalCategory == .control ? " " : scalar
        }
        if scalars.count > limit { scalars = scalars.prefix(limit - 1) + ["…"] }
        var line = String.UnicodeScalarView()
        line.append(contentsOf: scalars)
        return String(line)
    }
}
