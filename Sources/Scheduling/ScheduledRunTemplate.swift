public import CronSchedule
public import JSON
import KubernetesModel
public import SluiceAPI

extension ScheduledRun {
    /// The manifest of the run of a slot, its references to the schedule filled in. What GitOps tools track the ScheduledRun by is not
    /// copied: they would take the run for an object that Git does not have, and delete it.
    public func run(for start: ScheduleEngine.Start, _ spec: ScheduledRunSpec, zone: ZoneRules) -> JSONValue {
        let references = ScheduleReferences(
            time: start.slot, zone: zone, index: start.index, name: self.metadata.name)
        let template = references.fill(spec.template)
        var run = ObjectMeta(name: start.name, namespace: self.metadata.namespace)
        run.labels = (template["metadata"]?["labels"]?.stringMap ?? [:]).filter { !Sluice.isTracking($0.key) }
        run.labels[Sluice.Label.schedule] = self.metadata.name
        run.annotations = (template["metadata"]?["annotations"]?.stringMap ?? [:]).filter { !Sluice.isTracking($0.key) }
        run.annotations[ScheduleEngine.slotAnnotation] = start.slot.wholeSecond.rfc3339
        run.ownerReferences = [
            OwnerReference(
                apiVersion: Sluice.apiVersion, kind: Sluice.scheduledRuns.kind, name: self.metadata.name,
                uid: self.metadata.uid)
        ]
        return [
            "apiVersion": .string(Sluice.apiVersion), "kind": .string(Sluice.pipelineRuns.kind), "metadata": run.json,
            "spec": template["spec"] ?? [:],
        ]
    }
}

extension ScheduleChild {
    /// What a schedule has to know of a run that it owns.
    public init(_ run: PipelineRun) {
        let created = run.metadata.creationTimestamp ?? Timestamp(seconds: 0)
        let slot = run.metadata.annotations[ScheduleEngine.slotAnnotation].flatMap { Timestamp(rfc3339: $0) }
        // One that has ended is kept or deleted as any other, whatever its spec asked for.
        let isStopped =
            !run.status.phase.isFinished && ["Cancelled", "Terminated"].contains(run.spec["state"]?.string ?? "")
        self.init(
            name: run.metadata.name, slot: slot ?? created, phase: run.status.phase,
            completionTime: run.status.completionTime, isEnding: run.metadata.isBeingDeleted || isStopped)
    }
}
