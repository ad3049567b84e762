import GangQueue
import JSON
import KubernetesModel
import PipelineEngine
import Queueing
import SluiceAPI

/// What came of it all.
extension World {
    var report: SimulationReport {
        var report = SimulationReport()
        report.podsCreated = podsCreated
        report.runs = runs.filter { !$0.isDeleted }.map { reported($0) }
        report.makespan = report.runs.compactMap(\.finished).max() ?? .zero
        report.admissions = admissions
        report.refused = refused
        report.preemptions = preemptions
        report.schedules = schedules.filter { !$0.isDeleted }.sorted { $0.name < $1.name }.map { reported($0) }
        if usesQueue {
            report.waiting = waiting
            report.queues = queueUses
            report.utilisation = usage.utilisation.map { SimulationReport.Amount(resource: $0.0, units: $0.1) }
        }
        report.ended = now - start
        return report
    }

    private func reported(_ schedule: SimulatedSchedule) -> SimulationReport.Schedule {
        let status = schedule.object.status
        var report = SimulationReport.Schedule(namespace: schedule.name.namespace, name: schedule.name.name)
        report.started = schedule.started.map {
            SimulationReport.Schedule.Start(scheduled: $0.scheduled, at: $0.at - start, run: $0.run)
        }
        report.missed = status.missed.map {
            SimulationReport.Schedule.Missed(scheduled: $0.scheduled, reason: $0.reason)
        }
        report.missedCount = status.missedCount
        report.deleted = schedule.deleted
        report.next = status.nextScheduleTime
        return report
    }

    private var waiting: [SimulationReport.Waiting] {
        let all = admission.waiting.sorted {
            ($0.value.queue, $0.value.run, $0.value.attempt) < ($1.value.queue, $1.value.run, $1.value.attempt)
        }
        return all.map { key, waiting in
            let name = runs[waiting.run].name
            let reason = isOperatorRunning ? admission.driver.reason(of: key)?.text : nil
            return SimulationReport.Waiting(
                workload: SimulationReport.Workload(
                    namespace: name.namespace, run: name.name, task: waiting.attempt.path, queue: waiting.queue),
                since: waiting.since - start, reason: reason ?? waiting.reason)
        }
    }

    private var queueUses: [SimulationReport.QueueUse] {
        usage.queues.sorted { $0.key < $1.key }.map { name, use in
            func amounts(_ entries: [String: Int64]) -> [SimulationReport.Amount] {
                entries.filter { $0.value > 0 }.sorted { $0.key < $1.key }
                    .map { SimulationReport.Amount(resource: $0.key, units: Double($0.value)) }
            }
            var report = SimulationReport.QueueUse(name: name)
            report.deserved = (admission.deserved[name]?.entries ?? []).filter { $0.amount > 0 }
                .map { SimulationReport.Amount(resource: $0.name, units: Double($0.amount)) }
            report.allocated = amounts(use.now)
            report.peak = amounts(use.peak)
            report.average = usage.averages(name).map { SimulationReport.Amount(resource: $0.0, units: $0.1) }
            report.shares = use.shares.map {
                SimulationReport.Share(from: $0.from - start, thousandths: $0.share)
            }
            return report
        }
    }

    private func offset(_ time: Timestamp?) -> Duration? { time.map { $0 - start } }

    private func reported(_ run: SimulatedRun) -> SimulationReport.Run {
        let status = run.work?.driver.status(now: operatorNow) ?? run.written
        var report = SimulationReport.Run(
            namespace: run.name.namespace, name: run.name.name, phase: status.phase.rawValue,
            arrived: run.arrived - start)
        report.reason = status.reason
        report.message = status.message
        report.started = offset(run.firstPod)
        report.finished = offset(run.finished)
        report.results = status.results
        report.counts = JSONObject(status.counts.map { ($0.key.rawValue, .int(Int64($0.value))) })
        var rows: [String: TaskStatus] = [:]
        for row in status.allTasks { rows[row.name] = row }
        addRows(of: run.pipeline, in: run, under: "", rows, &report.tasks)
        return report
    }

