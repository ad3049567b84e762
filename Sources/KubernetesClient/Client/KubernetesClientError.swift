public import CurlHTTP

/// A request that has no answer of the API server's, or one that cannot be understood. What the server refuses is an
/// `APIStatus` instead.
public struct KubernetesClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of failure it was.
    public enum Code: String, Sendable, Hashable {
        /// Nothing could be sent, or nothing came back; ``KubernetesClientError/transport`` says why.
        case transport
        /// The server's answer is not what the API says it is.
        case unexpectedBody
        /// The request cannot be made like that: a name that is missing, a namespace that is.
        case invalidRequest
        /// There are no credentials: an exec plug-in failed, a token file is gone.
        case credentials
    }

    public var code: Code
    /// What is wrong, for people, without the request.
    public var message: String
    public var method: String
    public var url: String
    public var transport: HTTPError?

    /// A failure of a request.
    public init(_ code: Code, _ message: String, method: String = "", url: String = "", transport: HTTPError? = nil) {
        self.code = code
        self.message = message
        self.method = method
        self.url = url
        self.transport = transport
    }

    public var description: String { method.isEmpty ? message : "\(method) \(url): \(message)" }
}
