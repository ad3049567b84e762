public import JSON
public import KubernetesModel
public import SluiceAPI

/// The order of effects of one run: what may be done now, and what has to wait for what. A pure value around ``RunEngine``.
///
/// News (``specChanged(to:generation:)``, ``podObserved(_:)``, ``podDeleted(name:uid:)``) and answers to what was asked for go in;
/// ``next(now:monotonic:)`` says what may be done now. The operator, the simulators and the tests drive this same value, so the
/// order exists once:
///
/// 1. Pods are created at once. Their names are deterministic and a finished pod keeps its finalizer, so whoever comes after a
///    crash decides the same again and meets AlreadyExists. They come in batches, so that a cancel is heard between two of them.
/// 2. A status is written when there is something to tell, one at a time, and not more often than the settings say, but for the
///    last one of the run and one that pods wait for.
/// 3. What only the status can tell is done last: a pod is deleted, and its finalizer taken off, only when a written status says
///    why.
///
/// It may be abandoned at any point: a new one, made from the status that was written last and the pods that exist, goes on.
public struct RunDriver: Sendable {
    /// How effects are spread over time.
    public struct Settings: Sendable, Hashable {
        /// How long the first status of a run may wait: one that ends before needs no other.
        public var firstStatusDelay: Duration
        /// Shortest time between two status writes.
        public var statusInterval: Duration
        /// Most pods that one ``next(now:monotonic:)`` asks for.
        public var createBatch: Int
        /// When a request that failed is made again; twice as long after each further round with failures.
        public var retryDelay: Duration
        /// The longest such wait.
        public var maximumRetryDelay: Duration

        /// Settings; everything has a default.
        public init(
            firstStatusDelay: Duration = .milliseconds(500), statusInterval: Duration = .seconds(1),
            createBatch: Int = 64,
            retryDelay: Duration = .milliseconds(500), maximumRetryDelay: Duration = .seconds(30)
        ) {
            self.firstStatusDelay = firstStatusDelay
            self.statusInterval = statusInterval
            self.createBatch = createBatch
            self.retryDelay = retryDelay
            self.maximumRetryDelay = maximumRetryDelay
        }
    }

    /// A pod to create: answer with ``podCreated(_:)`` or ``podCreateFailed(_:_:now:)``.
    public struct Create: Sendable, Hashable {
        public var identity: PodIdentity
        public var name: String
        public var manifest: JSONValue
        /// Created before the pod, once for all pods of the attempt; one that exists and belongs to the run will do. Where it cannot be
        /// had, the pod is not created, and its create has failed.
        public var service: HeadlessService?
    }

    /// A status to write: answer with ``statusWritten(_:monotonic:)`` or ``statusWriteFailed(_:)``.
    public struct Write: Sendable {
        /// Grows with every write that is asked for.
        public var revision: Int
        public var status: PipelineRunStatus
        fileprivate var decisions: Int
        fileprivate var events: [EngineEvent]
    }

    /// A request about a pod that exists. Answer where it failed, with ``requestFailed(name:monotonic:)``; what became of the pod comes
    /// as news. All but `confirm` may be made since a written status tells why.
    public enum Release: Sendable, Hashable {
        /// Read the pod from the API server itself: answer with ``podConfirmed(_:now:)`` or ``podDeleted(name:uid:)``.
        case confirm(name: String, uid: String)
        /// Have its kubelet end the pod of that name and UID and keep it, with its log: lower its `activeDeadlineSeconds` to 1.
        case stop(name: String, uid: String)
        /// Delete the pod of that name and UID with its grace period.
        case delete(name: String, uid: String)
        /// Take Sluice's finalizer off the pod of that name and UID.
        case removeFinalizer(name: String, uid: String)

        /// The name of the pod.
        public var name: String {
            switch self {
            case .confirm(let name, _), .stop(let name, _), .delete(let name, _), .removeFinalizer(let name, _): name
            }
        }
    }

