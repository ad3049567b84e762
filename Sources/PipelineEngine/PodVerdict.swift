public import KubernetesModel
public import SluiceAPI

/// What a pod's state means for its attempt (rules E7 and E8). Pure: the same pod gives the same verdict.
public enum PodVerdict: Sendable, Hashable {
    /// On its way, nothing is wrong.
    case starting
    /// Does not come up for a reason that may pass: a failure once the start-up deadline is over.
    case stuck(PodFailure)
    case running
    /// Ended well; the termination message of the main container.
    case succeeded(message: String, truncated: Bool)
    /// Has failed, or never can come up.
    case failed(PodFailure)

    /// Kubelets cut termination messages at this many bytes.
    static let terminationMessageLimit = 4096
}

/// Why an attempt failed.
public struct PodFailure: Sendable, Hashable {
    public var failureClass: FailureClass
    /// One word: OOMKilled, Evicted, ImagePullBackOff, Error...
    public var reason: String
    /// What a person needs: the kubelet's words, the exit code, the last line of the log.
    public var message: String
    public var exitCode: Int?

    /// A failure.
    public init(_ failureClass: FailureClass, reason: String, message: String, exitCode: Int? = nil) {
        self.failureClass = failureClass
        self.reason = reason
        self.message = Self.printable(message)
        self.exitCode = exitCode
    }

    /// The text without control characters: a task's last line may hold what would steer the terminal of whoever reads the status.
    private static func printable(_ text: String) -> String {
        func isControl(_ scalar: Unicode.Scalar) -> Bool {
            scalar.value < 0x20 && scalar != "\n" && scalar != "\t" || (0x7F...0x9F).contains(scalar.value)
        }
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
        return String(result)
    }
}

extension Pod {
    /// Whether no container of the pod can be running any more (rule E7: a new attempt waits for it).
    public var hasEnded: Bool {
        switch status.phase {
        case .succeeded, .failed: true
        // A pod without a node runs nowhere. One that is deleted with no grace left was ended by its kubelet, or was deleted by
        // force since its node is gone: nobody will tell more of it.
        default: metadata.isBeingDeleted && (nodeName.isEmpty || metadata.deletionGracePeriodSeconds == 0)
        }
    }

    /// Whether its main container has started, as far as its status tells.
    var mainHasStarted: Bool {
        switch main?.state {
        case .running, .terminated: true
        case .waiting, nil: false
        }
    }

    /// Whether it ended because it was asked to by its deadline (rule E13).
    var wasStopped: Bool { status.reason == "DeadlineExceeded" && activeDeadlineSeconds == 1 }

    /// What its state means for the attempt.
    public var verdict: PodVerdict {
        switch status.phase {
        case .succeeded: success
        case .failed: failedVerdict
        case .pending: pendingVerdict
        // Deleted by force while a sidecar ran on: what the main container has done by then counts.
        case .running, .unknown: !hasEnded ? runningVerdict : endedWellFirst ? success : .failed(deletedFailure)
        }
    }

    private var main: ContainerStatus? {
        status.containers.first { $0.name == Sluice.mainContainer }
            ?? (status.containers.count == 1 ? status.containers[0] : nil)
    }

    private var isDisrupted: Bool { status.condition("DisruptionTarget")?.status == "True" }

    /// Whether the main container ended well before the pod was disrupted or its deletion was asked for: the task has done its work,
    /// whatever becomes of containers beside it.
    private var endedWellFirst: Bool {
        guard let end = main?.termination, end.exitCode == 0, end.reason != "OOMKilled" else { return false }
        guard let finished = end.finishedAt else { return !isDisrupted && !metadata.isBeingDeleted }
        let disruption = isDisrupted ? status.condition("DisruptionTarget")?.lastTransitionTime : nil
        return [disruption, deletionRequested].compactMap(\.self).allSatisfy { finished < $0 }
    }

    private var success: PodVerdict {
        let message = main?.termination?.message ?? ""
        return .succeeded(message: message, truncated: message.utf8.count >= PodVerdict.terminationMessageLimit)
    }

    // MARK: Running

    /// A pod whose phase is Running may have a main container that has ended, or never comes up, beside one that runs on: a
    /// webhook's sidecar. The main container is the task.
    private var runningVerdict: PodVerdict {
        guard let main else { return .running }
        switch main.state {
        case .running: return .running
        case .waiting(let reason, let message):
            return waitingVerdict(reason, message) ?? .running
        case .terminated(let end):
            if endedWellFirst { return success }
            // A pod that is being deleted or disrupted is judged when all of it has ended.
            guard !metadata.isBeingDeleted, !isDisrupted, end.exitCode != 0 || end.reason == "OOMKilled" else {
                return .running
            }
            return failedVerdict
        }
    }

    // MARK: Pending

    private var pendingVerdict: PodVerdict {
        if hasEnded { return .failed(deletedFailure) }
        for container in status.initContainers + status.containers {
            guard case .waiting(let reason, let message) = container.state else { continue }
            if let verdict = waitingVerdict(reason, message) { return verdict }
        }
        if let scheduled = status.condition("PodScheduled"), scheduled.status == "False",
            scheduled.reason == "Unschedulable"
        {
            return .stuck(PodFailure(.infrastructure, reason: Reasons.unschedulable, message: scheduled.message))
        }
        return .starting
    }

