public import KubernetesModel

/// Gives the API server the logs of containers; the process node implements it.
public protocol PodLogSource: Sendable {
    /// The log of a container. `options.container` is ignored in favour of `container`.
    ///
    /// The stream ends at the end of the log, or, with `follow`, when the container ends. Throws `APIStatus` for what a
    /// kubelet refuses: a container that has not started, or a previous instance that does not exist.
    func logs(namespace: String, pod: String, uid: String, container: String, options: PodLogOptions) async throws
        -> AsyncThrowingStream<[UInt8], any Error>
}
