#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Reads small files as a whole.
enum FileContents {
    /// Why a file could not be read: its path and the system's reason, to follow "the file".
    struct Failure: Error, CustomStringConvertible {
        let path: String
        let code: Int32
        var reason: String { String(cString: strerror(code)) }
        var description: String { "\(path) cannot be read: \(reason)" }
        var isMissing: Bool { code == ENOENT || code == ENOTDIR }
    }

    /// The properties of a file that change when it is replaced or written.
    struct Identity: Hashable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let seconds: Int
        let nanoseconds: Int
    }

    /// The largest file that is read, in bytes.
    static let maximumSize = 16 << 20

    static func identity(of path: String) throws -> Identity {
        var information = stat()
        guard stat(path, &information) == 0 else { throw Failure(path: path, code: errno) }
        #if canImport(Darwin)
            let time = information.st_mtimespec
        #else
            let time = information.st_mtim
        #endif
        return Identity(
            device: UInt64(truncatingIfNeeded: information.st_dev), inode: UInt64(information.st_ino),
            size: Int64(information.st_size), seconds: time.tv_sec, nanoseconds: time.tv_nsec)
    }

    static func read(_ path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure(path: path, code: errno) }
        defer { close(file) }
        return try read(file, path: path, maximum: maximumSize)
    }

    /// Reads a descriptor to its end. Throws ``Failure``, with EFBIG if there are more than `maximum` bytes.
    static func read(_ file: Int32, path: String, maximum: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            #if canImport(Darwin)
                let count = Darwin.read(file, &buffer, buffer.count)
            #elseif canImport(Musl)
                let count = Musl.read(file, &buffer, buffer.count)
            #else
                let count = Glibc.read(file, &buffer, buffer.count)
            #endif
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(path: path, code: errno)
            }
            if count == 0 { return bytes }
            guard bytes.count + count <= maximum else { throw Failure(path: path, code: EFBIG) }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}
