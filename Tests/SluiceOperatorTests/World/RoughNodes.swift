import Clocks
import JSON
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import SluiceAPI
import Synchronization

/// What a pod does when nobody disturbs it.
struct PodPlan: Sendable {
    var exitCode: Int64 = 0
    var message = ""
    var duration: Duration = .milliseconds(50)
    /// It never ends by itself.
    var hangs = false
}

/// A pod that starts, as its labels name it.
struct StartedPod: Sendable {
    var run: String
    var task: String
    var replica: Int
    var attempt: Int
    /// How many attempts of its task have failed by themselves before.
    var failures: Int
}

/// The nodes of a rough cluster: each change of a pod is put on the calendar when the one before it happens, so that a world of
/// thousands of pods costs what happens in it. They survive every crash of the operator, as kubelets do.
final class RoughNodes: Sendable {
    private let profile: FaultProfile
    private let plan: @Sendable (StartedPod) -> PodPlan
    /// Pods on nodes that nobody hears of any more.
    private let lost = Mutex<Set<String>>([])

    init(profile: FaultProfile, plan: @escaping @Sendable (StartedPod) -> PodPlan) {
        self.profile = profile
        self.plan = plan
    }

    /// What a webhook makes of a pod.
    func admit(_ pod: JSONValue, _ cluster: FakeCluster) -> JSONValue {
        guard profile.sidecars > 0, cluster.random() < profile.sidecars else { return pod }
        var pod = pod
        let containers = pod["spec"]?["containers"]?.array ?? []
        pod["spec"]?["containers"] = .array(containers + [["name": "sidecar", "image": "proxy"]])
        return pod
    }

    func podCreated(_ key: ObjectKey, _ pod: JSONValue, _ cluster: FakeCluster) {
        bind(
            key, pod["metadata"]?["uid"]?.string ?? "", cluster, after: .milliseconds(Int64(5 + cluster.random() * 40)))
    }

    /// Where the scheduler binds a pod: to the node that it has to be on, else to any with room; nil where there is none.
    private func place(_ pod: JSONValue, _ key: ObjectKey, _ state: inout FakeCluster.State, _ random: RandomSource)
        -> String?
    {
        guard !state.nodes.isEmpty else { return "node-\(Int(random() * 5))" }
        let term = pod[
            path: "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
            "nodeSelectorTerms"]
        let planned = term?[0]?["matchFields"]?[0]?["values"]?[0]?.string
        var free: [String: Int] = [:]
        for (node, object) in state.nodes where object["status"]?["conditions"]?[0]?["status"] == "True" {
            free[node.name] = Int(object["status"]?["allocatable"]?["pods"]?.int ?? 0)
        }
        for other in state.pods.values where !["Succeeded", "Failed"].contains(other["status"]?["phase"]) {
            if let node = other["spec"]?["nodeName"]?.string { free[node]? -= 1 }
        }
        let able = free.keys.sorted().filter { free[$0, default: 0] > 0 && (planned == nil || planned == $0) }
        if able.isEmpty { state.unplaced.insert(key) }
        return able.isEmpty ? nil : able[Int(random() * Double(able.count))]
    }

    private func bind(_ key: ObjectKey, _ uid: String, _ cluster: FakeCluster, after delay: Duration) {
        cluster.after(delay) { [self] in
            let isBound = Mutex(true)
            cluster.updatePod(key, uid: uid) { pod, state in
                guard pod["metadata"]?["deletionTimestamp"] == nil else { return }
                guard let node = place(pod, key, &state, cluster.random) else {
                    isBound.withLock { $0 = false }
                    return
                }
                pod["spec"]?["nodeName"] = .string(node)
                pod["status"] = [
                    "phase": "Pending",
                    "conditions": [
                        [
                            "type": "PodScheduled", "status": "True",
                            "lastTransitionTime": .string(cluster.clock.now.wholeSecond.rfc3339),
                        ]
                    ],
                ]
            }
            guard isBound.withLock({ $0 }) else { return bind(key, uid, cluster, after: .milliseconds(500)) }
            cluster.after(.milliseconds(Int64(5 + cluster.random() * 80))) { [self] in start(key, uid, cluster) }
        }
    }

