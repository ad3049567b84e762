/// Whom to trust and which identity to present. All certificates and keys are PEM, in memory.
public struct TLSConfiguration: Sendable, Hashable {
    /// A client's certificate chain and its private key.
    public struct Identity: Sendable, Hashable {
        public var certificate: [UInt8]
        public var key: [UInt8]

        /// Creates an identity.
        public init(certificate: [UInt8], key: [UInt8]) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// The only authorities to trust; nil trusts the system's.
    public var certificateAuthorities: [UInt8]?
    /// The client's certificate and key; nil presents none.
    public var identity: Identity?
    /// The name for SNI, which the server's certificate must carry; nil uses the URL's host.
    public var serverName: String?
    /// Whether the server's certificate is verified. False accepts any certificate: use it only at the user's request.
    public var verifiesServer: Bool

    /// Creates a configuration. The default trusts the system's authorities.
    public init(
        certificateAuthorities: [UInt8]? = nil, identity: Identity? = nil, serverName: String? = nil,
        verifiesServer: Bool = true
    ) {
        self.certificateAuthorities = certificateAuthorities
        self.identity = identity
        self.serverName = serverName
        self.verifiesServer = verifiesServer
    }
}
