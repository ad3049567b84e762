import KubernetesModel
import PipelineEngine
import SluiceAPI

/// What is kept of attempts as they come and go.
extension SimulatedRun {
    /// A pod is there. Whether it is the first of its attempt.
    func noteCreated(_ pod: Int, _ identity: PodIdentity, now: Timestamp) -> Bool {
        if firstPod == nil { firstPod = now }
        for above in Self.pipelines(above: identity.path) {
            let before = pipelineAttempts[above]?.last
            if before.map({ $0.finished != nil }) ?? true {
                openPipelines.insert(above)
                pipelineAttempts[above, default: []]
                    .append(PipelineAttempt(number: (before?.number ?? -1) + 1, admitted: now))
            }
            guard let last = pipelineAttempts[above]?.indices.last, pipelineAttempts[above]?[last].started == nil
            else { continue }
            pipelineAttempts[above]?[last].started = now
        }
        if let last = attempts[identity.path]?.indices.last,
            attempts[identity.path]?[last].number == identity.attempt
        {
            attempts[identity.path]?[last].pods.append(pod)
            return false
        }
        attempts[identity.path, default: []]
            .append(AttemptRecord(number: identity.attempt, admitted: now, pods: [pod]))
        return true
    }

    /// Whether no pipeline that a path lies in was begun anew between these times.
    func isWithinOneAttempt(_ path: String, from start: Timestamp, to end: Timestamp) -> Bool {
        Self.pipelines(above: path).allSatisfy { above in
            !(pipelineAttempts[above] ?? []).contains { $0.admitted > start && $0.admitted <= end }
        }
    }

    /// A pod has failed, or is stopped for that reason.
    func noteFailure(in path: String, _ reason: String) {
        guard hasPipelines, !reason.isEmpty else { return }
        for above in Self.pipelines(above: path) {
            guard let last = pipelineAttempts[above]?.indices.last, pipelineAttempts[above]?[last].finished == nil
            else { continue }
            pipelineAttempts[above]?[last].failure = reason
        }
    }

    /// The operator stops a pod. The status that it has written tells why.
    func noteStopped(_ identity: PodIdentity) {
        guard let last = attempts[identity.path]?.indices.last,
            attempts[identity.path]?[last].number == identity.attempt, attempts[identity.path]?[last].cause == "",
            let row = writtenRow(identity.path), row.attempt == identity.attempt
        else { return }
        switch (row.stopping, row.phase) {
        case (.failure?, _), (nil, .failed):
            attempts[identity.path]?[last].cause = row.reason
            noteFailure(in: identity.path, row.reason)
        case (.cancelled?, _), (nil, .cancelled): attempts[identity.path]?[last].cause = TaskPhase.cancelled.rawValue
        default: break
        }
    }

    private func writtenRow(_ path: String) -> TaskStatus? {
        if writtenRows == nil {
            writtenRows = Dictionary(
                written.tasks.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        }
        return writtenRows?[path].map { written.tasks[$0] }
    }

    /// The operator has written a status.
    func noteWritten(_ status: PipelineRunStatus, now: Timestamp) {
        written = status
        writtenRows = nil
        if status.phase.isFinished, finished == nil { finished = now }
        if hasPipelines { notePipelines(status, now: now) }
    }

    private func notePipelines(_ status: PipelineRunStatus, now: Timestamp) {
        var missing = openPipelines
        for row in status.tasks where isPipeline(row: row.name) {
            missing.remove(row.name)
            notePipeline(row, now: now)
        }
        guard !status.folded.isEmpty else { return }
        // What is folded has ended; its phase is in the last status.
        for path in missing { close(path, outcome: "", now: now) }
    }

    private func notePipeline(_ row: TaskStatus, now: Timestamp) {
        guard row.phase != .pending, row.phase != .skipped else { return }
        let path = row.name
        let last = pipelineAttempts[path]?.last
        if let last, last.finished == nil, last.number < row.attempt {
            close(path, outcome: row.reason.isEmpty ? last.failure : row.reason, now: now)
        }
        let isUnderWay = row.phase != .running || row.nextAttemptTime == nil
        if last.map({ $0.number < row.attempt }) ?? !Self.neverBegan(row), isUnderWay {
            openPipelines.insert(path)
            pipelineAttempts[path, default: []].append(PipelineAttempt(number: row.attempt, admitted: now))
        }
        switch row.phase {
        case .succeeded, .cancelled: close(path, outcome: row.phase.rawValue, now: now)
        case .failed: close(path, outcome: row.reason, now: now)
        case .pending, .running, .skipped: break
        }
    }

    /// Whether a sub-pipeline failed before any of it could begin.
    private static func neverBegan(_ row: TaskStatus) -> Bool {
        row.phase == .failed
            && [
                Reasons.pipelineNotFound, Reasons.invalidPipeline, Reasons.invalidParameters, Reasons.invalidReference,
            ].contains(row.reason)
    }

    private func close(_ path: String, outcome: String, now: Timestamp) {
        openPipelines.remove(path)
        guard let last = pipelineAttempts[path]?.indices.last, pipelineAttempts[path]?[last].finished == nil else {
            return
        }
        pipelineAttempts[path]?[last].finished = now
        pipelineAttempts[path]?[last].outcome = outcome
    }
}