    /// What may be done now, in any order and side by side.
    public struct Effects: Sendable {
        /// What to tell as events of the run. It is in the written status by now, so that a crash repeats nothing.
        public var events: [EngineEvent] = []
        public var creates: [Create] = []
        /// Attempts that ask for admission: answer with ``RunDriver/admitted(_:now:)`` when they have it.
        public var enqueued: [AdmissionRequest] = []
        /// Attempts that have their admission, as their pods prove (rule Q9): they take room. Answer likewise, with where those of their
        /// pods go that are not there.
        public var held: [AdmissionRequest] = []
        /// Attempts that do not ask any more, or that have no need of what they were given. To be told first: those that ask anew since,
        /// or have shown their pods, are among ``enqueued`` and ``held`` as well.
        public var withdrawn: [AttemptKey] = []
        /// What is left of a run that is admitted as a whole (`gangScope: Run`), where that has changed.
        public var demand: RunDemand?
        public var write: Write?
        public var releases: [Release] = []
        /// When to ask again if nothing happens before; nil: only when something happens. On the calendar's clock.
        public var wakeUp: Timestamp?
        /// Likewise, as a time from now on the monotonic clock; the earlier of the two counts.
        public var wakeAfter: Duration?

        /// Whether there is nothing to do but to wait.
        public var isIdle: Bool {
            creates.isEmpty && write == nil && releases.isEmpty && enqueued.isEmpty && withdrawn.isEmpty
                && held.isEmpty && demand == nil
        }
    }

    private var engine: RunEngine
    private let settings: Settings
    /// The status that was written last, or that the run had in the beginning.
    public private(set) var written: PipelineRunStatus
    /// By how much a status that only informs is written less often than ``Settings`` say; 1 where the API server has little to do.
    public var statusPace = 1
    /// Whether the engine has something to tell since the last status was rendered.
    private var isDirty = false
    private var revision = 0
    /// The write that has no answer yet.
    private var writing: Write?
    private var lastWrite: Duration?
    /// When the run was looked at first.
    private var began: Duration?
    /// Events that no status that is written or being written tells.
    private var untold: [EngineEvent] = []
    /// Events that a written status tells: they may be emitted.
    private var told: [EngineEvent] = []
    /// Pods that the engine asked for, and that are not sent yet.
    private var queued: [Create] = []
    /// Decided, but not told by any status that is written or being written.
    private var deferred: [Release] = []
    /// Told by the status that is being written.
    private var covered: [Release] = []
    /// Told by a written status: they may be made.
    private var allowed: [Release] = []
    /// Requests that failed are not repeated before.
    private var retryAt: Duration?
    /// How many times in a row releases were made of which some failed.
    private var failedRounds = 0
    private var hasFailed = false

    /// A driver of a run whose status is `written` now.
    public init(_ engine: RunEngine, written: PipelineRunStatus, settings: Settings = Settings()) {
        self.engine = engine
        self.written = written
        self.settings = settings
        // What the engine makes of the pods may differ from what was written.
        isDirty = true
    }

    /// Whether the run has ended, its status says so, and every pod of it has ended and been released.
    public var isDone: Bool {
        engine.isDone && !isDirty && writing == nil && queued.isEmpty && deferred.isEmpty && allowed.isEmpty
    }

    /// The status as it is now, written or not. O(tasks).
    public func status(now: Timestamp) -> PipelineRunStatus {
        var engine = engine
        return engine.status(now: now)
    }

    // MARK: News

    /// The user wants something else of the run, or edited what does not matter here.
    public mutating func specChanged(to state: DesiredState, generation: Int64) {
        engine.specChanged(state, generation: generation)
    }

    /// A pod as it is now. Pods of others and outdated states are passed over.
    public mutating func podObserved(_ pod: Pod) { engine.podObserved(pod) }

    /// The pod as the API server itself has it at that time.
    public mutating func podConfirmed(_ pod: Pod, now: Timestamp) { engine.podConfirmed(pod, now: now) }

    /// The pod of that name and UID does not exist any more.
    public mutating func podDeleted(name: String, uid: String) { engine.podDeleted(name: name, uid: uid) }

    /// The attempt may begin, by that queue, each replica on its node where those are named. To be told of one that is held as well: what
    /// is missing of its pods is made then.
    /// `replicas` says how many may have pods for now, counted from 0; others join one by one.
    public mutating func admitted(
        _ key: AttemptKey, queue: String = "", replicas: Int = .max, nodes: [String?] = [], now: Timestamp
    ) {
        engine.admitted(key, queue: queue, replicas: replicas, nodes: nodes, now: now)
    }

    /// A replica above `minAvailable` of an attempt that runs may have its pod, on that node where one is named.
    public mutating func joined(_ key: AttemptKey, replica: Int, node: String?) {
        engine.joined(key, replica: replica, node: node)
    }

