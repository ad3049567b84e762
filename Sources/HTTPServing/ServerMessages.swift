/// A request as it arrived. The `refuse` function of ``HTTPServer`` sees it without its body.
public struct ServerRequest: Sendable {
    /// The method in upper case.
    public var method: String
    /// The path with its query, percent-encoded.
    public var target: String
    /// The Host header; nil if there was none.
    public var authority: String?
    /// The header fields in order, with names in lower case.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    /// Creates a request.
    public init(
        method: String, target: String, authority: String? = nil, headers: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) {
        self.method = method
        self.target = target
        self.authority = authority
        self.headers = headers
        self.body = body
    }

    /// The value of the first header with this name, which must be in lower case; nil if there is none. O(headers).
    public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// A server's response to a request.
public struct ServerResponse: Sendable {
    /// The HTTP status code.
    public var status: Int
    /// The header fields in order. Content-Length is added to bodies of bytes.
    public var headers: [(name: String, value: String)]
    public var body: Body

    /// A body: bytes, or a stream that is written while the client listens.
    public enum Body: Sendable {
        case bytes([UInt8])
        /// A function that writes the stream; it is called once. `write` suspends while the client does not read, and
        /// throws when the connection is gone. The stream ends when the function returns. Its task is cancelled when
        /// the client disconnects.
        case stream(@Sendable (_ write: ([UInt8]) async throws -> Void) async throws -> Void)
    }

    /// Creates a response.
    public init(status: Int, headers: [(name: String, value: String)] = [], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
