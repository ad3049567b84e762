/// How the log of a container is to be given: the query of `GET .../pods/NAME/log`.
public struct PodLogOptions: Sendable, Hashable {
    /// Goes on with what the container writes from now on, until it ends.
    public var follow = false
    /// The log of the container's instance before the last restart.
    public var previous = false
    /// Only the last so many lines.
    public var tailLines: Int?
    /// Only what was written in the last so many seconds.
    public var sinceSeconds: Int?
    /// A time in RFC 3339 with nanoseconds in front of each line.
    public var timestamps = false
    /// At most so many bytes.
    public var limitBytes: Int?

    /// The whole log so far.
    public init() {}
}

/// Whoever runs the containers and so has their logs: the process node.
public protocol PodLogSource: Sendable {
    /// The log of a container. Throws an `APIStatus` for what a kubelet refuses (a container that is waiting to start, no
    /// previous instance); the stream ends with the log, or with the container when it is followed.
    func logs(namespace: String, pod: String, uid: String, container: String, options: PodLogOptions) async throws
        -> AsyncThrowingStream<[UInt8], any Error>
}
