/// Who is trusted and who one is. All certificates and keys are PEM, in memory.
public struct TLSConfiguration: Sendable, Hashable {
    /// A client's certificate with its chain, and its private key.
    public struct Identity: Sendable, Hashable {
        public var certificate: [UInt8]
        public var key: [UInt8]

        /// An identity.
        public init(certificate: [UInt8], key: [UInt8]) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// The only authorities that are trusted; nil trusts those of the system.
    public var certificateAuthorities: [UInt8]?
    public var identity: Identity?
    /// The name that is asked for (SNI) and that the server's certificate must carry; nil takes the URL's host.
    public var serverName: String?
    /// false takes any certificate of anyone: only for those who ask for it.
    public var verifiesServer: Bool

    /// A configuration; the default trusts the system's authorities.
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
