import Foundation
import Logging
import Testing

@testable import HTTPServing

@Suite struct HTTPServerTests {
    private static let authority = Result { try CertificateAuthority(commonName: "test-ca") }

    private struct Running: Sendable {
        var port: Int
        var trusted: String

        /// A client whose handshake is done.
        func client() throws -> BlockingClient {
            let client = try BlockingClient(port: port)
            try client.startTLS(trusting: trusted, host: "127.0.0.1")
            return client
        }

        /// One answer with an empty body.
        func get(_ client: BlockingClient) throws -> String {
            try client.write(Array("GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
            return Self.head(client)
        }

        static func head(_ client: BlockingClient) -> String {
            var text = ""
            while !text.hasSuffix("\r\n\r\n") {
                let byte = client.read(1)
                if byte.isEmpty { break }
                text += String(decoding: byte, as: UTF8.self)
            }
            return text
        }
    }

    private static func server(
        _ configuration: HTTPServer.Configuration,
        respond: @escaping @Sendable (ServerRequest) async -> ServerResponse = { _ in ServerResponse(status: 204) }
    ) throws -> HTTPServer {
        let credential = try authority.get().issue(commonName: "server", names: ["localhost"], addresses: ["127.0.0.1"])
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return HTTPServer(
            configuration: configuration, tls: TLSContextProvider(try TLSContext(credential)), logger: logger,
            respond: respond)
    }

    /// Runs `body` on a new thread beside the server, then ends the server.
    private func withServer(
        _ configuration: HTTPServer.Configuration = HTTPServer.Configuration(),
        respond: @escaping @Sendable (ServerRequest) async -> ServerResponse = { _ in ServerResponse(status: 204) },
        _ body: @escaping @Sendable (Running) throws -> Void
    ) async throws {
        let server = try Self.server(configuration, respond: respond)
        let trusted = try Self.authority.get().certificatePEM
        let ports = AsyncStream.makeStream(of: Int.self)
        let work = Task { try await server.run { ports.continuation.yield($0) } }
        var iterator = ports.stream.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
            Thread {
                continuation.resume(returning: Result { try body(Running(port: port, trusted: trusted)) })
            }.start()
        }
        work.cancel()
        try await work.value
        try result.get()
    }

    @Test func `A request comes with method, target, host, headers and body, and its connection serves the next`()
        async throws
    {
        try await withServer(respond: { request in
            let text =
                "\(request.method) \(request.target) \(request.authority ?? "") \(request.header("x-a") ?? "") "
                + String(decoding: request.body, as: UTF8.self)
            return ServerResponse(status: 200, headers: [("x-b", "2")], body: .bytes(Array(text.utf8)))
        }) { server in
            let client = try server.client()
            for _ in 0..<3 {
                try client.write(
                    Array("POST /a?b=%20 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nhi".utf8))
                let head = Running.head(client)
                #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
                #expect(head.lowercased().contains("x-b: 2\r\n"))
                let body = "POST /a?b=%20 h 1 hi"
                #expect(head.lowercased().contains("content-length: \(body.utf8.count)\r\n"))
                #expect(String(decoding: client.read(body.utf8.count), as: UTF8.self) == body)
            }
        }
    }

    @Test func `A client that asks first is told to send its body, or that it is not wanted`() async throws {
        var configuration = HTTPServer.Configuration()
        configuration.maximumBodySize = 10
        try await withServer(
            configuration, respond: { ServerResponse(status: 200, headers: [], body: .bytes($0.body)) }
        ) { server in
            let client = try server.client()
            let question = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
            for _ in 0..<2 {
                try client.write(Array((question + "Content-Length: 2\r\n\r\n").utf8))
                #expect(Running.head(client) == "HTTP/1.1 100 Continue\r\n\r\n")
                try client.write(Array("hi".utf8))
                #expect(Running.head(client).hasPrefix("HTTP/1.1 200 OK\r\n"))
                #expect(String(decoding: client.read(2), as: UTF8.self) == "hi")
            }
            try client.write(Array((question + "Content-Length: 11\r\n\r\n").utf8))
            let refused = Running.head(client)
            #expect(refused.hasPrefix("HTTP/1.1 413 "))
            #expect(refused.lowercased().contains("connection: close\r\n"))
        }
    }

    @Test func `A connection that says nothing is closed after the idle time-out, before and after a request`()
        async throws
    {
        var configuration = HTTPServer.Configuration()
        configuration.idleTimeout = .milliseconds(200)
        try await withServer(configuration) { server in
            let silent = try server.client()
            #expect(silent.read(1) == [], "closed, or the socket's patience of ten seconds was over")
            let once = try server.client()
            #expect(try server.get(once).hasPrefix("HTTP/1.1 204"))
            #expect(once.read(1) == [])
            let slow = try server.client()
            try slow.write(Array("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf".utf8))
            #expect(slow.read(1) == [], "a body that stops half-way keeps no connection")
        }
    }

    @Test func `A response may take longer than the idle time-out`() async throws {
        var configuration = HTTPServer.Configuration()
        configuration.idleTimeout = .milliseconds(100)
        let gate = AsyncStream.makeStream(of: Void.self)
        try await withServer(
            configuration,
            respond: { _ in
                ServerResponse(
                    status: 200,
                    body: .stream { write in
                        try await write(Array("a".utf8))
                        for await _ in gate.stream { break }
                        try await write(Array("b".utf8))
                    })
            }
        ) { server in
            let client = try server.client()
            _ = try server.get(client)
            // Chunks: their sizes, their bytes.
            #expect(String(decoding: client.read(6), as: UTF8.self) == "1\r\na\r\n")
            // The response has waited longer than the idle time-out: a connection opened later has been closed.
            let idle = try server.client()
            #expect(idle.read(1) == [])
            gate.continuation.yield()
            #expect(String(decoding: client.read(11), as: UTF8.self) == "1\r\nb\r\n0\r\n\r\n")
        }
    }

    @Test func `Connections beyond the limit wait until one is closed`() async throws {
        var configuration = HTTPServer.Configuration()
        configuration.maximumConnections = 2
        configuration.idleTimeout = .milliseconds(300)
        try await withServer(configuration) { server in
            // Two silent connections use up the limit until the idle time-out; then the third is answered.
            let silent = [try server.client(), try server.client()]
            let third = try server.client()
            #expect(try server.get(third).hasPrefix("HTTP/1.1 204"))
            #expect(silent.allSatisfy { $0.read(1) == [] })
        }
    }

    /// A server that was cancelled while it started or accepted a connection once ended the process.
    @Test func `A server that is cancelled at any moment ends in order`() async throws {
        for round in 0..<60 {
            let server = try Self.server(HTTPServer.Configuration())
            let ports = AsyncStream.makeStream(of: Int.self)
            let work = Task { try await server.run { ports.continuation.yield($0) } }
            if round % 3 > 0 {
                var iterator = ports.stream.makeAsyncIterator()
                let port = try #require(await iterator.next())
                if round % 3 == 2 {
                    let connections = try (0..<8).map { _ in try BlockingClient(port: port) }
                    work.cancel()
                    _ = connections
                }
            }
            work.cancel()
            try await work.value
        }
    }
}
