import KubernetesModel
import SluiceAPI

/// The states that a kubelet and a control plane bring a pod into, as values. Shapes as in Resources/pods.
extension Pod {
    mutating func bind() { nodeName = "node-1" }

    mutating func run(at time: Timestamp) {
        bind()
        status.phase = .running
        status.startTime = status.startTime ?? time
        setMain(.running(startedAt: time))
    }

    /// Ends the main container; the pod's phase follows its exit code.
    mutating func end(code: Int, at time: Timestamp, message: String = "", reason: String? = nil) {
        bind()
        var termination = ContainerStatus.Termination()
        termination.exitCode = code
        termination.reason = reason ?? (code == 0 ? "Completed" : "Error")
        termination.message = message
        termination.startedAt = metadata.creationTimestamp
        termination.finishedAt = time.wholeSecond
        setMain(.terminated(termination))
        status.phase = code == 0 ? .succeeded : .failed
    }

    /// What a kubelet makes of a pod whose deadline is over: Failed, whatever its container said.
    mutating func endByDeadline(code: Int, at time: Timestamp) {
        end(code: code, at: time)
        status.phase = .failed
        status.reason = "DeadlineExceeded"
        status.message = "Pod was active on the node longer than the specified deadline"
    }

    mutating func wait(reason: String, message: String = "") {
        bind()
        status.phase = .pending
        setMain(.waiting(reason: reason, message: message))
    }

    mutating func beUnschedulable(_ message: String) {
        status.phase = .pending
        setCondition(PodCondition(type: "PodScheduled", status: "False", reason: "Unschedulable", message: message))
    }

    /// What the eviction API, the scheduler's preemption and the taint manager leave behind first.
    mutating func beDisrupted(_ reason: String, at time: Timestamp, grace: Int64 = 30) {
        setCondition(
            PodCondition(
                type: "DisruptionTarget", status: "True", reason: reason, message: "disrupted",
                lastTransitionTime: time.wholeSecond))
        markDeleted(at: time, grace: grace)
    }

    mutating func markDeleted(at time: Timestamp, grace: Int64 = 30) {
        guard !metadata.isBeingDeleted else { return }
        metadata.deletionTimestamp = time.wholeSecond + .seconds(grace)
        metadata.deletionGracePeriodSeconds = grace
    }

    /// The pod garbage collector's end of a pod whose node is gone: the container's last word is "running".
    mutating func loseNode(at time: Timestamp) {
        status.phase = .failed
        setCondition(
            PodCondition(
                type: "DisruptionTarget", status: "True", reason: "DeletionByPodGC",
                message: "PodGC: node no longer exists", lastTransitionTime: time.wholeSecond))
        metadata.deletionTimestamp = time.wholeSecond
        metadata.deletionGracePeriodSeconds = 0
    }

    private mutating func setMain(_ state: ContainerStatus.State) {
        var container = ContainerStatus()
        container.name = Sluice.mainContainer
        container.state = state
        status.containers = [container]
    }

    mutating func setCondition(_ condition: PodCondition) {
        status.conditions.removeAll { $0.type == condition.type }
        status.conditions.append(condition)
    }

    /// Whether a container of it may still be running or start: what a kubelet sees, not what the engine thinks.
    var isLive: Bool {
        switch status.phase {
        case .succeeded, .failed: false
        default: !(metadata.isBeingDeleted && nodeName.isEmpty)
        }
    }
}
