import KubernetesModel
import SluiceAPI

/// The states that kubelets and the control plane bring a pod into, as values. They end at once: no grace period passes.
extension Pod {
    /// Whether a container of it may still be running or start.
    var isLive: Bool {
        switch status.phase {
        case .succeeded, .failed: false
        default: !(metadata.isBeingDeleted && nodeName.isEmpty)
        }
    }

    mutating func run(at time: Timestamp) {
        status.phase = .running
        status.startTime = time
        setMain(.running(startedAt: time))
    }

    /// Bound to a node that cannot start it.
    mutating func wait(reason: String, message: String) {
        setMain(.waiting(reason: reason, message: message))
    }

    mutating func findNoNode() {
        status.conditions = [
            PodCondition(
                type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/0 nodes are available")
        ]
    }

    /// The main container ends; the pod's phase follows its exit code.
    mutating func end(code: Int, at time: Timestamp, message: String = "", reason: String? = nil) {
        var termination = ContainerStatus.Termination()
        termination.exitCode = code
        termination.reason = reason ?? (code == 0 ? "Completed" : "Error")
        termination.message = message
        termination.startedAt = status.startTime
        termination.finishedAt = time
        setMain(.terminated(termination))
        status.phase = code == 0 ? .succeeded : .failed
    }

    /// What a kubelet makes of a pod whose deadline is over.
    mutating func endByDeadline(at time: Timestamp) {
        end(code: 137, at: time)
        status.reason = "DeadlineExceeded"
        status.message = "Pod was active on the node longer than the specified deadline"
    }

    mutating func markDeleted(at time: Timestamp, grace: Int64) {
        guard !metadata.isBeingDeleted else { return }
        metadata.deletionTimestamp = time + .seconds(grace)
        metadata.deletionGracePeriodSeconds = grace
    }

    /// Something befalls a pod that runs.
    mutating func meet(_ failure: PodEnd, at time: Timestamp, message: String = "") {
        switch failure {
        case .oomKilled: end(code: 137, at: time, message: message, reason: "OOMKilled")
        case .evicted:
            end(code: 137, at: time)
            status.reason = "Evicted"
            status.message = "The node was low on resource: memory"
        case .preempted:
            markDeleted(at: time, grace: 30)
            end(code: 137, at: time)
            status.reason = "Preempted"
            status.message = "Preempted by a pod of higher priority"
        case .nodeLost:
            // The container's last word is "running".
            markDeleted(at: time, grace: 0)
            status.phase = .failed
            status.reason = "NodeLost"
            status.message = "The node which was running the pod is gone"
        case .deleted:
            markDeleted(at: time, grace: 30)
            end(code: 143, at: time)
        case .imagePullBackOff: wait(reason: "ImagePullBackOff", message: "Back-off pulling image")
        case .invalidImageName: wait(reason: "InvalidImageName", message: "Failed to apply default image tag")
        case .unschedulable: findNoNode()
        }
    }

    private mutating func setMain(_ state: ContainerStatus.State) {
        var container = ContainerStatus()
        container.name = Sluice.mainContainer
        container.state = state
        status.containers = [container]
    }
}
