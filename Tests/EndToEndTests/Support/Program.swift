import Foundation
import Synchronization

/// A process under test: its output as it comes, its end, and signals to it.
///
/// Started by posix_spawn with files for its output and reaped by a thread of its own: Foundation's `Process` loses the end of a
/// short process now and then where a long one runs beside it.
final class Program: Sendable {
    private struct State {
        var status: Int32?
        var waiters: [CheckedContinuation<Int32, Never>] = []
    }

    /// Why a program could not be started.
    struct StartFailure: Error {
        var executable: String
        var code: Int32
    }

    let processIdentifier: pid_t
    private let directory: String
    private let state = Mutex(State())

    /// Starts a program. `environment` is laid over this process's own.
    init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], directory: String? = nil,
        input: String? = nil
    ) throws {
        self.directory = try Tools.temporaryDirectory()
        try Data((input ?? "").utf8).write(to: URL(fileURLWithPath: self.directory + "/in"))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, self.directory + "/in", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, self.directory + "/out", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, self.directory + "/err", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals as a shell would start it with: what the test runner ignores or blocks is its own business.
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        // Whatever pipes other tests of this process have open are none of the program's: a server that waits for the end of
        // its input would wait for the program too.
        let closing = #"for fd in /proc/$$/fd/*; do fd=${fd##*/}; ((fd > 2)) && eval "exec $fd>&-"; done; exec "$@""#
        let command =
            ["/bin/bash", "-c", closing, "bash"] + (directory.map { ["/usr/bin/env", "-C", $0] } ?? []) + [executable]
            + arguments
        var argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var process = pid_t()
        let code = posix_spawnp(&process, command[0], &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw StartFailure(executable: executable, code: code) }
        processIdentifier = process
        Thread.detachNewThread { [self, process] in
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            ended(signal == 0 ? status >> 8 & 0xFF : -signal)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func ended(_ status: Int32) {
        let waiters = state.withLock { state in
            state.status = status
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: status) }
    }

    private func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: "\(directory)/\(name)") ?? Data(), as: UTF8.self)
    }

    var output: String { text("out") }
    var errors: String { text("err") }

    /// Returns once the program has printed that text; false when it ended without, or a minute has passed.
    func waitForOutput(_ text: String) async -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let hasEnded = state.withLock { $0.status != nil }
            if output.contains(text) || errors.contains(text) { return true }
            if hasEnded || ContinuousClock.now > deadline { return false }
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return false }
        }
    }

    /// The exit code, or the negative of the signal that ended it.
    func waitForEnd() async -> Int32 {
        await withCheckedContinuation { continuation in
            let known: Int32? = state.withLock { state in
                if state.status == nil { state.waiters.append(continuation) }
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
