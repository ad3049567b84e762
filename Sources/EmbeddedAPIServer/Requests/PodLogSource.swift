public import KubernetesModel

/// Whoever runs the containers and so has their logs: the process node.
public protocol PodLogSource: Sendable {
    /// The log of a container; the container is named apart from the options. Throws an `APIStatus` for what a kubelet refuses (a container that is waiting to start, no
    /// previous instance); the stream ends with the log, or with the container when it is followed.
    func logs(namespace: String, pod: String, uid: String, container: String, options: PodLogOptions) async throws
        -> AsyncThrowingStream<[UInt8], any Error>
}
