/// Which part of a container's log to read: the query of `GET .../pods/NAME/log` (core/v1 PodLogOptions).
public struct PodLogOptions: Sendable, Hashable {
    /// The container; required when the pod has several.
    public var container: String?
    /// Continues with what the container writes from now on, until it ends.
    public var follow = false
    /// Reads the log of the container before its last restart.
    public var previous = false
    /// Puts a time in RFC 3339 with nanoseconds before each line.
    public var timestamps = false
    /// Only this many lines from the end.
    public var tailLines: Int?
    /// Only what was written in this many last seconds.
    public var sinceSeconds: Int?
    /// Only what was written since this time. Cannot be combined with ``sinceSeconds``.
    public var sinceTime: Timestamp?
    /// At most this many bytes.
    public var limitBytes: Int?
    /// Only what was written to this stream.
    public var stream = Stream.all

    /// What a container can write to.
    public enum Stream: String, Sendable, Hashable, CaseIterable {
        case all = "All"
        case stdout = "Stdout"
        case stderr = "Stderr"
    }

    /// Creates options for the whole log so far.
    public init() {}
}
