#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where people read. Errors and notes go to stderr, results to stdout.
enum Console {
    /// Whether there is a terminal that understands colours and moving the cursor.
    static func isTerminal(_ descriptor: Int32) -> Bool {
        guard isatty(descriptor) == 1 else { return false }
        return getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
    }

    /// Columns of the terminal; 100 where nothing is known.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return Int(size.ws_col)
    }

    /// Output that could not be written, in one sentence.
    struct WriteFailure: Error, CustomStringConvertible {
        let description: String
    }

    /// Writes a result. Throws ``WriteFailure``, since whoever uses it would take a part for the whole.
    static func print(_ text: String, terminator: String = "\n") throws {
        if let code = write(text + terminator, to: STDOUT_FILENO) {
            throw WriteFailure(description: "cannot write to standard output: \(String(cString: strerror(code)))")
        }
    }

    static func note(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    static func error(_ text: String) { write("error: \(text)\n", to: STDERR_FILENO) }

    /// Writes all of it, at once and unbuffered; the error code where that failed. A reader that has gone away is no reason to fail.
    @discardableResult
    static func write(_ text: String, to descriptor: Int32) -> Int32? {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno != EINTR, errno != EAGAIN {
                return errno == EPIPE ? nil : errno
            }
        }
        return nil
    }
}

func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

/// How a command ends: exit codes of DESIGN.md section 2.
enum ExitStatus {
    static let notSucceeded: Int32 = 1
    static let badInput: Int32 = 2
    static let interrupted: Int32 = 130
}
