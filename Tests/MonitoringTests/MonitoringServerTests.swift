import Foundation
import KubernetesRuntime
import Logging
import LoopbackTesting
import PrometheusMetrics
import Synchronization
import Testing

@testable import Monitoring

@Suite struct MonitoringServerTests {
    private static let loopback = ListenAddress(host: "127.0.0.1", port: 0)
    private static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    /// A health that a test changes.
    private final class State: Sendable {
        let isAlive = Mutex(true)
        let reasons = Mutex<[String]>([])
        var health: MonitoringServer.Health {
            MonitoringServer.Health(
                isAlive: { self.isAlive.withLock(\.self) }, unreadyReasons: { self.reasons.withLock(\.self) })
        }
    }

    /// Serves while `body` runs with the ports, on a thread of its own.
    private func serve(
        health: ListenAddress? = loopback, metrics: ListenAddress? = loopback,
        registry: PrometheusRegistry = PrometheusRegistry(), _ state: MonitoringServer.Health = State().health,
        _ body: @escaping @Sendable ([Int]) throws -> Void
    ) async throws {
        let server = MonitoringServer(health: health, metrics: metrics, registry: registry, logger: Self.logger)
        let ports = Mutex<[Int]>([])
        try await server.serve(state, onListening: { all in ports.withLock { $0 = all } }) {
            let ports = ports.withLock(\.self)
            try await onThread { try body(ports) }
        }
    }

    @Test func `A process that works is alive and ready`() async throws {
        try await serve { ports in
            for path in ["/healthz", "/livez", "/readyz", "/readyz?verbose"] {
                let answer = try get(path, port: ports[0])
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(path)")
                #expect(answer.hasSuffix("\r\n\r\nok\n"))
            }
        }
    }

    @Test func `A process that cannot work says why, a reason a line, and is alive`() async throws {
        let state = State()
        state.reasons.withLock { $0 = ["pods not listed yet", "queues not listed yet"] }
        try await serve(state.health) { ports in
            let answer = try get("/readyz", port: ports[0])
            #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
            #expect(answer.hasSuffix("\r\n\r\npods not listed yet\nqueues not listed yet\n"))
            try expect("/livez", port: ports[0], "HTTP/1.1 200 ")
            state.reasons.withLock { $0 = [] }
            try expect("/readyz", port: ports[0], "HTTP/1.1 200 ")
        }
    }

    @Test func `A process that has to be started anew fails its liveness`() async throws {
        let state = State()
        state.isAlive.withLock { $0 = false }
        try await serve(state.health) { ports in
            for path in ["/healthz", "/livez"] { try expect(path, port: ports[0], "HTTP/1.1 503 ") }
        }
    }

    @Test func `A manager that runs is ready, one that has ended is not alive`() async throws {
        let manager = Manager(logger: Self.logger)
        let health = MonitoringServer.Health(manager)
        #expect(health.unreadyReasons() == ["not started"])
        #expect(health.isAlive())
        let server = MonitoringServer(
            health: Self.loopback, metrics: nil, registry: PrometheusRegistry(), logger: Self.logger)
        let ports = Mutex<[Int]>([])
        manager.add("probe", whileLeading: true) {
            let port = ports.withLock { $0[0] }
            try await onThread { try expect("/readyz", port: port, "HTTP/1.1 200 ") }
            manager.stop()
            try await onThread { try expect("/readyz", port: port, "HTTP/1.1 503 ") }
        }
        try await server.serve(health, onListening: { all in ports.withLock { $0 = all } }) { try await manager.run() }
        #expect(!health.isAlive())
    }

