/// What is wrong with a time zone: its name or its data.
public struct ZoneError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence: what was found, and what was expected.
    public var message: String

    /// Creates an error.
    public init(message: String) { self.message = message }

    public var description: String { message }
}
