import CProcess
import Glibc
import Synchronization

/// Starts and watches all processes of the node on one thread. The kernel kills a child when the thread that forked it ends, so
/// that thread is as old as the supervisor, and no process outlives the node even when it is killed.
final class ProcessSupervisor: Sendable {
    /// What is to be started.
    struct Launch: Sendable {
        var path: String
        var arguments: [String]
        /// `NAME=value`.
        var environment: [String]
        var directory: String
        var logPath: String
        /// Told once, before `onExit`: the PID, or the errno of what failed.
        var onStart: @Sendable (Result<Int32, LaunchError>) -> Void
        /// Told once when it had started: its exit code, or 128 and the number of the signal.
        var onExit: @Sendable (Int) -> Void
    }

    struct LaunchError: Error, Hashable {
        var code: Int32
        var reason: String { String(cString: strerror(code)) }
    }

    private enum Command: Sendable {
        case launch(Launch)
        case signal(pid: Int32, number: Int32)
        case stop
    }

    private struct Child {
        var pid: Int32
        var onExit: @Sendable (Int) -> Void
    }

    private struct Mailbox {
        var commands: [Command] = []
        /// Since then nothing is started any more.
        var isClosed = false
    }

    private let mailbox = Mutex(Mailbox())
    private let bell: Int32

    /// Starts the thread.
    init() throws {
        bell = sluice_eventfd()
        guard bell >= 0 else { throw LaunchError(code: errno) }
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ProcessSupervisor>.fromOpaque(context).takeRetainedValue().loop()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard code == 0 else {
            Unmanaged.passUnretained(self).release()
            close(bell)
            throw LaunchError(code: code)
        }
        pthread_detach(thread)
    }

    /// Starts a process; the outcome is told to its callbacks, on the supervisor's thread.
    func launch(_ launch: Launch) {
        if !send(.launch(launch)) { launch.onStart(.failure(LaunchError(code: ECANCELED))) }
    }

    /// Sends a signal to the group of a process. Nothing happens when its end has been taken: the PID may be another's by then.
    func signal(_ pid: Int32, _ number: Int32) { _ = send(.signal(pid: pid, number: number)) }

    /// Kills every process with its group, tells their ends, and ends the thread. Idempotent.
    func stop() {
        _ = send(.stop)
    }

    private func send(_ command: Command) -> Bool {
        let isOpen = mailbox.withLock { mailbox in
            guard !mailbox.isClosed else { return false }
            if case .stop = command { mailbox.isClosed = true }
            mailbox.commands.append(command)
            // Under the lock, so that the thread cannot have closed the descriptor.
            var one: UInt64 = 1
            _ = write(bell, &one, MemoryLayout<UInt64>.size)
            return true
        }
        return isOpen
    }

    // MARK: On the thread

    private func loop() {
        /// By the descriptor of the process.
        var children: [Int32: Child] = [:]
        while true {
            var polled = [pollfd(fd: bell, events: Int16(POLLIN), revents: 0)]
            polled += children.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            if poll(&polled, nfds_t(polled.count), -1) < 0 { continue }
            for entry in polled.dropFirst() where entry.revents != 0 { finish(entry.fd, &children) }
            guard polled[0].revents != 0 else { continue }
            var count: UInt64 = 0
            _ = read(bell, &count, MemoryLayout<UInt64>.size)
            let commands = mailbox.withLock { mailbox in
                defer { mailbox.commands = [] }
                return mailbox.commands
            }
            for command in commands {
                switch command {
                case .launch(let launch): start(launch, &children)
                case .signal(let pid, let number):
                    if children.values.contains(where: { $0.pid == pid }) { _ = sluice_kill_group(pid, number) }
                case .stop:
                    for child in children.values { _ = sluice_kill_group(child.pid, SIGKILL) }
                    for descriptor in Array(children.keys) { finish(descriptor, &children) }
                    close(bell)
                    return
                }
            }
        }
    }

    private func finish(_ descriptor: Int32, _ children: inout [Int32: Child]) {
        guard let child = children.removeValue(forKey: descriptor) else { return }
        // What a container leaves behind goes with it; until the leader is reaped, its group's number is surely its own.
        if sluice_has_ended(child.pid) == 1 { _ = sluice_kill_group(child.pid, SIGKILL) }
        let code = sluice_reap(child.pid)
        close(descriptor)
        child.onExit(code < 0 ? 255 : Int(code))
    }

    private func start(_ launch: Launch, _ children: inout [Int32: Child]) {
        let log = sluice_open_log(launch.logPath)
        guard log >= 0 else { return launch.onStart(.failure(LaunchError(code: errno))) }
        defer { close(log) }
        let pid = Self.withCStrings(launch.arguments) { arguments in
            Self.withCStrings(launch.environment) { environment in
                sluice_spawn(launch.path, arguments, environment, launch.directory, log, 0)
            }
        }
        guard pid > 0 else { return launch.onStart(.failure(LaunchError(code: -pid))) }
        let descriptor = sluice_pidfd_open(pid)
        guard descriptor >= 0 else {
            let code = errno
            _ = sluice_kill_group(pid, SIGKILL)
            _ = sluice_reap(pid)
            return launch.onStart(.failure(LaunchError(code: code)))
        }
        children[descriptor] = Child(pid: pid, onExit: launch.onExit)
        launch.onStart(.success(pid))
    }

    /// The strings as a C array with a null at its end.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = strings.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        // Bridged for the length of the call; the array has its null and is not changed.
        return body(pointers)
    }
}
