public import KubernetesModel
public import SluiceAPI

/// The status as it is written.
extension RunEngine {
    /// The status of the run at this moment. O(tasks). Conditions keep the time of their last change.
    public mutating func status(now: Timestamp) -> PipelineRunStatus {
        var status = PipelineRunStatus()
        status.observedGeneration = generation
        status.phase = phase
        status.startTime = startTime?.wholeSecond
        status.completionTime = completionTime?.wholeSecond
        status.pipelineSpec = pipelineSnapshot
        status.results = finalResults
        var ended = 0
        for task in tasks {
            status.counts[task.status.phase, default: 0] += 1
            if task.status.phase.isFinished { ended += 1 }
            if task.status.phase != .pending { status.tasks.append(task.status) }
        }
        status.progress = "\(ended)/\(tasks.count)"
        if phase.isFinished {
            status.reason = finalReason
            status.message = finalMessage
        } else {
            (status.reason, status.message) = explanation(running: status.counts[.running] ?? 0)
        }
        status.setConditions(previous: conditions, now: now)
        conditions = status.conditions
        return status
    }

    private func explanation(running: Int) -> (String, String) {
        let still = running == 1 ? "1 task is still running" : "\(running) tasks are still running"
        switch (phase, timedOut, firstFailure) {
        case (.cancelling, _, _): return (desired == .terminated ? Reasons.terminating : Reasons.cancelling, still)
        case (_, true, _): return (Reasons.runTimeout, "the run took longer than its timeout; \(still)")
        case (_, _, let failed?):
            return (
                Reasons.taskFailed,
                "task \(tasks[failed].status.name) failed: \(tasks[failed].status.message); \(still)"
            )
        case (.suspended, _, _): return (Reasons.suspended, "nothing new starts; \(still)")
        default: break
        }
        // What keeps a task from starting is what a person wants to know of the whole run.
        for task in tasks where task.status.phase == .running && !task.status.reason.isEmpty {
            return (task.status.reason, "task \(task.status.name): \(task.status.message)")
        }
        return ("", "")
    }
}
