import KubernetesModel

/// What the node knows of one container.
struct ContainerRecord: Sendable {
    enum State: Sendable {
        case waiting(reason: String, message: String)
        case running(process: Int32, since: Timestamp)
        case terminated(Ending)
    }

    struct Ending: Sendable {
        var exitCode: Int64
        var reason: String
        var message = ""
        var startedAt: Timestamp?
        var finishedAt: Timestamp
    }

    var name: String
    var image: String
    var state = State.waiting(reason: "PodInitializing", message: "")
    var restartCount: Int64 = 0
    var last: Ending?

    var ending: Ending? { if case .terminated(let ending) = state { ending } else { nil } }
    var isRunning: Bool { if case .running = state { true } else { false } }
}

/// The status of a pod as a kubelet writes it. Pure.
struct NodePodStatus {
    var initContainers: [ContainerRecord]
    var containers: [ContainerRecord]
    /// Names of the init containers that run beside the others.
    var sidecars: Set<String>
    var restartPolicy: String
    var startTime: Timestamp
    /// Set when the node ended the pod as a whole: DeadlineExceeded, Evicted.
    var reason = ""
    var message = ""
    /// Whether everything has ended that will.
    var isOver: Bool

    /// The phase by the kubelet's rules.
    var phase: String {
        if isOver {
            let failed = (initContainers.filter { !sidecars.contains($0.name) } + containers)
                .contains { ($0.ending?.exitCode ?? 1) != 0 }
            return failed || !reason.isEmpty ? "Failed" : "Succeeded"
        }
        let hasInitialised = initContainers.allSatisfy { sidecars.contains($0.name) || $0.ending?.exitCode == 0 }
        let hasStarted = containers.contains { $0.isRunning || $0.ending != nil || $0.last != nil }
        return hasInitialised && hasStarted ? "Running" : "Pending"
    }

    /// The status; conditions of the previous one that a kubelet does not own are kept, and so is the time of those that did not change.
    func json(previous: JSONValue?, now: Timestamp) -> JSONValue {
        let phase = phase
        let isInitialised = initContainers.allSatisfy {
            sidecars.contains($0.name) ? $0.isRunning || $0.ending != nil : $0.ending?.exitCode == 0
        }
        let isReady = !isOver && containers.allSatisfy(\.isRunning)
        let notReadyReason =
            switch phase {
            case "Succeeded": "PodCompleted"
            case "Failed": "PodFailed"
            default: "ContainersNotReady"
            }
        let unready = containers.filter { !$0.isRunning }.map(\.name)
        let notReadyMessage =
            isOver ? "" : "containers with unready status: [\(unready.joined(separator: " "))]"
        var conditions: [JSONValue] = []
        func add(_ type: String, _ holds: Bool, _ reason: String = "", _ message: String = "") {
            let status: JSONValue = holds ? "True" : "False"
            let old = previous?["conditions"]?.array?.first { $0["type"]?.string == type }
            var condition: JSONValue = ["type": .string(type), "status": status]
            let unchanged = old?["status"] == status ? old?["lastTransitionTime"] : nil
            condition["lastTransitionTime"] = unchanged ?? .string(now.rfc3339)
            if !holds, !reason.isEmpty { condition["reason"] = .string(reason) }
            if !holds, !message.isEmpty { condition["message"] = .string(message) }
            conditions.append(condition)
        }
        add("PodReadyToStartContainers", !isOver)
        add("Initialized", isInitialised, "ContainersNotInitialized")
        add("Ready", isReady, notReadyReason, notReadyMessage)
        add("ContainersReady", isReady, notReadyReason, notReadyMessage)
        let owned: Set<String> = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"]
        conditions += (previous?["conditions"]?.array ?? []).filter { !owned.contains($0["type"]?.string ?? "") }

        var status: JSONValue = [
            "phase": .string(phase), "conditions": .array(conditions), "hostIP": "127.0.0.1", "podIP": "127.0.0.1",
            "podIPs": [["ip": "127.0.0.1"]], "hostIPs": [["ip": "127.0.0.1"]], "startTime": .string(startTime.rfc3339),
            "containerStatuses": .array(containers.map(Self.status)),
        ]
        if !initContainers.isEmpty { status["initContainerStatuses"] = .array(initContainers.map(Self.status)) }
        if !reason.isEmpty { status["reason"] = .string(reason) }
        if !message.isEmpty { status["message"] = .string(message) }
        return status
    }

    private static func status(_ container: ContainerRecord) -> JSONValue {
        var state = JSONObject()
        switch container.state {
        case .waiting(let reason, let message):
            var waiting: JSONObject = ["reason": .string(reason)]
            if !message.isEmpty { waiting["message"] = .string(message) }
            state["waiting"] = .object(waiting)
        case .running(_, let since): state["running"] = ["startedAt": .string(since.rfc3339)]
        case .terminated(let ending): state["terminated"] = terminated(ending)
        }
        return [
            "name": .string(container.name), "image": .string(container.image), "imageID": "",
            "ready": .bool(container.isRunning), "started": .bool(container.isRunning),
            "restartCount": .int(container.restartCount), "state": .object(state),
            "lastState": container.last.map { ["terminated": terminated($0)] } ?? [:],
        ]
    }

    private static func terminated(_ ending: ContainerRecord.Ending) -> JSONValue {
        var json: JSONValue = [
            "exitCode": .int(ending.exitCode), "reason": .string(ending.reason),
            "finishedAt": .string(ending.finishedAt.rfc3339),
            "startedAt": .string((ending.startedAt ?? ending.finishedAt).rfc3339),
        ]
        if !ending.message.isEmpty { json["message"] = .string(ending.message) }
        return json
    }
}
