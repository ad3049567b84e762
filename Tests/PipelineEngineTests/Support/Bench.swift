import JSON
import KubernetesModel
import PipelineEngine
import Testing

@testable import SluiceAPI

/// A run driver with an API server that always answers at once, moved by hand: what the rule tables are written against.
struct Bench {
    static let start = Timestamp(seconds: 1_800_000_000)
    let identity = RunIdentity(namespace: "ns", name: "run", uid: "0f0e")
    var spec: PipelineRunSpec
    let pipeline: PipelineSpec
    let parameters: JSONObject
    let engineSettings: EngineSettings
    var driver: RunDriver
    var now = Bench.start
    var generation: Int64 = 1
    /// What the API server has.
    var pods: [String: Pod] = [:]
    var persisted = PipelineRunStatus()
    /// Manifests of all pods that were ever created, by name.
    var created: [String: JSONValue] = [:]
    var createdCount: [String: Int] = [:]
    var creationOrder: [String] = []
    /// Pods that the driver asked to end, one way or the other.
    var deleted: [String] = []
    /// Those of them that were asked by their deadline, which keeps them and their logs.
    var stopped: [String] = []
    /// Pods that were read from the API server itself.
    var confirmed: [String] = []
    var released: [String] = []
    var events: [EngineEvent] = []
    /// What the API server answers to a create, by name of the pod; taken once.
    var refusals: [String: [PodCreateFailure]] = [:]
    /// Pipelines of the namespace, by name.
    var pipelines: [String: JSONValue] = [:]
    /// Whether attempts ask for admission, what has asked and what does not any more.
    let admission: AdmissionMode
    var enqueued: [AdmissionRequest] = []
    var held: [AdmissionRequest] = []
    var withdrawn: [AttemptKey] = []
    /// Deleted pods keep running through their grace period until ``endDeleted(code:)``.
    var lingers = false
    private var nextUID = 0
    private static let settings = RunDriver.Settings(
        firstStatusDelay: .zero, statusInterval: .zero, createBatch: .max, retryDelay: .zero)

    /// What the driver asks for beside the status.
    enum Action: Hashable {
        case create(RunDriver.Create)
        case release(RunDriver.Release)
    }

    init(
        _ tasks: [JSONValue], finally: [JSONValue] = [], run: JSONValue = [:], results: JSONValue = [],
        declared: JSONValue = [], parameters: JSONObject = [:], admission: AdmissionMode = .always,
        settings: EngineSettings = EngineSettings()
    ) {
        self.admission = admission
        engineSettings = settings
        spec = PipelineRunSpec(validated: run)
        pipeline = PipelineSpec(validated: [
            "tasks": .array(tasks), "finally": .array(finally), "results": results, "parameters": declared,
        ])
        self.parameters = parameters
        let engine = RunEngine(
            run: identity, created: Self.start, generation: 1, spec: spec, pipeline: pipeline, parameters: parameters,
            status: PipelineRunStatus(), admission: admission, settings: settings)
        driver = RunDriver(engine, written: PipelineRunStatus(), settings: Self.settings)
        settle()
    }

    // MARK: The operator

    /// Does what the driver asks for until it asks for nothing; checks E14 at the end.
    mutating func settle(sourceLocation: SourceLocation = #_sourceLocation) {
        for _ in 0..<1000 {
            let found = driver.wantedPipelines.filter { pipelines[$0] != nil }
            for name in found { driver.pipelineFound(name, pipelines[name] ?? [:]) }
            let actions = step()
            if actions.isEmpty, !found.isEmpty || driver.wantedPipelines.contains(where: { pipelines[$0] != nil }) {
                continue
            }
            if actions.isEmpty {
                let again = next()
                #expect(again.isIdle && again.events.isEmpty, "E14: a second step", sourceLocation: sourceLocation)
                return
            }
            for action in actions { perform(action) }
        }
        Issue.record("the driver never comes to rest", sourceLocation: sourceLocation)
    }

    private var monotonic: Duration { now - Self.start }

    /// Asks the driver once. All that it asks for is left to the caller.
    mutating func next() -> RunDriver.Effects {
        let effects = driver.next(now: now, monotonic: monotonic)
        events += effects.events
        enqueued += effects.enqueued
        held += effects.held
        withdrawn += effects.withdrawn
        return effects
    }

