public import HTTPServing
import JSON
import KubernetesModel

/// An answer of the API server, independent of any socket.
public struct InboundResponse: Sendable {
    public var status: Int
    public var contentType: String
    /// Further headers, names in lower case.
    public var headers: [(name: String, value: String)] = []
    public var body: ServerResponse.Body

    init(status: Int = 200, contentType: String = "application/json", body: ServerResponse.Body) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// An answer in JSON.
    init(_ json: JSONValue, status: Int = 200) { self.init(status: status, body: .bytes(json.bytes)) }

    /// An answer in plain text.
    init(text: String, status: Int = 200) {
        self.init(status: status, contentType: "text/plain; charset=utf-8", body: .bytes(Array(text.utf8)))
    }

    /// A failure as a Status object, with a Retry-After header if it asks for one.
    init(_ status: APIStatus) {
        self.init(status.serverJSON, status: status.code)
        if let seconds = status.details?.retryAfterSeconds { headers.append(("retry-after", String(seconds))) }
    }

    /// The bytes of the body; empty when the body is a stream.
    public var bytes: [UInt8] { if case .bytes(let bytes) = body { bytes } else { [] } }
}

extension ServerResponse {
    init(_ response: InboundResponse) {
        self.init(
            status: response.status,
            headers: [("content-type", response.contentType), ("cache-control", "no-cache, private")]
                + response.headers, body: response.body)
    }
}

extension APIStatus {
    /// The object as the server writes it: without `reason` when that is empty.
    var serverJSON: JSONValue {
        var json = json
        if reason.isEmpty { json["reason"] = nil }
        return json
    }
}
