import AsyncPrimitives
import CProcess
import CStarter
import Glibc
import Synchronization

/// Starts and watches all processes of the node, from one thread, through the starter: a small process beside this one (`starter.h`).
///
/// A container is its main process and all that descends from it, whatever sessions they make and however often they fork: when the main
/// process ends, or the container is killed, nothing of it is left. Nor is anything left where this program is killed: the starter ends
/// what runs then, with SIGTERM, the grace period and SIGKILL.
final class ProcessSupervisor: Sendable {
    /// A container to start.
    struct Launch: Sendable {
        var path: String
        var arguments: [String]
        /// `NAME=value`.
        var environment: [String]
        var directory: String
        var logPath: String
        /// What the container finds at paths of its own, in this order.
        var mounts: [Mount] = []
        /// An empty folder for building them.
        var stage = ""
        /// What keeps it apart from the machine.
        var isolation: Isolation = []
        /// As whom it runs.
        var user = ContainerUser()
        /// The process of a running container, as its `onStart` had it: this one runs in that one's place, with its mounts and among its
        /// processes, and has none of its own.
        var joined: Int32?
        /// How many bytes of memory it may have for itself; nil for any number. Looked at every 0.2 s: more is killed.
        var memoryLimit: Int64?
        /// Thousandths of a core that it may use, in a control group; nil for all.
        var milliCPU: Int64?
        /// Its share where cores are short, as control groups have it; 0 for theirs.
        var weight: Int64 = 0
        /// The control group that is made for it, or that it joins. Without one its memory is looked at, and its use of CPU has no limit.
        var cgroup = ""
        /// How long it may take to end after SIGTERM, where this program dies.
        var grace: Duration = .seconds(30)
        /// All that is text, in the order in which the starter is told it.
        fileprivate var strings: [String] {
            [path, directory, logPath, stage, user.groups.map(String.init).joined(separator: ","), cgroup]
                + arguments
                + environment + mounts.flatMap { [$0.source, $0.path, $0.word] }
        }

        /// Called once, before `onExit`, with the PID of the main process or the errno of the failure.
        var onStart: @Sendable (Result<Int32, LaunchError>) -> Void
        /// Called once if the process was started, when nothing of the container is left.
        var onExit: @Sendable (Exit) -> Void
    }

    /// The end of a container.
    struct Exit: Sendable, Hashable {
        /// The exit code of the main process, or 128 plus the number of the signal.
        var code: Int
        /// Whether it was killed for its memory.
        var isOutOfMemory = false
    }

    /// A file or folder that a container finds at a path of its own.
    struct Mount: Sendable, Hashable {
        enum Kind: String, Sendable {
            case readOnly = "ro"
            case writable = "rw"
            /// Read-only once the other mounts have been made in it. Only with ``Isolation/files``.
            case sealed = "seal"
            /// An empty folder in the place of one that is there. It has no source.
            case hidden = "hide"
            /// What is there, with a layer for changes that is kept in the folders `upper` and `work` of the source.
            case layered = "layer"
        }

        var source: String
        var path: String
        var kind: Kind
        /// Where the source is a part of a volume, the path of that: containers may have put links there, which lead to nothing outside.
        var volume: String?

        fileprivate var word: String { volume.map { "\(kind.rawValue):\($0.utf8.count)" } ?? kind.rawValue }
    }

    /// What a container has for itself, besides its mounts.
    struct Isolation: OptionSet, Sendable, Hashable {
        var rawValue: UInt32
        /// Processes: it sees and reaches no others.
        static let processes = Isolation(rawValue: SLUICE_OWN_PROCESSES.rawValue)
        /// All that is not mounted for it can only be read, and its /dev has what every program may expect.
        static let files = Isolation(rawValue: SLUICE_OWN_FILES.rawValue)
        /// The /dev of the machine, all the same.
        static let allDevices = Isolation(rawValue: SLUICE_ALL_DEVICES.rawValue)
    }

    struct LaunchError: Error, Hashable {
        /// An errno, and ``SLUICE_MOUNT_FAILED`` more where the sandbox cannot be built, and that once more for each mount up to the one that
        /// failed.
        var code: Int32
        var isOfMount: Bool { code > SLUICE_MOUNT_FAILED }
        /// The number of the mount that failed; nil where it was none of them.
        var mount: Int? {
            let step = Int(code) / Int(SLUICE_MOUNT_FAILED)
            return step > 1 ? step - 2 : nil
        }
        /// Whether its control group cannot be made or entered.
        var isOfGroup: Bool { (SLUICE_CGROUP_FAILED..<SLUICE_MOUNT_FAILED).contains(Int(code)) }
        /// Whether it cannot begin in its directory.
        var isOfDirectory: Bool { (SLUICE_DIRECTORY_FAILED..<SLUICE_CGROUP_FAILED).contains(Int(code)) }
        var reason: String { String(cString: strerror(code % Int32(SLUICE_DIRECTORY_FAILED))) }
    }

