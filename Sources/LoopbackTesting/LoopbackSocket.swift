#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A TCP socket that is bound to a free port of 127.0.0.1, for tests; closed with the object.
public final class LoopbackSocket: Sendable {
    /// The system has no socket to give; with the errno.
    public struct Failure: Error { public let code: Int32 }

    public let descriptor: Int32
    public let port: Int

    /// Binds a socket; it listens where a length is given for the queue of connections that nobody has accepted.
    public init(backlog: Int32? = nil) throws {
        descriptor = Self.makeSocket()
        var address = Self.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        guard isBound, backlog.map({ listen(descriptor, $0) == 0 }) ?? true else { throw Failure(code: errno) }
    }

    deinit { close(descriptor) }

    /// Asks for a connection to this socket, without waiting for it. The caller closes the descriptor.
    public func beginConnection() -> Int32 {
        let client = Self.makeSocket()
        _ = fcntl(client, F_SETFL, O_NONBLOCK)
        var address = Self.address(port: port)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return client
    }

    private static func makeSocket() -> Int32 {
        #if canImport(Glibc)
            socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        return address
    }
}