    /// The rows of a pipeline's tasks, in its order, depth first. The depth is that to which pipelines nest.
    private func addRows(
        of pipeline: PipelineSpec, in run: SimulatedRun, under prefix: String, _ rows: [String: TaskStatus],
        _ tasks: inout [SimulationReport.Task]
    ) {
        for task in pipeline.tasks + pipeline.finally {
            let path = prefix + task.name
            guard task.forEach != nil else {
                addRow(path, task, in: run, rows, &tasks)
                continue
            }
            let row = rows[path] ?? TaskStatus(name: path)
            tasks.append(SimulationReport.Task(name: path, phase: row.phase.rawValue, reason: row.reason))
            for item in 0..<(row.items ?? 0) { addRow("\(path)[\(item)]", task, in: run, rows, &tasks) }
        }
    }

    private func addRow(
        _ path: String, _ task: TaskSpec, in run: SimulatedRun, _ rows: [String: TaskStatus],
        _ tasks: inout [SimulationReport.Task]
    ) {
        let row = rows[path] ?? TaskStatus(name: path)
        var report = SimulationReport.Task(name: path, phase: row.phase.rawValue, reason: row.reason)
        guard task.isPipeline else {
            report.attempts = (run.attempts[path] ?? []).map { reported($0, of: row, in: run) }
            tasks.append(report)
            return
        }
        report.attempts = (run.pipelineAttempts[path] ?? []).map { reported($0, of: row) }
        tasks.append(report)
        if !report.attempts.isEmpty, let inner = run.inner(of: task) {
            addRows(of: inner, in: run, under: path + "/", rows, &tasks)
        }
    }

    private func reported(_ attempt: SimulatedRun.PipelineAttempt, of row: TaskStatus) -> SimulationReport.Attempt {
        var report = SimulationReport.Attempt()
        report.admitted = offset(attempt.admitted)
        report.started = offset(attempt.started)
        report.finished = offset(attempt.finished)
        report.outcome = attempt.outcome
        if attempt.outcome.isEmpty, attempt.finished != nil { report.outcome = row.phase.rawValue }
        return report
    }

    private func reported(
        _ attempt: SimulatedRun.AttemptRecord, of row: TaskStatus, in run: SimulatedRun
    ) -> SimulationReport.Attempt {
        var report = SimulationReport.Attempt()
        report.admitted = offset(attempt.admitted)
        report.started = offset(attempt.admitted)
        report.pods = attempt.pods.count
        let ends = attempt.pods.compactMap { run.pods[$0].ended }
        guard ends.count == attempt.pods.count else { return report }
        report.finished = offset(ends.max())
        report.outcome = outcome(of: attempt, row, in: run)
        return report
    }

    /// How an attempt ended whose pods have all ended.
    private func outcome(
        of attempt: SimulatedRun.AttemptRecord, _ row: TaskStatus, in run: SimulatedRun
    ) -> String {
        if !attempt.cause.isEmpty { return attempt.cause }
        if row.attempt == attempt.number {
            switch row.phase {
            case .succeeded, .cancelled: return row.phase.rawValue
            case .failed: return row.reason
            case .pending, .running, .skipped: break
            }
        }
        // The first to fail: of those that failed at once, the first replica.
        let failures = attempt.pods.compactMap { pod -> (Timestamp, String)? in
            guard case .failed(let failure) = run.pods[pod].pod.verdict else { return nil }
            return (run.pods[pod].ended ?? now, failure.reason)
        }
        if let first = failures.min(by: { $0.0 < $1.0 }) { return first.1 }
        // All ended well, and yet another attempt followed: what it had written was not what it had to write.
        let next = run.attempts[row.name]?.first { $0.number > attempt.number }?.admitted ?? now
        let isFollowed =
            row.attempt > attempt.number && run.isWithinOneAttempt(row.name, from: attempt.admitted, to: next)
        return isFollowed ? Reasons.invalidResults : TaskPhase.succeeded.rawValue
    }
}
