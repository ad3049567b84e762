import Foundation

/// Why a benchmark could not be run.
struct Failure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// The optimised binary.
enum Sluice {
    /// $SLUICE, or the release build of the checkout that this is started in.
    static func path() throws -> String {
        let path = ProcessInfo.processInfo.environment["SLUICE"] ?? ".build/release/sluice"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw Failure("there is no \(path): swift build -c release --product sluice, or set SLUICE")
        }
        return path
    }
}

/// A child process whose end tells what it and its own children have used. Its output is thrown away.
struct Child {
    struct Usage {
        /// The exit code, or 128 and the signal.
        var status: Int32
        var cpuSeconds: Double
        var peakMegabytes: Double
    }

    private let process: pid_t

    init(_ arguments: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [1, 2] as [Int32] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var process = pid_t()
        let code = posix_spawn(&process, arguments[0], &actions, nil, &argv, environ)
        guard code == 0 else { throw Failure("cannot start \(arguments[0]): \(String(cString: strerror(code)))") }
        self.process = process
    }

    func interrupt() { kill(process, SIGINT) }

    func waitForEnd() -> Usage {
        var status: Int32 = 0
        var usage = rusage()
        while wait4(process, &status, 0, &usage) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return Usage(
            status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, cpuSeconds: usage.cpuSeconds,
            peakMegabytes: Double(usage.ru_maxrss) / 1024)
    }
}

extension rusage {
    /// User and system together.
    var cpuSeconds: Double {
        Double(ru_utime.tv_sec + ru_stime.tv_sec) + Double(ru_utime.tv_usec + ru_stime.tv_usec) / 1_000_000
    }
}
