import CurlHTTP
import JSON
import KubernetesModel

extension APIStatus {
    /// Reads the Status object of a failed answer. If something else answered (a proxy, a path that is not served),
    /// makes one from the HTTP status as apimachinery's NewGenericServerResponse does.
    init(_ response: HTTPResponse, method: String, url: String) {
        if let status = Self.parse(response.body) {
            self = status
            if code == 0 { code = response.status }
        } else {
            var message = "\(method) \(url): HTTP \(response.status)"
            let text = String(decoding: response.body.prefix(300), as: UTF8.self)
                .split(whereSeparator: \.isWhitespace).joined(separator: " ")
            if !text.isEmpty { message += ": \(text)" }
            self.init(code: response.status, reason: Self.reason(response.status), message: message)
        }
        if details?.retryAfterSeconds == nil, let seconds = Self.retryAfter(response) {
            details = details ?? Details()
            details?.retryAfterSeconds = seconds
        }
    }

    private static func parse(_ body: [UInt8]) -> APIStatus? {
        guard body.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{"),
            (try? BodyKind(parsing: body))?.kind == "Status"
        else { return nil }
        return try? APIStatus(parsing: body)
    }

    /// The seconds of a Retry-After header. Dates are ignored, since the API server sends none.
    static func retryAfter(_ response: HTTPResponse) -> Int? {
        response.headers.firstValue(of: "Retry-After").flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    private static func reason(_ code: Int) -> String {
        switch code {
        case 400: "BadRequest"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "NotFound"
        case 405: "MethodNotAllowed"
        case 406: "NotAcceptable"
        case 409: "Conflict"
        case 410: "Gone"
        case 413: "RequestEntityTooLarge"
        case 415: "UnsupportedMediaType"
        case 422: "Invalid"
        case 429: "TooManyRequests"
        case 500: "InternalError"
        case 503: "ServiceUnavailable"
        case 504: "Timeout"
        default: "Unknown"
        }
    }
}

/// The apiVersion and kind of a body.
struct BodyKind: JSONReadable {
    var kind = ""

    init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            if case "kind" = key, try reader.peek() == .string {
                kind = try reader.readString()
            } else {
                try reader.skip()
            }
        }
    }
}
