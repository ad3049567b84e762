public import KubernetesModel
public import PipelineEngine
import SluiceAPI

/// Which container of a pod of a run has a log, and which of its starts.
public struct ContainerIdentity: Sendable, Hashable {
    public var pod: PodIdentity
    public var container: String
    public var restart: Int
    /// Whether it is the only one of its pod.
    public var isAlone: Bool

    /// A container; `isAlone` when its pod has no other.
    public init(_ pod: PodIdentity, container: String, restart: Int = 0, isAlone: Bool = true) {
        self.pod = pod
        self.container = container
        self.restart = restart
        self.isAlone = isAlone
    }
}

extension Pod {
    /// All its containers: those that start first come first.
    public var allContainers: [ContainerStatus] { status.initContainers + status.containers }

    /// The container whose output tells why the pod failed or does not get on: the init container that failed or ran, a sidecar that did
    /// not come up, else the main one.
    public var tellingContainer: String {
        let main = status.containers.first { $0.name == Sluice.mainContainer }
        let mainIsWaiting = if case .waiting = main?.state { true } else { main == nil }
        guard mainIsWaiting else { return Sluice.mainContainer }
        let telling = status.initContainers.first { container in
            switch container.state {
            case .terminated(let end): end.exitCode != 0 || end.reason == "OOMKilled"
            case .running: !nativeSidecars.contains(container.name)
            case .waiting(let reason, _): reason == "CrashLoopBackOff"
            }
        }
        return telling?.name ?? Sluice.mainContainer
    }
}

extension ContainerStatus {
    /// Which of its starts has the newest log, from 0; nil before the first.
    public var lastStart: Int? {
        switch state {
        case .running, .terminated: restartCount
        // The node of this program has counted the start that is to come.
        case .waiting(let reason, _): reason == "CrashLoopBackOff" ? max(0, restartCount - 1) : nil
        }
    }
}
