internal import COpenSSL

/// The server's side of one TLS connection without a socket: ciphertext goes in and comes out as bytes.
///
/// A plain state machine for one thread (a channel's event loop), so that tests can feed it bytes.
final class TLSSession {
    /// The result of a read.
    enum ReadResult: Equatable {
        case plaintext([UInt8])
        /// All received bytes have been read.
        case needsMore
        /// The peer sent close_notify: no more data will come.
        case endOfStream
    }

    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private(set) var isEstablished = false
    private var hasSentClose = false
    private var buffer = [UInt8](repeating: 0, count: 16_384)

    init(_ context: TLSContext) throws {
        guard let ssl = SSL_new(context.pointer) else { throw TLSError.current("making the TLS session") }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw TLSError.current("making the TLS buffers")
        }
        sluice_bio_set_retry_on_empty(incoming)
        sluice_bio_set_retry_on_empty(outgoing)
        SSL_set_bio(ssl, incoming, outgoing)  // from here on the session owns both
        SSL_set_accept_state(ssl)
        (self.ssl, self.incoming, self.outgoing) = (ssl, incoming, outgoing)
    }

    deinit { SSL_free(ssl) }

    /// Accepts bytes from the peer. Throws ``TLSError`` when there is no memory for them.
    func receive(_ bytes: UnsafeRawBufferPointer) throws {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        guard BIO_write(incoming, base, Int32(bytes.count)) == Int32(bytes.count) else {
            throw TLSError.current("buffering incoming bytes")
        }
    }

    /// Continues the handshake with the bytes received so far. Throws ``PlainHTTPError`` when the peer speaks HTTP, and
    /// ``TLSError`` for any other failure.
    func handshake() throws {
        guard !isEstablished else { return }
        _ = TLSError.drainErrorQueue()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            isEstablished = true
            return
        }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return
        default:
            let codes = TLSError.drainErrorQueue()
            if codes.contains(where: { sluice_error_is_plain_http($0) != 0 }) { throw PlainHTTPError() }
            throw TLSError("the TLS handshake", reasons: codes.map { TLSError.reason(of: $0) })
        }
    }

    /// Reads the next plaintext. Throws ``TLSError`` when the connection is broken.
    func read() throws -> ReadResult {
        _ = TLSError.drainErrorQueue()
        let count = SSL_read(ssl, &buffer, Int32(buffer.count))
        if count > 0 { return .plaintext(Array(buffer[..<Int(count)])) }
        switch SSL_get_error(ssl, count) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsMore
        case SSL_ERROR_ZERO_RETURN: return .endOfStream
        default: throw TLSError.current("reading from the TLS connection")
        }
    }

    /// Encrypts bytes for ``takeCiphertext(_:)``. Call it only after the handshake. Throws ``TLSError`` when it fails.
    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var offset = 0
        while offset < bytes.count, let base = bytes.baseAddress {
            _ = TLSError.drainErrorQueue()
            let count = SSL_write(ssl, base + offset, Int32(min(bytes.count - offset, 1 << 20)))
            guard count > 0 else { throw TLSError.current("writing to the TLS connection") }
            offset += Int(count)
        }
    }

    /// Sends close_notify, once.
    func sendClose() {
        guard isEstablished, !hasSentClose else { return }
        hasSentClose = true
        _ = TLSError.drainErrorQueue()
        _ = SSL_shutdown(ssl)
        _ = TLSError.drainErrorQueue()
    }

    /// Passes the bytes to be sent to the peer to `body`; returns nil when there are none.
    func takeCiphertext<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        let pending = sluice_bio_pending(outgoing)
        guard pending > 0 else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: pending, alignment: 1) { buffer in
            let count = BIO_read(outgoing, buffer.baseAddress, Int32(clamping: pending))
            return count > 0 ? body(UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)])) : nil
        }
    }
}

/// The peer speaks HTTP without TLS.
struct PlainHTTPError: Error, CustomStringConvertible {
    var description: String { "the client sent an HTTP request to an HTTPS server" }
}
