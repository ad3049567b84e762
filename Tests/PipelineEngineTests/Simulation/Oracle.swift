import SluiceAPI

/// How a calm scenario must end, worked out from the rules and the fates alone: E1, E5 (Continue), E6, E7, E9.
struct Oracle {
    let scenario: Scenario

    struct End: Equatable {
        var phase: TaskPhase
        var attempt = 0
        var failures = 0
        var disruptions = 0
        var reason = ""
    }

    private func end(of task: TaskSpec) -> End {
        var end = End(phase: .failed)
        while true {
            let fates = (0..<task.replicas).map { scenario.fate(task, attempt: end.attempt, replica: $0) }
            let failed = fates.first { $0.failureClass != nil && $0 != .hang }
            let leaderSucceeds = task.successPolicy == .leader && fates[0].failureClass == nil
            guard !leaderSucceeds || failed != nil else { return succeeded(end) }
            guard let fate = failed ?? (fates.contains(.hang) ? .hang : nil), var failure = fate.failureClass else {
                return succeeded(end)
            }
            // The time-out of five minutes comes before the start-up deadline of ten.
            if fate == .pullStuck { failure = .timeout }
            end.reason = Self.reason(fate)
            if failure == .infrastructure { end.disruptions += 1 } else { end.failures += 1 }
            guard isRetried(task, failure, fate, end) else { return end }
            end.attempt += 1
        }
    }

    private func succeeded(_ end: End) -> End {
        var end = end
        end.phase = .succeeded
        end.reason = ""
        return end
    }

    private static func reason(_ fate: PodFate) -> String {
        switch fate {
        case .succeed: ""
        case .exit: "Error"
        case .oom: "OOMKilled"
        case .evicted: "EvictionByEvictionAPI"
        case .nodeLost: "DeletionByPodGC"
        case .deleted: "PodDeleted"
        case .badImage: "InvalidImageName"
        case .pullStuck, .hang: "Timeout"
        case .unschedulable: "Unschedulable"
        }
    }

    private func isRetried(_ task: TaskSpec, _ failure: FailureClass, _ fate: PodFate, _ end: End) -> Bool {
        if let classes = task.retry?.on, !classes.contains(failure) { return false }
        if failure == .infrastructure { return end.disruptions <= 10 }
        guard let retry = task.retry, end.failures <= retry.limit else { return false }
        if case .exit(let code, _) = fate, !retry.exitCodes.isEmpty { return retry.exitCodes.contains(code) }
        return true
    }

    /// The end of every task, and of the run.
    func ends() -> (tasks: [String: End], run: RunPhase) {
        var ends: [String: End] = [:]
        var run = RunPhase.succeeded
        let forgiven = Set(scenario.tasks.filter { $0.onFailure == .ignore }.map(\.name))
        for task in scenario.tasks {
            let isMet = task.dependsOn.allSatisfy { dependency in
                let phase = ends[dependency.task]?.phase
                return switch dependency.on {
                case .finished: true
                case .failed: phase == .failed
                case .succeeded: phase == .succeeded
                case .succeededOrSkipped:
                    phase == .succeeded || (phase == .failed && forgiven.contains(dependency.task))
                }
            }
            let end = isMet ? end(of: task) : End(phase: .skipped, reason: "DependencyNotMet")
            ends[task.name] = end
            if end.phase == .failed, task.onFailure == .fail { run = .failed }
        }
        return (ends, run)
    }
}
