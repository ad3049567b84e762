public import JSON
public import KubernetesModel
import SluiceAPI

/// Something that the engine wants done. Each is safe to do again.
public enum EngineAction: Sendable, Hashable {
    /// Create that pod, and before it the Service by which the pods of its attempt find each other, if any; answer with ``RunEngine/podCreated(_:)`` or ``RunEngine/podCreateFailed(_:_:now:)``.
    case createPod(PodIdentity, name: String, JSONValue, HeadlessService?)
    /// Read the pod from the API server, not from a cache: a time of it is over, and its end may only not have been heard of. Answer with
    /// ``RunEngine/podConfirmed(_:now:)`` or ``RunEngine/podDeleted(name:uid:)``.
    case confirmPod(name: String, uid: String)
    /// Have its kubelet end the pod of that name and UID and keep it, with its log: lower its `activeDeadlineSeconds` to 1.
    case stopPod(name: String, uid: String)
    /// Delete the pod of that name and UID with its grace period.
    case deletePod(name: String, uid: String)
    /// Take Sluice's finalizer off the pod.
    case removeFinalizer(name: String, uid: String)

    /// Whether the status must have been written first: a decision that only the status tells (timed out, cancelled, the
    /// outcome of a pod) must not be forgotten by a crash in between.
    public var needsStatus: Bool {
        switch self {
        case .createPod, .confirmPod: false
        case .stopPod, .deletePod, .removeFinalizer: true
        }
    }
}

/// Something to tell the user as an event of the run.
public struct EngineEvent: Sendable, Hashable {
    public var isWarning: Bool
    public var reason: String
    public var message: String

    /// Whether it is about the run as a whole: that it has started, was suspended, or has ended.
    public var isAboutRun: Bool {
        [
            Reasons.started, Reasons.suspended, Reasons.resumed, Reasons.cancelling, RunPhase.succeeded.rawValue,
            RunPhase.failed.rawValue, RunPhase.cancelled.rawValue,
        ].contains(reason)
    }

    /// An event.
    public init(isWarning: Bool, reason: String, message: String) {
        self.isWarning = isWarning
        self.reason = reason
        self.message = message
    }
}

/// What one step decided.
public struct EngineOutput: Sendable {
    public var actions: [EngineAction] = []
    public var events: [EngineEvent] = []
    /// Attempts that ask for admission: answer with ``RunEngine/admitted(_:now:)`` when they have it.
    public var enqueued: [AdmissionRequest] = []
    /// Attempts that have their admission though nobody gave it: their pods prove that it had been given (rule Q9).
    public var held: [AdmissionRequest] = []
    /// Attempts that do not ask any more, or that have no need of what they were given. Those that ask or have shown their pods since
    /// are among ``enqueued`` and ``held`` as well: withdrawing comes first.
    public var withdrawn: [AttemptKey] = []
    /// What is left of a run that is admitted as a whole (`gangScope: Run`), where that has changed.
    public var demand: RunDemand?
    /// Whether the status differs from the one before the step.
    public var statusChanged = false
    /// When to step again if nothing happens before; nil: only when something happens.
    public var wakeUp: Timestamp?

    /// What was asked or shown before in this step is void with it.
    mutating func withdraw(_ key: AttemptKey) {
        if let index = enqueued.lastIndex(where: { $0.key == key }) { enqueued.remove(at: index) }
        if let index = held.lastIndex(where: { $0.key == key }) { held.remove(at: index) }
        withdrawn.append(key)
    }
}

/// Why the API server did not take a pod.
public enum PodCreateFailure: Sendable, Hashable {
    /// It never will: the pod is not valid, or its name belongs to somebody else.
    case invalid(reason: String, message: String)
    /// It may later: a quota is used up, a webhook said no.
    case denied(reason: String, message: String)
    /// Nothing is known: the request did not get through, or the server failed.
    case indeterminate(message: String)
}