    /// Replicas from that one on are taken back, which are above `minAvailable`; the attempt goes on without them.
    public mutating func shrunk(_ key: AttemptKey, to replicas: Int, message: String) {
        engine.shrunk(key, to: replicas, message: message)
    }

    /// How long the pods of the attempt may wait for their nodes: longer than usual where nodes are added for them (rule Q11).
    public mutating func setGangTimeout(_ key: AttemptKey, _ timeout: Duration) { engine.setGangTimeout(key, timeout) }

    /// Why the attempt waits for admission, and where.
    public mutating func waiting(
        _ key: AttemptKey, reason: String, message: String, queue: String = "", position: Int? = nil
    ) {
        engine.waiting(key, reason: reason, message: message, queue: queue, position: position)
    }

    /// The admission of a running attempt is taken back.
    public mutating func revoked(_ key: AttemptKey, reason: String, message: String, now: Timestamp) {
        engine.revoked(key, reason: reason, message: message, now: now)
    }

    /// The names of the Pipelines that tasks wait for: answer with ``pipelineFound(_:_:)`` or ``pipelineInvalid(_:_:now:)``, now or when
    /// one comes.
    public var wantedPipelines: [String] { engine.wantedPipelines }

    /// A Pipeline that tasks wait for, validated.
    public mutating func pipelineFound(_ name: String, _ pipeline: JSONValue) { engine.pipelineFound(name, pipeline) }

    /// A Pipeline that tasks wait for is there, and not valid.
    public mutating func pipelineInvalid(_ name: String, _ message: String, now: Timestamp) {
        engine.pipelineInvalid(name, message, now: now)
    }

    // MARK: Answers

    /// The pod that was asked for exists: the one just made, or one that an earlier create had made.
    public mutating func podCreated(_ pod: Pod) { engine.podCreated(pod) }

    /// The API server did not take a pod.
    public mutating func podCreateFailed(_ identity: PodIdentity, _ failure: PodCreateFailure, now: Timestamp) {
        engine.podCreateFailed(identity, failure, now: now)
    }

    /// The status is written.
    public mutating func statusWritten(_ write: Write, monotonic: Duration) {
        guard writing?.revision == write.revision else { return }
        writing = nil
        written = write.status
        lastWrite = monotonic
        _ = engine.statusWritten(through: write.decisions)
        allowed += covered
        covered = []
        // That a run has started is not worth an event of its own once it has ended.
        told += write.status.phase.isFinished ? write.events.filter { $0.reason != Reasons.started } : write.events
    }

    /// The status is not written, and is to be written later. Where another hand has written it, abandon the driver instead.
    public mutating func statusWriteFailed(_ write: Write) {
        guard writing?.revision == write.revision else { return }
        writing = nil
        isDirty = true
        deferred = covered + deferred
        covered = []
        untold = write.events + untold
    }

    /// The status is not written since the API server does not store one of that size: a smaller one follows, and the run ends.
    public mutating func statusTooLarge(_ write: Write) {
        guard writing?.revision == write.revision else { return }
        statusWriteFailed(write)
        engine.statusTooLarge()
    }

    /// A release has failed: it is asked for again after ``Settings/retryDelay``, and later and later while others fail as well.
    public mutating func requestFailed(name: String, monotonic: Duration) {
        engine.requestFailed(name: name)
        if !hasFailed { failedRounds += 1 }
        hasFailed = true
        let doublings = min(failedRounds - 1, 16)
        retryAt = monotonic + min(settings.retryDelay * (1 << doublings), settings.maximumRetryDelay)
    }

    // MARK: What may be done

