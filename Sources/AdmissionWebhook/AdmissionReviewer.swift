public import JSON
import KubernetesModel
public import SluiceAPI

/// Refuses objects of group sluice.dev that could never work, before they are stored. Pure.
///
/// It answers AdmissionReviews of admission.k8s.io/v1, by SluiceAPI's `Validator`: what lint calls an error is refused, what it calls a
/// warning is a warning. What is there already is never held up: an object that is being deleted, and an update that leaves the spec
/// alone, always pass, and of a changed spec only mistakes are refused that the old one did not have.
public struct AdmissionReviewer: Sendable {
    /// The name by which API servers tell who refused.
    public static let webhookName = "validate.sluice.dev"

    private let zones: Validator.ZoneCheck?

    /// A reviewer. Whether time zones exist is asked of `zones`, where that is given.
    public init(zones: Validator.ZoneCheck? = nil) { self.zones = zones }

    /// Answers the body of a webhook's request. Throws ``MalformedReview`` for one that is no AdmissionReview of v1.
    public func review(_ body: [UInt8]) throws(MalformedReview) -> [UInt8] {
        let json: JSONValue
        do { json = try JSONValue(parsing: body) } catch { throw MalformedReview("the body is no JSON: \(error)") }
        return try review(json).bytes
    }

    /// Answers an AdmissionReview that has a request with one that has the response. Throws ``MalformedReview``.
    public func review(_ review: JSONValue) throws(MalformedReview) -> JSONValue {
        let request = try AdmissionRequest(review: review)
        return decide(request).review(uid: request.uid)
    }

    /// Decides about one object.
    func decide(_ request: AdmissionRequest) -> AdmissionDecision {
        guard ["CREATE", "UPDATE"].contains(request.operation), request.subresource.isEmpty,
            request.group == Sluice.group, CustomResourceDefinitions.kinds.contains(request.kind),
            request.object.object != nil, request.object["metadata"]?["deletionTimestamp"]?.string == nil
        else { return AdmissionDecision() }
        let isUpdate = request.operation == "UPDATE"
        if isUpdate, request.object["spec"] == request.oldObject["spec"] { return AdmissionDecision() }
        let report = validate(request.object)
        // With a mistake that was there before it can still be cancelled, suspended or mended step by step; the status tells of it.
        let before = isUpdate && !report.isValid ? Set(validate(request.oldObject).errors) : []
        let metadata = request.object["metadata"]
        let isTold = { (error: FieldError) in before.contains(error) || Self.isOfValues(error.path) }
        return AdmissionDecision(
            kind: request.kind,
            name: metadata?["name"]?.string ?? metadata?["generateName"]?.string ?? "",
            errors: report.errors.filter { !isTold($0) },
            warnings: report.errors.filter(isTold) + report.warnings)
    }

    /// Whether it is about the values of a run's parameters: a run with wrong ones ends as Failed (InvalidParameters), whether its
    /// pipeline is in place or not.
    private static func isOfValues(_ path: FieldPath) -> Bool {
        let steps = path.description
        return ["spec.parameters", "spec.template.spec.parameters"].contains {
            steps == $0 || steps.hasPrefix($0 + ".") || steps.hasPrefix($0 + "[")
        }
    }

    /// What is wrong with an object but for its status, which is not its writer's.
    private func validate(_ object: JSONValue) -> ValidationReport {
        var object = object
        object["status"] = nil
        return Validator.validate(object, zones: zones)
    }
}
