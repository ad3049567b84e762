import Clocks
import CurlHTTP
import Foundation
import KubernetesClient
import KubernetesModel
import Logging
import LoopbackTesting

/// An HTTP server on loopback that answers by a script, one answer after the other, and records the requests.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        var method = ""
        var path = ""
        var headers: [String: String] = [:]
        var body = ""
    }

    struct Answer: Sendable {
        var status = 200
        var headers: [String: String] = [:]
        var body = ""
        /// Closes the connection where the answer should be.
        var breaksOff = false

        init(_ status: Int, _ body: String = "{}", headers: [String: String] = [:]) {
            self.status = status
            self.body = body
            self.headers = headers
        }

        static var brokenOff: Answer {
            var answer = Answer(0)
            answer.breaksOff = true
            return answer
        }
    }

    private let log = Locked<[Request]>([])
    private let server: LoopbackServer
    var port: Int { server.port }

    var requests: [Request] { log.value }
    var url: String { "http://127.0.0.1:\(port)" }

    /// The answers in order; the last one is repeated.
    convenience init(_ answers: Answer...) throws {
        let last = answers.count - 1
        try self.init { _, number in answers[min(number, last)] }
    }

    /// The answer to each request, by its number from 0.
    init(_ answers: @escaping @Sendable (Request, Int) -> Answer) throws {
        server = try LoopbackServer { [log] in Self.serve($0, log, answers) }
    }

    private static func serve(
        _ connection: Int32, _ log: Locked<[Request]>, _ answers: (Request, Int) -> Answer
    ) {
        var input = Data()
        func fill() -> Bool {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return false }
            input.append(contentsOf: buffer[..<count])
            return true
        }
        while true {
            while input.range(of: Data("\r\n\r\n".utf8)) == nil { if !fill() { return } }
            guard let end = input.range(of: Data("\r\n\r\n".utf8)) else { return }
            let lines = String(decoding: input[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
            input = Data(input[end.upperBound...])
            let start = lines[0].split(separator: " ")
            var request = Request(method: String(start[0]), path: String(start[1]))
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                request.headers[parts[0].lowercased()] =
                    parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            }
            let length = Int(request.headers["content-length"] ?? "") ?? 0
            while input.count < length { if !fill() { return } }
            request.body = String(decoding: input.prefix(length), as: UTF8.self)
            input = Data(input.dropFirst(length))
            let number = log.change { requests in
                requests.append(request)
                return requests.count - 1
            }
            let answer = answers(request, number)
            if answer.breaksOff { return }
            var text = "HTTP/1.1 \(answer.status) Text\r\nContent-Length: \(answer.body.utf8.count)\r\n"
            for (name, value) in answer.headers { text += "\(name): \(value)\r\n" }
            text += "\r\n" + answer.body
            let bytes = Array(text.utf8)
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                sent += count
            }
        }
    }
}

/// A value behind a lock.
final class Locked<Value: Sendable>: @unchecked Sendable {
    // Guarded by the lock.
    private let lock = NSLock()
    private var stored: Value

    init(_ value: Value) { stored = value }

    var value: Value { lock.withLock { stored } }

    @discardableResult
    func change<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&stored) } }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A clock that stands where the test puts it, and whose sleeps end at once.
struct NotingClock: RuntimeClock {
    var time = Locked(Timestamp(seconds: 0))
    var slept = Locked<[Duration]>([])
    var now: Timestamp { time.value }
    var monotonic: Duration { slept.value.reduce(.zero, +) }
    func sleep(for duration: Duration) async throws { slept.change { $0.append(duration) } }
}

/// A client that records its sleeps instead of waiting.
struct TestClient {
    let client: APIClient
    let slept = Locked<[Duration]>([])
    let warnings = Locked<[String]>([])

    init(
        _ server: String, credentials: any CredentialSource = FixedCredentials(), retry: RetryPolicy = RetryPolicy()
    ) throws {
        var settings = APIClient.Settings()
        settings.retry = retry
        settings.clock = NotingClock(slept: slept)
        settings.random = { 0 }
        settings.onWarning = { [warnings] text in warnings.change { $0.append(text) } }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        client = try APIClient(
            configuration: ClientConfiguration(server: server, proxy: .none, credentials: credentials),
            settings: settings, logger: logger)
    }
}

/// A directory for one test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "client-tests-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ text: String, isProgram: Bool = false) throws -> String {
        let file = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
        if isProgram {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
        }
        return file
    }
}
