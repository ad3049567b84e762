import HTTPServing
import JSON
import KubernetesModel

/// The webhook's certificate and the authority of Sluice's own making that signed it, as they are kept in a Secret.
struct WebhookCertificate: Sendable, Hashable {
    static let authorityLife = Duration.seconds(10 * 365 * 86_400)
    static let servingLife = Duration.seconds(365 * 86_400)

    /// The certificates to trust, the signing one first, and its key. After a renewal the one before is the second, so that replicas
    /// which have not taken the new certificate yet are still trusted.
    var authority: Credential
    var serving: Credential

    /// Makes both for a server of that name. Throws `TLSError`.
    init(for name: String) throws {
        let made = try CertificateAuthority(commonName: "sluice-webhook-ca", validity: Self.authorityLife)
        authority = made.credential
        serving = try Self.issue(name, by: made)
    }

    /// Reads the data of a Secret; nil where something is missing or does not belong together.
    init?(secret: JSONValue) {
        func text(_ key: String) -> String? {
            secret["data"]?[key]?.string.flatMap { Base64.decode($0) }.map { String(decoding: $0, as: UTF8.self) }
        }
        guard let authority = text("ca.crt"), let authorityKey = text("ca.key"), let certificate = text("tls.crt"),
            let key = text("tls.key")
        else { return nil }
        self.authority = Credential(certificatePEM: authority, privateKeyPEM: authorityKey)
        serving = Credential(certificatePEM: certificate, privateKeyPEM: key)
        do {
            // Both keys have to be those of their certificates.
            _ = try TLSContext(self.authority)
            _ = try TLSContext(serving)
        } catch {
            return nil
        }
    }

    /// What is kept in the Secret.
    var secretData: JSONValue {
        func encoded(_ text: String) -> JSONValue { .string(Base64.encode(text.utf8)) }
        return [
            "ca.crt": encoded(authority.certificatePEM), "ca.key": encoded(authority.privateKeyPEM),
            "tls.crt": encoded(serving.certificatePEM), "tls.key": encoded(serving.privateKeyPEM),
        ]
    }

    /// What API servers have to trust, as a ValidatingWebhookConfiguration has it.
    var bundle: String { Base64.encode(authority.certificatePEM.utf8) }

    /// With what is due made anew: what has less than a third of its life left, or is not for a server of that name. The same where
    /// nothing is. Throws `TLSError`.
    func renewed(for name: String, now: Timestamp) throws -> WebhookCertificate {
        var result = self
        if try Self.isDue(authority.certificatePEM, now) {
            let next = try CertificateAuthority(commonName: "sluice-webhook-ca", validity: Self.authorityLife)
            result.authority = next.credential
            result.authority.certificatePEM += Self.first(authority.certificatePEM)
            result.serving = try Self.issue(name, by: next)
        } else {
            let current = CertificateAuthority(credential: authority)
            if try Self.isDue(serving.certificatePEM, now) || !current.hasIssued(serving.certificatePEM, for: name) {
                result.serving = try Self.issue(name, by: current)
            }
        }
        return result
    }

    private static func issue(_ name: String, by authority: CertificateAuthority) throws -> Credential {
        // The common name has room for 64 bytes only; nobody looks at it where there are names.
        try authority.issue(commonName: "sluice-webhook", names: [name], validity: servingLife)
    }

    private static func isDue(_ certificatePEM: String, _ now: Timestamp) throws -> Bool {
        let facts = try CertificateFacts(certificatePEM)
        return (facts.notAfter - now.seconds) * 3 < facts.notAfter - facts.notBefore
    }

    /// The first certificate of a PEM text.
    private static func first(_ pem: String) -> String {
        let end = "-----END CERTIFICATE-----\n"
        return pem.firstRange(of: end).map { String(pem[..<$0.upperBound]) } ?? ""
    }
}
