import CurlHTTP
import Foundation
import Testing

/// The production transport against a real peer that does what a server, or what stands before it, does when it ends.
@Suite(
    .timeLimit(.minutes(1)),
    .enabled(if: TestServer.h2Python != nil, "hack/setup.sh makes .venv with the Python package h2; or set H2_PYTHON"))
struct HTTP2Tests {
    private let certificates: TestCertificates

    init() throws { certificates = try TestCertificates.shared.get() }

    private func peer(_ arguments: String...) async throws -> TestServer {
        try await TestServer(
            certificates.serverArguments("local") + arguments, script: "h2peer", python: TestServer.h2Python)
    }

    private func client(_ change: (inout HTTPClient.Configuration) -> Void = { _ in }) throws -> HTTPClient {
        let authorities = try certificates.bytes("ca.crt")
        return try HTTPClient.plain {
            $0.tls.certificateAuthorities = authorities
            change(&$0)
        }
    }

    private func request(
        _ peer: TestServer, _ path: String, method: String = "GET", patience: Duration = .seconds(20)
    ) -> HTTPRequest {
        HTTPRequest(
            method: method, url: peer.url(path), body: method == "POST" ? Array("b".utf8) : nil,
            timeouts: HTTPTimeouts(response: patience), isRepeatable: method == "GET")
    }

    @Test func `Requests share a connection`() async throws {
        let peer = try await peer()
        let client = try client()
        for _ in 0..<3 { #expect(try await client.echo(request(peer, "/a")).connection == 1) }
    }

    @Test func `After a time-out on a connection that has gone silent the next request has a new one`() async throws {
        let peer = try await peer()
        let client = try client()
        #expect(try await client.echo(request(peer, "/a")).connection == 1)
        let error = try await httpError {
            _ = try await client.send(request(peer, "/silence", patience: .milliseconds(300)))
        }
        #expect(error.code == .responseTimeout && error.mayHaveBeenSent)
        #expect(try await client.echo(request(peer, "/b")).connection == 2)
        #expect(try await client.echo(request(peer, "/c", method: "POST")).connection == 2)
        // The dead one is given up.
        #expect(try await peer.event("closed").connection == 1)
    }

    @Test func `While requests wait on a silent connection, others go to a new one`() async throws {
        let peer = try await peer()
        let client = try client { $0.silenceLimit = .milliseconds(100) }
        let waiting = Task { try await client.send(request(peer, "/silence")) }
        _ = try await peer.event("waiting")
        // Each has less patience than the first, and tells the client nothing.
        var connection = 1
        let deadline = ContinuousClock.now + .seconds(15)
        while connection == 1, ContinuousClock.now < deadline {
            do { connection = try await client.echo(request(peer, "/b", patience: .seconds(2))).connection } catch {}
        }
        #expect(connection == 2)
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `A body that stalls is a time-out, and no reason to leave a connection that works`() async throws {
        let peer = try await peer()
        let client = try client()
        let error = try await httpError {
            _ = try await client.send(request(peer, "/stall", patience: .milliseconds(300)))
        }
        #expect(error.code == .responseTimeout)
        #expect(try await client.echo(request(peer, "/a")).connection == 1)
    }

    /// Sends a request again as long as the server cannot have seen it, as the API client does.
    private func persistently(_ client: HTTPClient, _ request: HTTPRequest) async throws -> TestServer.Echo {
        for _ in 0..<5 {
            do { return try await client.echo(request) } catch let error as HTTPError where !error.mayHaveBeenSent {}
        }
        return try await client.echo(request)
    }

    @Test(arguments: ["GET", "POST"])
    func `What the server has not looked at before it goes away may be sent again, whatever it is`(
        method: String
    ) async throws {
        let peer = try await peer()
        let client = try client()
        _ = try await client.echo(request(peer, "/a"))
        let echo = try await persistently(client, request(peer, "/goaway-once", method: method))
        #expect(echo.method == method && echo.body == (method == "POST" ? "b" : ""))
        #expect(echo.connection == 2)
    }

    @Test func `GOAWAY in mid-flight fails none of the requests that the server has not looked at`() async throws {
        let peer = try await peer()
        let client = try client()
        _ = try await client.echo(request(peer, "/a"))
        let most = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<12 {
                group.addTask {
                    let path = number == 4 ? "/goaway-once" : "/n\(number)"
                    return try await persistently(client, request(peer, path, method: "POST")).connection
                }
            }
            return try await group.reduce(into: 0) { most, connection in most = max(most, connection) }
        }
        #expect(most >= 2)
    }

    @Test func `A stream that is refused is sent again by curl if that does no harm`() async throws {
        let peer = try await peer()
        let client = try client()
        _ = try await client.echo(request(peer, "/a"))
        #expect(try await client.echo(request(peer, "/refuse-once")).connection == 2)
    }

    @Test func `What may have been worked on is sent again only if that does no harm`() async throws {
        let peer = try await peer()
        let client = try client()
        _ = try await client.echo(request(peer, "/a"))
        let broken = try await httpError { _ = try await client.send(request(peer, "/close-once", method: "POST")) }
        #expect(broken.code == .connectionLost && broken.mayHaveBeenSent)
        let reset = try await httpError { _ = try await client.send(request(peer, "/reset", method: "POST")) }
        #expect(reset.code == .connectionLost && reset.mayHaveBeenSent)
        _ = try await client.echo(request(peer, "/b"))
    }

    @Test func `A server that takes one stream at a time gets one at a time`() async throws {
        let peer = try await peer("--max-streams", "1")
        let client = try client { $0.maximumConnectionsPerHost = 4 }
        _ = try await client.echo(request(peer, "/a"))
        let (count, most) = try await withThrowingTaskGroup(of: TestServer.Echo.self) { group in
            for number in 0..<40 {
                group.addTask { try await client.echo(request(peer, "/\(number)")) }
            }
            return try await group.reduce(into: (0, 0)) { $0 = ($0.0 + 1, max($0.1, $1.most ?? 9)) }
        }
        #expect(count == 40 && most == 1)
    }

    @Test func `A connection that is closed in the handshake is an error that says that nothing was sent`() async throws
    {
        let peer = try await peer("--broken-handshakes", "1")
        let client = try client()
        let error = try await httpError { _ = try await client.send(request(peer, "/a", method: "POST")) }
        #expect(error.code == .handshake && !error.mayHaveBeenSent)
        #expect(try await client.echo(request(peer, "/a", method: "POST")).method == "POST")
    }
}
