/// One HTTP request.
public struct HTTPRequest: Sendable {
    public var method: String
    /// Absolute: scheme, host, path; the path is sent as it stands.
    public var url: String
    public var headers: [HTTPHeader]
    /// nil sends none; an empty one sends `Content-Length: 0`.
    public var body: [UInt8]?
    public var timeouts: HTTPTimeouts
    /// The largest body that ``HTTPClient/send(_:)`` takes in, in bytes.
    public var maximumBodyBytes: Int
    /// Who is trusted and who one is; nil takes the client's.
    public var tls: TLSConfiguration?
    /// Opens a new connection for this request, so that one that has gone bad is not met again.
    public var needsNewConnection: Bool
    /// false keeps curl from sending it a second time by itself, which it does when a kept connection breaks before an answer
    /// has begun: the server may have done what the request asks for.
    public var isRepeatable: Bool

    /// A request.
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
    /// Name resolution, TCP and TLS together.
    public var connect: Duration
    /// From the start to the end of the body, for a stream to the end of the headers; nil waits for ever.
    public var response: Duration?
    /// Between two arrivals of bytes in a stream; nil waits for ever. Time during which the reader holds the stream back does
    /// not count.
    public var idle: Duration?

    /// Time-outs.
    public init(connect: Duration = .seconds(10), response: Duration? = .seconds(60), idle: Duration? = nil) {
        self.connect = connect
        self.response = response
        self.idle = idle
    }
}

/// One header field.
public struct HTTPHeader: Sendable, Hashable {
    public var name: String
    public var value: String

    /// A field.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension Sequence<HTTPHeader> {
    /// The values of the fields of that name, whatever its case.
    public func values(of name: String) -> [String] {
        let wanted = name.lowercased()
        return filter { $0.name.lowercased() == wanted }.map(\.value)
    }

    /// The first value of the fields of that name, whatever its case.
    public func firstValue(of name: String) -> String? { values(of: name).first }
}

/// An answer, whole.
public struct HTTPResponse: Sendable {
    public var status: Int
    public var headers: [HTTPHeader]
    public var body: [UInt8]

    /// An answer.
    public init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