    /// Decides on all that has happened, and gives what may be done now. To be called again after every piece of news and every
    /// answer; a second call with nothing in between gives nothing (rule E14). The cost is that of the engine's step, and O(tasks)
    /// where a status is written.
    public mutating func next(now: Timestamp, monotonic: Duration) -> Effects {
        var effects = Effects()
        if began == nil { began = monotonic }
        repeat { effects.wakeUp = step(now: now, &effects) } while withdrawUnwanted()

        let underWay = engine.createsUnderWay - queued.count
        effects.creates = Array(queued.prefix(settings.createBatch))
        queued.removeFirst(effects.creates.count)
        // A status that is told once the pods are there saves one without their names, unless there are many batches of them.
        let isWorthWaiting = underWay > 0 || (!effects.creates.isEmpty && queued.isEmpty)
        if isDirty, writing == nil, engine.awaitsWrite || !isWorthWaiting {
            write(now: now, monotonic: monotonic, &effects)
        }
        if !isDirty, writing == nil {
            allowed += deferred
            deferred = []
            told += untold
            untold = []
        }
        effects.events = told
        told = []
        if let retryAt, retryAt > monotonic {
            if !allowed.isEmpty { effects.wake(after: retryAt - monotonic) }
        } else {
            retryAt = nil
            effects.releases = allowed
            allowed = []
            if !effects.releases.isEmpty {
                if !hasFailed { failedRounds = 0 }
                hasFailed = false
            }
        }
        return effects
    }

    /// One step of the engine; gives when it wants the next one.
    private mutating func step(now: Timestamp, _ effects: inout Effects) -> Timestamp? {
        let output = engine.step(now: now)
        untold += output.events
        if !output.withdrawn.isEmpty, !effects.enqueued.isEmpty || !effects.held.isEmpty {
            let withdrawn = Set(output.withdrawn)
            effects.enqueued.removeAll { withdrawn.contains($0.key) }
            effects.held.removeAll { withdrawn.contains($0.key) }
        }
        effects.enqueued += output.enqueued
        effects.held += output.held
        effects.withdrawn += output.withdrawn
        effects.demand = output.demand ?? effects.demand
        if output.statusChanged { isDirty = true }
        for action in output.actions {
            switch action {
            case .createPod(let identity, let name, let manifest, let service):
                queued.append(Create(identity: identity, name: name, manifest: manifest, service: service))
            case .confirmPod(let name, let uid): allowed.append(.confirm(name: name, uid: uid))
            case .stopPod(let name, let uid): deferred.append(.stop(name: name, uid: uid))
            case .deletePod(let name, let uid): deferred.append(.delete(name: name, uid: uid))
            case .removeFinalizer(let name, let uid): deferred.append(.removeFinalizer(name: name, uid: uid))
            }
        }
        return output.wakeUp
    }

    /// Takes back pods that wait for their batch and whose attempt is over by now. Whether there were any.
    private mutating func withdrawUnwanted() -> Bool {
        let unwanted = queued.filter { !engine.stillWants($0.identity) }
        guard !unwanted.isEmpty else { return false }
        queued.removeAll { !engine.stillWants($0.identity) }
        for create in unwanted { engine.createWithdrawn(create.identity) }
        return true
    }

    /// When a status that only informs may be written.
    private func earliestWrite(monotonic: Duration) -> Duration {
        if let lastWrite {
            // People wait to see that a run has started, is suspended or cancelled. Many runs that share an API server do without.
            if engine.phase != written.phase, engine.phase != .queued, statusPace == 1 { return monotonic }
            return lastWrite + settings.statusInterval * statusPace
        }
        guard written.phase == .pending else { return monotonic }
        // That a run waits is worth no status before the queue has had the time to say whether it does.
        let delay = engine.awaitsAnswer ? max(settings.firstStatusDelay, Self.answerDelay) : settings.firstStatusDelay
        return (began ?? monotonic) + (statusPace == 1 ? delay : max(delay, settings.statusInterval * statusPace))
    }

    /// How long the first status waits for the queue's answer.
    private static let answerDelay: Duration = .seconds(1)

    private mutating func write(now: Timestamp, monotonic: Duration, _ effects: inout Effects) {
        let wait = earliestWrite(monotonic: monotonic) - monotonic
        guard wait <= .zero || engine.awaitsWrite || engine.hasFinished else { return effects.wake(after: wait) }
        let status = engine.status(now: now)
        isDirty = false
        guard status != written else {
            // It tells all there is to tell. What was held back for it comes with the next step.
            if engine.statusWritten(through: engine.decisionCount) { effects.wake(after: .zero) }
            return
        }
        revision += 1
        let write = Write(revision: revision, status: status, decisions: engine.decisionCount, events: untold)
        untold = []
        writing = write
        covered += deferred
        deferred = []
        effects.write = write
    }
}

extension RunDriver.Effects {
    fileprivate mutating func wake(after delay: Duration) { wakeAfter = min(wakeAfter ?? delay, delay) }
}