    private enum Command: Sendable {
        case launch(Launch)
        case signal(pid: Int32, number: Int32)
        case stop(grace: Duration)
    }

    private struct Child {
        var launch: Launch
        /// nil until it has started.
        var pid: Int32?
    }

    private struct Mailbox {
        var commands: [Command] = []
        /// Nothing is started any more.
        var isClosed = false
        /// Set when every process has ended.
        var isOver = false
        /// Those who wait for that.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let mailbox = Mutex(Mailbox())
    private let bell: Int32
    private let starter: pid_t
    private let commands: Int32
    private let reports: Int32

    /// Starts the starter, and the thread that talks to it. Throws ``LaunchError``.
    init() throws {
        bell = sluice_eventfd()
        guard bell >= 0 else { throw LaunchError(code: errno) }
        var commands: Int32 = -1
        var reports: Int32 = -1
        starter = sluice_start_starter(&commands, &reports)
        (self.commands, self.reports) = (commands, reports)
        guard starter > 0 else {
            close(bell)
            throw LaunchError(code: -starter)
        }
        do {
            try DetachedThread.start { self.loop() }
        } catch {
            // The starter sees the end of its commands, and ends.
            for descriptor in [bell, commands, reports] { close(descriptor) }
            reapStarter()
            throw LaunchError(code: error.code)
        }
    }

    /// Starts a container. Its callbacks are called on the supervisor's thread, or at once when the supervisor has stopped.
    func launch(_ launch: Launch) {
        // They come to the starter one after the other, each with NUL at its end.
        guard launch.strings.allSatisfy({ !$0.utf8.contains(0) }) else {
            return launch.onStart(.failure(LaunchError(code: EINVAL)))
        }
        if !send(.launch(launch)) { launch.onStart(.failure(LaunchError(code: ECANCELED))) }
    }

    /// Sends a signal to the main process of a container, as in a container, where the first process tells its own; SIGKILL to all of it.
    /// Does nothing once it has ended.
    func signal(_ pid: Int32, _ number: Int32) { _ = send(.signal(pid: pid, number: number)) }

    /// Ends every container: SIGTERM, and SIGKILL for what is left after `grace` or its own grace period. Calls `onExit` for each, and ends the thread. Returns
    /// when nothing is left, also in a task that is cancelled. May be called more than once; the first grace counts.
    func stop(grace: Duration = .zero) async {
        _ = send(.stop(grace: grace))
        await withCheckedContinuation { continuation in
            let isOver = mailbox.withLock { mailbox in
                if !mailbox.isOver { mailbox.waiters.append(continuation) }
                return mailbox.isOver
            }
            if isOver { continuation.resume() }
        }
    }

    private func send(_ command: Command) -> Bool {
        mailbox.withLock { mailbox in
            guard !mailbox.isClosed else { return false }
            if case .stop = command { mailbox.isClosed = true }
            mailbox.commands.append(command)
            // Written under the lock, so that the thread cannot have closed the descriptor.
            var one: UInt64 = 1
            _ = write(bell, &one, MemoryLayout<UInt64>.size)
            return true
        }
    }

    // MARK: On the thread

    private func loop() {
        var children: [UInt32: Child] = [:]
        var numbers: [Int32: UInt32] = [:]
        var last: UInt32 = 0
        /// What the starter has not taken yet.
        var outgoing: [UInt8] = []
        while true {
            var polled = [
                pollfd(fd: bell, events: Int16(POLLIN), revents: 0),
                pollfd(fd: reports, events: Int16(POLLIN), revents: 0),
                pollfd(fd: outgoing.isEmpty ? -1 : commands, events: Int16(POLLOUT), revents: 0),
            ]
            if poll(&polled, nfds_t(polled.count), -1) < 0 { continue }
            if polled[0].revents != 0 {
                var count: UInt64 = 0
                _ = read(bell, &count, MemoryLayout<UInt64>.size)
                let commands = mailbox.withLock { mailbox in
                    defer { mailbox.commands = [] }
                    return mailbox.commands
                }
                for command in commands {
                    switch command {
                    case .launch(let launch):
                        var joined: UInt32 = 0
                        if let pid = launch.joined {
                            guard let number = numbers[pid] else {
                                launch.onStart(.failure(LaunchError(code: ESRCH)))
                                break
                            }
                            joined = number
                        }
                        last += 1
                        children[last] = Child(launch: launch)
                        outgoing += Self.frame(launch, last, joined: joined)
                    case .signal(let pid, let number):
                        guard let container = numbers[pid] else { break }
                        outgoing += Self.frame(SLUICE_SIGNAL, container, UInt32(number))
                    case .stop(let grace):
                        outgoing += Self.frame(SLUICE_STOP, 0, Self.milliseconds(grace))
                    }
                }
            }
            flush(&outgoing)
            guard polled[1].revents != 0 else { continue }
            guard let news = readReports() else { return end(children) }
            for report in news {
                guard let child = children[report.container] else { continue }
                switch report.kind {
                case SLUICE_STARTED.rawValue where report.value > 0:
                    children[report.container]?.pid = report.value
                    numbers[report.value] = report.container
                    child.launch.onStart(.success(report.value))
                case SLUICE_STARTED.rawValue:
                    children[report.container] = nil
                    child.launch.onStart(.failure(LaunchError(code: -report.value)))
                default:
                    children[report.container] = nil
                    if let pid = child.pid, numbers[pid] == report.container { numbers[pid] = nil }
                    let isOutOfMemory = report.kind == SLUICE_OUT_OF_MEMORY.rawValue
                    tell(child, Exit(code: Int(report.value), isOutOfMemory: isOutOfMemory))
                }
            }
        }
    }

