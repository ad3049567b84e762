/// What a reconciler says when nothing went wrong.
public enum ReconcileResult: Sendable, Hashable {
    /// Nothing to do until something changes.
    case done
    /// To be looked at again after that time, if nothing changes before.
    case requeue(after: Duration)
}

/// An error that no retry can heal: it is logged once, and the object left alone until it changes.
public protocol TerminalError: Error {}

/// Marks any error as one that no retry can heal.
public struct PermanentFailure: TerminalError, CustomStringConvertible {
    public let underlying: any Error

    /// That error, marked.
    public init(_ underlying: any Error) { self.underlying = underlying }

    public var description: String { "\(underlying)" }
}
