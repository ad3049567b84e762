/// What is wrong with a cron expression, and where.
public struct CronError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The character at which it is wrong, counted from 0; the length of the text where something is missing at its end.
    public var position: Int

    /// One sentence: what was found, and what was expected.
    public var message: String

    /// Creates an error.
    public init(position: Int, message: String) {
        self.position = position
        self.message = message
    }

    /// The message with the position, counted from 1 as people count.
    public var description: String { "\(message) (at character \(position + 1))" }
}