    /// The time on the clock of the node of a pod: ahead or behind, the same for all pods of the node.
    private func time(_ pod: JSONValue, _ cluster: FakeCluster) -> JSONValue {
        let node = Int64(pod["spec"]?["nodeName"]?.string?.utf8.last ?? 0) % 5
        let skew = profile.clockSkew * Double(node - 2) / 2
        return .string((cluster.clock.now + skew).wholeSecond.rfc3339)
    }

    private func start(_ key: ObjectKey, _ uid: String, _ cluster: FakeCluster) {
        let failures = cluster.failures(of: key)
        let running = Mutex<JSONValue?>(nil)
        cluster.updatePod(key, uid: uid) { pod in
            guard pod["status"]?["phase"] == "Pending", pod["spec"]?["nodeName"] != nil,
                pod["metadata"]?["deletionTimestamp"] == nil
            else { return }
            let state: JSONValue = ["running": ["startedAt": time(pod, cluster)]]
            let names = (pod["spec"]?["containers"]?.array ?? []).compactMap { $0["name"]?.string }
            pod["status"]?["phase"] = "Running"
            pod["status"]?["containerStatuses"] = .array(names.map { ["name": .string($0), "state": state] })
            running.withLock { $0 = pod }
        }
        guard let pod = running.withLock({ $0 }) else { return }
        let labels = pod["metadata"]?["labels"]?.stringMap ?? [:]
        func number(_ label: String) -> Int { labels[label].flatMap { Int($0) } ?? 0 }
        let started = StartedPod(
            run: labels[Sluice.Label.run] ?? "", task: labels[Sluice.Label.task] ?? "",
            replica: number(Sluice.Label.replica), attempt: number(Sluice.Label.attempt), failures: failures)
        let plan = plan(started)
        if !plan.hangs {
            cluster.after(plan.duration) { [self] in endMain(key, uid, plan, cluster) }
        }
        disturb(key, uid, attempt: started.attempt, plan, cluster)
    }

    private func disturb(
        _ key: ObjectKey, _ uid: String, attempt: Int, _ plan: PodPlan, _ cluster: FakeCluster
    ) {
        // Ten failures of the infrastructure end a task: that is not what is looked for here.
        guard attempt < 7 else { return }
        let share = 1.0 / Double(max(1, cluster.replicas(of: key)))
        let moment = plan.duration * (cluster.random() * 1.5)
        func happens(_ chance: Double) -> Bool { chance > 0 && cluster.random() < chance * share }
        if happens(profile.evictions) { cluster.after(moment) { [self] in evict(key, uid, cluster) } }
        if happens(profile.podDeletions) {
            cluster.after(moment) {
                cluster.tell("user deletes pod \(key.name)")
                cluster.deletePodAsUser(key, grace: 3)
            }
        }
        if happens(profile.forcedDeletions) {
            cluster.after(moment) { [self] in
                // The node may still tell of the end, or never.
                if cluster.random() < 0.5 { lost.withLock { _ = $0.insert(uid) } }
                cluster.tell("user deletes pod \(key.name) by force")
                cluster.deletePodAsUser(key, grace: 0)
            }
        }
        if happens(profile.lostNodes) {
            cluster.after(moment) { [self] in
                lost.withLock { _ = $0.insert(uid) }
                cluster.tell("the node of \(key.name) vanishes")
                cluster.after(.seconds(40)) { cluster.deletePodAsUser(key, grace: 30) }
                cluster.after(.seconds(100 + Int64(cluster.random() * 200))) {
                    if cluster.random() < 0.5 {
                        cluster.updatePod(key, uid: uid) { pod in
                            guard pod["status"]?["phase"] == "Running" else { return }
                            pod["status"]?["phase"] = "Failed"
                            pod["status"]?["conditions"] = [
                                [
                                    "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
                                    "lastTransitionTime": .string(cluster.clock.now.wholeSecond.rfc3339),
                                ]
                            ]
                        }
                    }
                    cluster.deletePodAsUser(key, grace: 0)
                }
            }
        }
    }

