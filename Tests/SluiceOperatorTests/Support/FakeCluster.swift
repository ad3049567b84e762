import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import SluiceAPI
import SluiceOperator
import Synchronization

/// An API server and a kubelet in memory and in virtual time, which fail as often as they are told to: requests get lost
/// before or after they took effect, answers are 409, 429 or 500, watches break, come late and repeat themselves.
final class FakeCluster: Sendable {
    /// Why no run may be created now.
    let runCreateDenial = Mutex<String?>(nil)
    struct Change {
        var version: Int
        var kind: String
        var isDeletion: Bool
        var object: JSONValue
        var time: Duration
    }

    struct State {
        var version = 100
        var uids = 0
        var runs: [ObjectKey: JSONValue] = [:]
        var pods: [ObjectKey: JSONValue] = [:]
        var pipelines: [ObjectKey: JSONValue] = [:]
        var services: [ObjectKey: JSONValue] = [:]
        /// What creates of Services are answered, one after the other, before any is made.
        var serviceFailures: [APIStatus] = []
        /// The nodes that the scheduler binds pods to; with none, pods get the name of some node.
        var nodes: [ObjectKey: JSONValue] = [:]
        var queues: [ObjectKey: JSONValue] = [:]
        var schedules: [ObjectKey: JSONValue] = [:]
        /// Every run that was ever made by a schedule, by name.
        var scheduledRuns: [String: Int] = [:]
        /// Pods that found no room when the scheduler looked at them first.
        var unplaced: Set<ObjectKey> = []
        var log: [Change] = []
        /// How late watches of a kind tell of a change.
        var lags: [String: Duration] = [:]
        /// Every pod that was ever made, by name: more than one under a name is the failure that the tests look for.
        var created: [String: Int] = [:]
        var writes = 0
        /// The same by kind: create, status, finalizer, delete.
        var writesByKind: [String: Int] = [:]
        /// What should never be, as it was seen.
        var violations: [String] = []
        /// Pods of requests that had their effect after they were given up.
        var lateCreates: Set<String> = []
        /// Runs that got an answer which ends a task: 413 or 422 to the create of a pod.
        var rejected: Set<String> = []
        /// Who waits for something to happen.
        var waiters: [Int: CheckedContinuation<Void, any Error>] = [:]
        var nextWaiter = 0
        /// What is kept as a story, when it is wanted.
        var story: [String]?
        /// Pods that were made for a task of a run, and attempts of it that failed by themselves.
        var podsByTask: [String: Set<ObjectKey>] = [:]
        var ownFailures: [String: Set<Int>] = [:]
        /// Attempts of tasks of one pod that ended well by themselves.
        var ownSuccesses: [String: Set<Int>] = [:]
        /// Removals of finalizers that are still to be answered with a conflict.
        var conflicts = 0
        /// Tasks whose pods a webhook lets nobody but the garbage collector change.
        var guarded: Set<String> = []
        /// The user cancels the run just before a write that says that it is suspended and that no task of it runs.
        var cancelsAtWrite = false
        /// Status writes that are still to have their effect and no answer.
        var lostStatusAnswers = 0
        /// Finished pods that were deleted for good.
        var statusesSeen: [ObjectKey: [RunPhase]] = [:]
    }

    let state = Mutex(State())
    /// Work that waits for its time.
    private let agenda = Mutex<[Task<Void, any Error>]>([])
    let clock: ManualClock
    /// How likely it is that a request goes wrong, 0..<1.
    let profile: Mutex<FaultProfile>
    /// A status of more bytes is refused.
    let maximumStatusSize = Mutex(Int.max)
    let random: RandomSource
    private let simulation: Simulation
    /// Plays the pods as they change.
    let nodes: RoughNodes

    init(simulation: Simulation, profile: FaultProfile, nodes: RoughNodes) {
        self.simulation = simulation
        clock = simulation.clock
        self.profile = Mutex(profile)
        random = simulation.random
        self.nodes = nodes
    }

    /// Does something later.
    func after(_ delay: Duration, _ body: @escaping @Sendable () -> Void) {
        let clock = clock
        let task: Task<Void, any Error> = simulation.start {
            try await clock.sleep(for: delay)
            body()
        }
        agenda.withLock { $0.append(task) }
    }

