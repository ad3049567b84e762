public import JSON

/// A pod with the fields that controllers need: metadata, node, and status. Most of the spec is not kept, so that tens
/// of thousands of pods fit in memory.
public struct Pod: KubernetesObject, Hashable {
    public static var resourceType: ResourceType { ResourceType(version: "v1", kind: "Pod", plural: "pods") }

    public var metadata = ObjectMeta()
    /// The node that the pod is bound to; empty before that.
    public var nodeName = ""
    /// The names of init containers that run beside the main ones (restartPolicy Always).
    public var nativeSidecars: [String] = []
    /// How long the pod may be active on its node; nil for ever. It may be lowered while the pod runs.
    public var activeDeadlineSeconds: Int64?
    /// How long its containers have between SIGTERM and SIGKILL; Kubernetes' default is 30 s.
    public var terminationGracePeriodSeconds: Int64 = 30
    public var status = PodStatus()

    /// Creates a pod without a name.
    public init() {}
}

/// The `status` of a pod.
public struct PodStatus: Sendable, Hashable {
    /// `status.phase`.
    public enum Phase: String, Sendable, Hashable {
        case pending = "Pending"
        case running = "Running"
        case succeeded = "Succeeded"
        case failed = "Failed"
        case unknown = "Unknown"
    }

    public var phase = Phase.pending
    public var reason = ""
    public var message = ""
    public var startTime: Timestamp?
    public var conditions: [PodCondition] = []
    public var initContainers: [ContainerStatus] = []
    public var containers: [ContainerStatus] = []

    /// Creates the status of a pod that no kubelet has reported on.
    public init() {}

    /// The condition of this type, if there is one.
    public func condition(_ type: String) -> PodCondition? { conditions.first { $0.type == type } }
}

/// One entry of a pod's `status.conditions`.
public struct PodCondition: Sendable, Hashable {
    public var type: String
    /// True, False or Unknown.
    public var status: String
    public var reason: String
    public var message: String
    public var lastTransitionTime: Timestamp?

    /// Creates a condition.
    public init(
        type: String, status: String, reason: String = "", message: String = "", lastTransitionTime: Timestamp? = nil
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.lastTransitionTime = lastTransitionTime
    }
}

/// One entry of `containerStatuses` or `initContainerStatuses`.
public struct ContainerStatus: Sendable, Hashable {
    /// The present state of a container.
    public enum State: Sendable, Hashable {
        case waiting(reason: String, message: String)
        case running(startedAt: Timestamp?)
        case terminated(Termination)
    }

    /// How a container ended.
    public struct Termination: Sendable, Hashable {
        public var exitCode = 0
        public var signal = 0
        public var reason = ""
        public var message = ""
        public var startedAt: Timestamp?
        public var finishedAt: Timestamp?

        /// Creates a termination with exit code 0.
        public init() {}
    }

    public var name = ""
    public var state = State.waiting(reason: "", message: "")
    public var restartCount = 0

    /// Creates the status of a container that has not started.
    public init() {}

    /// How the container ended; nil while it has not.
    public var termination: Termination? { if case .terminated(let termination) = state { termination } else { nil } }
}

extension Pod {
    public init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "metadata": metadata = try ObjectMeta(from: &reader)
            case "spec":
                try reader.readFields { key, reader in
                    switch key {
                    case "nodeName": nodeName = try reader.readString()
                    case "activeDeadlineSeconds":
                        activeDeadlineSeconds = try reader.readOptional { try $0.readInt64() }
                    case "terminationGracePeriodSeconds":
                        terminationGracePeriodSeconds = try reader.readOptional { try $0.readInt64() } ?? 30
                    case "initContainers":
                        nativeSidecars = try reader.readArray { try Self.sidecarName(from: &$0) }.compactMap(\.self)
                    default: try reader.skip()
                    }
                }
            case "status": status = try PodStatus(from: &reader)
            default: try reader.skip()
            }
        }
    }

    private static func sidecarName(from reader: inout JSONReader) throws -> String? {
        var name = ""
        var isSidecar = false
        try reader.readFields { key, reader in
            switch key {
            case "name": name = try reader.readString()
            case "restartPolicy": isSidecar = try reader.readOptional { try $0.readString() } == "Always"
            default: try reader.skip()
            }
        }
        return isSidecar ? name : nil
    }
}

extension PodStatus: JSONReadable {
    public init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "phase": phase = Phase(rawValue: try reader.readString()) ?? .unknown
            case "reason": reason = try reader.readString()
            case "message": message = try reader.readString()
            case "startTime": startTime = try reader.readOptional { try Timestamp(from: &$0) }
            case "conditions": conditions = try reader.readArray { try PodCondition(from: &$0) }
            case "initContainerStatuses": initContainers = try reader.readArray { try ContainerStatus(from: &$0) }
            case "containerStatuses": containers = try reader.readArray { try ContainerStatus(from: &$0) }
            default: try reader.skip()
            }
        }
    }
}

extension PodCondition: JSONReadable {
    public init(from reader: inout JSONReader) throws {
        self.init(type: "", status: "")
        try reader.readFields { key, reader in
            switch key {
            case "type": type = try reader.readString()
            case "status": status = try reader.readString()
            case "reason": reason = try reader.readOptional { try $0.readString() } ?? ""
            case "message": message = try reader.readOptional { try $0.readString() } ?? ""
            case "lastTransitionTime": lastTransitionTime = try reader.readOptional { try Timestamp(from: &$0) }
            default: try reader.skip()
            }
        }
    }
}

extension ContainerStatus: JSONReadable {
    public init(from reader: inout JSONReader) throws {
        try reader.readFields { key, reader in
            switch key {
            case "name": name = try reader.readString()
            case "restartCount": restartCount = try reader.readInt()
            case "state": try readState(from: &reader)
            default: try reader.skip()
            }
        }
    }

    private mutating func readState(from reader: inout JSONReader) throws {
        var newState = state
        try reader.readFields { key, reader in
            var termination = Termination()
            var startedAt: Timestamp?
            var reason = ""
            var message = ""
            let kind = key.string
            try reader.readFields { key, reader in
                switch key {
                case "exitCode": termination.exitCode = try reader.readInt()
                case "signal": termination.signal = try reader.readInt()
                case "reason": reason = try reader.readString()
                case "message": message = try reader.readString()
                case "startedAt": startedAt = try reader.readOptional { try Timestamp(from: &$0) }
                case "finishedAt": termination.finishedAt = try reader.readOptional { try Timestamp(from: &$0) }
                default: try reader.skip()
                }
            }
            switch kind {
            case "running": newState = .running(startedAt: startedAt)
            case "terminated":
                termination.reason = reason
                termination.message = message
                termination.startedAt = startedAt
                newState = .terminated(termination)
            default: newState = .waiting(reason: reason, message: message)
            }
        }
        state = newState
    }
}
