import Foundation

struct SocketFailure: Error { let code: Int32 }

private func boundSocket() throws -> (socket: Int32, port: Int, address: sockaddr_in) {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(socket, pointer, length) == 0 ? getsockname(socket, pointer, &length) : -1
        }
    }
    guard result == 0 else { throw SocketFailure(code: errno) }
    return (socket, Int(UInt16(bigEndian: address.sin_port)), address)
}

/// A port that is taken and does not listen.
final class ClosedPort {
    let port: Int
    private let socket: Int32

    init() throws { (socket, port, _) = try boundSocket() }

    deinit { close(socket) }
}

/// A listener whose queue is full: the kernel drops further connection requests.
final class FullListener {
    let port: Int
    private var sockets: [Int32]

    init() throws {
        var (listener, port, address) = try boundSocket()
        self.port = port
        sockets = [listener]
        guard listen(listener, 0) == 0 else { throw SocketFailure(code: errno) }
        for _ in 0..<4 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            _ = fcntl(client, F_SETFL, O_NONBLOCK)
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            sockets.append(client)
        }
    }

    deinit { for socket in sockets { close(socket) } }
}
