import JSON
import KubernetesModel
import PipelineEngine
import Scheduling
import SluiceAPI

/// One run: the object, its driver while the operator works on it, its pods, and what is kept of it for the report.
final class SimulatedRun {
    /// A pod, whose state is what the API server has.
    struct SimulatedPod {
        var pod: Pod
        var identity: PodIdentity
        var outcome: Outcome
        /// When it ended or, never having run, was deleted.
        var ended: Timestamp?
        var isGone = false
        /// What it asks for; known where there is a queue.
        var requests = PodRequests.none
        /// What it takes on its node while it is bound and has not ended.
        var room: Usage.Room?
    }

    /// A driver under way.
    final class Work {
        var driver: RunDriver
        /// Whether the status that was written last may be old.
        let writesSeldom: Bool

        init(_ driver: RunDriver, writesSeldom: Bool) {
            self.driver = driver
            self.writesSeldom = writesSeldom
        }
    }

    /// An attempt of a task of pods.
    struct AttemptRecord {
        var number: Int
        var admitted: Timestamp
        var pods: [Int] = []
        /// The status's word for why its pods were stopped; empty when they were not.
        var cause = ""
    }

    /// An attempt of a sub-pipeline.
    struct PipelineAttempt {
        var number: Int
        var admitted: Timestamp
        var started: Timestamp?
        var finished: Timestamp?
        var outcome = ""
        /// The last failure inside of it.
        var failure = ""
    }

    let name: RunName
    let arrived: Timestamp
    var metadata: ObjectMeta
    var spec: JSONValue { didSet { knownChild = nil } }
    /// The schedule that made it.
    private(set) var schedule: Int?
    private var knownChild: ScheduleChild?

    /// The status that was written last.
    var written = PipelineRunStatus() { didSet { knownChild = nil } }
    /// The places of its rows by their paths, once somebody has asked.
    var writtenRows: [String: Int]?
    /// What works on it while the operator runs. In a box, since the driver is a large value that must not be copied to be asked.
    var work: Work?
    /// When the operator wants to look at it again.
    var wakeAt: Timestamp?
    /// Whether the operator is to look at it in this instant.
    var isTouched = false
    var isDeleted = false
    /// Whether a pod of it found no node: it may ask for one for ever.
    var mayWaitForEver = false

    /// The pipeline that it runs, and those of its tasks.
    var pipeline = PipelineSpec()
    var pipelines: [String: PipelineSpec] = [:]
    /// Tasks by name, by the path of the pipeline that they are in, without indices.
    private var tasks: [String: [String: TaskSpec]] = [:]

    var pods: [SimulatedPod] = []
    var podByName: [String: Int] = [:]
    var attempts: [String: [AttemptRecord]] = [:]
    var pipelineAttempts: [String: [PipelineAttempt]] = [:]
    /// Sub-pipelines that are under way.
    var openPipelines: Set<String> = []
    var firstPod: Timestamp?
    var finished: Timestamp?

    init(_ name: RunName, uid: String, document: JSONValue, now: Timestamp) {
        self.name = name
        arrived = now
        metadata = ObjectMeta(name: name.name, namespace: name.namespace)
        metadata.uid = uid
        metadata.generation = 1
        metadata.creationTimestamp = now
        spec = document["spec"] ?? [:]
    }

    /// Notes that a schedule made it of that manifest.
    func isOf(_ index: Int, _ manifest: JSONValue) {
        schedule = index
        metadata.labels = manifest["metadata"]?["labels"]?.stringMap ?? [:]
        metadata.annotations = manifest["metadata"]?["annotations"]?.stringMap ?? [:]
    }

    /// What its schedule has to know of it. Asked for often, and a status is large.
    var child: ScheduleChild {
        if let knownChild { return knownChild }
        let child = ScheduleChild(PipelineRun(metadata: metadata, spec: spec, status: written))
        knownChild = child
        return child
    }

    var identity: RunIdentity { RunIdentity(metadata) }

    /// Whether the operator has nothing to do for it any more.
    var isOver: Bool {
        work == nil && written.phase.isFinished
            && pods.allSatisfy { $0.isGone || !$0.pod.metadata.finalizers.contains(Sluice.podFinalizer) }
    }

    /// What it wants, as its spec says.
    var desired: DesiredState { spec["state"]?.string.flatMap(DesiredState.init(rawValue:)) ?? .running }

    /// Whether tasks of it run pipelines.
    private(set) lazy var hasPipelines = (pipeline.tasks + pipeline.finally).contains(where: \.isPipeline)

    // MARK: Tasks

    /// The task of a path, `outer[2]/inner[0]`; nil when there is none.
    func task(ofPath path: String) -> TaskSpec? {
        var prefix = ""
        var pipeline: PipelineSpec? = self.pipeline
        var task: TaskSpec?
        for part in path.split(separator: "/") {
            guard let current = pipeline else { return nil }
            let name = String(part.prefix { $0 != "[" })
            if tasks[prefix] == nil {
                tasks[prefix] = Dictionary(
                    (current.tasks + current.finally).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
            }
            guard let found = tasks[prefix]?[name] else { return nil }
            task = found
            pipeline = inner(of: found)
            prefix += name + "/"
        }
        return task
    }

    /// The pipeline that a task runs; nil for a task of pods, and while it is not there.
    func inner(of task: TaskSpec) -> PipelineSpec? { task.pipelineSpec ?? task.pipelineRef.flatMap { pipelines[$0] } }

    private var isPipelineByPath: [String: Bool] = [:]

    /// Whether a row is a sub-pipeline itself, rather than a forEach of them.
    func isPipeline(row path: String) -> Bool {
        if let known = isPipelineByPath[path] { return known }
        let task = task(ofPath: path)
        let isIt = task.map { $0.isPipeline && ($0.forEach == nil || path.hasSuffix("]")) } ?? false
        isPipelineByPath[path] = isIt
        return isIt
    }

    /// The paths of the sub-pipelines that a path lies in: `a`, `a/b[1]` for `a/b[1]/c`.
    static func pipelines(above path: String) -> [String] {
        path.utf8.indices.filter { path.utf8[$0] == UInt8(ascii: "/") }.map { String(path[..<$0]) }
    }
}
