internal import COpenSSL

/// What a certificate says of itself.
public struct CertificateFacts: Sendable, Hashable {
    /// When its life begins and ends, in seconds since 1970.
    public let notBefore: Int64
    public let notAfter: Int64

    /// Reads the first certificate of a PEM text. Throws ``TLSError`` when there is none.
    public init(_ certificatePEM: String) throws {
        let chain = try PEM.certificates(certificatePEM)
        defer { chain.forEach { X509_free($0) } }
        notBefore = try Self.seconds(X509_get0_notBefore(chain[0]))
        notAfter = try Self.seconds(X509_get0_notAfter(chain[0]))
    }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) throws -> Int64 {
        guard let start = ASN1_TIME_set(nil, 0) else { throw TLSError.current("reading a time") }
        defer { ASN1_TIME_free(start) }
        var (days, seconds): (Int32, Int32) = (0, 0)
        guard ASN1_TIME_diff(&days, &seconds, start, time) == 1 else { throw TLSError.current("reading a time") }
        return Int64(days) * 86_400 + Int64(seconds)
    }
}

extension CertificateAuthority {
    /// Whether this authority has signed a certificate, and a server of that DNS name may use it. Throws ``TLSError`` when one of the
    /// certificates cannot be read.
    public func hasIssued(_ certificatePEM: String, for name: String) throws -> Bool {
        let authorities = try PEM.certificates(credential.certificatePEM)
        defer { authorities.forEach { X509_free($0) } }
        let chain = try PEM.certificates(certificatePEM)
        defer { chain.forEach { X509_free($0) } }
        let isSigned = X509_verify(chain[0], X509_get0_pubkey(authorities[0])) == 1
        _ = TLSError.drainErrorQueue()
        return isSigned && X509_check_host(chain[0], name, name.utf8.count, 0, nil) == 1
    }
}
