public import HummingbirdCore
public import Logging
public import NIOCore

/// Adds TLS by OpenSSL to a Hummingbird channel.
///
/// HummingbirdTLS does the same with swift-nio-ssl. That would compile BoringSSL into the program, a second TLS library
/// beside the OpenSSL that libcurl links.
public struct OpenSSLChannel<BaseChannel: ServerChildChannel>: ServerChildChannel {
    public typealias Value = BaseChannel.Value

    private let base: BaseChannel
    private let provider: TLSContextProvider
    private let handshakeTimeout: TimeAmount

    /// Wraps `base`. Each new connection asks `provider` for its certificate and must complete the handshake within
    /// `handshakeTimeout`.
    public init(_ base: BaseChannel, provider: TLSContextProvider, handshakeTimeout: TimeAmount = .seconds(10)) {
        self.base = base
        self.provider = provider
        self.handshakeTimeout = handshakeTimeout
    }

    public func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                TLSServerHandler(provider: provider, handshakeTimeout: handshakeTimeout))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    public func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
