/// Which part of a container's log is wanted: the query of `GET .../pods/NAME/log` (core/v1 PodLogOptions).
public struct PodLogOptions: Sendable, Hashable {
    /// Needed where the pod has several.
    public var container: String?
    /// Goes on with what the container writes from now on, until it ends.
    public var follow = false
    /// The log of the container's instance before the last restart.
    public var previous = false
    /// A time in RFC 3339 with nanoseconds in front of each line.
    public var timestamps = false
    /// Only the last so many lines.
    public var tailLines: Int?
    /// Only what was written in the last so many seconds.
    public var sinceSeconds: Int?
    /// Only what was written since then; not beside ``sinceSeconds``.
    public var sinceTime: Timestamp?
    /// At most so many bytes.
    public var limitBytes: Int?

    /// The whole log so far.
    public init() {}
}
