public import CurlHTTP

/// What a request proves who sends it with.
public struct Credentials: Sendable, Hashable {
    /// The Authorization header's value.
    public var authorization: String?
    /// A client certificate.
    public var identity: TLSConfiguration.Identity?

    /// Credentials; none by default.
    public init(authorization: String? = nil, identity: TLSConfiguration.Identity? = nil) {
        self.authorization = authorization
        self.identity = identity
    }

    /// A bearer token.
    public static func bearer(_ token: String) -> Credentials { Credentials(authorization: "Bearer \(token)") }
}

/// Where credentials come from; asked before every request, so that those that rotate are the ones of the moment.
public protocol CredentialSource: Sendable {
    /// The credentials of now. Throws ``CredentialError``.
    func credentials() async throws -> Credentials

    /// The server has answered 401 to these. Whether asking again may give better ones.
    func refresh(after refused: Credentials) async -> Bool
}

/// Why there are no credentials, as a sentence for people.
public struct CredentialError: Error, Sendable, Hashable, CustomStringConvertible {
    public var message: String

    /// A reason.
    public init(_ message: String) { self.message = message }

    public var description: String { message }
}

/// Credentials that never change.
public struct FixedCredentials: CredentialSource {
    private let value: Credentials

    /// These credentials; none by default.
    public init(_ value: Credentials = Credentials()) { self.value = value }

    public func credentials() async throws -> Credentials { value }
    public func refresh(after refused: Credentials) async -> Bool { false }
}
