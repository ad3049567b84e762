public import NIOCore

/// The server's side of TLS on a NIO channel, by OpenSSL over memory buffers.
///
/// - Writes before the end of the handshake are kept and sent in order. The promise of a write is that of its
///   ciphertext, so back-pressure and write errors are those of the socket.
/// - close_notify from the peer closes the channel's input. The server's own is sent before the output or the channel
///   is closed.
/// - The channel is closed when the handshake does not end within the time-out, and when the peer does not speak TLS.
public final class TLSServerHandler: ChannelDuplexHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    private let session: TLSSession
    private let handshakeTimeout: TimeAmount
    private var timer: Scheduled<Void>?
    private var waiting: [(ByteBuffer, EventLoopPromise<Void>?)] = []
    private var needsFlush = false
    private var isInputClosed = false
    private var hasFailed = false

    /// Creates a handler for one connection. Throws ``TLSError`` when OpenSSL cannot make a session.
    public init(provider: TLSContextProvider, handshakeTimeout: TimeAmount = .seconds(10)) throws {
        session = try TLSSession(provider.current())
        self.handshakeTimeout = handshakeTimeout
    }

    public func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { startTimer(context) }
    }

    public func channelActive(context: ChannelHandlerContext) {
        startTimer(context)
        context.fireChannelActive()
    }

    public func handlerRemoved(context: ChannelHandlerContext) { finish(ChannelError.ioOnClosedChannel) }

    public func channelInactive(context: ChannelHandlerContext) {
        finish(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    private func startTimer(_ context: ChannelHandlerContext) {
        guard timer == nil, !session.isEstablished else { return }
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: handshakeTimeout) { channel.close(promise: nil) }
    }

    private func finish(_ error: any Error) {
        timer?.cancel()
        timer = nil
        let abandoned = waiting
        waiting = []
        for (_, promise) in abandoned { promise?.fail(error) }
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasFailed else { return }
        do {
            try unwrapInboundIn(data).withUnsafeReadableBytes { try session.receive($0) }
            try advance(context)
        } catch {
            fail(context, error)
        }
    }

    /// Processes the bytes that have arrived.
    private func advance(_ context: ChannelHandlerContext) throws {
        if !session.isEstablished {
            try session.handshake()
            sendCiphertext(context, nil)
            context.flush()
            guard session.isEstablished else { return }
            timer?.cancel()
            timer = nil
            let kept = waiting
            waiting = []
            for (buffer, promise) in kept { encrypt(context, buffer, promise) }
            if needsFlush { context.flush() }
        }
        reading: while !isInputClosed {
            switch try session.read() {
            case .plaintext(let bytes): context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: bytes)))
            case .needsMore: break reading
            case .endOfStream: closeInput(context)
            }
        }
        sendCiphertext(context, nil)  // reading itself can produce ciphertext, such as key updates
        context.flush()
    }

    private func closeInput(_ context: ChannelHandlerContext) {
        guard !isInputClosed else { return }
        isInputClosed = true
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    private func fail(_ context: ChannelHandlerContext, _ error: any Error) {
        hasFailed = true
        if error is PlainHTTPError {
            // The same answer as that of Go's server.
            let text = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
            context.write(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        } else {
            sendCiphertext(context, nil)  // the alert that tells the peer why
        }
        context.flush()
        finish(error)
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent {
            // The socket's input has ended. Without a close_notify before it the stream was cut, which HTTP notices by
            // itself.
            if session.isEstablished {
                closeInput(context)
            } else {
                context.close(promise: nil)
            }
            return
        }
        context.fireUserInboundEventTriggered(event)
    }

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let buffer = unwrapOutboundIn(data)
        guard !hasFailed else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        guard session.isEstablished else {
            waiting.append((buffer, promise))
            return
        }
        encrypt(context, buffer, promise)
    }

    public func flush(context: ChannelHandlerContext) {
        guard session.isEstablished else {
            needsFlush = true
            return
        }
        context.flush()
    }

    private func encrypt(_ context: ChannelHandlerContext, _ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        do {
            try buffer.withUnsafeReadableBytes { try session.write($0) }
            sendCiphertext(context, promise)
        } catch {
            promise?.fail(error)
            fail(context, error)
        }
    }

    private func sendCiphertext(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let buffer = session.takeCiphertext { bytes in
            var buffer = context.channel.allocator.buffer(capacity: bytes.count)
            buffer.writeBytes(bytes)
            return buffer
        }
        if let buffer {
            context.write(wrapOutboundOut(buffer), promise: promise)
        } else {
            promise?.succeed()
        }
    }

    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input, !hasFailed {
            session.sendClose()
            sendCiphertext(context, nil)
            context.flush()
        }
        if mode == .input { isInputClosed = true }
        context.close(mode: mode, promise: promise)
    }
}

@available(*, unavailable)
extension TLSServerHandler: Sendable {}
