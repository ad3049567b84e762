import HTTPServing

/// A request to the API server, independent of any socket.
public struct InboundRequest: Sendable {
    public var method: String
    /// The path, still percent-encoded, without the query.
    public var path: String
    /// The query parameters in their order, decoded.
    public var query: [(name: String, value: String)]
    public var accept: String
    public var contentType: String
    public var userAgent: String
    public var body: [UInt8]

    /// Makes a request; `target` is the path with its query.
    public init(
        _ method: String, _ target: String, accept: String = "application/json", contentType: String = "",
        userAgent: String = "", body: [UInt8] = []
    ) {
        self.method = method
        let split = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(split[0])
        query = split.count > 1 ? Self.parseQuery(split[1]) : []
        self.accept = accept
        self.contentType = contentType
        self.userAgent = userAgent
        self.body = body
    }

    init(_ request: ServerRequest) {
        self.init(
            request.method, request.target, accept: request.header("accept") ?? "",
            contentType: request.header("content-type") ?? "", userAgent: request.header("user-agent") ?? "",
            body: request.body)
    }

    /// The first value of a parameter; nil when it is absent.
    public func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// The first value of a parameter, nil when it is absent or empty.
    func nonEmptyParameter(_ name: String) -> String? {
        guard let value = parameter(name), !value.isEmpty else { return nil }
        return value
    }

    /// Whether a boolean parameter is set, as Kubernetes reads it: anything but `0` and `false` is true, also `maybe` and
    /// a parameter without a value.
    func flag(_ name: String) -> Bool {
        guard let value = parameter(name) else { return false }
        return value != "0" && value.lowercased() != "false"
    }

    /// The media type of the body, without parameters.
    var mediaType: String {
        String(contentType.prefix { $0 != ";" }).lowercased().filter { !$0.isWhitespace }
    }

    static func parseQuery(_ text: Substring) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (
                percentDecoded(parts[0], plusIsSpace: true),
                parts.count > 1 ? percentDecoded(parts[1], plusIsSpace: true) : ""
            )
        }
    }

    /// Decodes percent escapes; a malformed escape stays as it is.
    static func percentDecoded(_ text: Substring, plusIsSpace: Bool = false) -> String {
        var bytes: [UInt8] = []
        let source = Array(text.utf8)
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
            default: nil
            }
        }
        var index = 0
        while index < source.count {
            if source[index] == UInt8(ascii: "%"), index + 2 < source.count, let high = digit(source[index + 1]),
                let low = digit(source[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(plusIsSpace && source[index] == UInt8(ascii: "+") ? 0x20 : source[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
