/// Why a request has no answer, or a stream no end.
public struct HTTPError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of failure it was.
    public enum Code: String, Sendable, Hashable {
        case invalidRequest, resolve, connect, connectTimeout, tls, proxy
        case responseTimeout, idleTimeout, connectionLost, bodyTooLarge, shutDown, other
    }

    public var code: Code
    /// What happened, for people, without the URL.
    public var message: String
    public var method: String
    public var url: String
    /// Whether the server may have seen the request; false: it cannot have, and even what must not happen twice may be
    /// tried again.
    public var mayHaveBeenSent: Bool

    /// A failure of a request.
    public init(_ code: Code, _ message: String, method: String, url: String, mayHaveBeenSent: Bool = true) {
        self.code = code
        self.message = message
        self.method = method
        self.url = url
        self.mayHaveBeenSent = mayHaveBeenSent
    }

    public var description: String { "\(method) \(url): \(message)" }
}
