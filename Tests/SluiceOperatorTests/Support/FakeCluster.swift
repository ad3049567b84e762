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
        var log: [Change] = []
        /// How late watches of a kind tell of a change.
        var lags: [String: Duration] = [:]
        /// Every pod that was ever made, by name: more than one under a name is the failure that the tests look for.
        var created: [String: Int] = [:]
        var writes = 0
        /// Removals of finalizers that are still to be answered with a conflict.
        var conflicts = 0
        /// The user cancels the run just before a write that says that it is suspended and that no task of it runs.
        var cancelsAtWrite = false
        /// Status writes that are still to have their effect and no answer.
        var lostStatusAnswers = 0
        /// Finished pods that were deleted for good.
        var statusesSeen: [ObjectKey: [RunPhase]] = [:]
    }

    let state = Mutex(State())
    let clock: ManualClock
    /// How likely it is that a request goes wrong, 0..<1.
    let faults: Double
    let random: RandomSource

    init(clock: ManualClock, faults: Double = 0, random: @escaping RandomSource) {
        self.clock = clock
        self.faults = faults
        self.random = random
    }

    /// Waits a little, as every request does, and fails now and then.
    func delay() async throws {
        try await clock.sleep(for: .microseconds(200 + Int64(random() * 3000)))
    }

    func mayFail() throws {
        guard random() < faults else { return }
        switch Int(random() * 4) {
        case 0: throw APIStatus(code: 500, reason: "InternalError", message: "etcdserver: request timed out")
        case 1: throw APIStatus(code: 429, reason: "TooManyRequests", message: "too many requests")
        case 2: throw ConnectionLost()
        default: throw APIStatus(code: 503, reason: "ServiceUnavailable", message: "the server is starting")
        }
    }

    struct ConnectionLost: Error {}

    // MARK: Objects

    private func store(_ state: inout State, _ kind: String, _ object: JSONValue) -> JSONValue {
        state.version += 1
        var object = object
        object["metadata"]?["resourceVersion"] = .string(String(state.version))
        let key = Self.key(object)
        switch kind {
        case "pods": state.pods[key] = object
        case "runs": state.runs[key] = object
        default: state.pipelines[key] = object
        }
        state.log.append(
            Change(version: state.version, kind: kind, isDeletion: false, object: object, time: clock.monotonic))
        return object
    }

    private func remove(_ state: inout State, _ kind: String, _ key: ObjectKey) {
        let object = kind == "pods" ? state.pods.removeValue(forKey: key) : state.runs.removeValue(forKey: key)
        guard var object else { return }
        state.version += 1
        object["metadata"]?["resourceVersion"] = .string(String(state.version))
        state.log.append(
            Change(version: state.version, kind: kind, isDeletion: true, object: object, time: clock.monotonic))
    }

    static func key(_ object: JSONValue) -> ObjectKey {
        ObjectKey(
            namespace: object["metadata"]?["namespace"]?.string ?? "", name: object["metadata"]?["name"]?.string ?? "")
    }

    private func stamp(_ state: inout State, _ object: JSONValue) -> JSONValue {
        state.uids += 1
        var object = object
        object["metadata"]?["uid"] = .string("uid-\(state.uids)")
        object["metadata"]?["creationTimestamp"] = .string(clock.now.rfc3339)
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
            for (key, pod) in state.pods where pod["metadata"]?["ownerReferences"]?[0]?["uid"] == uid {
                deletePod(&state, key, grace: 2)
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
        }
        collect(&state, key)
    }

    /// A pod that is to go goes once nothing holds it and no container of it runs.
    private func collect(_ state: inout State, _ key: ObjectKey) {
        guard let pod = state.pods[key], pod["metadata"]?["deletionTimestamp"] != nil,
            (pod["metadata"]?["finalizers"]?.array ?? []).isEmpty
        else { return }
        let phase = pod["status"]?["phase"]?.string
        if phase == "Succeeded" || phase == "Failed" || pod["spec"]?["nodeName"] == nil { remove(&state, "pods", key) }
    }

    func run(named name: String, namespace: String = "team") throws -> PipelineRun? {
        try state.withLock { $0.runs[ObjectKey(namespace: namespace, name: name)] }.map { try PipelineRun($0) }
    }

    /// Moves a pod on, as its kubelet does.
    func updatePod(_ key: ObjectKey, uid: String, _ change: (inout JSONValue) -> Void) {
        state.withLock { state in
            guard var pod = state.pods[key], pod["metadata"]?["uid"]?.string == uid else { return }
            change(&pod)
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
        return try state.withLock { try $0.runs.values.map { try PipelineRun($0) } }
    }

    func writeStatus(_ status: JSONValue, of key: ObjectKey, resourceVersion: String) async throws -> PipelineRun {
        try await delay()
        try mayFail()
        let written: JSONValue = try state.withLock { state in
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
            run["status"] = status
            state.writes += 1
            if let phase = status["phase"]?.string.flatMap(RunPhase.init(rawValue:)) {
                state.statusesSeen[key, default: []].append(phase)
            }
            return store(&state, "runs", run)
        }
        let isLost = state.withLock { state in
            state.lostStatusAnswers -= 1
            return state.lostStatusAnswers >= 0
        }
        if isLost { throw ConnectionLost() }
        try mayFail()
        return try PipelineRun(written)
    }

    func deleteRun(_ key: ObjectKey, uid: String) async throws {
        try await delay()
        try mayFail()
        deleteRunAsUser(key)
    }

    func pod(_ key: ObjectKey) async throws -> Pod {
        try await delay()
        try mayFail()
        return try read(state.withLock { $0.pods[key] })
    }

    func createPod(_ pod: JSONValue, namespace: String) async throws -> Pod {
        try await delay()
        try mayFail()
        let created: JSONValue = try state.withLock { state in
            let key = Self.key(pod)
            guard state.pods[key] == nil else {
                throw APIStatus(code: 409, reason: "AlreadyExists", message: "pods \"\(key.name)\" already exists")
            }
            var pod = stamp(&state, pod)
            pod["status"] = ["phase": "Pending"]
            state.created[key.name, default: 0] += 1
            state.writes += 1
            return store(&state, "pods", pod)
        }
        try mayFail()
        return try Pod(created)
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
        try mayFail()
    }

    func deletePod(_ key: ObjectKey, uid: String) async throws {
        try await delay()
        try mayFail()
        try state.withLock { state in
            guard let pod = state.pods[key] else {
                throw APIStatus(code: 404, reason: "NotFound", message: "not found")
            }
            guard pod["metadata"]?["uid"]?.string == uid else {
                throw APIStatus(code: 409, reason: "Conflict", message: "the UID in the precondition differs")
            }
            state.writes += 1
            deletePod(&state, key, grace: 2)
        }
        try mayFail()
    }

    func removeFinalizer(_ key: ObjectKey, uid: String) async throws {
        try await delay()
        try mayFail()
        try state.withLock { state in
            if state.conflicts > 0 {
                state.conflicts -= 1
                throw APIStatus(code: 409, reason: "Conflict", message: "the object has been modified")
            }
            guard var pod = state.pods[key], pod["metadata"]?["uid"]?.string == uid else {
                throw APIStatus(code: 404, reason: "NotFound", message: "not found")
            }
            pod["metadata"]?["finalizers"] = nil
            state.writes += 1
            _ = store(&state, "pods", pod)
            collect(&state, key)
        }
        try mayFail()
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
                default: state.pipelines
                }
            return ObjectList(
                items: try objects.values.map { .object(try Object($0)) }, resourceVersion: String(state.version))
        }
    }

    func watch(_ options: WatchOptions, onEvents: ([WatchEvent<Object>]) async throws -> Void) async throws {
        try cluster.mayFail()
        var version = options.resourceVersion.flatMap { Int($0) } ?? 0
        while true {
            try await cluster.clock.sleep(for: .milliseconds(1 + Int64(cluster.random() * 20)))
            let from = version
            let news = cluster.state.withLock { state in
                // Looked for from the end: what is new is short.
                let start = state.log.lastIndex { $0.version <= from }.map { $0 + 1 } ?? 0
                let until = cluster.clock.monotonic - (state.lags[kind] ?? .zero)
                return Array(state.log[start...].prefix { $0.time <= until })
            }
            var events: [WatchEvent<Object>] = []
            for entry in news {
                version = entry.version
                guard entry.kind == kind else { continue }
                let object = try Object(entry.object)
                events.append(entry.isDeletion ? .deleted(.object(object)) : .modified(.object(object)))
            }
            if !events.isEmpty { try await onEvents(events) }
            if cluster.random() < cluster.faults / 10 { throw FakeCluster.ConnectionLost() }
            if cluster.random() < cluster.faults / 50 {
                throw APIStatus(code: 410, reason: "Expired", message: "too old resource version")
            }
        }
    }
}
