import CProcess
import Glibc
import Synchronization

/// The thread that starts and reaps the processes of all containers. Children are tied to the life of the thread that forks
/// them (`PR_SET_PDEATHSIG`), so this one lives as long as the process: whatever kills Sluice kills them.
final class ProcessSupervisor: Sendable {
    /// What is to be started.
    struct Launch: Sendable {
        var path: String
        var arguments: [String]
        var environment: [String]
        var directory: String?
        var logPath: String
    }

    private struct Start {
        var launch: Launch
        var started: @Sendable (Result<Int32, LaunchFailure>) -> Void
        var ended: @Sendable (Int32) -> Void
    }

    /// Why a program did not start.
    struct LaunchFailure: Error, Sendable {
        var message: String
    }

    private struct State {
        var starts: [Start] = []
        var isRunning = false
    }

    private let state = Mutex(State())
    /// Written to wake the thread; a pipe for the life of the process.
    private let wake: (read: Int32, write: Int32)

    static let shared = ProcessSupervisor()

    private init() {
        var descriptors: [Int32] = [-1, -1]
        _ = sluice_pipe(&descriptors)
        wake = (descriptors[0], descriptors[1])
    }

    /// Starts a program; `ended` is called with its exit code, or 128 and the signal, once it has ended. The PID is its process group's.
    func start(_ launch: Launch, ended: @escaping @Sendable (Int32) -> Void) async throws -> Int32 {
        try await withCheckedThrowingContinuation { continuation in
            let mustRun = state.withLock { state in
                state.starts.append(Start(launch: launch, started: { continuation.resume(with: $0) }, ended: ended))
                defer { state.isRunning = true }
                return !state.isRunning
            }
            if mustRun { runThread() }
            var byte: UInt8 = 1
            _ = write(wake.write, &byte, 1)
        }
    }

    private func runThread() {
        var thread = pthread_t()
        _ = pthread_create(
            &thread, nil,
            { _ in
                ProcessSupervisor.shared.loop()
                return nil
            }, nil)
        pthread_detach(thread)
    }

    private func loop() {
        var running: [Int32: (process: Int32, ended: @Sendable (Int32) -> Void)] = [:]
        while true {
            var polled = [pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0)]
            polled += running.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
            for entry in polled.dropFirst() where entry.revents != 0 {
                guard let (process, ended) = running.removeValue(forKey: entry.fd) else { continue }
                close(entry.fd)
                ended(sluice_exit_code(process))
            }
            if polled[0].revents != 0 {
                var buffer = [UInt8](repeating: 0, count: 256)
                while read(wake.read, &buffer, buffer.count) > 0 {}
                let starts = state.withLock { state in
                    defer { state.starts = [] }
                    return state.starts
                }
                for start in starts {
                    switch Self.spawn(start.launch) {
                    case .failure(let failure): start.started(.failure(failure))
                    case .success(let process):
                        let descriptor = sluice_pidfd(process)
                        if descriptor < 0 {
                            kill(-process, SIGKILL)
                            _ = sluice_exit_code(process)
                            start.started(
                                .failure(LaunchFailure(message: "pidfd_open: \(String(cString: strerror(errno)))")))
                            continue
                        }
                        running[descriptor] = (process, start.ended)
                        start.started(.success(process))
                    }
                }
            }
        }
    }

    private static func spawn(_ launch: Launch) -> Result<Int32, LaunchFailure> {
        let log = open(launch.logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else {
            return .failure(LaunchFailure(message: "\(launch.logPath): \(String(cString: strerror(errno)))"))
        }
        defer { close(log) }
        var arguments: [UnsafeMutablePointer<CChar>?] = launch.arguments.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = launch.environment.map { strdup($0) } + [nil]
        defer { for pointer in arguments + environment { free(pointer) } }
        let process = sluice_spawn(launch.path, &arguments, &environment, launch.directory, log)
        guard process > 0 else {
            return .failure(
                LaunchFailure(
                    message: "exec: \"\(launch.arguments.first ?? "")\": \(String(cString: strerror(-process)))"))
        }
        return .success(process)
    }
}
