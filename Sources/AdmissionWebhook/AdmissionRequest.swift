import JSON

/// A body that is no AdmissionReview, in one sentence.
public struct MalformedReview: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// The request of an AdmissionReview, as far as it is looked at.
struct AdmissionRequest: Sendable {
    static let apiVersion = "admission.k8s.io/v1"
    static let kind = "AdmissionReview"

    var uid: String
    /// CREATE, UPDATE, DELETE or CONNECT.
    var operation: String
    var group: String
    var kind: String
    /// Empty for the object itself.
    var subresource: String
    var object: JSONValue
    /// What is stored now; null where nothing is.
    var oldObject: JSONValue

    /// Reads the request. Throws ``MalformedReview``.
    init(review: JSONValue) throws(MalformedReview) {
        guard review["apiVersion"]?.string == Self.apiVersion, review["kind"]?.string == Self.kind else {
            throw MalformedReview("expected an \(Self.kind) of \(Self.apiVersion)")
        }
        guard let request = review["request"], let uid = request["uid"]?.string, !uid.isEmpty else {
            throw MalformedReview("request.uid: expected the UID of the request")
        }
        guard let operation = request["operation"]?.string else {
            throw MalformedReview("request.operation: expected CREATE, UPDATE, DELETE or CONNECT")
        }
        guard let group = request["kind"]?["group"]?.string, let kind = request["kind"]?["kind"]?.string else {
            throw MalformedReview("request.kind: expected group, version and kind of the object")
        }
        self.uid = uid
        self.operation = operation
        self.group = group
        self.kind = kind
        subresource = request["subResource"]?.string ?? ""
        object = request["object"] ?? .null
        oldObject = request["oldObject"] ?? .null
    }
}
