/// Why a text is not the expected JSON, and where.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, as the end of a sentence: "expected a string".
    public var message: String
    /// The byte offset in the text at which the error was noticed.
    public var offset: Int

    /// Creates an error at a byte offset.
    public init(_ message: String, offset: Int) {
        self.message = message
        self.offset = offset
    }

    public var description: String { "\(message) at byte \(offset)" }
}
