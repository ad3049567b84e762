internal import COpenSSL

/// A certificate and its private key, both in PEM.
public struct Credential: Sendable, Hashable {
    /// The certificate, followed by the issuer's if clients need it.
    public var certificatePEM: String
    public var privateKeyPEM: String

    /// Creates a credential. The PEM texts are not read before they are used.
    public init(certificatePEM: String, privateKeyPEM: String) {
        self.certificatePEM = certificatePEM
        self.privateKeyPEM = privateKeyPEM
    }
}

/// A certificate authority with EC P-256 keys, SHA-256 signatures and X.509 v3 certificates (RFC 5280).
public struct CertificateAuthority: Sendable, Hashable {
    /// The authority's certificate and key. Keep the key secret.
    public let credential: Credential

    /// The certificate that clients must trust.
    public var certificatePEM: String { credential.certificatePEM }

    /// Creates an authority from an existing credential.
    public init(credential: Credential) { self.credential = credential }

    /// Creates a new authority that is valid for `validity`. It becomes valid an hour ago, because clocks differ.
    /// Throws ``TLSError`` when OpenSSL fails.
    public init(commonName: String, validity: Duration = .seconds(10 * 365 * 86_400)) throws {
        credential = try Self.make(
            commonName: commonName, validity: validity, issuer: nil,
            extensions: [
                (NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,keyCertSign,cRLSign"),
                (NID_subject_key_identifier, "hash"),
            ])
    }

    /// The purpose of a leaf certificate.
    public enum Usage: Sendable { case server, client }

    /// Issues a leaf certificate. `addresses` (IP addresses) and `names` (DNS names) become subject alternative names,
    /// `organizations` the subject's O. Throws ``TLSError`` when a name or an address contains a comma or OpenSSL
    /// fails.
    public func issue(
        commonName: String, organizations: [String] = [], names: [String] = [], addresses: [String] = [],
        usage: Usage = .server, validity: Duration = .seconds(365 * 86_400)
    ) throws -> Credential {
        var extensions: [(Int32, String)] = [
            (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, usage == .server ? "serverAuth" : "clientAuth"),
        ]
        let alternatives = names.map { "DNS:\($0)" } + addresses.map { "IP:\($0)" }
        guard alternatives.allSatisfy({ !$0.contains(",") }) else {
            throw TLSError("issuing the certificate", reasons: ["a name or an address contains a comma"])
        }
        if !alternatives.isEmpty { extensions.append((NID_subject_alt_name, alternatives.joined(separator: ","))) }
        return try Self.make(
            commonName: commonName, organizations: organizations, validity: validity, issuer: credential,
            extensions: extensions)
    }

    private static func make(
        commonName: String, organizations: [String] = [], validity: Duration, issuer: Credential?,
        extensions: [(Int32, String)]
    ) throws -> Credential {
        let attempt = "making the certificate"
        func check(_ isDone: Bool) throws { if !isDone { throw TLSError.current(attempt) } }
        guard let key = sluice_p256_key(), let certificate = X509_new() else { throw TLSError.current(attempt) }
        defer {
            EVP_PKEY_free(key)
            X509_free(certificate)
        }
        try check(X509_set_version(certificate, 2) == 1)
        var serial = try SecureRandom.bytes(16)
        serial[0] = serial[0] & 0x7F | 0x40  // positive, and always 16 bytes
        let number = BN_bin2bn(serial, Int32(serial.count), nil)
        defer { BN_free(number) }
        try check(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil)
        try check(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != nil)
        try check(X509_gmtime_adj(X509_getm_notAfter(certificate), Int(validity.components.seconds)) != nil)
        try check(X509_set_pubkey(certificate, key) == 1)
        let subject = X509_get_subject_name(certificate)
        for (field, value) in organizations.map({ ("O", $0) }) + [("CN", commonName)] {
            let bytes = Array(value.utf8)
            try check(
                X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, bytes, Int32(bytes.count), -1, 0) == 1)
        }
        // The issuer's certificate and key; a self-signed certificate is its own issuer.
        let issuers = try issuer.map { try PEM.certificates($0.certificatePEM) } ?? []
        let issuerKey = try issuer.map { try PEM.privateKey($0.privateKeyPEM) }
        defer {
            issuers.forEach { X509_free($0) }
            issuerKey.map { EVP_PKEY_free($0) }
        }
        let issuerCertificate = issuers.first ?? certificate
        try check(X509_set_issuer_name(certificate, X509_get_subject_name(issuerCertificate)) == 1)
        for (identifier, value) in extensions {
            guard let added = sluice_extension(issuerCertificate, certificate, identifier, value) else {
                throw TLSError.current(attempt)
            }
            defer { X509_EXTENSION_free(added) }
            try check(X509_add_ext(certificate, added, -1) == 1)
        }
        try check(X509_sign(certificate, issuerKey ?? key, EVP_sha256()) != 0)
        return Credential(
            certificatePEM: try PEM.write("writing the certificate") { PEM_write_bio_X509($0, certificate) },
            privateKeyPEM: try PEM.write("writing the private key") {
                PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil)
            })
    }
}
