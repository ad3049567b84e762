/// What a reconciler returns when it succeeded.
public enum ReconcileResult: Sendable, Hashable {
    /// There is nothing to do until something changes.
    case done
    /// The object is reconciled again after this time, or earlier if it changes.
    case requeue(after: Duration)
}

/// An error that a retry cannot fix. It is logged once, and the object is left alone until it changes.
public protocol TerminalError: Error {}

/// Marks any error as one that a retry cannot fix.
public struct PermanentFailure: TerminalError, CustomStringConvertible {
    /// The error that was wrapped.
    public let underlying: any Error

    /// Wraps an error.
    public init(_ underlying: any Error) { self.underlying = underlying }

    public var description: String { "\(underlying)" }
}
