import JSON
import KubernetesModel

/// The state of a container: the content of one entry of `containerStatuses`.
struct ContainerRecord: Sendable {
    enum State: Sendable {
        case waiting(reason: String, message: String)
        case running(since: Timestamp)
        case terminated(Termination)
    }

    struct Termination: Sendable {
        var exitCode: Int
        var reason: String
        var message = ""
        /// nil when it has never run; the kubelet then writes the epoch.
        var startedAt: Timestamp?
        var finishedAt: Timestamp
        var containerID = ""
    }

    var name: String
    var image: String
    var role: ContainerSpec.Role
    var state: State
    var last: Termination?
    var restartCount = 0
    /// Empty until the container has been started.
    var containerID = ""
    /// Whether it has ever been running and started. A sidecar must have been before the next init container starts.
    var hasStarted = false
    /// Whether its start is complete, as its startup probe says.
    var isStarted = false
    /// Whether it is ready while it runs, as its probes say.
    var isPassing = false

    /// The record of a container that was not looked at yet.
    init(_ spec: ContainerSpec, waiting reason: String) {
        (name, image, role) = (spec.name, spec.image, spec.role)
        state = .waiting(reason: reason, message: "")
    }

    /// What a node before this one wrote of the container; nil where that cannot be read.
    init?(_ spec: ContainerSpec, _ json: JSONValue) {
        (name, image, role) = (spec.name, spec.image, spec.role)
        func time(_ value: JSONValue?) -> Timestamp? { value?.string.flatMap(Timestamp.init(rfc3339:)) }
        func termination(_ json: JSONValue?) -> Termination? {
            guard let json, let code = json["exitCode"]?.int, let finished = time(json["finishedAt"]) else {
                return nil
            }
            return Termination(
                exitCode: Int(code), reason: json["reason"]?.string ?? "", message: json["message"]?.string ?? "",
                startedAt: time(json["startedAt"]), finishedAt: finished,
                containerID: json["containerID"]?.string ?? "")
        }
        restartCount = json["restartCount"]?.int.map { Int($0) } ?? 0
        containerID = json["containerID"]?.string ?? ""
        last = termination(json[path: "lastState", "terminated"])
        if let ended = termination(json[path: "state", "terminated"]) {
            state = .terminated(ended)
        } else if let since = time(json[path: "state", "running", "startedAt"]) {
            state = .running(since: since)
        } else if let waiting = json[path: "state", "waiting"] {
            state = .waiting(reason: waiting["reason"]?.string ?? "", message: waiting["message"]?.string ?? "")
        } else {
            return nil
        }
        hasStarted = json["started"]?.bool == true
    }

    var termination: Termination? { if case .terminated(let termination) = state { termination } else { nil } }
    var isRunning: Bool { if case .running = state { true } else { false } }
    var isReady: Bool {
        switch role {
        case .initial: termination?.exitCode == 0
        case .sidecar, .main: isRunning && isPassing
        }
    }
    /// Whether the next init containers, or the main containers, may start.
    var isInitialized: Bool { role == .sidecar ? hasStarted : termination?.exitCode == 0 }

    var json: JSONValue {
        var result: JSONValue = [
            "name": .string(name), "image": .string(image), "imageID": "", "ready": .bool(isReady),
            "started": .bool(isRunning && isStarted), "restartCount": .int(Int64(restartCount)), "state": state.json,
            "lastState": last.map { ["terminated": $0.json] } ?? [:],
        ]
        if !containerID.isEmpty { result["containerID"] = .string(containerID) }
        return result
    }
}

extension ContainerRecord.State {
    var json: JSONValue {
        switch self {
        case .waiting(let reason, let message):
            var waiting: JSONValue = ["reason": .string(reason)]
            if !message.isEmpty { waiting["message"] = .string(message) }
            return ["waiting": waiting]
        case .running(let since): return ["running": ["startedAt": .string(since.rfc3339)]]
        case .terminated(let termination): return ["terminated": termination.json]
        }
    }
}

extension ContainerRecord.Termination {
    var json: JSONValue {
        var result: JSONValue = [
            "exitCode": .int(Int64(exitCode)), "reason": .string(reason),
            "startedAt": .string((startedAt ?? Timestamp(seconds: 0)).rfc3339),
            "finishedAt": .string(finishedAt.rfc3339),
        ]
        if !message.isEmpty { result["message"] = .string(message) }
        if !containerID.isEmpty { result["containerID"] = .string(containerID) }
        return result
    }
}
