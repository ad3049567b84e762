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
        updateConditions(reason: status.reason.isEmpty ? phase.rawValue : status.reason, status.message, now: now)
        status.conditions = conditions
        return status
    }

    private func explanation(running: Int) -> (String, String) {
        let still = running == 1 ? "1 task is still running" : "\(running) tasks are still running"
        switch (phase, timedOut, firstFailure) {
        case (.cancelling, _, _): return (desired == .terminated ? Self.terminatingReason : "Cancelling", still)
        case (_, true, _): return (Self.timeoutReason, "the run took longer than its timeout; \(still)")
        case (_, _, let failed?):
            return ("TaskFailed", "task \(tasks[failed].status.name) failed: \(tasks[failed].status.message); \(still)")
        case (.suspended, _, _): return ("Suspended", "nothing new starts; \(still)")
        default: break
        }
        // What keeps a task from starting is what a person wants to know of the whole run.
        for task in tasks where task.status.phase == .running && !task.status.reason.isEmpty {
            return (task.status.reason, "task \(task.status.name): \(task.status.message)")
        }
        return ("", "")
    }

    private mutating func updateConditions(reason: String, _ message: String, now: Timestamp) {
        let succeeded =
            switch phase {
            case .succeeded: "True"
            case .failed, .cancelled: "False"
            default: "Unknown"
            }
        var wanted: [(String, String)] = [
            ("Succeeded", succeeded), ("Finished", phase.isFinished ? "True" : "False"),
            ("Ready", phase == .succeeded ? "True" : "False"),
        ]
        // kstatus reads these two as signs of something unusual: they are there only when true.
        if !phase.isFinished { wanted.append(("Reconciling", "True")) }
        if phase == .failed || phase == .cancelled { wanted.append(("Stalled", "True")) }
        conditions = Condition.list(
            wanted, reason: reason, message: message, generation: generation, was: conditions, now: now)
    }
}

extension Condition {
    /// Conditions of those types and states; the time of a change is now, or what it was where nothing changed.
    public static func list(
        _ states: [(type: String, status: String)], reason: String, message: String, generation: Int64,
        was previous: [Condition], now: Timestamp
    ) -> [Condition] {
        states.map { type, status in
            let old = previous.first { $0.type == type && $0.status == status }
            return Condition(
                type: type, status: status, reason: reason, message: message,
                lastTransitionTime: old?.lastTransitionTime ?? now.wholeSecond, observedGeneration: generation)
        }
    }
}
