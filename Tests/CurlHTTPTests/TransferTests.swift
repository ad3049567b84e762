import CurlHTTP
import Foundation
import LoopbackTesting
import SeededRandom
import Testing

@Suite(.timeLimit(.minutes(1)))
struct TransferTests {
    @Test(arguments: [("GET", nil), ("POST", "text"), ("PUT", ""), ("DELETE", "x"), ("PATCH", "{}"), ("DELETE", nil)])
    func `Method, headers and body arrive as they were given`(method: String, body: String?) async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain { $0.userAgent = "tests/1" }
        let echo = try await client.echo(
            HTTPRequest(
                method: method, url: server.url("/a/../b%2Fc?q=%20"),
                headers: [HTTPHeader("X-Text", "a: b"), HTTPHeader("X-Empty", "")], body: body.map { Array($0.utf8) }))
        #expect(echo.method == method)
        #expect(echo.path == "/a/../b%2Fc?q=%20")
        #expect(echo.body == body ?? "")
        #expect(echo.headers["x-text"] == "a: b" && echo.headers["x-empty"] == "")
        #expect(echo.headers["user-agent"] == "tests/1")
        #expect(echo.headers["content-length"] == body.map { String($0.utf8.count) })
        #expect(echo.headers["content-type"] == nil && echo.headers["expect"] == nil)
    }

    @Test func `A body of a megabyte is sent whole, and at once`() async throws {
        let server = try await TestServer()
        let echo = try await HTTPClient.plain().echo(
            HTTPRequest(method: "POST", url: server.url("/echo"), body: Array(repeating: 0x61, count: 1 << 20)))
        #expect(echo.body.utf8.count == 1 << 20)
    }

    @Test func `Hundreds of requests at once share the connections that are allowed`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain { $0.maximumConnectionsPerHost = 8 }
        let numbers = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for number in 0..<400 {
                group.addTask {
                    let echo = try await client.echo(HTTPRequest(url: server.url("/\(number)")))
                    #expect(echo.path == "/\(number)")
                    return (number, echo.connections)
                }
            }
            var most = 0
            var seen = Set<Int>()
            for try await (number, connections) in group {
                most = max(most, connections)
                seen.insert(number)
            }
            return (seen.count, most)
        }
        #expect(numbers.0 == 400)
        #expect(numbers.1 <= 8)
    }

    @Test(arguments: ["/silence", "/drip"])
    func `Cancelling the task ends the transfer: the server sees it`(path: String) async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        let task = Task { try await client.send(HTTPRequest(url: server.url(path))) }
        if path == "/silence" { _ = try await server.event("waiting") }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        if path == "/silence" { _ = try await server.event("closed", path: path) }
    }

    @Test func `A task that is cancelled already sends nothing that lives on`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            _ = try await client.send(HTTPRequest(url: server.url("/silence")))
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `Whatever the moment of a cancellation, each request ends once and the client goes on`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain { $0.maximumConnectionsPerHost = 16 }
        var generator = SeededGenerator(seed: 1)
        let delays = (0..<300).map { _ in Int.random(in: 0..<20_000, using: &generator) }
        await withTaskGroup(of: Bool.self) { group in
            for delay in delays {
                group.addTask {
                    let request = Task { try await client.send(HTTPRequest(url: server.url("/big?bytes=50000"))) }
                    let killer = Task {
                        try? await Task.sleep(for: .microseconds(delay))
                        request.cancel()
                    }
                    defer { killer.cancel() }
                    switch await request.result {
                    case .success(let response): return response.body.count == 50_000
                    case .failure(let error): return error is CancellationError
                    }
                }
            }
            for await isFine in group { #expect(isFine) }
        }
        #expect(try await client.echo(HTTPRequest(url: server.url("/after"))).path == "/after")
    }

    @Test func `An answer larger than the bound is an error`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        var request = HTTPRequest(url: server.url("/big?bytes=100000"), maximumBodyBytes: 100_000)
        #expect(try await client.send(request).body.count == 100_000)
        request.maximumBodyBytes -= 1
        let error = try await httpError { [request] in _ = try await client.send(request) }
        #expect(error.code == .bodyTooLarge)
    }

    @Test func `A compressed answer is expanded where it was asked for, and the bound holds for what comes out`()
        async throws
    {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        var request = HTTPRequest(url: server.url("/compressed?bytes=5000000"), maximumBodyBytes: 5_000_000)
        #expect(try await client.send(request).headers.firstValue(of: "X-Compressed") == nil)
        request.acceptsCompression = true
        let response = try await client.send(request)
        #expect(response.headers.firstValue(of: "X-Compressed") == "yes")
        #expect(response.body.count == 5_000_000 && response.body.allSatisfy { $0 == UInt8(ascii: "x") })
        request.maximumBodyBytes -= 1
        let error = try await httpError { [request] in _ = try await client.send(request) }
        #expect(error.code == .bodyTooLarge)
    }

    @Test func `An answer that breaks off is an error`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        let error = try await httpError { _ = try await client.send(HTTPRequest(url: server.url("/short"))) }
        #expect(error.code == .connectionLost && error.mayHaveBeenSent)
    }

    @Test func `A port that nobody listens on is known not to have seen the request`() async throws {
        let listener = try LoopbackSocket()
        let client = try HTTPClient.plain()
        let error = try await httpError {
            _ = try await client.send(HTTPRequest(method: "POST", url: "http://127.0.0.1:\(listener.port)/", body: [1]))
        }
        #expect(error.code == .connect && !error.mayHaveBeenSent)
        #expect("\(error)".hasPrefix("POST http://127.0.0.1:\(listener.port)/: "))
    }

    @Test func `A server that does not answer a connection is given up after the connect time-out`() async throws {
        let listener = try FullListener()
        let client = try HTTPClient.plain()
        var request = HTTPRequest(url: "http://127.0.0.1:\(listener.port)/")
        request.timeouts.connect = .milliseconds(200)
        let error = try await httpError { [request] in _ = try await client.send(request) }
        #expect(error.code == .connectTimeout && !error.mayHaveBeenSent)
    }

    @Test func `A server that does not answer a request is given up after the response time-out`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        var request = HTTPRequest(url: server.url("/silence"))
        request.timeouts.response = .milliseconds(200)
        let whole = try await httpError { [request] in _ = try await client.send(request) }
        #expect(whole.code == .responseTimeout && whole.mayHaveBeenSent)
        let stream = try await httpError { [request] in _ = try await client.stream(request) }
        #expect(stream.code == .responseTimeout)
        _ = try await server.event("closed", path: "/silence")
    }

    @Test func `Shutting down ends what is under way and what comes after`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain()
        let task = Task { try await client.send(HTTPRequest(url: server.url("/silence"))) }
        _ = try await server.event("waiting")
        client.shutDown()
        let error = try await httpError { _ = try await task.value }
        #expect(error.code == .shutDown && error.mayHaveBeenSent)
        let late = try await httpError { _ = try await client.send(HTTPRequest(url: server.url("/echo"))) }
        #expect(late.code == .shutDown && !late.mayHaveBeenSent)
        _ = try await server.event("closed", path: "/silence")
    }

    @Test(arguments: [
        ("ftp://127.0.0.1/", "", ""), ("", "", ""), ("no url", "", ""), ("http://127.0.0.1:99999/", "", ""),
        ("file:///etc/passwd", "", ""), ("http://127.0.0.1/", "X", "a\r\nY: b"), ("http://127.0.0.1/", "X: Y", "b"),
    ])
    func `What cannot be a request is refused before anything is sent`(
        url: String, header: String, value: String
    ) async throws {
        let client = try HTTPClient.plain()
        let headers = header.isEmpty ? [] : [HTTPHeader(header, value)]
        let error = try await httpError { _ = try await client.send(HTTPRequest(url: url, headers: headers)) }
        #expect(error.code == .invalidRequest && !error.mayHaveBeenSent)
    }

    @Test func `A proxy that is given gets the requests`() async throws {
        let server = try await TestServer()
        let client = try HTTPClient.plain { $0.proxy = .url(server.url("")) }
        let echo = try await client.echo(HTTPRequest(url: "http://nowhere.invalid/path"))
        #expect(echo.path == "http://nowhere.invalid/path")
    }
}
