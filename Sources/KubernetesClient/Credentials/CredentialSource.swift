public import CurlHTTP

/// What authenticates the sender of a request.
public struct Credentials: Sendable, Hashable {
    /// The value of the Authorization header.
    public var authorization: String?
    /// A client certificate.
    public var identity: TLSConfiguration.Identity?

    /// Creates credentials; by default there are none.
    public init(authorization: String? = nil, identity: TLSConfiguration.Identity? = nil) {
        self.authorization = authorization
        self.identity = identity
    }

    /// Credentials with a bearer token.
    public static func bearer(_ token: String) -> Credentials { Credentials(authorization: "Bearer \(token)") }
}

/// A source of credentials. It is asked before every request, so that rotated credentials take effect at once.
public protocol CredentialSource: Sendable {
    /// Returns the current credentials. Throws ``CredentialError`` when there are none.
    func credentials() async throws -> Credentials

    /// Notes that the server refused these credentials with 401. Returns whether asking again may give better ones.
    func refresh(after refused: Credentials) async -> Bool
}

/// Why there are no credentials, as a sentence for people.
public struct CredentialError: Error, Sendable, Hashable, CustomStringConvertible {
    public var message: String

    /// Creates an error.
    public init(_ message: String) { self.message = message }

    public var description: String { message }
}

/// Credentials that never change.
public struct FixedCredentials: CredentialSource {
    private let value: Credentials

    /// Creates a source of these credentials; by default there are none.
    public init(_ value: Credentials = Credentials()) { self.value = value }

    public func credentials() async throws -> Credentials { value }
    public func refresh(after refused: Credentials) async -> Bool { false }
}
