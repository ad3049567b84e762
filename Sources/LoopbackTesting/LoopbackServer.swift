import AsyncPrimitives

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Hands the connections to a free port of 127.0.0.1 to a function, each on a thread of its own; until the object is
/// released.
public final class LoopbackServer: Sendable {
    private let socket: LoopbackSocket

    public var port: Int { socket.port }

    /// Listens at once. A connection is closed when `serve`, which gets its descriptor, returns.
    public init(_ serve: @escaping @Sendable (Int32) -> Void) throws {
        let socket = try LoopbackSocket(backlog: 64)
        self.socket = socket
        // The thread holds the socket, so its number is not another socket's by the time of the next accept.
        try DetachedThread.start {
            while case let connection = accept(socket.descriptor, nil, nil), connection >= 0 {
                do {
                    try DetachedThread.start {
                        serve(connection)
                        close(connection)
                    }
                } catch {
                    close(connection)
                }
            }
        }
    }

    deinit { shutdown(socket.descriptor, Int32(SHUT_RDWR)) }
}
