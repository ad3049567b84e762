/// A request as it came over the wire. While a server decides whether it may go on, the body is still empty.
public struct ServerRequest: Sendable {
    /// In upper case, as it was sent.
    public var method: String
    /// The path with its query, percent-encoded.
    public var target: String
    /// The Host header; nil where there was none.
    public var authority: String?
    /// Names in lower case, in their order.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    /// A request.
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

    /// The first value of a header by its name in lower case; nil when it is absent. O(headers).
    public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// What a server answers.
public struct ServerResponse: Sendable {
    /// The HTTP status code.
    public var status: Int
    /// Header fields in their order. Content-Length is added to whole bodies.
    public var headers: [(name: String, value: String)]
    public var body: Body

    /// A body: whole, or written piece by piece for as long as the client listens.
    public enum Body: Sendable {
        case bytes([UInt8])
        /// Called once; `write` suspends while the client does not read. Ends by returning; its task is cancelled when the
        /// client disconnects.
        case stream(@Sendable (_ write: ([UInt8]) async throws -> Void) async throws -> Void)
    }

    /// A response.
    public init(status: Int, headers: [(name: String, value: String)] = [], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
