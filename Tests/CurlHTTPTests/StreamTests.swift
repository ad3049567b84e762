import CurlHTTP
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1)))
struct StreamTests {
    @Test func `A stream gives its head and its first bytes while the server is still at it`() async throws {
        let server = try await TestServer()
        let stream = try await HTTPClient.plain().stream(HTTPRequest(url: server.url("/drip")))
        #expect(stream.status == 200)
        #expect(stream.headers.firstValue(of: "TRANSFER-encoding") == "chunked")
        #expect(try await stream.next() == Array("hello".utf8))
    }

    @Test func `Letting go of a stream ends its transfer`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        do {
            let stream = try await client.stream(HTTPRequest(url: server.url("/drip")))
            _ = try await stream.next()
        }
        _ = try await server.event("closed", path: "/drip")
    }

    @Test func `Cancelling the reading task ends the transfer`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        let (started, continuation) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            let stream = try await client.stream(HTTPRequest(url: server.url("/drip")))
            for try await _ in stream { continuation.yield() }
        }
        for await _ in started { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        _ = try await server.event("closed", path: "/drip")
    }

    @Test func `A stream in which nothing comes is given up after the idle time-out`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        var request = HTTPRequest(url: server.url("/drip"))
        request.timeouts.idle = .milliseconds(200)
        let stream = try await client.stream(request)
        #expect(try await stream.next() == Array("hello".utf8))
        let error = try await httpError { _ = try await stream.next() }
        #expect(error.code == .idleTimeout)
        _ = try await server.event("closed", path: "/drip")
    }

    @Test func `A reader that does not read holds the server back, and loses nothing`() async throws {
        let total = 48 << 20
        let server = try await TestServer()
        let client = try HTTPClient.plain { $0.streamBufferBytes = 256 << 10 }
        // Time during which the reader holds the stream back does not count as idle.
        let request = HTTPRequest(
            url: server.url("/flood?total=\(total)"), timeouts: HTTPTimeouts(idle: .milliseconds(300)))
        let stream = try await client.stream(request)
        let blocked = try await server.event("blocked")
        // The rest is in the kernel's socket buffers.
        #expect(try #require(blocked.sent) < 16 << 20)
        var received = 0
        var largest = 0
        for try await batch in stream {
            #expect(!batch.isEmpty)
            received += batch.count
            largest = max(largest, batch.count)
        }
        #expect(received == total)
        #expect(largest <= 256 << 10 + 64 << 10)
    }

    @Test func `A held-back stream does not hold back other requests`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain { $0.streamBufferBytes = 64 << 10 }
        let stream = try await client.stream(HTTPRequest(url: server.url("/flood?total=\(64 << 20)")))
        _ = try await server.event("blocked")
        for number in 0..<20 {
            #expect(try await client.echo(HTTPRequest(url: server.url("/\(number)"))).path == "/\(number)")
        }
        stream.cancel()
        await #expect(throws: CancellationError.self) { _ = try await stream.next() }
    }

    @Test func `A stream that breaks off gives what came and then the error`() async throws {
        let server = try await TestServer()
        let stream = try await HTTPClient.plain().stream(HTTPRequest(url: server.url("/short")))
        #expect(try await stream.next() == Array("too short".utf8))
        let error = try await httpError { _ = try await stream.next() }
        #expect(error.code == .connectionLost)
    }

    @Test func `Collecting takes in no more than it was told to`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        let stream = try await client.stream(HTTPRequest(url: server.url("/flood?total=\(32 << 20)")))
        #expect(try await stream.collect(upTo: 1000).count == 1000)
        _ = try await server.event("closed")
    }

    @Test func `A stream lives on when its client is let go`() async throws {
        let server = try await TestServer()
        let stream = try await HTTPClient.plain().stream(HTTPRequest(url: server.url("/flood?total=\(4 << 20)")))
        var received = 0
        for try await batch in stream { received += batch.count }
        #expect(received == 4 << 20)
    }
}
