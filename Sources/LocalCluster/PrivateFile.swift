import HTTPServing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a file or a directory of the cluster cannot be used, in one sentence for people.
public struct FileFailure: Error, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    /// Makes a failure.
    public init(_ description: String) { self.description = description }

    /// What was attempted, with the reason that the last system call gave.
    static func system(_ attempt: String) -> FileFailure {
        FileFailure("\(attempt): \(String(cString: strerror(errno)))")
    }
}

/// Files that only their owner may read, since they hold keys and tokens.
public enum PrivateFile {
    /// Writes the file whole or not at all: into a new file beside it, which then takes its name. Throws
    /// ``FileFailure``.
    public static func write(_ bytes: [UInt8], to path: String) throws {
        let (temporary, descriptor) = try create(bytes, beside: path)
        defer { close(descriptor) }
        guard rename(temporary, path) == 0 else {
            let failure = FileFailure.system("cannot write \(path)")
            unlink(temporary)
            throw failure
        }
    }

    /// A new file with these bytes in the folder of `path`, under a name that nobody can foresee, and open. Never
    /// follows a link and never writes into a file that is there. Throws ``FileFailure``.
    static func create(_ bytes: [UInt8], beside path: String) throws -> (path: String, descriptor: Int32) {
        let temporary = "\(path).\(try SecureRandom.token().prefix(16)).tmp"
        let descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFailure.system("cannot write \(path)") }
        var rest = bytes[...]
        // The umask may have taken rights away from the owner.
        var isWritten = fchmod(descriptor, 0o600) == 0
        while isWritten, !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            isWritten = count > 0
            rest = rest.dropFirst(max(0, count))
        }
        guard isWritten, fsync(descriptor) == 0 else {
            let failure = FileFailure.system("cannot write \(path)")
            close(descriptor)
            unlink(temporary)
            throw failure
        }
        return (temporary, descriptor)
    }

    /// The bytes of a regular file; nil when there is none. Throws ``FileFailure``.
    static func read(_ path: String) throws -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw FileFailure.system("cannot read \(path)")
        }
        defer { close(descriptor) }
        return try read(descriptor, path)
    }

    /// The bytes of an open file, which has to be a regular one. Throws ``FileFailure``.
    static func read(_ descriptor: Int32, _ path: String) throws -> [UInt8] {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw FileFailure("\(path) is no file: expected the path of a regular file")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < 1 << 20 {
            let count = buffer.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileFailure.system("cannot read \(path)") }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// The path without links and relative parts; as it is when there is no such file.
    public static func absolutePath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

// The C functions, which have the names of functions above.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}
