import CronSchedule
import JSON
import KubernetesModel
import Scheduling
import SluiceAPI

/// ScheduledRuns: what SluiceOperator's ScheduleReconciler does, over an API server that answers at once. `ScheduleEngine` decides.
extension World {
    /// A ScheduledRun comes into being.
    func addSchedule(_ object: SimulationInput.Object) {
        let index = schedules.count
        // The same whatever other schedules there are: the jitter goes by it.
        let before = schedules.count { $0.name == object.name }
        let uid = "schedule \(object.name)" + (before == 0 ? "" : " \(before)")
        schedules.append(SimulatedSchedule(object, uid: uid, now: now, zones: input.zones))
        scheduleByName[object.name] = index
        wakeSchedule(index, at: now)
    }

    /// Has the operator look at a schedule in this instant.
    func touchSchedule(_ index: Int) {
        guard !schedules[index].isTouched, !schedules[index].isDeleted else { return }
        schedules[index].isTouched = true
        touchedSchedules.append(index)
    }

    /// Has the operator look at a schedule at that time, and not before unless something happens.
    private func wakeSchedule(_ index: Int, at time: Timestamp?) {
        guard schedules[index].wakeAt != time else { return }
        schedules[index].wakeAt = time
        if let time { queue.add(time, .look(schedule: index)) }
    }

    /// Looks at the schedules of which something has happened.
    func lookAtSchedules() {
        let looked = touchedSchedules.sorted()
        touchedSchedules = []
        for index in looked {
            schedules[index].isTouched = false
            look(index)
        }
    }

    /// The order of effects is that of the reconciler: runs are made, others cancelled, the status is written, runs are deleted.
    private func look(_ index: Int) {
        let schedule = schedules[index]
        let (spec, known) = schedule.decider
        guard !schedule.isDeleted, let engine = known else { return }
        let children = schedule.runs.map { runs[$0].child }
        var decision = engine.decide(schedule.object.status, children: children, now: operatorNow)
        for start in decision.starts { begin(start, of: index, spec, engine.zone, &decision) }
        for name in decision.cancels {
            if let run = runByName[RunName(namespace: schedule.name.namespace, name: name)], schedule.runs.contains(run)
            {
                change(run) { $0["state"] = .string(DesiredState.cancelled.rawValue) }
            }
        }
        schedule.object.status = decision.status
        for name in decision.deletes {
            deleteRun(RunName(namespace: schedule.name.namespace, name: name))
            schedule.deleted.append(name)
        }
        wakeSchedule(index, at: decision.wakeUp.map { max($0 - clockOffset, now + .microseconds(1)) })
    }

    private func begin(
        _ start: ScheduleEngine.Start, of index: Int, _ spec: ScheduledRunSpec, _ zone: ZoneRules,
        _ decision: inout ScheduleEngine.Decision
    ) {
        let schedule = schedules[index]
        let name = RunName(namespace: schedule.name.namespace, name: start.name)
        if let existing = runByName[name] {
            guard !schedule.runs.contains(existing) else { return }
            decision.refuse(start, reason: "a run named \(start.name) exists and does not belong to this schedule")
            return
        }
        let object = SimulationInput.Object(name: name, document: schedule.object.run(for: start, spec, zone: zone))
        if let refusal = SimulationInput.refusal(of: object, zones: input.zones) {
            decision.refuse(start, reason: "the API server does not take the run: \(refusal.message)")
            return
        }
        addRun(object, of: index)
        schedule.started.append(SimulatedSchedule.Started(scheduled: start.slot, at: now, run: start.name))
    }

    // MARK: What people do

    /// Changes a schedule, as far as admission lets it.
    func changeSchedule(_ index: Int, _ body: (inout ScheduledRun) -> Void) {
        var changed = schedules[index].object
        body(&changed)
        guard changed != schedules[index].object else { return }
        if changed.spec != schedules[index].object.spec {
            let object = SimulationInput.Object(
                name: schedules[index].name,
                document: [
                    "apiVersion": .string(Sluice.apiVersion), "kind": .string(Sluice.scheduledRuns.kind),
                    "metadata": [
                        "name": .string(changed.metadata.name), "namespace": .string(changed.metadata.namespace),
                    ], "spec": changed.spec,
                ])
            if let refusal = SimulationInput.refusal(of: object, zones: input.zones) { return refused.append(refusal) }
            changed.metadata.generation += 1
        }
        schedules[index].object = changed
        touchSchedule(index)
    }

    /// A ScheduledRun is applied: made, or changed.
    func applySchedule(_ object: SimulationInput.Object) {
        guard let index = scheduleByName[object.name] else { return addSchedule(object) }
        let metadata = object.document["metadata"]
        changeSchedule(index) { schedule in
            schedule.spec = object.document["spec"] ?? [:]
            schedule.metadata.labels.merge(metadata?["labels"]?.stringMap ?? [:]) { $1 }
            schedule.metadata.annotations.merge(metadata?["annotations"]?.stringMap ?? [:]) { $1 }
        }
    }

    /// Somebody asks for a run now. Of several that ask before the operator looks the last counts.
    func trigger(_ name: RunName) {
        guard let index = scheduleByName[name] else { return }
        triggers += 1
        let token = "\(triggers)"
        changeSchedule(index) { $0.metadata.annotations[ScheduleEngine.triggerAnnotation] = token }
    }

    /// A schedule goes with its runs.
    func deleteSchedule(_ name: RunName) {
        guard let index = scheduleByName.removeValue(forKey: name) else { return }
        schedules[index].isDeleted = true
        schedules[index].wakeAt = nil
        for run in schedules[index].runs { deleteRun(runs[run].name) }
    }
}
