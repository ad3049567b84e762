public import KubernetesModel

extension PipelineRunStatus {
    /// Sets the conditions that belong to the phase, with the status's own reason and message: Succeeded and Finished for
    /// `kubectl wait`; Ready, Reconciling and Stalled for kstatus. A condition whose state does not change keeps its time; `previous`
    /// are those that were there before.
    public mutating func setConditions(previous: [Condition], now: Timestamp) {
        let succeeded =
            switch phase {
            case .succeeded: "True"
            case .failed, .cancelled: "False"
            default: "Unknown"
            }
        var states = [
            ("Succeeded", succeeded), ("Finished", phase.isFinished ? "True" : "False"),
            ("Ready", phase == .succeeded ? "True" : "False"),
        ]
        // kstatus reads these two as signs of something unusual: they are there only when true.
        if !phase.isFinished { states.append(("Reconciling", "True")) }
        if phase == .failed || phase == .cancelled { states.append(("Stalled", "True")) }
        conditions = states.map { type, state in
            let old = previous.first { $0.type == type && $0.status == state }
            return Condition(
                type: type, status: state, reason: reason.isEmpty ? phase.rawValue : reason, message: message,
                lastTransitionTime: old?.lastTransitionTime ?? now.wholeSecond, observedGeneration: observedGeneration)
        }
    }
}
