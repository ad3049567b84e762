/// Why a request has no response, or a stream was not completed.
public struct HTTPError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Hashable {
        case invalidRequest, resolve, connect, connectTimeout, proxy
        /// The TLS handshake did not come to its end: the connection broke, or the server refused something in it.
        case handshake
        /// A certificate or key: the server's is not trusted, the client's cannot be used, or an authority cannot be read.
        case tls
        case responseTimeout, idleTimeout, connectionLost, bodyTooLarge, shutDown, other
    }

    public var code: Code
    /// What happened, for people, without the URL.
    public var message: String
    public var method: String
    public var url: String
    /// Whether the server may have seen the request. If false, it cannot have, and even a request that must not happen
    /// twice may be sent again.
    public var mayHaveBeenSent: Bool

    /// Creates a failure of a request.
    public init(_ code: Code, _ message: String, method: String, url: String, mayHaveBeenSent: Bool = true) {
        self.code = code
        self.message = message
        self.method = method
        self.url = url
        self.mayHaveBeenSent = mayHaveBeenSent
    }

    public var description: String { "\(method) \(url): \(message)" }
}
