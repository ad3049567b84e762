// swift-format-ignore-file: NeverForceUnwrap
// A test that does not find what it counts on has to stop.

import Foundation
import JSON
import KubernetesModel
import Synchronization
import Testing

@testable import EmbeddedAPIServer

@Suite struct SocketTests {
    /// Sends one request with curl, which must be installed.
    private func curl(_ server: APIServer, _ path: String, _ arguments: [String] = [], scheme: String = "https")
        async throws
        -> (status: String, body: String)
    {
        let ca = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString).pem")
        try Data(server.certificateAuthorityPEM.utf8).write(to: ca)
        defer { try? FileManager.default.removeItem(at: ca) }
        let program = try #require(findInPath("curl"))
        let url = "\(scheme)://127.0.0.1:\(try await server.port)\(path)"
        let result = try await run(
            program,
            ["-s", "--noproxy", "*", "--max-time", "10", "--cacert", ca.path, "-w", "\n%{http_code}", url] + arguments)
        let split = result.output.lastIndex(of: "\n") ?? result.output.startIndex
        return (String(result.output[split...].dropFirst()), String(result.output[..<split]))
    }

    @Test func `Whoever has the token is answered, whoever has not is refused with a Status`() async throws {
        try await withRunningServer { server in
            let good = ["-H", "Authorization: Bearer \(server.token)"]
            #expect(try await curl(server, "/api/v1/namespaces/default", good).status == "200")
            for wrong in [
                [], ["-H", "Authorization: Bearer wrong"], ["-H", "Authorization: Basic \(server.token)"],
                ["-H", "Authorization: Bearer \(server.token)x"], ["-H", "Authorization: Bearer"],
            ] {
                let answer = try await curl(server, "/api/v1/namespaces", wrong)
                #expect(answer.status == "401")
                #expect(try JSONValue(parsing: answer.body)["reason"] == "Unauthorized")
                #expect(!answer.body.contains("kube-system"))
            }
        }
    }

    @Test(arguments: [
        "Host: evil.example", "Host: 127.0.0.1.evil.example", "Host: localhost@evil.example",
        "Origin: https://evil.example", "Origin: null",
    ])
    func `A web page cannot reach the API, even with the token`(_ header: String) async throws {
        try await withRunningServer { server in
            let answer = try await curl(
                server, "/api/v1/namespaces", ["-H", "Authorization: Bearer \(server.token)", "-H", header])
            #expect(answer.status == "403")
            #expect(try JSONValue(parsing: answer.body)["reason"] == "Forbidden")
        }
    }

    @Test(arguments: [
        // A preflight, which has no token; a form; a picture or a link, for which browsers send no Origin.
        (["-X", "OPTIONS", "-H", "Origin: https://evil.example", "-H", "Access-Control-Request-Method: POST"], "403"),
        (["-H", "Origin: https://evil.example", "--data", "kind=Pod"], "403"),
        (["-H", "Sec-Fetch-Site: cross-site"], "401"),
    ])
    func `A browser is never told that a web page may read or write here`(_ arguments: [String], _ status: String)
        async throws
    {
        try await withRunningServer { server in
            let answer = try await curl(server, "/api/v1/namespaces/default/pods", arguments + ["-i"])
            #expect(answer.status == status)
            #expect(!answer.body.lowercased().contains("access-control-allow"), "\(answer.body)")
        }
    }

    @Test func `Who waits for the port learns that it is taken`() async throws {
        try await withRunningServer { first in
            let port = try await first.port
            let second = try APIServer(configuration: APIServerConfiguration(port: port))
            let waiting = Task { try await second.url }
            let error = await #expect(throws: ListenError.self) { try await second.run() }
            #expect(
                error.map { "\($0)" } == "cannot listen on port \(port) of 127.0.0.1: another program listens there")
            await #expect(throws: ListenError.self) { try await waiting.value }
            await #expect(throws: ListenError.self) { try await second.kubeconfig() }
        }
    }

    @Test func `Who waits for the port can be cancelled`() async throws {
        let server = try APIServer()
        let waiting = Task { try await server.port }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `Nothing listens beyond loopback`() async throws {
        try await withRunningServer { server in
            let file = try #require(FileHandle(forReadingAtPath: "/proc/net/tcp"))
            let text = String(decoding: file.readDataToEndOfFile(), as: UTF8.self)
            let port = String(try await server.port, radix: 16, uppercase: true)
            let padded = String(repeating: "0", count: 4 - port.count) + port
            let listening = text.split(separator: "\n").map { $0.split(separator: " ") }
                .filter { $0.count > 3 && $0[1].hasSuffix(":\(padded)") && $0[3] == "0A" }
            #expect(listening.count == 1)
            #expect(listening.allSatisfy { $0[1].hasPrefix("0100007F:") })
        }
    }

    @Test func `Plain HTTP is told that the server speaks HTTPS`() async throws {
        try await withRunningServer { server in
            let answer = try await curl(server, "/api", scheme: "http")
            #expect(answer.status == "400")
        }
    }

    @Test func `A body that is too large is refused, and the server lives on`() async throws {
        var configuration = APIServerConfiguration()
        configuration.maximumBodySize = 100_000
        try await withRunningServer(configuration) { server in
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString)")
            try Data(repeating: 0x20, count: 1_000_000).write(to: file)
            defer { try? FileManager.default.removeItem(at: file) }
            let token = ["-H", "Authorization: Bearer \(server.token)", "-H", "Content-Type: application/json"]
            let answer = try await curl(
                server, "/api/v1/namespaces/default/configmaps",
                token + ["-H", "Expect:", "--data-binary", "@\(file.path)"])
            #expect(["413", "000"].contains(answer.status), "\(answer)")
            #expect(try await curl(server, "/healthz", token).status == "200")
        }
    }

    @Test func `A watch ends when the server stops`() async throws {
        let output = try await withRunningServer { server in
            let request = Task {
                try await curl(
                    server, "/api/v1/namespaces?watch=1", ["-N", "-H", "Authorization: Bearer \(server.token)"])
            }
            // The watch runs once its signal is attached to the store.
            while server.core.store.state.withLock({ $0.signals["namespaces"] == nil }) { await Task.yield() }
            return request
        }
        #expect(try await output.value.body.contains("kube-system"))
    }

    @Test func `A client that hangs up ends its watch`() async throws {
        try await withRunningServer { server in
            _ = try await curl(
                server, "/api/v1/namespaces?watch=1",
                ["-N", "--max-time", "1", "-H", "Authorization: Bearer \(server.token)"])
            let deadline = ContinuousClock.now + .seconds(10)
            while server.core.store.state.withLock({ $0.signals["namespaces"] != nil }) {
                try #require(ContinuousClock.now < deadline, "the watch goes on though nobody listens")
                await Task.yield()
            }
        }
    }
}
