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

    var objects: String { "\(path)/objects.sqlite" }
    var access: String { "\(path)/access.json" }

    /// Makes the directory, or a temporary one when none is given; takes the rights of others away from one that is
    /// there. Throws ``FileFailure``, also for a directory that holds something else: its rights are not ours to change.
    init(_ given: String?) throws {
        if let given {
            path = given
            isTemporary = false
            if mkdir(given, 0o700) == 0 { return }
            guard errno == EEXIST else { throw FileFailure.system("cannot make the directory \(given)") }
            try tighten()
            return
        }
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/sluice-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileFailure.system("cannot make a directory in \(base)") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        isTemporary = true
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
        for name in names(path) { remove("\(path)/\(name)") }
        rmdir(path)
    }
}