    /// The main container ends by itself. The pod does as well, unless a sidecar runs on.
    private func endMain(_ key: ObjectKey, _ uid: String, _ plan: PodPlan, _ cluster: FakeCluster) {
        guard !lost.withLock({ $0.contains(uid) }) else { return }
        let hasEnded = Mutex(false)
        cluster.updatePod(key, uid: uid) { pod in
            guard pod["status"]?["phase"] == "Running", pod["metadata"]?["deletionTimestamp"] == nil else { return }
            var end: JSONValue = [
                "exitCode": .int(plan.exitCode), "reason": plan.exitCode == 0 ? "Completed" : "Error",
                "finishedAt": time(pod, cluster),
            ]
            if !plan.message.isEmpty { end["message"] = .string(plan.message) }
            var containers = pod["status"]?["containerStatuses"]?.array ?? []
            for index in containers.indices where containers[index]["name"] == "main" {
                containers[index]["state"] = ["terminated": end]
            }
            pod["status"]?["containerStatuses"] = .array(containers)
            if containers.count == 1 { pod["status"]?["phase"] = plan.exitCode == 0 ? "Succeeded" : "Failed" }
            hasEnded.withLock { $0 = true }
        }
        if hasEnded.withLock({ $0 }) { cluster.endedByItself(key, succeeded: plan.exitCode == 0) }
    }

    private func evict(_ key: ObjectKey, _ uid: String, _ cluster: FakeCluster) {
        guard !lost.withLock({ $0.contains(uid) }) else { return }
        cluster.tell("evicts \(key.name)")
        cluster.updatePod(key, uid: uid) { pod in
            guard pod["status"]?["phase"] == "Running" else { return }
            stop(&pod, cluster)
            pod["status"]?["phase"] = "Failed"
            pod["status"]?["reason"] = "Evicted"
            pod["status"]?["message"] = "The node was low on resource: memory."
            pod["status"]?["conditions"] = [
                [
                    "type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet",
                    "lastTransitionTime": .string(cluster.clock.now.wholeSecond.rfc3339),
                ]
            ]
        }
    }

    private func stop(_ pod: inout JSONValue, _ cluster: FakeCluster) {
        var containers = pod["status"]?["containerStatuses"]?.array ?? []
        for index in containers.indices where containers[index]["state"]?["terminated"] == nil {
            containers[index]["state"] = [
                "terminated": ["exitCode": 143, "reason": "Error", "finishedAt": time(pod, cluster)]
            ]
        }
        pod["status"]?["containerStatuses"] = .array(containers)
    }

    /// The deadline of a pod was lowered to what has passed: its node ends it, and it is kept.
    func podStopped(_ key: ObjectKey, _ uid: String, _ cluster: FakeCluster) {
        cluster.after(.milliseconds(Int64(10 + cluster.random() * 1000))) { [self] in
            guard !lost.withLock({ $0.contains(uid) }) else { return }
            cluster.updatePod(key, uid: uid) { pod in
                guard pod["status"]?["phase"] == "Running" else { return }
                stop(&pod, cluster)
                pod["status"]?["phase"] = "Failed"
                pod["status"]?["reason"] = "DeadlineExceeded"
            }
        }
    }

    /// A pod is to be deleted: its node ends it within the grace period. Called while the cluster is locked.
    func podDeleted(_ key: ObjectKey, _ uid: String, grace: Int64, _ cluster: FakeCluster) {
        cluster.after(.milliseconds(Int64(10 + cluster.random() * Double(grace) * 1000))) { [self] in
            guard !lost.withLock({ $0.contains(uid) }) else { return }
            cluster.updatePod(key, uid: uid) { pod in
                let phase = pod["status"]?["phase"]
                guard phase == "Running" || phase == "Pending", pod["spec"]?["nodeName"] != nil else { return }
                stop(&pod, cluster)
                let codes = (pod["status"]?["containerStatuses"]?.array ?? []).map {
                    $0["state"]?["terminated"]?["exitCode"]?.int
                }
                pod["status"]?["phase"] = !codes.isEmpty && codes.allSatisfy { $0 == 0 } ? "Succeeded" : "Failed"
                pod["metadata"]?["deletionGracePeriodSeconds"] = 0
            }
        }
    }
}
