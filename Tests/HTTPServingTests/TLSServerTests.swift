import Foundation
import NIOCore
import NIOPosix
import SeededRandom
import Synchronization
import Testing

@testable import HTTPServing

@Suite struct TLSServerTests {
    /// Echoes bytes, and closes when the client has closed its sending half.
    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(data, promise: nil)
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case .some(.inputClosed) = event as? ChannelEvent else { return }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "bye")), promise: nil)
            context.close(promise: nil)
        }
    }

    private static let authority = Result { try CertificateAuthority(commonName: "test-ca") }

    private static func context() throws -> TLSContext {
        let credential = try authority.get().issue(commonName: "server", names: ["localhost"], addresses: ["127.0.0.1"])
        return try TLSContext(credential)
    }

    /// Runs `body` on a new thread against an echo server.
    private func withServer(
        _ provider: TLSContextProvider? = nil, timeout: TimeAmount = .seconds(10),
        _ body: @escaping @Sendable (Int) throws -> Void
    ) async throws {
        let provider = try provider ?? TLSContextProvider(Self.context())
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(TLSServerHandler(provider: provider, handshakeTimeout: timeout))
                    try pipeline.addHandler(Echo())
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: Result { try body(port) }) }.start()
        }
        try await server.close()
        try result.get()
    }

    @Test(arguments: [version12, version13])
    func `Bytes go both ways, through buffers larger than a record`(_ version: Int32) async throws {
        let trusted = try Self.authority.get().certificatePEM
        try await withServer { port in
            let client = try BlockingClient(port: port)
            try client.startTLS(trusting: trusted, host: "127.0.0.1", maximumVersion: version)
            #expect(client.version == (version == version12 ? "TLSv1.2" : "TLSv1.3"))
            #expect(client.chosenProtocol == "http/1.1")
            let piece = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            for _ in 0..<10 {
                try client.write(piece)
                #expect(client.read(piece.count) == piece)
            }
        }
    }

    @Test func `After the client's close_notify the server still answers, and ends with its own`() async throws {
        let trusted = try Self.authority.get().certificatePEM
        try await withServer { port in
            let client = try BlockingClient(port: port)
            try client.startTLS(trusting: trusted, host: "localhost")
            try client.write(Array("hello ".utf8))
            client.endWriting()
            #expect(String(decoding: client.read(1000), as: UTF8.self) == "hello bye")
            #expect(client.hasEndedCleanly)
        }
    }

    @Test func `A client that speaks plain HTTP is told so and closed`() async throws {
        try await withServer { port in
            let client = try BlockingClient(port: port)
            client.writePlain(Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
            let answer = String(decoding: client.readPlainToEnd() ?? [], as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.0 400 Bad Request"))
            #expect(answer.contains("HTTPS"))
        }
    }

    @Test func `Junk in place of a handshake closes the connection`() async throws {
        try await withServer { port in
            var generator = SeededGenerator(seed: 1)
            for length in [1, 5, 6, 100, 5000, 100_000] {
                let client = try BlockingClient(port: port)
                // No TLS record begins with this byte, so the server does not wait for the rest of one.
                client.writePlain([0xFF] + (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) })
                client.endPlainWriting()
                #expect(client.readPlainToEnd() != nil, "\(length) bytes of junk")
            }
        }
    }

    @Test func `A client that stays silent is closed when the handshake's time is up`() async throws {
        try await withServer(timeout: .milliseconds(50)) { port in
            let client = try BlockingClient(port: port)
            #expect(client.readPlainToEnd() == [])
        }
    }

    @Test(arguments: ["example.dev", "127.0.0.2"])
    func `The certificate is good for its own names alone`(_ host: String) async throws {
        let trusted = try Self.authority.get().certificatePEM
        let stranger = try CertificateAuthority(commonName: "other-ca").certificatePEM
        try await withServer { port in
            #expect(throws: BlockingClient.Failure.self) {
                try BlockingClient(port: port).startTLS(trusting: trusted, host: host)
            }
            #expect(throws: BlockingClient.Failure.self) {
                try BlockingClient(port: port).startTLS(trusting: stranger, host: "localhost")
            }
        }
    }

    @Test func `A new connection gets the certificate of the moment`() async throws {
        let contexts = [try Self.context(), try Self.context()]
        let index = Mutex(0)
        let trusted = try Self.authority.get().certificatePEM
        // The second connection is the first after the change.
        try await withServer(
            TLSContextProvider {
                contexts[
                    min(
                        1,
                        index.withLock {
                            $0 += 1; return $0 - 1
                        })]
            }
        ) { port in
            let serials = try (0..<2).map { _ in
                let client = try BlockingClient(port: port)
                try client.startTLS(trusting: trusted, host: "localhost")
                return client.peerSerial
            }
            #expect(serials[0] != serials[1])
        }
    }

    @Test func `A key of another certificate is refused, and so is malformed PEM`() throws {
        let authority = try Self.authority.get()
        let one = try authority.issue(commonName: "a")
        let other = try authority.issue(commonName: "b")
        #expect(throws: TLSError.self) {
            try TLSContext(Credential(certificatePEM: one.certificatePEM, privateKeyPEM: other.privateKeyPEM))
        }
        #expect(throws: TLSError.self) { try TLSContext(Credential(certificatePEM: "junk", privateKeyPEM: "")) }
        #expect(throws: TLSError.self) { try authority.issue(commonName: "c", addresses: ["not an address"]) }
    }

    @Test func `Tokens are long, hexadecimal and never the same`() throws {
        let tokens = try (0..<100).map { _ in try SecureRandom.token() }
        #expect(Set(tokens).count == 100)
        #expect(tokens.allSatisfy { $0.count == 64 && $0.allSatisfy(\.isHexDigit) })
        #expect(SecureRandom.areEqual([1, 2], [1, 2]))
        #expect(!SecureRandom.areEqual([1, 2], [1, 3]))
        #expect(!SecureRandom.areEqual([1, 2], [1, 2, 3]))
    }
}

/// OpenSSL's numbers of the versions.
private let version12: Int32 = 0x0303
private let version13: Int32 = 0x0304
