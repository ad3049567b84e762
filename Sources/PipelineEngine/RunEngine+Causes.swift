import JSON
import KubernetesModel
import SluiceAPI

/// Why a gang failed, once all of its pods have ended (rules E7, E9, E14): what was heard of first may be a consequence of what
/// happened first. A rank that is preempted has its grace period, in which its peers fall over and are reported before it.
extension RunEngine {
    /// Looks again at an attempt that its pods, not a time or the user, brought to an end. Whether that took it elsewhere.
    mutating func reconsider(_ index: Int, _ cause: StopCause, now: Timestamp) -> Bool {
        let spec = nodes[index].task.spec
        guard spec.replicas > 1 else { return false }
        let attempt = nodes[index].status.attempt
        let replicas = nodes[index].status.shrunkTo ?? spec.replicas
        let members = nodes[index].pods.compactMap { pods[$0] }
            .filter { $0.identity.attempt == attempt && $0.identity.replica < replicas }
        let failures = members.compactMap { member in
            Self.failure(member).map { (failure: labelled($0.failure, index, member.identity.replica), rank: $0.rank) }
        }
        guard let first = failures.min(by: { $0.rank < $1.rank }) else { return false }
        let leaderEnd = leaderEnd(of: index)
        switch cause {
        case .cancelled: return false
        case .succeeded:
            // A failure that came before the leader's success, and was heard of after it.
            guard let leaderEnd, first.rank.0 < leaderEnd else { return false }
        case .failure(let failureClass):
            let status = nodes[index].status
            let isOfPods = failures.contains {
                $0.failure.failureClass == failureClass && $0.failure.reason == status.reason
                    && $0.failure.message == status.message
            }
            guard isOfPods else { return false }
            // The leader had succeeded before anything failed, which was heard of after the failure.
            if let leaderEnd, leaderEnd <= first.rank.0,
                case .succeeded(let message, let truncated)? = leader(of: index)?.pod.verdict
            {
                completeAttempt(index, message, truncated: truncated, now: now)
                return true
            }
        }
        nodes[index].status.stopping = .failure(first.failure.failureClass)
        nodes[index].status.reason = first.failure.reason
        nodes[index].status.message = first.failure.message
        nodes[index].status.exitCode = first.failure.exitCode
        output.statusChanged = true
        guard cause != .failure(first.failure.failureClass) else { return false }
        drop(resultsOf: index)
        list(index)
        return true
    }

    /// The first pod of the current attempt; nil while there is none.
    private func leader(of index: Int) -> PodLedger.Entry? { pods[podName(index, replica: 0)] }

    /// When the pod ended well that alone decides on the success of its attempt (`successPolicy: Leader`, or the only one); nil
    /// where there is no such pod, or it has not.
    func leaderEnd(of index: Int) -> Timestamp? {
        let spec = nodes[index].task.spec
        guard spec.successPolicy == .leader || spec.replicas == 1, let known = leader(of: index),
            case .succeeded = known.pod.verdict
        else { return nil }
        // Not that of a sidecar, which our own delete ends, together with the other pods.
        let main = known.pod.status.containers.first { $0.name == Sluice.mainContainer }
        if let end = main?.termination?.finishedAt { return end }
        let ends = known.pod.status.containers.compactMap { $0.termination?.finishedAt }
        return ends.max() ?? Timestamp(microseconds: .max)
    }

    /// How a pod failed, with what orders it among its gang's: time; then disruptions before failures of containers, and these
    /// before deletions, which may be ours and follow on the failure within the same second; then the replica.
    static func failure(_ known: PodLedger.Entry) -> (failure: PodFailure, rank: (Timestamp, Int, Int))? {
        let pod = known.pod
        // It ended since it was asked to: a consequence, not a cause.
        if pod.wasStopped { return nil }
        let failure: PodFailure
        if case .failed(let own) = pod.verdict {
            failure = own
        } else if known.isGone, !pod.hasEnded {
            failure = .podGone(pod.metadata.name)
        } else {
            return nil
        }
        let kind = failure.reason == Reasons.podDeleted ? 2 : failure.failureClass == .infrastructure ? 0 : 1
        return (failure, (pod.failedAt ?? Timestamp(microseconds: .max), kind, known.identity.replica))
    }
}

extension PodFailure {
    /// The failure of a pod that does not exist any more and whose end was not seen.
    static func podGone(_ name: String) -> PodFailure {
        PodFailure(.infrastructure, reason: Reasons.podDeleted, message: "the pod \(name) is gone")
    }
}
