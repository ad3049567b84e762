import CronSchedule
import JSON
import KubernetesModel
import Scheduling
import SluiceAPI

/// One ScheduledRun: the object with the status that was written last, and what is kept of it for the report.
final class SimulatedSchedule {
    /// A run that it has made.
    struct Started {
        var scheduled: Timestamp
        var at: Timestamp
        var run: String
    }

    let name: RunName
    /// A change of the spec or of an annotation is seen with the next look.
    var object: ScheduledRun {
        didSet { if object.spec != oldValue.spec || object.metadata != oldValue.metadata { known = nil } }
    }
    /// Its runs that there are: their places among all runs, in the order in which they were made.
    var runs: [Int] = []
    var started: [Started] = []
    /// Runs that went since the history is full.
    var deleted: [String] = []
    /// When the operator wants to look at it again.
    var wakeAt: Timestamp?
    /// Whether the operator is to look at it in this instant.
    var isTouched = false
    var isDeleted = false

    private let zones: SimulationInput.Zones
    private var known: (spec: ScheduledRunSpec, engine: ScheduleEngine?)?

    init(_ object: SimulationInput.Object, uid: String, now: Timestamp, zones: @escaping SimulationInput.Zones) {
        name = object.name
        self.zones = zones
        var metadata = ObjectMeta(name: name.name, namespace: name.namespace)
        metadata.uid = uid
        metadata.generation = 1
        // The API server writes whole seconds.
        metadata.creationTimestamp = now.wholeSecond
        metadata.labels = object.document["metadata"]?["labels"]?.stringMap ?? [:]
        metadata.annotations = object.document["metadata"]?["annotations"]?.stringMap ?? [:]
        self.object = ScheduledRun(metadata: metadata, spec: object.document["spec"] ?? [:])
    }

    /// Its spec as it is read, and what decides on it; no engine where the schedule means nothing, which admission refuses.
    var decider: (spec: ScheduledRunSpec, engine: ScheduleEngine?) {
        if let known { return known }
        let spec = ScheduledRunSpec(validated: object.spec)
        let engine = try? ScheduleEngine(object.metadata, spec) { [zones] in try? zones($0) }
        known = (spec, engine)
        return (spec, engine)
    }

    /// Whether it goes on for ever by itself.
    var isEndless: Bool { !isDeleted && wakeAt != nil && decider.spec.endTime == nil }
}
