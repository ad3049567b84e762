import CurlHTTP
import Foundation
import JSON
import KubernetesModel
import LoopbackTesting
import Testing

@testable import KubernetesClient

@Suite(.timeLimit(.minutes(1)))
struct RetryTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var failure: RetryPolicy.Failure
        var repeatability: RetryPolicy.Repeatability
        var attempt = 1
        var delay: Duration?
        var testDescription: String { "\(failure) \(repeatability) \(attempt)" }
    }

    @Test(arguments: [
        Row(failure: .status(429, retryAfter: nil), repeatability: .unsafe, delay: .milliseconds(50)),
        Row(failure: .status(429, retryAfter: .seconds(7)), repeatability: .unsafe, delay: .seconds(7)),
        Row(failure: .status(429, retryAfter: .seconds(31)), repeatability: .safe, delay: nil),
        Row(failure: .status(429, retryAfter: .seconds(1)), repeatability: .never, delay: nil),
        Row(failure: .status(503, retryAfter: .seconds(2)), repeatability: .safe, delay: .seconds(2)),
        Row(failure: .status(503, retryAfter: .seconds(2)), repeatability: .unsafe, delay: nil),
        Row(failure: .status(500, retryAfter: nil), repeatability: .safe, attempt: 2, delay: .milliseconds(100)),
        Row(failure: .status(502, retryAfter: nil), repeatability: .safe, attempt: 4, delay: .milliseconds(400)),
        Row(failure: .status(504, retryAfter: nil), repeatability: .safe, attempt: 5, delay: nil),
        Row(failure: .status(404, retryAfter: nil), repeatability: .safe, delay: nil),
        Row(failure: .status(409, retryAfter: nil), repeatability: .safe, delay: nil),
        Row(failure: .transport(mayHaveBeenSent: true), repeatability: .safe, delay: .milliseconds(50)),
        Row(failure: .transport(mayHaveBeenSent: true), repeatability: .unsafe, delay: nil),
        Row(failure: .transport(mayHaveBeenSent: false), repeatability: .unsafe, delay: .milliseconds(50)),
        Row(failure: .transport(mayHaveBeenSent: false), repeatability: .never, delay: nil),
    ])
    func `A request is sent again only where that cannot do harm`(row: Row) {
        let delay = RetryPolicy().delay(after: row.failure, row.repeatability, attempt: row.attempt, random: 0)
        #expect(delay == row.delay)
    }

    @Test func `Delays double up to their limit, with jitter of a half`() {
        var policy = RetryPolicy()
        policy.maximumAttempts = 100
        func delay(_ attempt: Int, _ random: Double) -> Duration? {
            policy.delay(after: .status(500, retryAfter: nil), .safe, attempt: attempt, random: random)
        }
        #expect(delay(1, 0) == .milliseconds(50) && delay(1, 1) == .milliseconds(100))
        #expect(delay(99, 0) == .seconds(5) && delay(99, 1) == .seconds(10))
    }

    @Test(arguments: [
        (Patch.merge([:]), RetryPolicy.Repeatability.safe), (.strategic([:]), .safe), (.apply([:]), .safe),
        (.json([["op": "add", "path": "/a/-", "value": 1]]), .unsafe), (.json("junk"), .unsafe),
        (.json([["op": "test", "path": "/a", "value": 1]]), .safe),
        (.json([["op": "add", "path": "/metadata/resourceVersion", "value": "1"]]), .safe),
    ])
    func `A patch may be done twice when it says to which state it applies`(
        patch: Patch, expected: RetryPolicy.Repeatability
    ) {
        #expect(RetryPolicy.Repeatability(patch) == expected)
    }

    private static let pods = ResourceType(version: "v1", kind: "Pod", plural: "pods")
    private static let pod = #"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}"#

    @Test func `Retry-After is waited for, and the error of the last attempt is the one that is thrown`() async throws {
        let server = try ScriptedServer(
            .init(429, "slow down", headers: ["Retry-After": "3"]), .init(503, "", headers: ["Retry-After": "1"]),
            .init(200, Self.pod))
        let test = try TestClient(server.url)
        let pod = try await test.client.dynamic(Self.pods, namespace: "n").get("p")
        #expect(pod.metadata.name == "p")
        #expect(test.slept.value == [.seconds(3), .seconds(1)])

        let refusing = try ScriptedServer(.init(429, "slow down", headers: ["Retry-After": "2"]))
        let other = try TestClient(refusing.url)
        await #expect {
            _ = try await other.client.dynamic(Self.pods, namespace: "n").create(
                ["metadata": ["name": "p"]] as JSONValue)
        } throws: { error in
            guard let status = error as? APIStatus else { return false }
            return status.code == 429 && status.details?.retryAfterSeconds == 2 && status.message.contains("slow down")
        }
        #expect(refusing.requests.count == 5)
    }

    @Test func `A create is sent once when the server may have seen it, a get again`() async throws {
        for answer in [ScriptedServer.Answer(500, "oops"), .brokenOff, .init(503, "", headers: ["Retry-After": "1"])] {
            let server = try ScriptedServer(answer)
            let test = try TestClient(server.url)
            let pods = test.client.dynamic(Self.pods, namespace: "n")
            await #expect(throws: (any Error).self) { _ = try await pods.create(["metadata": [:]] as JSONValue) }
            #expect(server.requests.count == 1)
            await #expect(throws: (any Error).self) { _ = try await pods.delete("p") }
            #expect(server.requests.count == 2)
            await #expect(throws: (any Error).self) { _ = try await pods.get("p") }
            #expect(server.requests.count == 7)
            await #expect(throws: (any Error).self) { _ = try await pods.delete("p", DeleteOptions(uid: "u")) }
            #expect(server.requests.count == 12)
        }
    }

    @Test func `A create on a kept connection that breaks is not sent again, by curl neither`() async throws {
        let server = try ScriptedServer(.init(200, Self.pod), .brokenOff)
        let test = try TestClient(server.url)
        let pods = test.client.dynamic(Self.pods, namespace: "n")
        _ = try await pods.get("p")
        await #expect { _ = try await pods.create(["metadata": [:]] as JSONValue) } throws: { error in
            (error as? KubernetesClientError)?.transport?.code == .connectionLost
        }
        #expect(server.requests.map(\.method) == ["GET", "POST"])
    }

    @Test func `An eviction that a budget forbids is not tried again`() async throws {
        let server = try ScriptedServer(.init(429, "budget", headers: ["Retry-After": "10"]))
        let test = try TestClient(server.url)
        await #expect { try await test.client.dynamic(Self.pods, namespace: "n").evict("p") } throws: {
            ($0 as? APIStatus)?.code == 429
        }
        #expect(server.requests.count == 1)
        #expect(server.requests[0].path == "/api/v1/namespaces/n/pods/p/eviction")
    }

    @Test func `A request that never left is sent again, and the error names it`() async throws {
        let port = try ScriptedServer(.init(200)).port
        let test = try TestClient("http://127.0.0.1:\(port)")
        await #expect { _ = try await test.client.request("POST", "/x", body: [:]) } throws: { error in
            let error = error as? KubernetesClientError
            return error?.code == .transport && error?.transport?.code == .connect
                && error?.description.hasPrefix("POST http://127.0.0.1:\(port)/x: ") == true
        }
        #expect(test.slept.value.count == 4)
    }

    @Test func `A TLS handshake that breaks off is tried again, also for a create`() async throws {
        let server = try LoopbackServer { _ in }
        let test = try TestClient("https://127.0.0.1:\(server.port)")
        await #expect { _ = try await test.client.request("POST", "/x", body: [:]) } throws: { error in
            (error as? KubernetesClientError)?.transport?.code == .handshake
        }
        #expect(test.slept.value.count == 4)
    }

    struct Rotating: CredentialSource {
        let token: Locked<Int>
        func credentials() async throws -> Credentials { .bearer("t\(token.value)") }
        func refresh(after refused: Credentials) async -> Bool {
            token.change { $0 += 1 }
            return true
        }
    }

    @Test func `401 asks for other credentials, once`() async throws {
        let server = try ScriptedServer { request, _ in
            request.headers["authorization"] == "Bearer t1" ? .init(200, Self.pod) : .init(401, "no")
        }
        let test = try TestClient(server.url, credentials: Rotating(token: Locked(0)))
        _ = try await test.client.dynamic(Self.pods, namespace: "n").get("p")
        #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer t0", "Bearer t1"])
        let never = try ScriptedServer(.init(401, "no"))
        let other = try TestClient(never.url, credentials: Rotating(token: Locked(0)))
        await #expect { _ = try await other.client.request("GET", "/") } throws: { ($0 as? APIStatus)?.code == 401 }
        #expect(never.requests.count == 2)
    }
}
