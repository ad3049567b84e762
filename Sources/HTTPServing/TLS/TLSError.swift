internal import COpenSSL

/// A failure of OpenSSL: what was attempted, and OpenSSL's reasons.
public struct TLSError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was attempted, as the start of a sentence: "reading the certificate".
    public var attempt: String
    /// OpenSSL's reasons, the first cause first; may be empty.
    public var reasons: [String]

    /// Creates an error with these reasons.
    public init(_ attempt: String, reasons: [String]) {
        self.attempt = attempt
        self.reasons = reasons
    }

    /// Creates an error with the reasons in this thread's OpenSSL error queue, and empties the queue.
    static func current(_ attempt: String) -> TLSError {
        TLSError(attempt, reasons: drainErrorQueue().map { reason(of: $0) })
    }

    public var description: String {
        "\(attempt) failed" + (reasons.isEmpty ? "" : ": \(reasons.joined(separator: "; "))")
    }

    static func reason(of code: UInt) -> String {
        ERR_reason_error_string(code).map { String(cString: $0) } ?? "OpenSSL error \(code)"
    }

    /// Empties this thread's error queue.
    static func drainErrorQueue() -> [UInt] {
        var codes: [UInt] = []
        while true {
            let code = ERR_get_error()
            if code == 0 { return codes }
            codes.append(code)
        }
    }
}
