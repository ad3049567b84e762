/// When something is to happen: five fields of cron, a macro such as `@hourly`, or `@every 90m`.
///
/// An expression knows no zone; ``CronRule`` puts it into one. One that can never fire is refused.
public struct CronExpression: Sendable, Hashable {
    enum Plan: Sendable, Hashable {
        case fields(CronFields)
        case every(seconds: Int64)
    }

    /// The text as it was written.
    public let text: String
    let plan: Plan

    /// Reads an expression.
    public init(_ text: String) throws(CronError) {
        plan = try CronParser(text).parse()
        self.text = text
    }

    /// The interval of `@every`; nil for the others.
    public var every: Duration? {
        guard case .every(let seconds) = plan else { return nil }
        return .seconds(seconds)
    }
}
