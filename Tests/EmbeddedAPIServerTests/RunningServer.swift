import Foundation
import Logging

@testable import EmbeddedAPIServer

/// Runs a server on a real port while `body` runs.
func withRunningServer<Success: Sendable>(
    _ configuration: APIServerConfiguration = APIServerConfiguration(), logSource: (any PodLogSource)? = nil,
    _ body: @escaping @Sendable (APIServer) async throws -> Success
) async throws -> Success {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = try APIServer(configuration: configuration, logSource: logSource, logger: logger)
    let running = Task { try await server.run() }
    _ = try await server.port
    let result: Result<Success, any Error>
    do {
        result = .success(try await body(server))
    } catch {
        result = .failure(error)
    }
    running.cancel()
    try await running.value
    return try result.get()
}

/// The exit status and output of a program.
struct Finished: Sendable {
    var status: Int32
    var output: String
    var errors: String
}

/// Runs a program to its end, without blocking a thread of Swift's task pool.
func run(_ program: String, _ arguments: [String], environment: [String: String] = [:], input: String = "") async throws
    -> Finished
{
    try await withCheckedThrowingContinuation { continuation in
        Thread {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            let (output, errors, source) = (Pipe(), Pipe(), Pipe())
            process.standardOutput = output
            process.standardError = errors
            process.standardInput = source
            continuation.resume(
                with: Result {
                    try process.run()
                    source.fileHandleForWriting.write(Data(input.utf8))
                    try source.fileHandleForWriting.close()
                    let text = output.fileHandleForReading.readDataToEndOfFile()
                    let complaint = errors.fileHandleForReading.readDataToEndOfFile()
                    process.waitUntilExit()
                    return Finished(
                        status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
                        errors: String(decoding: complaint, as: UTF8.self))
                })
        }.start()
    }
}

/// The path of a program in PATH.
func findInPath(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
        .first { FileManager.default.isExecutableFile(atPath: $0) }
}
