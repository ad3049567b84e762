internal import COpenSSL

/// The TLS settings of a server: certificate chain and key, TLS 1.2 and later, ALPN `http/1.1`.
///
/// Immutable after creation and shared by all connections. OpenSSL's SSL_CTX has an atomic reference count and may be
/// used by several threads as long as it is not changed.
public final class TLSContext: @unchecked Sendable {
    // @unchecked: the pointer's object is never changed after init, see above.
    let pointer: OpaquePointer

    /// Creates the settings for a credential. Throws ``TLSError`` when the PEM texts cannot be read or do not belong
    /// together.
    public init(_ credential: Credential) throws {
        guard let pointer = SSL_CTX_new(TLS_server_method()) else { throw TLSError.current("making the TLS context") }
        self.pointer = pointer
        guard sluice_ctx_set_min_tls12(pointer) == 1 else { throw TLSError.current("setting the TLS version") }
        _ = sluice_ctx_set_modes(pointer)
        _ = sluice_ctx_set_options(pointer)
        let chain = try PEM.certificates(credential.certificatePEM)
        defer { chain.forEach { X509_free($0) } }
        let key = try PEM.privateKey(credential.privateKeyPEM)
        defer { EVP_PKEY_free(key) }
        guard SSL_CTX_use_certificate(pointer, chain[0]) == 1, SSL_CTX_use_PrivateKey(pointer, key) == 1,
            SSL_CTX_check_private_key(pointer) == 1
        else { throw TLSError.current("using the certificate and its key") }
        for issuer in chain.dropFirst() where sluice_ctx_add_chain_certificate(pointer, issuer) != 1 {
            throw TLSError.current("adding the issuer's certificate")
        }
        SSL_CTX_set_alpn_select_cb(
            pointer,
            { _, selected, selectedLength, offered, offeredLength, _ in
                // A list of strings, each after a byte with its length (RFC 7301). Without a match the handshake
                // continues without ALPN.
                let wanted: StaticString = "http/1.1"
                guard let offered else { return SSL_TLSEXT_ERR_NOACK }
                var index = 0
                while index < Int(offeredLength) {
                    let length = Int(offered[index])
                    guard index + 1 + length <= Int(offeredLength) else { return SSL_TLSEXT_ERR_NOACK }
                    if length == wanted.utf8CodeUnitCount, memcmp(offered + index + 1, wanted.utf8Start, length) == 0 {
                        selected?.pointee = offered + index + 1
                        selectedLength?.pointee = UInt8(length)
                        return SSL_TLSEXT_ERR_OK
                    }
                    index += 1 + length
                }
                return SSL_TLSEXT_ERR_NOACK
            }, nil)
    }

    deinit { SSL_CTX_free(pointer) }
}

/// Provides the context for each new connection. It holds a closure, so that certificates can be rotated while the
/// server runs.
public struct TLSContextProvider: Sendable {
    let current: @Sendable () -> TLSContext

    /// Creates a provider that calls the closure for each new connection.
    public init(_ current: @escaping @Sendable () -> TLSContext) { self.current = current }

    /// Creates a provider of the same context for all connections.
    public init(_ context: TLSContext) { current = { context } }
}
