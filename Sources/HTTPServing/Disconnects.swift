import NIOCore
import Synchronization

/// Cancels streamed responses whose client has disconnected.
///
/// A watch may have nothing to write for minutes, so a write error would come late. Instead the end of the connection's
/// input is noticed at once, as in Go's server.
final class Disconnects: Sendable {
    private struct Connection: Sendable {
        var isClosed = false
        var action: (@Sendable () -> Void)?
    }

    private let connections = Mutex<[ObjectIdentifier: Connection]>([:])

    /// Creates the handler that watches one connection.
    func makeHandler() -> any RemovableChannelHandler { Handler(self) }

    /// Runs `body` and cancels it when the client of the channel disconnects. Throws what `body` throws.
    func cancelling(_ channel: any Channel, _ body: @escaping @Sendable () async throws -> Void) async throws {
        let id = ObjectIdentifier(channel)
        let task = Task { try await body() }
        let isClosed = connections.withLock { connections in
            guard var connection = connections[id], !connection.isClosed else { return true }
            connection.action = { task.cancel() }
            connections[id] = connection
            return false
        }
        if isClosed { task.cancel() }
        defer { connections.withLock { $0[id]?.action = nil } }
        try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func opened(_ id: ObjectIdentifier) { connections.withLock { $0[id] = Connection() } }

    private func closed(_ id: ObjectIdentifier, isGone: Bool) {
        let action = connections.withLock { connections in
            let action = connections[id]?.action
            connections[id]?.isClosed = true
            if isGone { connections[id] = nil }
            return action
        }
        action?()
    }

    private final class Handler: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = Any
        private let disconnects: Disconnects

        init(_ disconnects: Disconnects) { self.disconnects = disconnects }

        func handlerAdded(context: ChannelHandlerContext) { disconnects.opened(ObjectIdentifier(context.channel)) }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .some(.inputClosed) = event as? ChannelEvent {
                disconnects.closed(ObjectIdentifier(context.channel), isGone: false)
            }
            context.fireUserInboundEventTriggered(event)
        }

        func channelInactive(context: ChannelHandlerContext) {
            disconnects.closed(ObjectIdentifier(context.channel), isGone: true)
            context.fireChannelInactive()
        }
    }
}
