public import CronSchedule
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The time zones of this machine: TZif files in a directory, read once each.
///
/// What is read stays: a newer tz database is seen by the next process.
public final class ZoneDatabase: Sendable {
    /// The directory of the files.
    public let directory: String

    private struct Cache {
        var rules: [String: ZoneRules] = [:]
        var names: [String]?
    }

    private let cache = Mutex(Cache())

    /// Files of zones are some kilobytes.
    private static let largest = 1 << 20

    /// The database in a directory; in `$TZDIR`, else /usr/share/zoneinfo, where none is given.
    public init(directory: String? = nil) {
        let environment = getenv("TZDIR").map { String(cString: $0) } ?? ""
        let given = directory ?? environment
        self.directory = given.isEmpty ? "/usr/share/zoneinfo" : given
    }

    /// The names of all zones, in order; none where the database is not installed.
    public var names: [String] {
        if let names = cache.withLock({ $0.names }) { return names }
        var names: [String] = []
        collect(below: "", depth: 0, into: &names)
        names.sort()
        let found = names
        // A database that is not there yet may come.
        if !found.isEmpty { cache.withLock { $0.names = found } }
        return found
    }

    /// The rules of a zone. UTC is there even without a database.
    public func rules(_ name: String) throws(ZoneError) -> ZoneRules {
        if name == "UTC" { return .utc }
        if let problem = ZoneRules.nameProblem(name) {
            // With the names at hand the hint is better.
            throw ZoneError(message: ZoneRules.nameProblem(name, among: names) ?? problem)
        }
        if let rules = cache.withLock({ $0.rules[name] }) { return rules }
        let rules = try ZoneRules(name: name, tzif: try bytes(of: name))
        cache.withLock { $0.rules[name] = rules }
        return rules
    }

    /// What is wrong with the name of a zone, by this database; nil where there is such a zone.
    public func problem(with name: String) -> String? {
        do throws(ZoneError) {
            _ = try rules(name)
            return nil
        } catch {
            return error.message
        }
    }

    private func bytes(of name: String) throws(ZoneError) -> [UInt8] {
        guard let root = Self.realPath(directory) else {
            throw ZoneError(
                message: "the time zone \(name) cannot be read: there is no tz database in \(directory); "
                    + "expected the package tzdata, or TZDIR to name its directory")
        }
        guard let path = Self.realPath("\(directory)/\(name)") else {
            let names = names
            guard !names.isEmpty else {
                throw ZoneError(
                    message: "the time zone \(name) cannot be read: the tz database in \(directory) is empty; "
                        + "expected the package tzdata, or TZDIR to name its directory")
            }
            throw ZoneError(
                message: ZoneRules.nameProblem(name, among: names) ?? "the time zone \(name) cannot be read")
        }
        guard path.hasPrefix(root == "/" ? root : root + "/") else {
            throw ZoneError(message: "the time zone \(name) leads out of \(directory); expected a file in it")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(name) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(name) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let hint = status.st_mode & S_IFMT == S_IFDIR ? "a group of time zones" : "no file"
            throw ZoneError(message: "\(name) is \(hint); expected the name of a time zone such as Europe/Berlin")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 13)
        while true {
            let count = buffer.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw unreadable(name)
            }
            bytes += buffer[..<count]
            guard bytes.count <= Self.largest else {
                throw ZoneError(message: "the data of the time zone \(name) is larger than 1 MiB; expected a TZif file")
            }
        }
    }

    private func unreadable(_ name: String) -> ZoneError {
        ZoneError(message: "the time zone \(name) cannot be read: \(String(cString: strerror(errno)))")
    }

    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Adds the files below a part of the directory. What is not a zone (tables, lists, the trees `posix` and `right`) has no
    /// name of one.
    private func collect(below part: String, depth: Int, into names: inout [String]) {
        guard depth < 4, let stream = opendir("\(directory)/\(part)") else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let file = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) {
                    String(cString: $0)
                }
            }
            let name = part.isEmpty ? file : "\(part)/\(file)"
            guard ZoneRules.nameProblem(name) == nil else { continue }
            var status = stat()
            guard stat("\(directory)/\(name)", &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                collect(below: name, depth: depth + 1, into: &names)
            } else if status.st_mode & S_IFMT == S_IFREG {
                names.append(name)
            }
        }
    }
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}
