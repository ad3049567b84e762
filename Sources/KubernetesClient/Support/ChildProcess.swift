import AsyncPrimitives
import CurlHTTP
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Runs a program to its end and returns what it printed.
enum ChildProcess {
    /// Why there is no output.
    enum Failure: Error, Hashable {
        /// The program could not be started; with the errno.
        case notStarted(Int32)
        case exit(Int32)
        case signal(Int32)
        /// The output could not be read; with the errno.
        case unreadable(Int32)
    }

    /// The largest output that is read, in bytes.
    static let maximumOutput = 1 << 20

    /// Runs a program, found through PATH if it has no slash, and returns its standard output. It inherits standard
    /// error, and standard input if `inheritsInput` is true. When the task is cancelled the program is killed. Throws
    /// ``Failure``.
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String], inheritsInput: Bool
    ) async throws -> [UInt8] {
        let lifeline = Lifeline()
        return try await withTaskCancellationHandler {
            do {
                return try await DetachedThread.run {
                    try runBlocking(
                        program, arguments, environment: environment, inheritsInput: inheritsInput, lifeline)
                }
            } catch let error as DetachedThread.StartError {
                throw Failure.notStarted(error.code)
            }
        } onCancel: {
            lifeline.cut()
        }
    }

    /// Kills a child, but only while its number is its own.
    private final class Lifeline: Sendable {
        private let state = Mutex<(child: pid_t?, isCut: Bool)>((nil, false))

        /// Starts the child, unless it was cut before.
        func start(_ spawn: () throws -> pid_t) throws -> pid_t {
            try state.withLock { state in
                guard !state.isCut else { throw Failure.signal(SIGKILL) }
                let child = try spawn()
                state.child = child
                return child
            }
        }

        func cut() {
            state.withLock { state in
                state.isCut = true
                if let child = state.child { Self.end(child) }
            }
        }

        /// Waits for the child to end and returns its status.
        func wait() throws -> Int32 {
            guard let child = state.withLock(\.child) else { throw Failure.unreadable(ECHILD) }
            // It stays a zombie, whose number nobody else gets, until no more signals can be sent.
            var information = siginfo_t()
            while waitid(P_PID, id_t(child), &information, WEXITED | WNOWAIT) < 0 {
                guard errno == EINTR else { throw Failure.unreadable(errno) }
            }
            return try state.withLock { state in
                state.child = nil
                var status: Int32 = 0
                while waitpid(child, &status, 0) < 0 {
                    guard errno == EINTR else { throw Failure.unreadable(errno) }
                }
                return status
            }
        }

        /// Also what the child has started, which may hold its output open: it leads a group, unless it uses the
        /// terminal.
        static func end(_ child: pid_t) { if kill(-child, SIGKILL) < 0 { kill(child, SIGKILL) } }
    }

    private static func runBlocking(
        _ program: String, _ arguments: [String], environment: [String: String], inheritsInput: Bool,
        _ lifeline: Lifeline
    ) throws -> [UInt8] {
        guard let (output, input) = makePipe() else { throw Failure.notStarted(errno) }
        defer { close(output) }
        do {
            defer { close(input) }
            _ = try lifeline.start {
                try spawn(program, arguments, environment, output: input, inheritsInput: inheritsInput)
            }
        }
        let printed = Result { try FileContents.read(output, path: program, maximum: maximumOutput) }
        if case .failure = printed { lifeline.cut() }
        let status = try lifeline.wait()
        if case .failure(let error) = printed {
            throw Failure.unreadable((error as? FileContents.Failure)?.code ?? EIO)
        }
        // Written out because WIFEXITED and the like are macros.
        if status & 0x7F != 0 { throw Failure.signal(status & 0x7F) }
        if status >> 8 & 0xFF != 0 { throw Failure.exit(status >> 8 & 0xFF) }
        return try printed.get()
    }

    private static func spawn(
        _ program: String, _ arguments: [String], _ environment: [String: String], output: Int32, inheritsInput: Bool
    ) throws -> pid_t {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The plug-in must get signals that this process blocks or ignores.
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&mask, signal) }
        posix_spawnattr_setsigdefault(&attributes, &mask)
        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        // A group of its own, so that it can be killed with all its children; not where it reads from the terminal, which
        // only the group in front may.
        if !inheritsInput { flags |= POSIX_SPAWN_SETPGROUP }
        posix_spawnattr_setflags(&attributes, Int16(flags))
        if !inheritsInput { posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) }
        posix_spawn_file_actions_adddup2(&actions, output, 1)

        var argv = ([program] + arguments).map { strdup($0) } + [nil]
        var envp = environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var child: pid_t = 0
        let failure = posix_spawnp(&child, program, &actions, &attributes, &argv, &envp)
        guard failure == 0 else { throw Failure.notStarted(failure) }
        return child
    }

    /// Whether standard input is a terminal.
    static var hasTerminal: Bool { isatty(0) != 0 }

    /// The system's message for an errno.
    static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
