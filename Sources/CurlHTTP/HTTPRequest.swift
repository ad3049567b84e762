/// One HTTP request.
public struct HTTPRequest: Sendable {
    public var method: String
    /// The absolute URL. Its path is sent unchanged.
    public var url: String
    public var headers: [HTTPHeader]
    /// The body. Nil sends none; an empty one sends `Content-Length: 0`.
    public var body: [UInt8]?
    public var timeouts: HTTPTimeouts
    /// The largest response body that ``HTTPClient/send(_:)`` accepts, in bytes.
    public var maximumBodyBytes: Int
    /// Trust and identity for this request; nil uses those of the client.
    public var tls: TLSConfiguration?
    /// Whether the server may compress the response with gzip. It is expanded as it comes, and ``maximumBodyBytes`` holds for what comes
    /// out.
    public var acceptsCompression = false
    /// Opens a new connection for this request, so that a broken one is not used again.
    public var needsNewConnection: Bool
    /// Whether curl may send the request a second time by itself, as it does when a reused connection breaks before a
    /// response has begun. Set it to false when the server must not act on the request twice.
    public var isRepeatable: Bool

    /// Creates a request.
    public init(
        method: String = "GET", url: String, headers: [HTTPHeader] = [], body: [UInt8]? = nil,
        timeouts: HTTPTimeouts = HTTPTimeouts(), maximumBodyBytes: Int = 256 << 20, tls: TLSConfiguration? = nil,
        needsNewConnection: Bool = false, isRepeatable: Bool = true
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeouts = timeouts
        self.maximumBodyBytes = maximumBodyBytes
        self.tls = tls
        self.needsNewConnection = needsNewConnection
        self.isRepeatable = isRepeatable
    }
}

/// How long each part of a request may take.
public struct HTTPTimeouts: Sendable, Hashable {
    /// The limit for name resolution, TCP and TLS together.
    public var connect: Duration
    /// The limit from the start of the request to the end of the body, or for a stream to the end of the headers; nil
    /// sets none.
    public var response: Duration?
    /// The limit between two arrivals of bytes in a stream; nil sets none. Time during which the reader holds the
    /// stream back does not count.
    public var idle: Duration?

    /// Creates time-outs.
    public init(connect: Duration = .seconds(10), response: Duration? = .seconds(60), idle: Duration? = nil) {
        self.connect = connect
        self.response = response
        self.idle = idle
    }
}

/// A header field.
public struct HTTPHeader: Sendable, Hashable {
    public var name: String
    public var value: String

    /// Creates a header field.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension Sequence<HTTPHeader> {
    /// The values of all fields of this name, ignoring case. O(headers).
    public func values(of name: String) -> [String] {
        let wanted = name.lowercased()
        return filter { $0.name.lowercased() == wanted }.map(\.value)
    }

    /// The value of the first field of this name, ignoring case. O(headers).
    public func firstValue(of name: String) -> String? { values(of: name).first }
}

/// A complete response.
public struct HTTPResponse: Sendable {
    public var status: Int
    public var headers: [HTTPHeader]
    public var body: [UInt8]

    /// Creates a response.
    public init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
