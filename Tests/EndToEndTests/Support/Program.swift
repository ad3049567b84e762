import Foundation
import Synchronization

/// A process under test: its output as it comes, its end, and signals to it.
final class Program: Sendable {
    private struct State {
        var output = ""
        var errors = ""
        var waiters: [(String, CheckedContinuation<Bool, Never>)] = []
        var endWaiters: [CheckedContinuation<Int32, Never>] = []
        var status: Int32?
    }

    let process: UncheckedBox<Process>
    private let state = Mutex(State())

    /// `Process` is safe to signal and to wait for from any thread; it is only not marked so.
    struct UncheckedBox<Value>: @unchecked Sendable { let value: Value }

    /// Starts a program. `environment` is laid over this process's own.
    init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], directory: String? = nil,
        input: String? = nil
    ) throws {
        let process = Process()
        self.process = UncheckedBox(value: process)
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        let stdin = Pipe()
        process.standardInput = stdin
        let group = DispatchGroup()
        for (pipe, isError) in [(output, false), (errors, true)] {
            group.enter()
            pipe.fileHandleForReading.readabilityHandler = { [self] handle in
                let data = handle.availableData
                if data.isEmpty {
                    handle.readabilityHandler = nil
                    group.leave()
                } else {
                    took(String(decoding: data, as: UTF8.self), isError: isError)
                }
            }
        }
        group.enter()
        process.terminationHandler = { _ in group.leave() }
        group.notify(queue: .global()) { [self] in
            ended(process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus)
        }
        try process.run()
        if let input { stdin.fileHandleForWriting.write(Data(input.utf8)) }
        try stdin.fileHandleForWriting.close()
    }

    private func took(_ text: String, isError: Bool) {
        let ready = state.withLock { state in
            if isError { state.errors += text } else { state.output += text }
            let all = state.output + state.errors
            let ready = state.waiters.filter { all.contains($0.0) }.map(\.1)
            state.waiters.removeAll { all.contains($0.0) }
            return ready
        }
        for waiter in ready { waiter.resume(returning: true) }
    }

    private func ended(_ status: Int32) {
        let (waiters, endWaiters) = state.withLock { state in
            state.status = status
            defer { (state.waiters, state.endWaiters) = ([], []) }
            return (state.waiters.map(\.1), state.endWaiters)
        }
        for waiter in waiters { waiter.resume(returning: false) }
        for waiter in endWaiters { waiter.resume(returning: status) }
    }

    var output: String { state.withLock(\.output) }
    var errors: String { state.withLock(\.errors) }
    var processIdentifier: Int32 { process.value.processIdentifier }

    /// Returns once the program has printed that text; false when it ended without.
    func waitForOutput(_ text: String) async -> Bool {
        await withCheckedContinuation { continuation in
            let known: Bool? = state.withLock { state in
                if (state.output + state.errors).contains(text) { return true }
                if state.status != nil { return false }
                state.waiters.append((text, continuation))
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    /// The exit code, or the negative of the signal that ended it.
    func waitForEnd() async -> Int32 {
        await withCheckedContinuation { continuation in
            let known: Int32? = state.withLock { state in
                if state.status == nil { state.endWaiters.append(continuation) }
                return state.status
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    func signal(_ number: Int32) { kill(processIdentifier, number) }

    /// Runs a program to its end.
    static func run(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], directory: String? = nil,
        input: String? = nil
    ) async throws -> (status: Int32, output: String, errors: String) {
        let program = try Program(
            executable, arguments, environment: environment, directory: directory, input: input)
        let status = await program.waitForEnd()
        return (status, program.output, program.errors)
    }
}
