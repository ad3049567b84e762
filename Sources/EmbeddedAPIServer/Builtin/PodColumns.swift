import JSON
import KubernetesModel

/// The table columns of pods. The status column sums up the containers, as in `kubectl get pods`.
enum PodColumns {
    static let all: [TableColumn] = [
        .name,
        TableColumn("Ready", description: "How many of the pod's containers are ready.") { pod, _ in
            .string(summary(pod, .none).ready)
        },
        TableColumn("Status", description: "The state of the pod's containers in one word.") { pod, now in
            .string(summary(pod, now).status)
        },
        TableColumn("Restarts", description: "How often its containers were restarted, and when last.") { pod, now in
            .string(summary(pod, now).restarts)
        },
        .age, TableColumn("IP", path: "status.podIP", priority: 1, absent: "<none>"),
        TableColumn("Node", path: "spec.nodeName", priority: 1, absent: "<none>"),
        TableColumn("Nominated Node", path: "status.nominatedNodeName", priority: 1, absent: "<none>"),
        TableColumn("Readiness Gates", priority: 1) { pod, _ in
            let gates = pod["spec"]?["readinessGates"]?.array ?? []
            guard !gates.isEmpty else { return "<none>" }
            let conditions = pod["status"]?["conditions"]?.array ?? []
            let met = gates.filter { gate in
                conditions.contains { $0["type"] == gate["conditionType"] && $0["status"] == "True" }
            }
            return .string("\(met.count)/\(gates.count)")
        },
    ]

    /// The cells of the columns Ready, Status and Restarts, computed as Kubernetes' printers do.
    private static func summary(_ pod: JSONValue, _ now: Timestamp?) -> (
        ready: String, status: String, restarts: String
    ) {
        let status = pod["status"] ?? [:]
        let spec = pod["spec"] ?? [:]
        var reason = status["reason"]?.string ?? status["phase"]?.string ?? ""
        if (status["conditions"]?.array ?? []).contains(where: {
            $0["type"] == "PodScheduled" && $0["reason"] == "SchedulingGated"
        }) {
            reason = "SchedulingGated"
        }
        let initContainers = spec["initContainers"]?.array ?? []
        let sidecars = Set(initContainers.filter { $0["restartPolicy"] == "Always" }.compactMap { $0["name"]?.string })
        let total = (spec["containers"]?.array?.count ?? 0) + sidecars.count
        var ready = 0
        var restarts: Int64 = 0
        var sidecarRestarts: Int64 = 0
        var lastRestart: Timestamp?
        var isInitializing = false

        func note(_ container: JSONValue) {
            let time = container["lastState"]?["terminated"]?["finishedAt"]?.string.flatMap { Timestamp(rfc3339: $0) }
            if let time { lastRestart = max(lastRestart ?? time, time) }
        }
        for (index, container) in (status["initContainerStatuses"]?.array ?? []).enumerated() {
            restarts += container["restartCount"]?.int ?? 0
            note(container)
            let isSidecar = container["name"]?.string.map { sidecars.contains($0) } ?? false
            if isSidecar { sidecarRestarts += container["restartCount"]?.int ?? 0 }
            let terminated = container["state"]?["terminated"]
            let waiting = container["state"]?["waiting"]?["reason"]?.string ?? ""
            if let terminated, terminated["exitCode"] == 0 { continue }
            if isSidecar, container["started"] == true {
                if container["ready"] == true { ready += 1 }
                continue
            }
            if let terminated {
                reason = "Init:" + termination(terminated)
            } else if !waiting.isEmpty, waiting != "PodInitializing" {
                reason = "Init:\(waiting)"
            } else {
                reason = "Init:\(index)/\(initContainers.count)"
            }
            isInitializing = true
            break
        }
        let isInitialized = (status["conditions"]?.array ?? []).contains {
            $0["type"] == "Initialized" && $0["status"] == "True"
        }
        if !isInitializing || isInitialized {
            restarts = sidecarRestarts
            var hasRunning = false
            for container in (status["containerStatuses"]?.array ?? []).reversed() {
                restarts += container["restartCount"]?.int ?? 0
                note(container)
                let state = container["state"]
                if let waiting = state?["waiting"]?["reason"]?.string, !waiting.isEmpty {
                    reason = waiting
                } else if let terminated = state?["terminated"] {
                    reason = termination(terminated)
                } else if container["ready"] == true, state?["running"] != nil {
                    hasRunning = true
                    ready += 1
                }
            }
            if reason == "Completed", hasRunning {
                let isReady = (status["conditions"]?.array ?? []).contains {
                    $0["type"] == "Ready" && $0["status"] == "True"
                }
                reason = isReady ? "Running" : "NotReady"
            }
        }
        if pod["metadata"]?["deletionTimestamp"] != nil {
            reason =
                status["reason"] == "NodeLost"
                ? "Unknown" : ["Succeeded", "Failed"].contains(status["phase"] ?? "") ? reason : "Terminating"
        }
        var restartText = "\(restarts)"
        if restarts != 0, let lastRestart, let now { restartText += " (\(HumanDuration.age(now - lastRestart)) ago)" }
        return ("\(ready)/\(total)", reason, restartText)
    }

    private static func termination(_ terminated: JSONValue) -> String {
        if let reason = terminated["reason"]?.string, !reason.isEmpty { return reason }
        if let signal = terminated["signal"]?.int, signal != 0 { return "Signal:\(signal)" }
        return "ExitCode:\(terminated["exitCode"]?.int ?? 0)"
    }
}
