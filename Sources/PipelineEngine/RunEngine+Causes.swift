import KubernetesModel
import SluiceAPI

/// Why a gang failed, once all of its pods have ended (rules E7, E9, E14): what was heard of first may be a consequence of what
/// happened first. A rank that is preempted has its grace period, in which its peers fall over and are reported before it.
extension RunEngine {
    /// Looks again at an attempt that its pods, not a time or the user, brought to an end. Whether that took it elsewhere.
    mutating func reconsider(_ index: Int, _ cause: StopCause, now: Timestamp) -> Bool {
        let spec = graph.nodes[index].spec
        guard spec.replicas > 1, case .failure(let failureClass) = cause else { return false }
        let attempt = tasks[index].status.attempt
        let members = tasks[index].pods.compactMap { pods[$0] }
            .filter { $0.identity.attempt == attempt && $0.identity.replica < spec.replicas }
        let failures = members.compactMap(Self.failure)
        let status = tasks[index].status
        let isOfPods = failures.contains {
            $0.failure.failureClass == failureClass && $0.failure.reason == status.reason
                && $0.failure.message == status.message
        }
        guard isOfPods, let first = failures.min(by: { $0.rank < $1.rank }) else { return false }
        tasks[index].status.stopping = .failure(first.failure.failureClass)
        tasks[index].status.reason = first.failure.reason
        tasks[index].status.message = first.failure.message
        tasks[index].status.exitCode = first.failure.exitCode
        output.statusChanged = true
        guard first.failure.failureClass != failureClass else { return false }
        worklist.append(index)
        return true
    }

    /// How a pod failed, with what orders it among its gang's: time; then disruptions before failures of containers, and these
    /// before deletions, which may be ours and follow on the failure within the same second; then the replica.
    private static func failure(_ known: ObservedPod) -> (failure: PodFailure, rank: (Timestamp, Int, Int))? {
        let pod = known.pod
        let failure: PodFailure
        if case .failed(let own) = pod.verdict {
            failure = own
        } else if known.isGone, !pod.hasEnded {
            failure = .podGone(pod.metadata.name)
        } else {
            return nil
        }
        let kind = failure.reason == PodFailure.deletedReason ? 2 : failure.failureClass == .infrastructure ? 0 : 1
        return (failure, (pod.failedAt ?? Timestamp(microseconds: .max), kind, known.identity.replica))
    }
}

extension PodFailure {
    static let deletedReason = "PodDeleted"

    /// The failure of a pod that does not exist any more, and whose end nobody saw.
    static func podGone(_ name: String) -> PodFailure {
        PodFailure(.infrastructure, reason: deletedReason, message: "the pod \(name) is gone")
    }
}
