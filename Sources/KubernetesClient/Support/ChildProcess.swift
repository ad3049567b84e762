import CurlHTTP

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
    /// error, and standard input if `inheritsInput` is true. Throws ``Failure``.
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String], inheritsInput: Bool
    ) async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { continuation in
            // Waiting blocks, so it must not run on a thread of the tasks.
            let isStarted = startThread {
                continuation.resume(
                    with: Result {
                        try runBlocking(program, arguments, environment: environment, inheritsInput: inheritsInput)
                    })
            }
            if !isStarted { continuation.resume(throwing: Failure.notStarted(EAGAIN)) }
        }
    }

    private static func runBlocking(
        _ program: String, _ arguments: [String], environment: [String: String], inheritsInput: Bool
    ) throws -> [UInt8] {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure.notStarted(errno) }
        let (output, input) = (ends[0], ends[1])
        defer { close(output) }
        // So that children started meanwhile do not inherit them.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let child: pid_t
        do {
            defer { close(input) }
            child = try spawn(program, arguments, environment, output: input, inheritsInput: inheritsInput)
        }
        let printed = Result { try FileContents.read(output, path: program, maximum: maximumOutput) }
        if case .failure = printed { kill(child, SIGKILL) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { throw Failure.unreadable(errno) }
        }
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
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
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
