#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The directory of a cluster, which only its owner may read: secrets are in it.
struct WorkDirectory: Sendable {
    let path: String
    private let isTemporary: Bool
    /// Held while a temporary one is in use; nil for one that was given.
    private let lock: FileLock?

    var objects: String { "\(path)/objects.sqlite" }
    var access: String { "\(path)/access.json" }

    /// Makes the directory, or a temporary one when none is given; takes the rights of others away from one that is
    /// there. Throws ``FileFailure``, also for a directory that holds something else: its rights are not ours to change.
    init(_ given: String?) throws {
        if let given {
            path = given
            isTemporary = false
            lock = nil
            if mkdir(given, 0o700) == 0 { return }
            guard errno == EEXIST else { throw FileFailure.system("cannot make the directory \(given)") }
            try tighten()
            return
        }
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        Self.removeAbandoned(in: base)
        // Another process that tidies up may take the lock of a directory that is not locked yet, and remove it.
        for _ in 0..<10 {
            var template = Array("\(base)/sluice-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw FileFailure.system("cannot make a directory in \(base)") }
            let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            let file = "\(path)/\(Self.lockName)"
            var status = stat()
            guard let lock = FileLock(file, create: true), lstat(file, &status) == 0 else { continue }
            self.path = path
            self.lock = lock
            isTemporary = true
            return
        }
        throw FileFailure("no directory in \(base) can be locked")
    }

    private static let lockName = "lock"

    /// Removes temporary directories of this user whose process was killed: nobody holds their locks.
    private static func removeAbandoned(in base: String) {
        for name in FileTree.names(base) where name.hasPrefix("sluice-") && name.utf8.count == 13 {
            let path = "\(base)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(),
                let lock = FileLock("\(path)/\(lockName)", create: false)
            else { continue }
            withExtendedLifetime(lock) { FileTree.remove(path) }
        }
    }

    private func tighten() throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure.system("cannot open the directory \(path)") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileFailure.system("cannot open the directory \(path)") }
        guard status.st_uid == geteuid() else {
            throw FileFailure("the directory \(path) belongs to another user: expected one of your own")
        }
        let names = FileTree.names(path)
        guard names.isEmpty || names.contains("objects.sqlite") || names.contains("access.json") else {
            throw FileFailure(
                "the directory \(path) holds other files: expected an empty or a new one, or that of an earlier"
                    + " sluice up --data")
        }
        if status.st_mode & 0o777 != 0o700, fchmod(descriptor, 0o700) != 0 {
            throw FileFailure.system("cannot close the directory \(path) to others")
        }
        for name in names where name.hasPrefix("objects.sqlite") || name == "access.json" {
            var file = stat()
            guard lstat("\(path)/\(name)", &file) == 0, file.st_mode & S_IFMT == S_IFREG, file.st_mode & 0o077 != 0
            else { continue }
            guard chmod("\(path)/\(name)", 0o600) == 0 else {
                throw FileFailure.system("cannot close \(path)/\(name) to others")
            }
        }
    }

    func removeIfTemporary() {
        if isTemporary { FileTree.remove(path) }
    }
}

/// A lock on a file, which ends with the process that holds it.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock; nil when another process has it, or the file is not there and is not to be made.
    init?(_ path: String, create: Bool) {
        descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0o600)
        guard descriptor >= 0 else { return nil }
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            close(descriptor)
            return nil
        }
    }

    deinit { close(descriptor) }
}

/// Directories with their contents.
enum FileTree {
    /// The names in a directory; empty when it cannot be read.
    static func names(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a file or a directory; does not follow links. What cannot be removed stays.
    static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        // It is a directory, in which a task may have let nobody write.
        if errno == EISDIR || errno == EPERM { chmod(path, 0o700) }
        for name in names(path) { remove("\(path)/\(name)") }
        rmdir(path)
    }
}