    /// The container has ended; one whose shim was killed before it could tell of the start has failed to start.
    private func tell(_ child: Child, _ exit: Exit) {
        if child.pid == nil {
            child.launch.onStart(.failure(LaunchError(code: ESRCH)))
        } else {
            child.launch.onExit(exit)
        }
    }

    /// What was reported; nil when the starter and all containers are gone.
    private func readReports() -> [sluice_report]? {
        var reports = [sluice_report](repeating: sluice_report(), count: 256)
        // Each is written whole, so that no part of one is read.
        let size = reports.withUnsafeMutableBytes { read(self.reports, $0.baseAddress, $0.count) }
        if size < 0 { return [] }
        return size == 0 ? nil : Array(reports.prefix(size / MemoryLayout<sluice_report>.stride))
    }

    private func flush(_ outgoing: inout [UInt8]) {
        guard !outgoing.isEmpty else { return }
        let size = outgoing.withUnsafeBytes {
            Glibc.send(commands, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        }
        if size > 0 {
            outgoing.removeFirst(size)
        } else if size < 0, errno != EAGAIN, errno != EINTR {
            // The starter is gone; the end of the reports follows.
            outgoing = []
        }
    }

    /// Nothing is left: the starter has stopped, or somebody has killed it, which ends all containers.
    private func end(_ children: [UInt32: Child]) {
        close(commands)
        close(reports)
        reapStarter()
        let (unsent, waiters) = mailbox.withLock { mailbox in
            mailbox.isClosed = true
            mailbox.isOver = true
            close(bell)
            defer { (mailbox.commands, mailbox.waiters) = ([], []) }
            return (mailbox.commands, mailbox.waiters)
        }
        for (_, child) in children.sorted(by: { $0.key < $1.key }) { tell(child, Exit(code: 137)) }
        for case .launch(let launch) in unsent { launch.onStart(.failure(LaunchError(code: ECANCELED))) }
        for waiter in waiters { waiter.resume() }
    }

    private func reapStarter() {
        while waitpid(starter, nil, 0) < 0, errno == EINTR {}
    }

    // MARK: Frames

    private static func milliseconds(_ duration: Duration) -> UInt32 {
        let (seconds, attoseconds) = max(.zero, min(duration, .seconds(86_400))).components
        return UInt32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
    }

    private static func frame(_ kind: sluice_command, _ container: UInt32, _ number: UInt32) -> [UInt8] {
        var frame: [UInt8] = []
        for number in [12, kind.rawValue, container, number] { withUnsafeBytes(of: number) { frame += $0 } }
        return frame
    }

    private static func frame(_ launch: Launch, _ container: UInt32, joined: UInt32) -> [UInt8] {
        var head = sluice_launch()
        head.grace = milliseconds(launch.grace)
        head.arguments = UInt32(launch.arguments.count)
        head.variables = UInt32(launch.environment.count)
        head.mounts = UInt32(launch.mounts.count)
        head.memory = launch.memoryLimit.map { UInt32(clamping: max(1, $0 / 1_024)) } ?? 0
        head.cpu = launch.milliCPU.map { UInt32(clamping: max(1, $0)) } ?? 0
        head.weight = UInt32(clamping: launch.weight)
        head.flags = launch.isolation.rawValue
        let user = launch.user
        head.user = user.user ?? UInt32(SLUICE_NOBODY)
        head.group = user.group ?? UInt32(SLUICE_NOBODY)
        if user.hasNoNewPrivileges { head.flags |= SLUICE_NO_NEW_PRIVILEGES.rawValue }
        if let kept = user.capabilities {
            head.flags |= SLUICE_FEWER_CAPABILITIES.rawValue
            head.capabilities = (UInt32(truncatingIfNeeded: kept), UInt32(truncatingIfNeeded: kept >> 32))
        }
        head.joined = joined
        head.joined_process = UInt32(launch.joined ?? 0)
        var body: [UInt8] = []
        for number in [SLUICE_LAUNCH.rawValue, container] { withUnsafeBytes(of: number) { body += $0 } }
        withUnsafeBytes(of: head) { body += $0 }
        for string in launch.strings {
            body += string.utf8
            body.append(0)
        }
        return withUnsafeBytes(of: UInt32(body.count)) { Array($0) } + body
    }
}
