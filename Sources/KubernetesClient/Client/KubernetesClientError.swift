public import CurlHTTP

/// A request got no answer from the API server, or one that cannot be understood. (A refusal by the server is an
/// `APIStatus` instead.)
public struct KubernetesClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Hashable {
        /// The request could not be sent, or no answer came; ``KubernetesClientError/transport`` says why.
        case transport
        /// The answer does not have the form that the API defines.
        case unexpectedBody
        /// The request is not valid, for example because its name or namespace is missing.
        case invalidRequest
        /// No credentials could be obtained: an exec plug-in failed, or a token file is missing.
        case credentials
    }

    public var code: Code
    /// What is wrong, for people, without the request.
    public var message: String
    public var method: String
    public var url: String
    /// The failure of the connection, if the code is ``Code/transport``.
    public var transport: HTTPError?

    /// Creates a failure of a request.
    public init(_ code: Code, _ message: String, method: String = "", url: String = "", transport: HTTPError? = nil) {
        self.code = code
        self.message = message
        self.method = method
        self.url = url
        self.transport = transport
    }

    /// Whether the server may have seen the request. Also true where that is not known.
    public var mayHaveBeenSent: Bool { transport?.mayHaveBeenSent ?? true }

    public var description: String { method.isEmpty ? message : "\(method) \(url): \(message)" }
}
