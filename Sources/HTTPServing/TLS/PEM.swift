internal import COpenSSL

/// Reads and writes certificates and keys in PEM, through a memory BIO.
enum PEM {
    static func write(_ attempt: String, _ body: (OpaquePointer) -> Int32) throws -> String {
        guard let bio = BIO_new(BIO_s_mem()) else { throw TLSError.current(attempt) }
        defer { BIO_free_all(bio) }
        guard body(bio) == 1 else { throw TLSError.current(attempt) }
        var bytes: UnsafeMutablePointer<CChar>?
        let count = sluice_bio_memory(bio, &bytes)
        guard let bytes, count > 0 else { throw TLSError.current(attempt) }
        return bytes.withMemoryRebound(to: UInt8.self, capacity: count) {
            String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
        }
    }

    static func read<Value>(_ pem: String, _ attempt: String, _ body: (OpaquePointer) -> Value?) throws -> Value {
        let bytes = Array(pem.utf8)
        guard let bio = BIO_new_mem_buf(bytes, Int32(bytes.count)) else { throw TLSError.current(attempt) }
        defer { BIO_free_all(bio) }
        guard let value = withExtendedLifetime(bytes, { body(bio) }) else { throw TLSError.current(attempt) }
        return value
    }

    /// Returns the certificates of a PEM text, up to the first malformed one; the caller must free them. Throws
    /// ``TLSError`` when there is none.
    static func certificates(_ pem: String) throws -> [OpaquePointer] {
        var result: [OpaquePointer] = []
        let first = try read(pem, "reading the certificate") { bio -> OpaquePointer? in
            guard let first = PEM_read_bio_X509(bio, nil, nil, nil) else { return nil }
            while let next = PEM_read_bio_X509(bio, nil, nil, nil) { result.append(next) }
            _ = TLSError.drainErrorQueue()  // the end of the text is reported as an error
            return first
        }
        return [first] + result
    }

    /// Returns the private key of a PEM text; the caller must free it. Throws ``TLSError`` when the text has none or is
    /// malformed.
    static func privateKey(_ pem: String) throws -> OpaquePointer {
        try read(pem, "reading the private key") { PEM_read_bio_PrivateKey($0, nil, nil, nil) }
    }
}