    /// Writes a status that the driver asked for.
    mutating func write(_ write: RunDriver.Write) {
        persisted = write.status
        driver.statusWritten(write, monotonic: monotonic)
    }

    /// Asks the driver, and again after each status, which is written. What it asks for besides is left to the caller.
    mutating func step() -> [Action] {
        var actions: [Action] = []
        while true {
            let effects = next()
            actions += effects.creates.map(Action.create) + effects.releases.map(Action.release)
            for request in effects.held { driver.admitted(request.key, now: now) }
            if let write = effects.write {
                self.write(write)
            } else if effects.wakeAfter != .zero, effects.held.isEmpty {
                return actions
            }
        }
    }

    mutating func perform(_ action: Action) {
        switch action {
        case .create(let create):
            if let failure = refusals[create.name]?.first {
                refusals[create.name]?.removeFirst()
                driver.podCreateFailed(create.identity, failure, now: now)
                return
            }
            driver.podCreated(self.create(create))
        case .release(.confirm(let name, let uid)):
            confirmed.append(name)
            if let pod = pods[name], pod.metadata.uid == uid {
                driver.podConfirmed(pod, now: now)
            } else {
                driver.podDeleted(name: name, uid: uid)
            }
        case .release(.stop(let name, let uid)):
            deleted.append(name)
            stopped.append(name)
            guard var pod = pods[name], pod.metadata.uid == uid else { return driver.podDeleted(name: name, uid: uid) }
            pod.activeDeadlineSeconds = 1
            if !lingers, pod.isLive { pod.endByDeadline(code: 137, at: now) }
            pods[name] = pod
            observe(name)
        case .release(.delete(let name, let uid)):
            deleted.append(name)
            guard var pod = pods[name], pod.metadata.uid == uid else { return driver.podDeleted(name: name, uid: uid) }
            pod.markDeleted(at: now)
            pods[name] = pod
            if !lingers, pod.isLive { pods[name]?.end(code: 137, at: now) }
            observe(name)
        case .release(.removeFinalizer(let name, let uid)):
            released.append(name)
            guard var pod = pods[name], pod.metadata.uid == uid else { return driver.podDeleted(name: name, uid: uid) }
            pod.metadata.finalizers = []
            pods[name] = pod
            observe(name)
        }
    }

    /// A delete or the removal of a finalizer has failed.
    mutating func failRequest(_ name: String) { driver.requestFailed(name: name, monotonic: monotonic) }

    /// The API server's part of a create.
    mutating func create(_ create: RunDriver.Create) -> Pod {
        let (name, manifest) = (create.name, create.manifest)
        if let existing = pods[name] { return existing }
        created[name] = manifest
        createdCount[name, default: 0] += 1
        creationOrder.append(name)
        nextUID += 1
        var pod = Pod()
        do { pod.metadata = try ObjectMeta(manifest["metadata"] ?? [:]) } catch { Issue.record(error) }
        pod.metadata.uid = "pod-\(nextUID)"
        pod.metadata.creationTimestamp = now.wholeSecond
        pods[name] = pod
        return pod
    }

    /// Tells the engine what the API server has; a deleted pod without finalizers that has ended is gone.
    mutating func observe(_ name: String) {
        guard let pod = pods[name] else { return }
        driver.podObserved(pod)
        if pod.metadata.isBeingDeleted, pod.metadata.finalizers.isEmpty, !pod.isLive {
            pods[name] = nil
            driver.podDeleted(name: name, uid: pod.metadata.uid)
        }
    }

    /// Kills the operator: all that a new one knows is the status written last, as JSON, and the pods.
    mutating func restart(settling: Bool = true) {
        var status = PipelineRunStatus()
        do { status = try PipelineRunStatus(persisted.json) } catch { Issue.record(error) }
        let engine = RunEngine(
            run: identity, created: Self.start, generation: generation, spec: spec, pipeline: pipeline,
            parameters: parameters, status: status, admission: admission, settings: engineSettings)
        driver = RunDriver(engine, written: status, settings: Self.settings)
        for name in pods.keys.sorted() { driver.podObserved(pods[name] ?? Pod()) }
        if settling { settle() }
    }

