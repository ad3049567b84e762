import JSON
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import SluiceAPI
import Synchronization

/// What must never be, checked as it happens. Called while the cluster is locked, but for what says otherwise.
extension FakeCluster {
    static func owner(_ pod: JSONValue) -> String? { pod["metadata"]?["ownerReferences"]?[0]?["uid"]?.string }

    /// The task of a run that a pod is of: its UID and the path.
    static func task(_ pod: JSONValue) -> String {
        let metadata = pod["metadata"]
        let path = metadata?["annotations"]?[Sluice.pathAnnotation] ?? metadata?["labels"]?[Sluice.Label.task]
        return "\(owner(pod) ?? "")/\(path?.string ?? "")"
    }

    static func attempt(_ pod: JSONValue) -> Int {
        pod["metadata"]?["labels"]?[Sluice.Label.attempt]?.string.flatMap { Int($0) } ?? 0
    }

    /// The run that owns a pod; nil when it is gone.
    static func run(of pod: JSONValue, _ state: State) -> JSONValue? {
        let name = pod["metadata"]?["ownerReferences"]?[0]?["name"]?.string ?? ""
        let run = state.runs[ObjectKey(namespace: key(pod).namespace, name: name)]
        return run?["metadata"]?["uid"]?.string == owner(pod) ? run : nil
    }

    /// Whether a container of the pod may run, as far as the API server knows. Who deletes by force says that none does.
    static func mayRun(_ pod: JSONValue) -> Bool {
        let phase = pod["status"]?["phase"]?.string
        if phase == "Succeeded" || phase == "Failed" { return false }
        guard pod["metadata"]?["deletionTimestamp"] != nil else { return true }
        return pod["spec"]?["nodeName"] != nil && pod["metadata"]?["deletionGracePeriodSeconds"] != 0
    }

    func checkCreate(_ pod: JSONValue, _ key: ObjectKey, _ state: inout State) {
        let task = Self.task(pod)
        defer { state.podsByTask[task, default: []].insert(key) }
        guard !state.lateCreates.contains(key.name) else { return }
        if state.created[key.name, default: 0] > 1 { state.violations.append("pod \(key.name) was created twice") }
        for other in state.podsByTask[task] ?? [] where other != key {
            guard let other = state.pods[other], Self.attempt(other) != Self.attempt(pod), Self.mayRun(other) else {
                continue
            }
            // Limits that are known, see `WorldTests.limits`.
            let name = Self.key(other).name
            let isKnown = profile.withLock { $0.lag >= .seconds(30) || $0.kills > 0 }
            if state.lateCreates.contains(name), isKnown || state.created[name, default: 0] > 1 { continue }
            state.violations.append("pod \(key.name) was created while \(Self.key(other).name) may run")
        }
        let run = Self.run(of: pod, state)
        if let phase = run?["status"]?["phase"]?.string.flatMap(RunPhase.init(rawValue:)), phase.isFinished {
            state.violations.append("pod \(key.name) was created after its run had ended")
        }
    }

    /// Pods that look for each other find their Service there from the first moment.
    func checkService(_ pod: JSONValue, _ key: ObjectKey, _ state: inout State) {
        guard let name = pod["spec"]?["subdomain"]?.string else { return }
        let service = state.services[ObjectKey(namespace: key.namespace, name: name)]
        if service.flatMap(Self.owner) != Self.owner(pod) {
            state.violations.append("pod \(key.name) was created before the Service \(name)")
        }
    }

    func checkStatus(_ old: JSONValue?, _ new: JSONValue, _ key: ObjectKey, _ state: inout State) {
        guard let old else { return }
        if old["phase"]?.string.flatMap(RunPhase.init(rawValue:))?.isFinished == true {
            var (old, new) = (old, new)
            for field in ["observedGeneration", "conditions"] {
                old[field] = nil
                new[field] = nil
            }
            if old != new {
                state.violations.append("the status of \(key.name) changed after its end: \(old.text) \(new.text)")
            }
        }
        let before = old["tasks"]?.array ?? []
        guard before.count < 100 else { return }
        let after = new["tasks"]?.array ?? []
        for task in before {
            let name = task["name"]?.string ?? ""
            let next = after.first { $0["name"] == task["name"] }
            if let phase = task["phase"]?.string.flatMap(TaskPhase.init(rawValue:)), phase.isFinished,
                next?["phase"] != task["phase"]
            {
                state.violations.append("\(key.name): task \(name) changed after its end")
            }
            for field in ["attempt", "failures", "disruptions"]
            where next?[field]?.int ?? 0 < task[field]?.int ?? 0 {
                state.violations.append("\(key.name): \(field) of task \(name) went down")
            }
        }
    }

    // MARK: What nodes want to know; not locked

    /// How many attempts of the task of a pod have failed by themselves.
    func failures(of pod: ObjectKey) -> Int {
        state.withLock { state in state.pods[pod].map { state.ownFailures[Self.task($0)]?.count ?? 0 } ?? 0 }
    }

    /// How many pods of its attempt there are.
    func replicas(of pod: ObjectKey) -> Int {
        state.withLock { state in
            guard let pod = state.pods[pod] else { return 1 }
            return (state.podsByTask[Self.task(pod)] ?? [])
                .count { state.pods[$0].map { Self.attempt($0) == Self.attempt(pod) } ?? false }
        }
    }

    /// The main container of a pod has ended by itself, and the API server knows.
    func endedByItself(_ key: ObjectKey, succeeded: Bool) {
        tell("\(key.name) ended by itself: \(succeeded)")
        state.withLock { state in
            guard let pod = state.pods[key] ?? state.log.last(where: { Self.key($0.object) == key })?.object else {
                return
            }
            let task = Self.task(pod)
            if succeeded {
                state.ownSuccesses[task, default: []].insert(Self.attempt(pod))
            } else {
                state.ownFailures[task, default: []].insert(Self.attempt(pod))
            }
        }
    }
}

extension JSONValue {
    /// As an API server keeps it: whole numbers without a fraction, and in objects of its own types no null.
    func asKept(pruning: Bool) -> JSONValue {
        switch self {
        case .double(let number):
            if let whole = Int64(exactly: number) { .int(whole) } else { self }
        case .array(let values): .array(values.map { $0.asKept(pruning: pruning) })
        case .object(let fields):
            .object(
                JSONObject(
                    fields.compactMap { key, value in
                        pruning && value.isNull ? nil : ("\(key)", value.asKept(pruning: pruning))
                    }))
        default: self
        }
    }
}
