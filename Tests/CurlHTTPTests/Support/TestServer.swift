import Foundation
import Testing

/// Runs `server.py` as a process and collects the events that it prints.
final class TestServer: Sendable {
    struct Event: Decodable, Sendable {
        var event: String
        var path: String?
        var port: Int?
        var sent: Int?
        var connection: Int?
    }

    /// The answer of `/echo` and of every path without a special meaning.
    struct Echo: Decodable {
        var method: String
        var path: String
        var body: String
        var headers: [String: String]
        var connection: Int
        var connections: Int
        /// The most requests that waited at once on the connection, over HTTP/2.
        var most: Int?
        var serverName: String?
        var client: String?
    }

    private let process: Process
    /// The server ends when this closes, with this object or with the test's process.
    private let lifeline = Pipe()
    private let events: EventLog
    let port: Int
    let scheme: String

    /// A Python with the package h2: $H2_PYTHON, or the repository's virtual environment; nil when there is none.
    static let h2Python: String? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let named = ProcessInfo.processInfo.environment["H2_PYTHON"] ?? ""
        let python = named.isEmpty ? root.appendingPathComponent(".venv/bin/python").path : named
        guard FileManager.default.isExecutableFile(atPath: python) else { return nil }
        let probe = Process()
        probe.executableURL = URL(fileURLWithPath: python)
        probe.arguments = ["-c", "import h2"]
        probe.standardError = FileHandle.nullDevice
        guard (try? probe.run()) != nil else { return nil }
        probe.waitUntilExit()
        return probe.terminationStatus == 0 ? python : nil
    }()

    /// Starts `server.py`, or another script with another Python.
    init(_ arguments: [String] = [], script name: String = "server", python: String? = nil) async throws {
        let script = try #require(
            Bundle.module.url(forResource: name, withExtension: "py", subdirectory: "Resources"))
        process = Process()
        process.executableURL = URL(fileURLWithPath: python ?? "/usr/bin/env")
        process.arguments = (python == nil ? ["python3"] : []) + [script.path] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardInput = lifeline
        process.standardError = FileHandle.nullDevice
        let log = EventLog()
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            log.append(data)
        }
        try process.run()
        events = log
        scheme = arguments.isEmpty ? "http" : "https"
        port = try #require(try await log.first { $0.event == "ready" }.port)
    }

    deinit { try? lifeline.fileHandleForWriting.close() }

    func url(_ path: String) -> String { "\(scheme)://127.0.0.1:\(port)\(path)" }

    /// The first event of that name about that path, as soon as there is one; throws after 20 s.
    func event(_ name: String, path: String? = nil) async throws -> Event {
        try await events.first { $0.event == name && (path == nil || $0.path == path) }
    }
}

/// The lines that the server has printed, for tasks that wait for one.
private final class EventLog: @unchecked Sendable {
    struct TimedOut: Error {}
    private typealias Waiter = (
        id: UUID, matches: (TestServer.Event) -> Bool, continuation: CheckedContinuation<TestServer.Event, any Error>
    )

    // Guarded by the lock.
    private let lock = NSLock()
    private var rest = Data()
    private var events: [TestServer.Event] = []
    private var waiters: [Waiter] = []

    func append(_ data: Data) {
        lock.withLock {
            rest.append(data)
            while let end = rest.firstIndex(of: 0x0A) {
                let line = rest[..<end]
                rest = rest[(end + 1)...]
                guard let event = try? JSONDecoder().decode(TestServer.Event.self, from: line) else { continue }
                events.append(event)
                waiters.removeAll { waiter in
                    guard waiter.matches(event) else { return false }
                    waiter.continuation.resume(returning: event)
                    return true
                }
            }
        }
    }

    func first(where matches: @escaping @Sendable (TestServer.Event) -> Bool) async throws -> TestServer.Event {
        let id = UUID()
        return try await withCheckedThrowingContinuation { continuation in
            lock.withLock {
                if let event = events.first(where: matches) { return continuation.resume(returning: event) }
                waiters.append((id, matches, continuation))
            }
            DispatchQueue.global().asyncAfter(deadline: .now() + 20) { self.giveUp(id) }
        }
    }

    private func giveUp(_ id: UUID) {
        lock.withLock {
            waiters.removeAll { waiter in
                guard waiter.id == id else { return false }
                waiter.continuation.resume(throwing: TimedOut())
                return true
            }
        }
    }
}
