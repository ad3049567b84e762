import FoundationEssentials
import KubernetesModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The folder in which the logs of a run are kept. It is made when there is something to keep.
final class LogFolder: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct State {
        var path: String?
        /// Why nothing is kept, once that is so.
        var failure: Failure?
    }

    private let candidates: [String]
    private let state = Mutex(State())

    /// The folder that the user named. It is made at once: a name that cannot be used is the user's mistake. Throws ``Failure``.
    init(named path: String) throws {
        candidates = [path]
        _ = try make()
    }

    /// A new folder of this run, below the current directory; below the one for temporary files where that cannot be written.
    init(run: String, now: Timestamp) {
        let time = now.rfc3339.filter { $0 != "-" && $0 != ":" }.replacing("T", with: "-").replacing("Z", with: "")
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        candidates = ["sluice-logs", "\(base)/sluice-logs"].flatMap { parent in
            (1...100).map { "\(parent)/\(run)-\(time)" + ($0 == 1 ? "" : "-\($0)") }
        }
    }

    /// The folder; nil as long as there was nothing to keep.
    var path: String? { state.withLock(\.path) }

    /// Opens a new file in it. Throws ``Failure``.
    func open(_ name: String) throws -> LogFileWriter {
        let path = "\(try make())/\(name)"
        let descriptor = creat(path)
        guard descriptor >= 0 else { throw Failure(description: "cannot write \(path): \(Self.reason)") }
        return LogFileWriter(path: path, descriptor: descriptor)
    }

    /// The last bytes of a file; nil when there is none.
    func end(of name: String, limit: Int = 1 << 16) -> (bytes: [UInt8], isWhole: Bool)? {
        guard let path else { return nil }
        let descriptor = openForReading("\(path)/\(name)")
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        let start = max(0, size - limit)
        lseek(descriptor, off_t(start), SEEK_SET)
        var bytes = [UInt8](repeating: 0, count: size - start)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        return (Array(bytes.prefix(max(0, count))), start == 0)
    }

    private func make() throws -> String {
        try state.withLock { state in
            if let path = state.path { return path }
            if let failure = state.failure { throw failure }
            var reason = ""
            for path in candidates {
                let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
                if !parent.isEmpty { Self.makeAll(parent.joined(separator: "/")) }
                if mkdir(path, 0o777) == 0 || (candidates.count == 1 && Self.isDirectory(path)) {
                    state.path = path
                    return path
                }
                reason = "cannot make the folder \(path): \(Self.reason)"
            }
            let failure = Failure(description: reason)
            state.failure = failure
            throw failure
        }
    }

    /// Makes a folder and those above it. What cannot be made shows when it is used.
    private static func makeAll(_ path: String) {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            made += part
            if !made.isEmpty { mkdir(made, 0o777) }
            made += "/"
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var information = stat()
        let error = errno
        defer { errno = error }
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
    }

    private static var reason: String { String(cString: strerror(errno)) }
}

/// A file that a log is written to.
final class LogFileWriter: Sendable {
    let path: String
    private let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Writes all of it. Throws `LogFolder.Failure` where the disk is full.
    func write(_ bytes: ArraySlice<UInt8>) throws {
        var bytes = bytes
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno != EINTR {
                throw LogFolder.Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
            }
        }
    }
}

private func creat(_ path: String) -> Int32 { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) }

private func openForReading(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC) }
