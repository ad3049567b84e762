import CProcess
import Glibc

/// A regular file to read while another process may still be appending to it. Not for use by two tasks at a time: they
/// share one position.
///
/// The other process may have put anything in the file's place: nothing but a regular file is opened, and no link is
/// followed. Reading may still take as long as the disk does, so it belongs on a `DetachedThread`.
final class LogFile: Sendable {
    struct OpenError: Error, CustomStringConvertible {
        var path: String
        var code: Int32
        /// Why, as the end of a sentence.
        var reason: String {
            // A link is refused with ELOOP, a socket with ENXIO.
            [EINVAL, ELOOP, ENXIO].contains(code) ? "it is not a regular file" : String(cString: strerror(code))
        }
        var description: String { "\(path) cannot be read: \(reason)" }
    }

    private let descriptor: Int32

    /// Opens the file at its beginning. Throws ``OpenError``.
    init(_ path: String) throws {
        descriptor = sluice_open_file(path)
        if descriptor < 0 { throw OpenError(path: path, code: errno) }
    }

    deinit { close(descriptor) }

    var size: Int {
        var information = stat()
        return fstat(descriptor, &information) == 0 ? Int(information.st_size) : 0
    }

    /// Moves to this offset.
    func seek(_ offset: Int) { _ = lseek(descriptor, off_t(offset), SEEK_SET) }

    /// The next bytes, at most `limit`; empty at the current end of the file.
    func read(_ limit: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, Glibc.read(descriptor, buffer.baseAddress, limit))
        }
    }

    /// Moves to the beginning of the last `lines` lines.
    func seekToLastLines(_ lines: Int) {
        var end = size
        guard lines > 0 else { return seek(end) }
        // The newline at the very end ends the last line and does not start another.
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