    /// Ends what is to happen later.
    func end() {
        let tasks = agenda.withLock { agenda in
            defer { agenda = [] }
            return agenda
        }
        for task in tasks { task.cancel() }
    }

    /// Forgets what only tests want to know of what is gone, where everybody has heard of everything.
    func forgetHistory() {
        end()
        state.withLock { state in
            state.log = []
            state.created = [:]
            state.podsByTask = [:]
            state.ownFailures = [:]
            state.ownSuccesses = [:]
            state.statusesSeen = [:]
        }
    }

    /// Waits until anything changes after that version.
    func change(after version: Int) async throws {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let isOver = state.withLock { state in
                    if Task.isCancelled || state.version > version { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
        try Task.checkCancellation()
    }

    func tell(_ text: @autoclosure () -> String) {
        let time = clock.monotonic
        state.withLock { state in
            if state.story != nil { state.story?.append("\(time) \(text())") }
        }
    }

    /// One write of the operator: it may fail before, after or without its effect, or have it when nobody waits any more.
    private func request<Answer: Sendable>(
        _ name: String, _ effect: @escaping @Sendable () throws -> Answer
    ) async throws -> Answer {
        do {
            try await delay()
        } catch {
            // The operator was killed; the request may be under way all the same.
            if random() < 0.3 { _ = try? effect() }
            throw error
        }
        let fault = drawFault(reads: false)
        if let fault {
            tell("\(name): \(fault)")
            if fault == .tooLarge || fault == .unprocessable {
                state.withLock { _ = $0.rejected.insert(name) }
            }
            if let answer = fault.answer { throw answer }
            if fault == .lostBefore { throw ConnectionLost() }
            if fault == .lostLate {
                let name = name.split(separator: " ").last.map(String.init) ?? ""
                state.withLock { _ = $0.lateCreates.insert(name) }
                after(.milliseconds(Int64(random() * 20_000))) { _ = try? effect() }
                throw ConnectionLost()
            }
        }
        let answer = try effect()
        if fault == .lostAfter { throw ConnectionLost() }
        // The answer takes its time as well: the operator may be killed before it comes.
        if random() < 0.3 { try await delay() }
        return answer
    }

    private func drawFault(reads: Bool) -> RequestFault? {
        let faults = profile.withLock { $0.requests }
        guard !faults.isEmpty else { return nil }
        var number = random()
        for fault in RequestFault.allCases where !reads || fault.concernsReads {
            number -= faults[fault] ?? 0
            if number < 0 { return fault }
        }
        return nil
    }

    /// Waits a little, as every request does, and fails now and then.
    func delay() async throws {
        try await clock.sleep(for: .microseconds(200 + Int64(random() * 3000)))
    }

    /// A read fails now and then.
    func mayFail() throws {
        guard let fault = drawFault(reads: true) else { return }
        if let answer = fault.answer { throw answer }
        throw ConnectionLost()
    }

    struct ConnectionLost: Error {}

    // MARK: Objects

    private func store(_ state: inout State, _ kind: String, _ object: JSONValue) -> JSONValue {
        state.version += 1
        var object = profile.withLock { $0.normalises } ? object.asKept(pruning: kind == "pods") : object
        object["metadata"]?["resourceVersion"] = .string(String(state.version))
        let key = Self.key(object)
        switch kind {
        case "pods": state.pods[key] = object
        case "runs": state.runs[key] = object
        case "nodes": state.nodes[key] = object
        case "queues": state.queues[key] = object
        case "schedules": state.schedules[key] = object
        default: state.pipelines[key] = object
        }
        state.log.append(
            Change(version: state.version, kind: kind, isDeletion: false, object: object, time: clock.monotonic))
        wakeAll(&state)
        return object
    }

    private func remove(_ state: inout State, _ kind: String, _ key: ObjectKey) {
        let object: JSONValue? =
            switch kind {
            case "pods": state.pods.removeValue(forKey: key)
            case "queues": state.queues.removeValue(forKey: key)
            default: state.runs.removeValue(forKey: key)
            }
        guard var object else { return }
        state.version += 1
        object["metadata"]?["resourceVersion"] = .string(String(state.version))
        state.log.append(
            Change(version: state.version, kind: kind, isDeletion: true, object: object, time: clock.monotonic))
        wakeAll(&state)
    }

    private func wakeAll(_ state: inout State) {
        let waiters = state.waiters.sorted { $0.key < $1.key }
        state.waiters = [:]
        for (_, continuation) in waiters { continuation.resume() }
    }

    static func key(_ object: JSONValue) -> ObjectKey {
        ObjectKey(
            namespace: object["metadata"]?["namespace"]?.string ?? "", name: object["metadata"]?["name"]?.string ?? "")
    }

    private func stamp(_ state: inout State, _ object: JSONValue) -> JSONValue {
        state.uids += 1
        var object = object
        object["metadata"]?["uid"] = .string("uid-\(state.uids)")
        object["metadata"]?["creationTimestamp"] = .string(clock.now.wholeSecond.rfc3339)
        object["metadata"]?["generation"] = 1
        return object
    }

    func addRun(_ name: String, namespace: String = "team", spec: JSONValue) {
        state.withLock { state in
            let object = stamp(
                &state, ["metadata": ["name": .string(name), "namespace": .string(namespace)], "spec": spec])
            _ = store(&state, "runs", object)
        }
    }

    /// A node for so many pods.
    func setNode(_ name: String, pods: Int, ready: Bool = true) {
        state.withLock { state in
            let ready: JSONValue = ["type": "Ready", "status": ready ? "True" : "False"]
            _ = store(
                &state, "nodes",
                stamp(
                    &state,
                    [
                        "metadata": ["name": .string(name)],
                        "status": ["allocatable": ["pods": .int(Int64(pods))], "conditions": [ready]],
                    ]))
        }
    }

    func addSchedule(_ name: String, namespace: String = "team", spec: JSONValue) {
        state.withLock { state in
            let metadata: JSONValue = ["name": .string(name), "namespace": .string(namespace)]
            _ = store(&state, "schedules", stamp(&state, ["metadata": metadata, "spec": spec]))
        }
    }

    func editSchedule(_ name: String, namespace: String = "team", _ change: (inout JSONValue) -> Void) {
        state.withLock { state in
            guard var schedule = state.schedules[ObjectKey(namespace: namespace, name: name)] else { return }
            change(&schedule)
            let generation = schedule["metadata"]?["generation"]?.int ?? 1
            schedule["metadata"]?["generation"] = .int(generation + 1)
            _ = store(&state, "schedules", schedule)
        }
    }

    func setQueue(_ name: String, spec: JSONValue) {
        state.withLock { state in
            _ = store(&state, "queues", stamp(&state, ["metadata": ["name": .string(name)], "spec": spec]))
        }
    }

    func deleteQueue(_ name: String) {
        state.withLock { remove(&$0, "queues", ObjectKey(namespace: "", name: name)) }
    }

    func addPipeline(_ name: String, namespace: String = "team", spec: JSONValue) {
        state.withLock { state in
            let object = stamp(
                &state, ["metadata": ["name": .string(name), "namespace": .string(namespace)], "spec": spec])
            _ = store(&state, "pipelines", object)
        }
    }

    /// A pod with Sluice's finalizer that a run owns, and that is of none of its tasks.
    func addPod(_ name: String, of run: PipelineRun) {
        state.withLock { state in
            var metadata = ObjectMeta(name: name, namespace: run.metadata.namespace)
            metadata.labels = [Sluice.Label.run: run.metadata.name, Sluice.Label.task: "no-such-task"]
            metadata.finalizers = [Sluice.podFinalizer]
            metadata.ownerReferences = [
                OwnerReference(
                    apiVersion: Sluice.apiVersion, kind: "PipelineRun", name: run.metadata.name, uid: run.metadata.uid)
            ]
            let object = stamp(&state, ["metadata": metadata.json, "status": ["phase": "Pending"]])
            _ = store(&state, "pods", object)
        }
    }

    func editRun(_ key: ObjectKey, _ change: (inout JSONValue) -> Void) {
        state.withLock { state in
            guard var run = state.runs[key] else { return }
            change(&run)
            let generation = run["metadata"]?["generation"]?.int ?? 1
            run["metadata"]?["generation"] = .int(generation + 1)
            _ = store(&state, "runs", run)
        }
    }

    /// Deletes a run; the garbage collector then deletes what it owned.
    func deleteRunAsUser(_ key: ObjectKey) {
        state.withLock { state in
            let uid = state.runs[key]?["metadata"]?["uid"]
            remove(&state, "runs", key)
            collectLater(uid?.string ?? "")
        }
    }

    /// The garbage collector comes when it comes, and comes again for what is made after.
    private func collectLater(_ uid: String) {
        after(.milliseconds(Int64(random() * 20_000))) { [self] in
            state.withLock { state in
                for (key, pod) in state.pods.sorted(by: { $0.key < $1.key })
                where pod["metadata"]?["ownerReferences"]?[0]?["uid"]?.string == uid {
                    deletePod(&state, key, grace: 2)
                }
            }
        }
    }

    /// Deletes a pod for good if nothing holds it, marks it otherwise.
    func deletePodAsUser(_ key: ObjectKey, grace: Int64 = 2) { state.withLock { deletePod(&$0, key, grace: grace) } }

    private func deletePod(_ state: inout State, _ key: ObjectKey, grace: Int64) {
        guard var pod = state.pods[key] else { return }
        if pod["metadata"]?["deletionTimestamp"] == nil {
            pod["metadata"]?["deletionTimestamp"] = .string((clock.now + .seconds(grace)).rfc3339)
            pod["metadata"]?["deletionGracePeriodSeconds"] = .int(grace)
            pod = store(&state, "pods", pod)
            if let uid = pod["metadata"]?["uid"]?.string { nodes.podDeleted(key, uid, grace: grace, self) }
        } else if grace == 0, pod["metadata"]?["deletionGracePeriodSeconds"] != 0 {
            pod["metadata"]?["deletionGracePeriodSeconds"] = 0
            pod = store(&state, "pods", pod)
        }
        collect(&state, key)
    }

    /// A pod that is to go goes once nothing holds it and no container of it runs.
    private func collect(_ state: inout State, _ key: ObjectKey) {
        guard let pod = state.pods[key], pod["metadata"]?["deletionTimestamp"] != nil,
            (pod["metadata"]?["finalizers"]?.array ?? []).isEmpty
        else { return }
        let phase = pod["status"]?["phase"]?.string
        if phase == "Succeeded" || phase == "Failed" || pod["spec"]?["nodeName"] == nil
            || pod["metadata"]?["deletionGracePeriodSeconds"] == 0
        {
            remove(&state, "pods", key)
        }
    }

    func run(named name: String, namespace: String = "team") throws -> PipelineRun? {
        try state.withLock { $0.runs[ObjectKey(namespace: namespace, name: name)] }.map { try PipelineRun($0) }
    }

    /// Moves a pod on, as its kubelet does.
    func updatePod(_ key: ObjectKey, uid: String, _ change: (inout JSONValue) -> Void) {
        updatePod(key, uid: uid) { pod, _ in change(&pod) }
    }

    func updatePod(_ key: ObjectKey, uid: String, _ change: (inout JSONValue, inout State) -> Void) {
        state.withLock { state in
            guard var pod = state.pods[key], pod["metadata"]?["uid"]?.string == uid else { return }
            change(&pod, &state)
            _ = store(&state, "pods", pod)
            collect(&state, key)
        }
    }
}

extension FakeCluster: ClusterAccess {
    private func read<Object: KubernetesObject>(_ object: JSONValue?) throws -> Object {
        guard let object else { throw APIStatus(code: 404, reason: "NotFound", message: "not found") }
        return try Object(object)
    }

    func run(_ key: ObjectKey) async throws -> PipelineRun {
        try await delay()
        try mayFail()
        return try read(state.withLock { $0.runs[key] })
    }

    func runs() async throws -> [PipelineRun] {
        try await delay()
        try mayFail()
        return try state.withLock { try $0.runs.sorted { $0.key < $1.key }.map { try PipelineRun($0.value) } }
    }

    func writeStatus(_ status: JSONValue, of key: ObjectKey, resourceVersion: String) async throws -> ObjectMeta {
        let written = try await request("status \(key.name)") { [self] in
            try state.withLock { state in try write(status, of: key, resourceVersion, &state) }
        }
        let isLost = state.withLock { state in
            state.lostStatusAnswers -= 1
            return state.lostStatusAnswers >= 0
        }
        if isLost { throw ConnectionLost() }
        return try PipelineRun(written).metadata
    }

    private func write(
        _ status: JSONValue, of key: ObjectKey, _ resourceVersion: String, _ state: inout State
    ) throws -> JSONValue {
        guard var run = state.runs[key] else {
            throw APIStatus(code: 404, reason: "NotFound", message: "not found")
        }
        if state.cancelsAtWrite, status["phase"] == "Suspended", status["counts"]?["Running"] == nil {
            state.cancelsAtWrite = false
            run["spec"]?["state"] = "Cancelled"
            let generation = run["metadata"]?["generation"]?.int ?? 1
            run["metadata"]?["generation"] = .int(generation + 1)
            run = store(&state, "runs", run)
        }
        guard run["metadata"]?["resourceVersion"]?.string == resourceVersion else {
            throw APIStatus(code: 409, reason: "Conflict", message: "the object has been modified")
        }
        try checkSize(status)
        checkStatus(run["status"], status, key, &state)
        run["status"] = status
        count("status", &state)
        if let phase = status["phase"]?.string.flatMap(RunPhase.init(rawValue:)) {
            state.statusesSeen[key, default: []].append(phase)
        }
        if state.story != nil { state.story?.append("\(clock.monotonic) status \(key.name) \(status.text)") }
        return store(&state, "runs", run)
    }

    private func checkSize(_ object: JSONValue) throws {
        let size = object.text.utf8.count
        if size > maximumStatusSize.withLock({ $0 }) || (profile.withLock { $0.normalises } && size > 3 << 19) {
            throw APIStatus(
                code: 413, reason: "RequestEntityTooLarge", message: "etcdserver: request is too large")
        }
    }

    private func count(_ kind: String, _ state: inout State) {
        state.writes += 1
        state.writesByKind[kind, default: 0] += 1
    }

    func writeStatus(_ status: JSONValue, ofQueue name: String) async throws -> ObjectMeta {
        try await request("queue status \(name)") { [self] in
            try state.withLock { state in
                guard var queue = state.queues[ObjectKey(namespace: "", name: name)] else {
                    throw APIStatus(code: 404, reason: "NotFound", message: "not found")
                }
                queue["status"] = status
                count("queue status", &state)
                return try Queue(store(&state, "queues", queue)).metadata
            }
        }
    }

    func createRun(_ run: JSONValue, namespace: String) async throws -> PipelineRun {
        let key = Self.key(run)
        return try await request("create run \(key.name)") { [self] in
            if let denial = runCreateDenial.withLock(\.self) {
                throw APIStatus(
                    code: 403, reason: "Forbidden", message: "pipelineruns \"\(key.name)\" is forbidden: \(denial)")
            }
            return try state.withLock { state in
                guard state.runs[key] == nil else {
                    throw APIStatus(
                        code: 409, reason: "AlreadyExists", message: "pipelineruns \"\(key.name)\" already exists")
                }
                state.scheduledRuns[key.name, default: 0] += 1
                return try read(store(&state, "runs", stamp(&state, run)))
            }
        }
    }

    func cancelRun(_ key: ObjectKey, uid: String) async throws {
        try await request("cancel run \(key.name)") { [self] in
            try state.withLock { state in
                guard var run = state.runs[key], run["metadata"]?["uid"]?.string == uid else {
                    throw APIStatus(code: 404, reason: "NotFound", message: "not found")
                }
                run["spec"]?["state"] = "Cancelled"
                let generation = run["metadata"]?["generation"]?.int ?? 1
                run["metadata"]?["generation"] = .int(generation + 1)
                _ = store(&state, "runs", run)
            }
        }
    }

    func writeStatus(
        _ status: JSONValue, ofSchedule key: ObjectKey, resourceVersion: String
    ) async throws -> ObjectMeta {
        try await request("schedule status \(key.name)") { [self] in
            try state.withLock { state in
                guard var schedule = state.schedules[key] else {
                    throw APIStatus(code: 404, reason: "NotFound", message: "not found")
                }
                guard schedule["metadata"]?["resourceVersion"]?.string == resourceVersion else {
                    throw APIStatus(code: 409, reason: "Conflict", message: "the object has been modified")
                }
                schedule["status"] = status
                return try ScheduledRun(store(&state, "schedules", schedule)).metadata
            }
        }
    }

    func deleteRun(_ key: ObjectKey, uid: String) async throws {
        try await request("delete run \(key.name)") { [self] in
            let is404 = state.withLock { $0.runs[key]?["metadata"]?["uid"]?.string != uid }
            if is404 { throw APIStatus(code: 404, reason: "NotFound", message: "not found") }
            deleteRunAsUser(key)
        }
    }

    func pod(_ key: ObjectKey) async throws -> Pod {
        try await delay()
        try mayFail()
        return try read(state.withLock { $0.pods[key] })
    }

    func createPod(_ pod: JSONValue, namespace: String) async throws -> Pod {
        let created = try await request("create \(Self.key(pod).name)") { [self] in
            try state.withLock { state in
                let key = Self.key(pod)
                guard state.pods[key] == nil else {
                    throw APIStatus(code: 409, reason: "AlreadyExists", message: "pods \"\(key.name)\" already exists")
                }
                try checkSize(pod)
                checkService(pod, key, &state)
                var pod = stamp(&state, pod)
                pod["status"] = ["phase": "Pending"]
                state.created[key.name, default: 0] += 1
                count("create", &state)
                checkCreate(pod, key, &state)
                if state.story != nil { state.story?.append("\(clock.monotonic) created \(key.name)") }
                let made = store(&state, "pods", nodes.admit(pod, self))
                nodes.podCreated(key, made, self)
                if let owner = Self.owner(made), Self.run(of: made, state) == nil {
                    collectLater(owner)
                }
                return made
            }
        }
        return try Pod(created)
    }

    func service(_ key: ObjectKey) async throws -> ObjectMeta {
        try await delay()
        try mayFail()
        guard let service = state.withLock({ $0.services[key] }) else {
            throw APIStatus(code: 404, reason: "NotFound", message: "not found")
        }
        return try ObjectMeta(service["metadata"] ?? [:])
    }

    func createService(_ service: JSONValue, namespace: String) async throws {
        try await request("create \(Self.key(service).name)") { [self] in
            try state.withLock { state in
                let key = Self.key(service)
                if !state.serviceFailures.isEmpty { throw state.serviceFailures.removeFirst() }
                guard state.services[key] == nil else {
                    throw APIStatus(
                        code: 409, reason: "AlreadyExists", message: "services \"\(key.name)\" already exists")
                }
                if state.story != nil { state.story?.append("\(clock.monotonic) created Service \(key.name)") }
                count("service", &state)
                state.services[key] = stamp(&state, service)
            }
        }
    }

    func stopPod(_ key: ObjectKey, uid: String) async throws {
        try await delay()
        try mayFail()
        try state.withLock { state in
            guard var pod = state.pods[key], pod["metadata"]?["uid"]?.string == uid else {
                throw APIStatus(code: 404, reason: "NotFound", message: "not found")
            }
            pod["spec"]?["activeDeadlineSeconds"] = 1
            state.writes += 1
            _ = store(&state, "pods", pod)
        }
        nodes.podStopped(key, uid, self)
        try mayFail()
    }

    private func checkGuard(_ pod: JSONValue, _ state: State) throws {
        guard let task = pod["metadata"]?["labels"]?[Sluice.Label.task]?.string, state.guarded.contains(task) else {
            return
        }
        throw APIStatus(
            code: 403, reason: "Forbidden", message: "admission webhook \"guard\" denied the request: not now")
    }

    func deletePod(_ key: ObjectKey, uid: String) async throws {
        try await request("delete \(key.name)") { [self] in
            try state.withLock { state in
                guard let pod = state.pods[key] else {
                    throw APIStatus(code: 404, reason: "NotFound", message: "not found")
                }
                guard pod["metadata"]?["uid"]?.string == uid else {
                    throw APIStatus(code: 409, reason: "Conflict", message: "the UID in the precondition differs")
                }
                try checkGuard(pod, state)
                count("delete", &state)
                if state.story != nil { state.story?.append("\(clock.monotonic) deleted \(key.name)") }
                deletePod(&state, key, grace: 2)
            }
        }
    }

    func removeFinalizer(_ key: ObjectKey, uid: String) async throws {
        try await request("finalizer \(key.name)") { [self] in
            try state.withLock { state in
                if state.conflicts > 0 {
                    state.conflicts -= 1
                    throw APIStatus(code: 409, reason: "Conflict", message: "the object has been modified")
                }
                guard var pod = state.pods[key], pod["metadata"]?["uid"]?.string == uid else {
                    throw APIStatus(code: 404, reason: "NotFound", message: "not found")
                }
                try checkGuard(pod, state)
                pod["metadata"]?["finalizers"] = nil
                count("finalizer", &state)
                if state.story != nil { state.story?.append("\(clock.monotonic) released \(key.name)") }
                _ = store(&state, "pods", pod)
                collect(&state, key)
            }
        }
    }
}

/// One kind of the cluster's objects, to be listed and watched.
struct FakeSource<Object: KubernetesObject>: ListWatch {
    let cluster: FakeCluster
    let kind: String

    func list(_ options: ListOptions) async throws -> ObjectList<Object> {
        try await cluster.delay()
        try cluster.mayFail()
        return try cluster.state.withLock { state in
            let objects =
                switch kind {
                case "pods": state.pods
                case "runs": state.runs
                case "nodes": state.nodes
                case "queues": state.queues
                case "schedules": state.schedules
                case "pipelines": state.pipelines
                default: [ObjectKey: JSONValue]()
                }
            // In an order that does not depend on hashes, so that a seed gives the same run each time.
            let sorted = objects.sorted { $0.key < $1.key }
            return ObjectList(
                items: try sorted.map { .object(try Object($0.value)) }, resourceVersion: String(state.version))
        }
    }

    func watch(_ options: WatchOptions, onEvents: ([WatchEvent<Object>]) async throws -> Void) async throws {
        try cluster.mayFail()
        var version = options.resourceVersion.flatMap { Int($0) } ?? 0
        let profile = cluster.profile.withLock { $0 }
        while true {
            try await cluster.clock.sleep(for: .milliseconds(1 + Int64(cluster.random() * 20)))
            let from = version
            let (news, next) = cluster.state.withLock { state in
                // Every version is one entry.
                let start = state.log.isEmpty ? 0 : min(max(0, from + 1 - state.log[0].version), state.log.count)
                let until = cluster.clock.monotonic - (state.lags[kind] ?? .zero)
                let news = Array(state.log[start...].prefix { $0.time <= until })
                let next = start + news.count < state.log.count ? state.log[start + news.count].time - until : nil
                return (news, next)
            }
            var events: [WatchEvent<Object>] = []
            for entry in news {
                version = entry.version
                guard entry.kind == kind else { continue }
                let object = try Object(entry.object)
                let event: WatchEvent<Object> =
                    entry.isDeletion ? .deleted(.object(object)) : .modified(.object(object))
                events.append(event)
                if cluster.random() < profile.watchRepeats { events.append(event) }
                if cluster.random() < profile.watchCuts {
                    try await onEvents(events)
                    if cluster.random() < 0.3 { return }
                    throw FakeCluster.ConnectionLost()
                }
                if cluster.random() < profile.watchExpires {
                    try await onEvents(events)
                    throw APIStatus(code: 410, reason: "Expired", message: "too old resource version")
                }
            }
            if !events.isEmpty { try await onEvents(events) }
            if let next {
                try await cluster.clock.sleep(for: next)
            } else if news.isEmpty {
                try await cluster.change(after: version)
            }
        }
    }
}
