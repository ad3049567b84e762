// swift-format-ignore-file: NeverForceUnwrap
// A test that does not find what it counts on has to stop.

import Clocks
import Foundation
import HTTPServing
import JSON
import KubernetesModel
import Logging
import Synchronization

@testable import EmbeddedAPIServer

/// A server in memory whose clock does not move by itself, with short ways to talk to it.
struct TestServer: Sendable {
    let server: APIServer
    let time = TestClock()

    init(
        storage: APIServerConfiguration.Storage = .memory, watchWindow: Int = 10_000,
        bookmarkInterval: Duration = .seconds(60), logSource: (any PodLogSource)? = nil, hooks: [AdmissionHook] = []
    ) throws {
        var configuration = APIServerConfiguration(
            storage: storage, watchWindow: watchWindow, bookmarkInterval: bookmarkInterval)
        configuration.clock = time
        configuration.hooks = hooks
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        server = try APIServer(configuration: configuration, logSource: logSource, logger: logger)
    }

    @discardableResult
    func send(
        _ method: String, _ target: String, _ body: JSONValue? = nil, type: String = "application/json",
        accept: String = "application/json", as agent: String = "python-requests/2"
    ) async -> (status: Int, json: JSONValue) {
        let response = await server.respond(
            to: InboundRequest(
                method, target, accept: accept, contentType: body == nil ? "" : type, userAgent: agent,
                body: body?.bytes ?? []))
        return (response.status, (try? JSONValue(parsing: response.bytes)) ?? .null)
    }

    /// Creates a namespace and the recordings' definition of widgets, and runs the controllers until they are done.
    func prepare(namespace: String = "golden-api") async throws {
        let crd = try Recording.exchanges("crd")[0]
        await send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd.body)
        await send("POST", "/api/v1/namespaces", ["metadata": ["name": .string(namespace)]])
        await server.core.settle()
    }

    /// Collects the events of a watch until there are `count` or the stream ends.
    func watch(_ target: String, accept: String = "application/json", count: Int) async throws -> [JSONValue] {
        let response = await server.respond(to: InboundRequest("GET", target, accept: accept))
        guard case .stream(let produce) = response.body else { return [try JSONValue(parsing: response.bytes)] }
        let collector = FrameCollector(count: count)
        do {
            try await produce { try collector.add($0) }
        } catch is EnoughFrames {}
        return collector.frames
    }
}

/// A clock whose calendar the test moves; waiting takes real time.
final class TestClock: RuntimeClock {
    private let seconds = Mutex<Int64>(1_795_475_252)

    var now: Timestamp { Timestamp(seconds: seconds.withLock { $0 }) }
    var monotonic: Duration { SystemClock().monotonic }
    func sleep(for duration: Duration) async throws { try await SystemClock().sleep(for: duration) }

    /// Moves forward to the latest time in a recorded answer.
    func advance(to recorded: JSONValue) {
        var times = (recorded["metadata"]?["managedFields"]?.array ?? []).compactMap { $0["time"]?.string }
        if let time = recorded["metadata"]?["deletionTimestamp"]?.string { times.append(time) }
        for time in times {
            guard let stamp = Timestamp(rfc3339: time) else { continue }
            seconds.withLock { $0 = max($0, stamp.seconds) }
        }
    }

    func advance(by duration: Duration) { seconds.withLock { $0 += duration.components.seconds } }
}

struct EnoughFrames: Error {}

/// Collects the JSON values of a stream, one per line.
final class FrameCollector {
    private let count: Int
    private var rest: [UInt8] = []
    private(set) var frames: [JSONValue] = []

    init(count: Int) { self.count = count }

    func add(_ bytes: [UInt8]) throws {
        rest += bytes
        while let end = rest.firstIndex(of: 0x0A) {
            frames.append(try JSONValue(parsing: rest[..<end]))
            rest.removeSubrange(...end)
            if frames.count == count { throw EnoughFrames() }
        }
    }
}

/// An exchange with a real API server.
struct Recording {
    var note: String
    var method: String
    var path: String
    var query: [(String, String)]
    var accept: String
    var contentType: String
    /// JSON, or text as it was sent.
    var body: JSONValue?
    var rawBody: [UInt8]
    var status: Int
    var warning: String?
    var response: JSONValue

    static func file(_ name: String) throws -> JSONValue {
        let url = Bundle.module.url(forResource: "Resources/\(name)", withExtension: "json")
        return try JSONValue(parsing: Array(Data(contentsOf: url!)))
    }

    static func exchanges(_ name: String) throws -> [Recording] {
        (try file("api/\(name)").array ?? []).map { json in
            let request = json["request"]!
            let body = request["body"].flatMap { $0.isNull ? nil : $0 }
            return Recording(
                note: json["note"]?.string ?? "", method: request["method"]!.string!, path: request["path"]!.string!,
                query: (request["query"]?.object ?? [:]).map { ($0.key, $0.value.rendered) },
                accept: request["accept"]?.string ?? "", contentType: request["contentType"]?.string ?? "", body: body,
                rawBody: body.map { $0.string.map { Array($0.utf8) } ?? $0.bytes } ?? [],
                status: Int(json["response"]!["status"]!.int!),
                warning: json["response"]?["headers"]?["warning"]?.string, response: json["response"]!["body"] ?? .null)
        }
    }
}