    mutating func want(_ state: DesiredState, settling: Bool = true) {
        spec.state = state
        generation += 1
        driver.specChanged(to: state, generation: generation)
        if settling { settle() }
    }

    /// The queue admits an attempt.
    mutating func admit(_ path: String, _ attempt: Int = 0) {
        driver.admitted(AttemptKey(path: path, attempt: attempt), now: now)
        settle()
    }

    // MARK: The world

    /// Changes a pod and tells the engine.
    mutating func change(
        _ task: String, _ replica: Int = 0, settling: Bool = true, _ body: (inout Pod, Timestamp) -> Void
    ) {
        let name = name(task, replica)
        guard var pod = pods[name] else {
            Issue.record("there is no pod \(name)")
            return
        }
        body(&pod, now)
        pods[name] = pod
        observe(name)
        if settling { settle() }
    }

    mutating func run(_ task: String, _ replica: Int = 0) { change(task, replica) { $0.run(at: $1) } }

    mutating func succeed(_ task: String, _ replica: Int = 0, results: String = "", settling: Bool = true) {
        change(task, replica, settling: settling) { $0.end(code: 0, at: $1, message: results) }
    }

    mutating func fail(_ task: String, _ replica: Int = 0, code: Int = 1, settling: Bool = true) {
        change(task, replica, settling: settling) { $0.end(code: code, at: $1) }
    }

    /// Evicted and ended by now.
    mutating func evict(_ task: String, _ replica: Int = 0, settling: Bool = true) {
        change(task, replica, settling: settling) { pod, now in
            pod.beDisrupted("EvictionByEvictionAPI", at: now)
            pod.end(code: 137, at: now)
        }
    }

    /// Ends the pods whose grace period runs.
    mutating func endDeleted(code: Int = 137) {
        for name in pods.keys.sorted() {
            guard var pod = pods[name], pod.isLive, pod.metadata.isBeingDeleted || pod.activeDeadlineSeconds == 1 else {
                continue
            }
            if pod.metadata.isBeingDeleted {
                pod.end(code: code, at: now)
            } else {
                pod.endByDeadline(code: code, at: now)
            }
            pods[name] = pod
            observe(name)
        }
        settle()
    }

    /// Lets time pass, waking the engine when it asked to be woken.
    mutating func pass(_ seconds: Int64) {
        let end = now + .seconds(seconds)
        while true {
            let actions = step()
            for action in actions { perform(action) }
            if !actions.isEmpty { continue }
            guard let wakeUp = next().wakeUp, wakeUp <= end else { break }
            #expect(wakeUp > now, "a wake-up lies in the future")
            now = max(wakeUp, now)
        }
        now = end
        settle()
    }

    // MARK: Looking

    var status: PipelineRunStatus { driver.status(now: now) }

    func task(_ name: String) -> TaskStatus {
        status.tasks.first { $0.name == name } ?? TaskStatus(name: name)
    }

    /// "Phase" or "Phase/Reason" of a task.
    func state(_ name: String) -> String {
        let task = task(name)
        return task.reason.isEmpty ? task.phase.rawValue : "\(task.phase.rawValue)/\(task.reason)"
    }

    func states(_ names: String...) -> [String] { names.map { state($0) } }

    func outcome() -> String { "\(status.phase.rawValue)/\(status.reason)" }

    /// The pod of a replica of the current attempt.
    func name(_ task: String, _ replica: Int = 0) -> String {
        PodIdentity(path: task, attempt: self.task(task).attempt, replica: replica).name(in: identity)
    }

    func name(_ task: String, attempt: Int, _ replica: Int = 0) -> String {
        PodIdentity(path: task, attempt: attempt, replica: replica).name(in: identity)
    }

    func isLive(_ task: String, attempt: Int = 0, _ replica: Int = 0) -> Bool {
        pods[name(task, attempt: attempt, replica)]?.isLive ?? false
    }
}

/// A task in YAML's shape: `task("a", ["dependsOn": ["b"]])`.
func task(_ name: String, _ fields: JSONValue = [:]) -> JSONValue {
    var task = fields
    task["name"] = .string(name)
    if ["container", "pipelineSpec", "pipelineRef"].allSatisfy({ task[$0] == nil }) {
        task["container"] = ["image": "busybox"]
    }
    return task
}
