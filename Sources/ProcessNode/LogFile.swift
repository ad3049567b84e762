import Glibc

/// A file that somebody else may still be appending to.
final class LogFile: Sendable {
    struct OpenError: Error, CustomStringConvertible {
        var path: String
        var code: Int32
        var description: String { "\(path) cannot be read: \(String(cString: strerror(code)))" }
    }

    private let descriptor: Int32

    /// Opens it at its beginning.
    init(_ path: String) throws {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { throw OpenError(path: path, code: errno) }
    }

    deinit { close(descriptor) }

    var size: Int {
        var information = stat()
        return fstat(descriptor, &information) == 0 ? Int(information.st_size) : 0
    }

    func seek(_ offset: Int) { _ = lseek(descriptor, off_t(offset), SEEK_SET) }

    /// The next bytes, at most so many; none at the end there is so far.
    func read(_ limit: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, Glibc.read(descriptor, buffer.baseAddress, limit))
        }
    }

    /// Goes to where the last so many lines begin.
    func seekToLastLines(_ lines: Int) {
        var end = size
        guard lines > 0 else { return seek(end) }
        // The newline that ends the last line begins none.
        var wanted = lines
        var isLast = true
        while end > 0 {
            let start = max(0, end - 65536)
            seek(start)
            let chunk = read(end - start)
            for index in chunk.indices.reversed() {
                defer { isLast = false }
                guard chunk[index] == 0x0A, !isLast else { continue }
                wanted -= 1
                if wanted == 0 { return seek(start + index + 1) }
            }
            end = start
        }
        seek(0)
    }
}
