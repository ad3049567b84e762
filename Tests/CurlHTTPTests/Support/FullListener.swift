import Foundation
import LoopbackTesting

/// A listener whose queue is full: the kernel drops further connection requests.
final class FullListener {
    private let socket: LoopbackSocket
    private let clients: [Int32]
    var port: Int { socket.port }

    init() throws {
        let socket = try LoopbackSocket(backlog: 0)
        self.socket = socket
        clients = (0..<4).map { _ in socket.beginConnection() }
    }

    deinit { for client in clients { close(client) } }
}
