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

    /// The disk did not give what is in the file; with the errno.
    struct ReadError: Error, Hashable, CustomStringConvertible {
        var code: Int32
        var description: String { "a log cannot be read: \(String(cString: strerror(code)))" }
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

    /// Whether no folder has it any more.
    var isDeleted: Bool {
        var information = stat()
        return fstat(descriptor, &information) == 0 && information.st_nlink == 0
    }

    /// Moves to this offset.
    func seek(_ offset: Int) { _ = lseek(descriptor, off_t(offset), SEEK_SET) }

    /// The next bytes, at most `limit`; empty at the current end of the file. Throws ``ReadError``.
    func read(_ limit: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            var size = Glibc.read(descriptor, buffer.baseAddress, limit)
            while size < 0, errno == EINTR { size = Glibc.read(descriptor, buffer.baseAddress, limit) }
            guard size >= 0 else { throw ReadError(code: errno) }
            count = size
        }
    }
}
