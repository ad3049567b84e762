public import JSON
import KubernetesModel

/// Somebody who is asked before objects are stored: a validating webhook in this process.
public struct AdmissionHook: Sendable {
    /// The name of the webhook, which refusals repeat.
    public var name: String
    /// The groups whose objects are shown to it when they are created or updated; subresources are not.
    public var groups: Set<String>
    /// Answers an AdmissionReview of admission.k8s.io/v1. What it throws fails the request.
    public var review: @Sendable (_ review: JSONValue) throws -> JSONValue

    /// Makes a hook.
    public init(name: String, groups: Set<String>, review: @escaping @Sendable (JSONValue) throws -> JSONValue) {
        self.name = name
        self.groups = groups
        self.review = review
    }
}

/// An object as it is stored, and what admission has to say of it.
struct Admitted {
    var object: JSONValue
    var warnings: [String]
}

/// A refusal by admission that has warnings beside it.
struct AdmissionRefusal: Error {
    var status: APIStatus
    var warnings: [String]
}

extension APIServerCore {
    /// Asks the hooks about an object that is about to be stored; `old` is nil at creation. Returns their warnings. Throws
    /// ``AdmissionRefusal``, and `APIStatus` 500 when a hook fails.
    func askHooks(_ object: JSONValue, old: JSONValue?, _ call: ResourceCall, isDryRun: Bool) throws -> [String] {
        let resource = call.resource
        var warnings: [String] = []
        guard call.subresource == nil else { return warnings }
        for hook in hooks where hook.groups.contains(resource.group) {
            let uid = Identity.uid()
            let kind: JSONValue = [
                "group": .string(resource.group), "version": .string(resource.version), "kind": .string(resource.kind),
            ]
            let plural: JSONValue = [
                "group": .string(resource.group), "version": .string(resource.version),
                "resource": .string(resource.plural),
            ]
            let review: JSONValue = [
                "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                "request": [
                    "uid": .string(uid), "kind": kind, "resource": plural, "requestKind": kind,
                    "requestResource": plural, "name": object["metadata"]?["name"] ?? "",
                    "namespace": .string(call.namespace), "operation": old == nil ? "CREATE" : "UPDATE",
                    "userInfo": [:], "object": object, "oldObject": old ?? .null, "dryRun": .bool(isDryRun),
                ],
            ]
            let response: JSONValue
            do {
                response = try hook.review(review)["response"] ?? .null
            } catch {
                throw APIStatus.internalError("failed calling webhook \"\(hook.name)\": \(error)")
            }
            guard response["uid"]?.string == uid, let isAllowed = response["allowed"]?.bool else {
                throw APIStatus.internalError(
                    "failed calling webhook \"\(hook.name)\": expected an AdmissionReview with a response to the request"
                )
            }
            warnings += response["warnings"]?.strings ?? []
            if !isAllowed {
                throw AdmissionRefusal(status: try Self.denial(hook.name, response["status"]), warnings: warnings)
            }
        }
        return warnings
    }

    /// The answer to a request that a webhook refused, as kube-apiserver makes it of the webhook's status.
    private static func denial(_ name: String, _ status: JSONValue?) throws -> APIStatus {
        var result = try APIStatus(status ?? [:])
        if result.code < 400 { result.code = 403 }
        let denied = "admission webhook \"\(name)\" denied the request"
        result.message =
            if !result.message.isEmpty {
                "\(denied): \(result.message)"
            } else {
                result.reason.isEmpty ? "\(denied) without explanation" : "\(denied): \(result.reason)"
            }
        if result.reason.isEmpty { result.reason = "Forbidden" }
        return result
    }
}
