import CurlHTTP
import Foundation
import KubernetesClient
import KubernetesModel
import Logging

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

    private let answers: @Sendable (Request, Int) -> Answer
    private let log = Locked<[Request]>([])
    private let socket: Int32
    let port: Int

    var requests: [Request] { log.value }
    var url: String { "http://127.0.0.1:\(port)" }

    /// The answers in order; the last one is repeated.
    convenience init(_ answers: Answer...) throws {
        let last = answers.count - 1
        try self.init { _, number in answers[min(number, last)] }
    }

    /// The answer to each request, by its number from 0.
    init(_ answers: @escaping @Sendable (Request, Int) -> Answer) throws {
        self.answers = answers
        let (listener, port) = try loopbackListener()
        socket = listener
        self.port = port
        Thread.detachNewThread { [log] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    // Here and not in deinit: the number could be another socket's by the time of the next accept.
                    close(listener)
                    return
                }
                Thread.detachNewThread { Self.serve(connection, log, answers) }
            }
        }
    }

    deinit { shutdown(socket, Int32(SHUT_RDWR)) }

    private static func serve(
        _ connection: Int32, _ log: Locked<[Request]>, _ answers: (Request, Int) -> Answer
    ) {
        defer { close(connection) }
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

/// A listener on a free port of loopback.
private func loopbackListener() throws -> (socket: Int32, port: Int) {
    let listener = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(listener, pointer, length) == 0 ? getsockname(listener, pointer, &length) : -1
        }
    }
    guard result == 0, listen(listener, 64) == 0 else { throw Unexpected("no socket: errno \(errno)") }
    return (listener, Int(UInt16(bigEndian: address.sin_port)))
}

/// A server that closes every connection at once.
final class ClosingServer: Sendable {
    private let socket: Int32
    let port: Int

    init() throws {
        let (listener, port) = try loopbackListener()
        socket = listener
        self.port = port
        Thread.detachNewThread {
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    close(listener)
                    return
                }
                close(connection)
            }
        }
    }

    deinit { shutdown(socket, Int32(SHUT_RDWR)) }
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
