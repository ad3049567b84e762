import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import SluiceAPI
import Synchronization

/// Plays the pods of a ``FakeCluster``: binds them, starts them, ends them as a script says, ends them early when they are
/// deleted. Survives every crash of the operator, as kubelets do.
struct FakeKubelet {
    /// What becomes of a pod.
    struct Outcome {
        var duration: Duration = .milliseconds(50)
        var exitCode: Int64 = 0
        var message = ""
    }

    let cluster: FakeCluster
    let outcome: @Sendable (_ task: String, _ attempt: Int, _ run: String) -> Outcome

    func run() async throws {
        var finishAt: [String: Timestamp] = [:]
        while true {
            try await cluster.clock.sleep(for: .milliseconds(15))
            let pods = cluster.state.withLock { $0.pods.sorted { $0.key < $1.key } }
            let now = cluster.clock.now
            for (key, pod) in pods {
                guard let uid = pod["metadata"]?["uid"]?.string, let labels = pod["metadata"]?["labels"]?.stringMap
                else { continue }
                let outcome = outcome(
                    labels[Sluice.Label.task] ?? "", labels[Sluice.Label.attempt].flatMap { Int($0) } ?? 0,
                    labels[Sluice.Label.run] ?? "")
                let isBeingDeleted = pod["metadata"]?["deletionTimestamp"] != nil
                switch pod["status"]?["phase"]?.string {
                case "Pending" where pod["spec"]?["nodeName"] == nil:
                    if !isBeingDeleted { cluster.updatePod(key, uid: uid) { $0["spec"]?["nodeName"] = "node" } }
                case "Pending":
                    finishAt[uid] = now + outcome.duration
                    cluster.updatePod(key, uid: uid) { pod in
                        pod["status"] = [
                            "phase": "Running",
                            "containerStatuses": [
                                ["name": "main", "state": ["running": ["startedAt": .string(now.rfc3339)]]]
                            ],
                        ]
                    }
                case "Running" where isBeingDeleted:
                    end(key, uid, exitCode: 143, message: "", now: now)
                case "Running" where pod["spec"]?["activeDeadlineSeconds"] == 1:
                    end(key, uid, exitCode: 137, message: "", now: now, reason: "DeadlineExceeded")
                case "Running":
                    if (finishAt[uid] ?? now) <= now {
                        end(key, uid, exitCode: outcome.exitCode, message: outcome.message, now: now)
                    }
                default: break
                }
            }
        }
    }

    private func end(
        _ key: ObjectKey, _ uid: String, exitCode: Int64, message: String, now: Timestamp, reason: String? = nil
    ) {
        cluster.updatePod(key, uid: uid) { pod in
            var terminated: JSONValue = [
                "exitCode": .int(exitCode), "reason": exitCode == 0 ? "Completed" : "Error",
                "finishedAt": .string(now.rfc3339),
            ]
            if !message.isEmpty { terminated["message"] = .string(message) }
            pod["status"] = [
                "phase": exitCode == 0 ? "Succeeded" : "Failed",
                "containerStatuses": [["name": "main", "state": ["terminated": terminated]]],
            ]
            if let reason {
                pod["status"]?["phase"] = "Failed"
                pod["status"]?["reason"] = .string(reason)
            }
        }
    }
}
