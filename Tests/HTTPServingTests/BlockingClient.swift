import COpenSSL
import Foundation

/// A TLS client on a blocking socket, by OpenSSL itself, so that the server is not tested against its own code.
final class BlockingClient {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let descriptor: Int32
    private var context: OpaquePointer?
    private var ssl: OpaquePointer?

    /// A plain connection to a loopback port; reads give up after ten seconds.
    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(description: "cannot connect: \(errno)") }
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
        close(descriptor)
    }

    /// The handshake, with the server's certificate checked for `host` against the authority's.
    func startTLS(trusting authority: String, host: String, maximumVersion: Int32? = nil) throws {
        context = SSL_CTX_new(TLS_client_method())
        let bytes = Array(authority.utf8)
        let bio = BIO_new_mem_buf(bytes, Int32(bytes.count))
        let certificate = PEM_read_bio_X509(bio, nil, nil, nil)
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate)
        X509_free(certificate)
        BIO_free_all(bio)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        let protocols = Array("\u{2}h2\u{8}http/1.1".utf8)
        SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count))
        if let maximumVersion { SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(maximumVersion), nil) }
        ssl = SSL_new(context)
        let parameters = SSL_get0_param(ssl)
        if host.allSatisfy({ $0.isNumber || $0 == "." }) {
            X509_VERIFY_PARAM_set1_ip_asc(parameters, host)
        } else {
            X509_VERIFY_PARAM_set1_host(parameters, host, 0)
        }
        SSL_set_fd(ssl, descriptor)
        guard SSL_connect(ssl) == 1 else {
            throw Failure(description: "handshake: verify result \(SSL_get_verify_result(ssl))")
        }
    }

    var chosenProtocol: String {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &start, &count)
        return String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }

    var version: String { String(cString: SSL_get_version(ssl)) }

    var peerSerial: String {
        let certificate = SSL_get1_peer_certificate(ssl)
        defer { X509_free(certificate) }
        let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil)
        defer { BN_free(number) }
        let text = BN_bn2hex(number)
        defer { CRYPTO_free(text, "", 0) }
        return text.map { String(cString: $0) } ?? ""
    }

    func write(_ bytes: [UInt8]) throws {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes { SSL_write(ssl, $0.baseAddress, Int32($0.count)) }
            guard count > 0 else { throw Failure(description: "write: \(SSL_get_error(ssl, count))") }
            offset += Int(count)
        }
    }

    func writePlain(_ bytes: [UInt8]) { _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// Up to `count` bytes; fewer only at the stream's end.
    func read(_ count: Int) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while result.count < count {
            let got = SSL_read(ssl, &buffer, Int32(min(buffer.count, count - result.count)))
            guard got > 0 else { break }
            result += buffer[..<Int(got)]
        }
        return result
    }

    /// Whether the stream ended with the server's close_notify.
    var hasEndedCleanly: Bool { SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0 }

    /// Plain bytes until the server closes; nil when it does not within the socket's time-out.
    func readPlainToEnd() -> [UInt8]? {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let got = recv(descriptor, &buffer, buffer.count, 0)
            if got == 0 || (got < 0 && errno == ECONNRESET) { return result }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return nil }
            result += buffer[..<got]
        }
    }

    /// Says close_notify and closes the sending half.
    func endWriting() {
        SSL_shutdown(ssl)
        shutdown(descriptor, Int32(SHUT_WR))
    }
}

extension BlockingClient {
    /// Closes the sending half of a plain connection.
    func endPlainWriting() { shutdown(descriptor, Int32(SHUT_WR)) }
}