    @Test func `The metrics are served as text, on the same listener where the address is the same`() async throws {
        let registry = PrometheusRegistry()
        registry.addCollector { [MetricFamily("a", .gauge, help: "A.", samples: [.init(1)])] }
        try await serve(registry: registry) { ports in
            #expect(ports.count == 1)
            let answer = try get("/metrics", port: ports[0])
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.contains("text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(answer.hasSuffix("\r\n\r\n# HELP a A.\n# TYPE a gauge\na 1\n"))
            let head = try request("HEAD", "/metrics", port: ports[0])
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(head.hasSuffix("\r\n\r\n"))
        }
    }

    @Test func `Probes and metrics on addresses of their own know nothing of each other`() async throws {
        let other = ListenAddress(host: "localhost", port: 0)
        try await serve(metrics: other) { ports in
            #expect(ports.count == 2)
            try expect("/metrics", port: ports[0], "HTTP/1.1 404 ")
            try expect("/healthz", port: ports[0], "HTTP/1.1 200 ")
        }
        try await serve(health: nil) { ports in
            try expect("/healthz", port: ports[0], "HTTP/1.1 404 ")
            try expect("/metrics", port: ports[0], "HTTP/1.1 200 ")
        }
        try await serve(health: nil, metrics: nil) { ports in #expect(ports == []) }
    }

    @Test func `What is no question is refused`() async throws {
        try await serve { ports in
            let refusal = try request("POST", "/metrics", port: ports[0])
            #expect(refusal.hasPrefix("HTTP/1.1 405 "))
            let answer = try get("/", port: ports[0])
            #expect(answer.hasPrefix("HTTP/1.1 404 "))
            #expect(answer.hasSuffix("there is nothing here but /healthz, /livez, /readyz, /metrics\n"))
        }
    }

    @Test func `Where the port is taken nothing begins, and one sentence says which`() async throws {
        let taken = try LoopbackSocket(backlog: 1)
        let address = ListenAddress(host: "127.0.0.1", port: taken.port)
        let server = MonitoringServer(
            health: Self.loopback, metrics: address, registry: PrometheusRegistry(), logger: Self.logger)
        let hasBegun = Mutex(false)
        let error = await #expect(throws: MonitoringServer.ListenError.self) {
            try await server.serve(State().health) { hasBegun.withLock { $0 = true } }
        }
        #expect(
            error?.description
                == "cannot listen on 127.0.0.1:\(taken.port) for metrics: another program listens there")
        let begun = hasBegun.withLock { $0 }
        #expect(!begun)
    }

    @Test func `A process that is asked to end answers until it has ended`() async throws {
        let server = MonitoringServer(
            health: Self.loopback, metrics: nil, registry: PrometheusRegistry(), logger: Self.logger)
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let end = AsyncStream.makeStream(of: Void.self)
        let work = Task {
            try await server.serve(State().health, onListening: { continuation.yield($0[0]) }) {
                // Not cancelled with the task around it, as an orderly end is not.
                await Task { for await _ in end.stream { break } }.value
            }
        }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        work.cancel()
        try await onThread { try expect("/healthz", port: port, "HTTP/1.1 200 ") }
        end.continuation.yield()
        try await work.value
        try await onThread {
            #expect(throws: Failure.self) { try get("/healthz", port: port) }
        }
    }

    @Test func `What the work throws is thrown`() async throws {
        let server = MonitoringServer(
            health: Self.loopback, metrics: Self.loopback, registry: PrometheusRegistry(), logger: Self.logger)
        await #expect(throws: Failure.self) { try await server.serve(State().health) { throw Failure() } }
    }
}

private struct Failure: Error {}

/// Runs what blocks on a thread of its own.
private func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
        Thread { continuation.resume(returning: Result(catching: body)) }.start()
    }
    try result.get()
}

/// Asks, and expects an answer that begins so.
private func expect(_ path: String, port: Int, _ start: String) throws {
    let answer = try get(path, port: port)
    #expect(answer.hasPrefix(start), "\(answer)")
}

@discardableResult
private func get(_ path: String, port: Int) throws -> String { try request("GET", path, port: port) }

/// The whole answer to one request on a connection of its own; gives up after ten seconds.
private func request(_ method: String, _ path: String, port: Int) throws -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let isConnected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
    guard isConnected else { throw Failure() }
    let text = Array("\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, text, text.count, Int32(MSG_NOSIGNAL)) == text.count else { throw Failure() }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { answer += buffer[..<count] }
    return String(decoding: answer, as: UTF8.self)
}
