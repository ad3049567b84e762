import JSON
import KubernetesModel

/// Computes the status of a pod from its containers, as the kubelet of Kubernetes 1.36 does.
struct NodePodStatus: Sendable {
    var generation: Int64
    var restartPolicy: RestartPolicy
    /// The init containers, then the main ones, in their order.
    var containers: [ContainerRecord]
    /// Whether the pod's files and volumes are ready.
    var isPrepared: Bool
    /// Whether every process has ended and none will be started again.
    var isOver: Bool
    var startTime: Timestamp
    /// Why the pod was ended from outside, such as DeadlineExceeded; nil when it was not.
    var failure: (reason: String, message: String)?
    /// Whether the node ended the pod, through no fault of its own or since it had too much.
    var isDisrupted = false
    /// The types of the conditions that have to hold besides for it to be ready.
    var gates: [String] = []

    private var initial: [ContainerRecord] { containers.filter { $0.role != .main } }
    private var main: [ContainerRecord] { containers.filter { $0.role == .main } }
    private var hasInitialized: Bool { initial.allSatisfy(\.isInitialized) }

    var phase: String {
        if isOver {
            if failure != nil || !hasInitialized { return "Failed" }
            return main.allSatisfy { $0.termination?.exitCode == 0 } ? "Succeeded" : "Failed"
        }
        guard hasInitialized else { return "Pending" }
        // A main container that has never run keeps the whole pod pending.
        return main.contains { $0.termination == nil && !$0.isRunning && $0.last == nil } ? "Pending" : "Running"
    }

    /// The current status with the conditions that a kubelet writes; those of others are theirs. Keeps from `previous`, the pod's present
    /// status, the times of conditions that have not changed.
    func json(previous: JSONValue, now: Timestamp) -> JSONValue {
        let phase = phase
        var status: JSONValue = [
            "observedGeneration": .int(generation), "phase": .string(phase), "hostIP": "127.0.0.1",
            "hostIPs": [["ip": "127.0.0.1"]], "startTime": .string(startTime.rfc3339),
            "containerStatuses": .array(main.map(\.json)),
        ]
        if !initial.isEmpty { status["initContainerStatuses"] = .array(initial.map(\.json)) }
        if containers.contains(where: { !$0.containerID.isEmpty }) {
            status["podIP"] = "127.0.0.1"
            status["podIPs"] = [["ip": "127.0.0.1"]]
        }
        if let failure {
            status["reason"] = .string(failure.reason)
            status["message"] = .string(failure.message)
        }
        status["conditions"] = .array(conditions(phase, previous["conditions"]?.array ?? [], now))
        return status
    }

    private func conditions(_ phase: String, _ previous: [JSONValue], _ now: Timestamp) -> [JSONValue] {
        func condition(_ type: String, _ isTrue: Bool, _ reason: String = "", _ message: String = "") -> JSONValue {
            let status: JSONValue = isTrue ? "True" : "False"
            let before = previous.first { $0["type"] == .string(type) && $0["status"] == status }
            var result: JSONValue = [
                "type": .string(type), "status": status, "observedGeneration": .int(generation),
                "lastTransitionTime": before?["lastTransitionTime"] ?? .string(now.rfc3339),
            ]
            if !reason.isEmpty { result["reason"] = .string(reason) }
            if !message.isEmpty { result["message"] = .string(message) }
            return result
        }
        func list(_ names: [ContainerRecord]) -> String { "[\(names.map(\.name).joined(separator: " "))]" }
        let incomplete = initial.filter { !$0.isInitialized }
        let initialized =
            incomplete.isEmpty
            ? condition("Initialized", true, phase == "Succeeded" ? "PodCompleted" : "")
            : condition(
                "Initialized", false, "ContainersNotInitialized",
                "containers with incomplete status: \(list(incomplete))")
        let unready = containers.filter { $0.role != .initial && !$0.isReady }
        let shut: [String] = gates.compactMap { gate in
            guard let found = previous.first(where: { $0["type"] == .string(gate) }) else {
                return "corresponding condition of pod readiness gate \"\(gate)\" does not exist."
            }
            let status = found["status"]?.string ?? ""
            return status == "True"
                ? nil : "the status of pod readiness gate \"\(gate)\" is not \"True\", but \(status)"
        }
        func ready(_ type: String) -> JSONValue {
            switch phase {
            case "Succeeded": condition(type, false, "PodCompleted")
            case "Failed": condition(type, false, "PodFailed")
            // Its containers are being ended.
            case _ where failure != nil: condition(type, false, "PodFailed")
            case _ where unready.isEmpty && type == "Ready" && !shut.isEmpty:
                condition(type, false, "ReadinessGatesNotReady", shut.joined(separator: ", "))
            case _ where unready.isEmpty: condition(type, true)
            default:
                condition(
                    type, false, "ContainersNotReady", "containers with unready status: \(list(unready))")
            }
        }
        let own = [
            condition("PodReadyToStartContainers", isPrepared && !isOver), initialized, ready("Ready"),
            ready("ContainersReady"),
        ]
        return isDisrupted
            ? own + [condition("DisruptionTarget", true, "TerminationByKubelet", failure?.message ?? "")] : own
    }
}