    /// What a waiting container means; nil when nothing is wrong with it.
    private func waitingVerdict(_ reason: String, _ message: String) -> PodVerdict? {
        let text = message.isEmpty ? reason : message
        switch reason {
        case "InvalidImageName", "ErrImageNeverPull":
            return .failed(PodFailure(.imageError, reason: reason, message: text))
        case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable",
            "SignatureValidationFailed", "CreateContainerConfigError", "CreateContainerError",
            "RunContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError":
            return .stuck(PodFailure(.imageError, reason: reason, message: text))
        case "CrashLoopBackOff": return .stuck(PodFailure(.failed, reason: reason, message: text))
        default: return nil
        }
    }

    // MARK: Failed

    /// The reasons that kubelets and the control plane give to a pod which they, not its containers, brought to an end.
    private static let infrastructureReasons: Set<String> = [
        "Evicted", "NodeLost", "NodeShutdown", "Shutdown", "Terminated", "Preempting", "Preempted",
        "UnexpectedAdmissionError", "NodeAffinity", "TopologyAffinityError", "AdmissionError", "PodOnUnknownNode",
    ]

    /// When deletion was asked for: the deletion timestamp lies the grace period after it.
    private var deletionRequested: Timestamp? {
        metadata.deletionTimestamp.map { $0 - .seconds(metadata.deletionGracePeriodSeconds ?? 0) }
    }

    /// Whether the deletion of the pod ended its container, rather than that the container had ended by itself.
    private func wasDeleted(before failed: (failure: PodFailure, finishedAt: Timestamp?)?) -> Bool {
        guard var deletionRequested else { return false }
        guard let failed, let finishedAt = failed.finishedAt else { return true }
        if metadata.deletionGracePeriodSeconds ?? 0 == 0 {
            // The kubelet's last delete, a moment after the container ended, has overwritten when the first one was.
            if [137, 143].contains(failed.failure.exitCode), failed.failure.failureClass == .failed { return true }
            deletionRequested = deletionRequested - .seconds(2)
        }
        return finishedAt >= deletionRequested
    }

    /// When the pod failed or was doomed, as far as it tells.
    var failedAt: Timestamp? {
        if let disruption = status.condition("DisruptionTarget"), disruption.status == "True",
            let time = disruption.lastTransitionTime
        {
            return time
        }
        let ends = (status.initContainers + status.containers).compactMap { container in
            container.termination.flatMap { $0.exitCode == 0 ? nil : $0.finishedAt }
        }
        guard case .failed(let failure) = verdict, failure.reason == Reasons.podDeleted else {
            return ends.min() ?? deletionRequested
        }
        return (ends + [deletionRequested].compactMap(\.self)).min()
    }

    private var deletedFailure: PodFailure {
        PodFailure(.infrastructure, reason: Reasons.podDeleted, message: "the pod \(metadata.name) was deleted")
    }

    private var failedVerdict: PodVerdict {
        if status.reason == "DeadlineExceeded" {
            return .failed(
                PodFailure(
                    .timeout, reason: Reasons.timeout, message: status.message, exitCode: main?.termination?.exitCode))
        }
        if endedWellFirst { return success }
        if let disruption = status.condition("DisruptionTarget"), disruption.status == "True" {
            return .failed(
                PodFailure(
                    .infrastructure, reason: disruption.reason.isEmpty ? Reasons.disrupted : disruption.reason,
                    message: disruption.message))
        }
        if Self.infrastructureReasons.contains(status.reason) || status.reason.hasPrefix("OutOf") {
            return .failed(PodFailure(.infrastructure, reason: status.reason, message: status.message))
        }
        let failed =
            firstFailure(in: status.initContainers, kind: "init container", except: Set(nativeSidecars))
            ?? firstFailure(in: main.map { [$0] } ?? [], kind: "container")
        if wasDeleted(before: failed) { return .failed(deletedFailure) }
        if let failed { return .failed(failed.failure) }
        if main?.termination?.exitCode == 0 { return success }
        let text = [status.reason, status.message].filter { !$0.isEmpty }.joined(separator: ": ")
        return .failed(
            PodFailure(
                .infrastructure, reason: status.reason.isEmpty ? Reasons.podFailed : status.reason,
                message: text.isEmpty ? "the pod failed before its containers started" : text))
    }

    private func firstFailure(
        in containers: [ContainerStatus], kind: String, except: Set<String> = []
    ) -> (failure: PodFailure, finishedAt: Timestamp?)? {
        for container in containers where !except.contains(container.name) {
            guard let end = container.termination, end.exitCode != 0 || end.reason == "OOMKilled" else { continue }
            let label = container.name == Sluice.mainContainer ? "" : "\(kind) \(container.name): "
            let failure: PodFailure
            if end.reason == "OOMKilled" {
                failure = PodFailure(
                    .oomKilled, reason: Reasons.oomKilled,
                    message: label + "out of memory: killed at its memory limit (exit code \(end.exitCode))",
                    exitCode: end.exitCode)
            } else {
                failure = PodFailure(
                    .failed, reason: end.reason.isEmpty ? Reasons.error : end.reason,
                    message: label + Self.describe(end), exitCode: end.exitCode)
            }
            return (failure, end.finishedAt)
        }
        return nil
    }

    /// "exit code 3: the last line that it said".
    private static func describe(_ end: ContainerStatus.Termination) -> String {
        var text = "exit code \(end.exitCode)"
        if end.exitCode > 128, end.exitCode < 160, end.reason != "StartError" {
            text += " (signal \(end.exitCode - 128))"
        }
        let lastLine = end.message.split(whereSeparator: \.isNewline).last {
            !$0.allSatisfy(\.isWhitespace)
        }
        if let lastLine { text += ": " + lastLine.prefix(500) }
        return text
    }
}
