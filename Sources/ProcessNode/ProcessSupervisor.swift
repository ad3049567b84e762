import AsyncPrimitives
import CProcess
import Glibc
import Synchronization

/// Starts and watches all processes of the node on one thread.
///
/// The kernel kills a child when the thread that forked it ends. The thread lives as long as the supervisor, so no
/// process outlives the node, even when the node is killed.
final class ProcessSupervisor: Sendable {
    /// A process to start.
    struct Launch: Sendable {
        var path: String
        var arguments: [String]
        /// `NAME=value`.
        var environment: [String]
        var directory: String
        var logPath: String
        /// Called once, before `onExit`, with the PID or the errno of the failure.
        var onStart: @Sendable (Result<Int32, LaunchError>) -> Void
        /// Called once if the process was started, with its exit code, or 128 plus the number of the signal.
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
        /// Set by ``stop()``: nothing is started any more.
        var isClosed = false
        /// Set when every process has ended.
        var isOver = false
        /// Those who wait for that.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let mailbox = Mutex(Mailbox())
    private let bell: Int32

    /// Starts the thread. Throws ``LaunchError``.
    init() throws {
        bell = sluice_eventfd()
        guard bell >= 0 else { throw LaunchError(code: errno) }
        do {
            try DetachedThread.start { self.loop() }
        } catch {
            close(bell)
            throw LaunchError(code: error.code)
        }
    }

    /// Starts a process. Its callbacks are called on the supervisor's thread, or at once when the supervisor has
    /// stopped.
    func launch(_ launch: Launch) {
        if !send(.launch(launch)) { launch.onStart(.failure(LaunchError(code: ECANCELED))) }
    }

    /// Sends a signal to a process, and SIGKILL to its whole process group. Does nothing once the process has been
    /// reaped, since another may have its PID by then.
    func signal(_ pid: Int32, _ number: Int32) { _ = send(.signal(pid: pid, number: number)) }

    /// Kills every process with its group, calls `onExit` for each, and ends the thread. Returns when the processes are
    /// dead, also in a task that is cancelled. May be called more than once.
    func stop() async {
        _ = send(.stop)
        await withCheckedContinuation { continuation in
            let isOver = mailbox.withLock { mailbox in
                if !mailbox.isOver { mailbox.waiters.append(continuation) }
                return mailbox.isOver
            }
            if isOver { continuation.resume() }
        }
    }

    private func send(_ command: Command) -> Bool {
        let isOpen = mailbox.withLock { mailbox in
            guard !mailbox.isClosed else { return false }
            if case .stop = command { mailbox.isClosed = true }
            mailbox.commands.append(command)
            // Written under the lock, so that the thread cannot have closed the descriptor.
            var one: UInt64 = 1
            _ = write(bell, &one, MemoryLayout<UInt64>.size)
            return true
        }
        return isOpen
    }

    // MARK: On the thread

    private func loop() {
        /// The children by their pidfd.
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
                    guard children.values.contains(where: { $0.pid == pid }) else { break }
                    // As in a container, SIGTERM is for the first process, which tells its own; SIGKILL is for all.
                    _ = number == SIGKILL ? sluice_kill_group(pid, number) : kill(pid, number)
                case .stop:
                    let groups = children.values.map(\.pid)
                    for group in groups { _ = sluice_kill_group(group, SIGKILL) }
                    for descriptor in Array(children.keys) { finish(descriptor, &children) }
                    waitForEnd(of: groups)
                    close(bell)
                    let waiters = mailbox.withLock { mailbox in
                        mailbox.isOver = true
                        defer { mailbox.waiters = [] }
                        return mailbox.waiters
                    }
                    for waiter in waiters { waiter.resume() }
                    return
                }
            }
        }
    }

    /// Waits a little until nothing is left of process groups that are killed. Their leaders are reaped; the others are
    /// left to the init process, which may never reap them.
    private func waitForEnd(of groups: [Int32]) {
        for _ in 0..<50 where groups.contains(where: { sluice_kill_group($0, 0) == 0 }) { usleep(2000) }
    }

    private func finish(_ descriptor: Int32, _ children: inout [Int32: Child]) {
        guard let child = children.removeValue(forKey: descriptor) else { return }
        // Kill what is left of the process group. Until the leader is reaped, no other group can have its number.
        if sluice_has_ended(child.pid) == 1 { _ = sluice_kill_group(child.pid, SIGKILL) }
        let code = sluice_reap(child.pid)
        close(descriptor)
        child.onExit(code < 0 ? 255 : Int(code))
    }

    private func start(_ launch: Launch, _ children: inout [Int32: Child]) {
        let log = sluice_make_file(launch.logPath)
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

    /// Passes the strings as a null-terminated C array.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = strings.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        // The pointer is valid during the call, and the callee does not change the array.
        return body(pointers)
    }
}
