/// Why a text is not the JSON that was expected, and where.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, as the end of a sentence: "expected a string".
    public var message: String
    /// The byte offset in the text at which it was noticed.
    public var offset: Int

    /// An error at a byte offset.
    public init(_ message: String, offset: Int) {
        self.message = message
        self.offset = offset
    }

    public var description: String { "\(message) at byte \(offset)" }
}
