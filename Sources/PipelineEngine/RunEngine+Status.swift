import JSON
public import KubernetesModel
public import SluiceAPI

/// The status as it is written.
extension RunEngine {
    /// The status of the run at this moment. O(tasks). Conditions keep the time of their last change.
    public mutating func status(now: Timestamp) -> PipelineRunStatus {
        if var status = finalStatus {
            status.observedGeneration = generation
            if isTooLarge { shrink(&status) }
            status.setConditions(previous: conditions, now: now)
            conditions = status.conditions
            return status
        }
        var status = PipelineRunStatus()
        status.observedGeneration = generation
        status.phase = phase
        status.startTime = startTime?.wholeSecond
        status.completionTime = completionTime?.wholeSecond
        status.pipelineSpec = pipelineSnapshot
        status.pipelines = pipelines
        status.results = finalResults
        var ended = 0
        var total = 0
        var waiting: Int?
        var firstWaiting: Int?
        var folded: [FoldKey: [String]] = [:]
        let folds = self.folds
        forEachRow { index, isLast in
            let task = nodes[index].status
            if folds, isFoldable(index) {
                folded[FoldKey(phase: task.phase, reason: task.reason), default: []].append(task.name)
            } else if folds, nodes[index].admission == .waiting, task.attempt == 0, task.phase == .pending {
                // It is only counted, as what has not begun.
            } else if task.phase != .pending || !task.reason.isEmpty || task.attempt > 0 {
                status.tasks.append(task)
                if folds, task.phase.isFinished, !needsResults(index) {
                    status.tasks[status.tasks.count - 1].results = [:]
                }
            }
            if firstWaiting == nil, nodes[index].admission == .waiting, !task.message.isEmpty { firstWaiting = index }
            // Only what has no rows below it counts.
            guard isLast else { return }
            status.counts[task.phase, default: 0] += 1
            total += 1
            if task.phase.isFinished { ended += 1 }
            if waiting == nil, !task.phase.isFinished, !task.reason.isEmpty { waiting = index }
        }
        status.queue = queuePlace
        if let first = firstWaiting {
            status.queue = QueuePlace(
                name: queuePlace?.name ?? "", position: nodes[first].position, reason: nodes[first].status.message,
                admittedTime: queuePlace?.admittedTime)
        }
        status.folded = folded.sorted {
            ($0.key.phase.rawValue, $0.key.reason) < ($1.key.phase.rawValue, $1.key.reason)
        }
        .map { FoldedTasks(phase: $0.key.phase, reason: $0.key.reason, paths: $0.value) }
        status.progress = "\(ended)/\(total)"
        if isTooLarge { shrink(&status) }
        if phase.isFinished {
            status.reason = finalReason
            status.message = finalMessage
        } else {
            (status.reason, status.message) = explanation(running: status.counts[.running] ?? 0, waiting: waiting)
        }
        status.setConditions(previous: conditions, now: now)
        conditions = status.conditions
        return status
    }

    /// Whether the status folds what has nothing to tell but its phase.
    var folds: Bool { liveCount > settings.foldThreshold }

    /// Leaves what must fit: the first failures, cut short. What runs is stopped, so that nothing else is needed to go on.
    private func shrink(_ status: inout PipelineRunStatus) {
        status.tasks = status.tasks.filter { $0.phase == .failed }.prefix(20).map { task in
            var short = TaskStatus(name: task.name, phase: task.phase)
            short.reason = task.reason
            short.message = String(task.message.prefix(200))
            short.attempt = task.attempt
            short.exitCode = task.exitCode
            return short
        }
        status.folded = []
        status.results = [:]
        status.pipelines = [:]
        status.pipelineSpec = nil
    }

    private struct FoldKey: Hashable {
        var phase: TaskPhase
        var reason: String
    }

    /// Whether a task has nothing to tell but its phase and reason. What is read back from that is what it was.
    private func isFoldable(_ index: Int) -> Bool {
        let node = nodes[index]
        let status = node.status
        guard status.attempt == 0, status.failures == 0, status.disruptions == 0, status.requeues == 0,
            status.items == nil
        else { return false }
        switch status.phase {
        case .succeeded, .skipped, .cancelled: return status.results.isEmpty || !needsResults(index)
        case .running:
            return node.kind == .leaf && status.reason.isEmpty && status.stopping == nil
                && status.nextAttemptTime == nil
                && status.pods.count == node.task.spec.replicas && liveCount > settings.runningFoldThreshold
        case .pending, .failed: return false
        }
    }

    /// Calls `body` with every node that has a row, in the order of the pipeline, depth first; and whether it has none below it.
    private func forEachRow(_ body: (_ index: Int, _ isLast: Bool) -> Void) {
        var open = [scopes[Self.root].nodes]
        while let range = open.popLast() {
            guard let index = range.first else { continue }
            open.append(range.dropFirst())
            switch nodes[index].body {
            case .none: body(index, true)
            case .group(let group):
                body(index, groups[group].count == 0)
                open.append(groups[group].nodes)
            case .scope(let scope):
                body(index, false)
                open.append(scopes[scope].nodes)
            }
        }
    }

    private func explanation(running: Int, waiting: Int?) -> (String, String) {
        let still = running == 1 ? "1 task is still running" : "\(running) tasks are still running"
        switch (phase, timedOut, scopes[Self.root].firstFailure) {
        case _ where isTooLarge: return (Reasons.statusTooLarge, "\(Self.tooLargeMessage); \(still)")
        case (.cancelling, _, _): return (desired == .terminated ? Reasons.terminating : Reasons.cancelling, still)
        case _ where queueTimedOut:
            return (Reasons.queueTimeout, "nothing of the run was admitted within its queueTimeout; \(still)")
        case (_, true, _): return (Reasons.runTimeout, "the run took longer than its timeout; \(still)")
        case (_, _, let failed?):
            return (
                Reasons.taskFailed,
                "task \(nodes[failed].path) failed: \(nodes[failed].status.message); \(still)"
            )
        case (.queued, _, _):
            guard let waiting else { return (Reasons.queued, "the run waits for admission") }
            return (nodes[waiting].status.reason, "task \(nodes[waiting].path): \(nodes[waiting].status.message)")
        case (.suspended, _, _): return (Reasons.suspended, "nothing new starts; \(still)")
        default: break
        }
        // What keeps a task from starting is what a person wants to know of the whole run.
        guard let waiting else { return ("", "") }
        return (nodes[waiting].status.reason, "task \(nodes[waiting].path): \(nodes[waiting].status.message)")
    }
}
