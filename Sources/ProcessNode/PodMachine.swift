import Clocks
import JSON
import KubernetesModel

/// What a node makes of one pod, as a value: messages in, effects out.
///
/// It starts init containers, sidecars and main containers in the kubelet's order, restarts them with back-off, ends them, and says what the
/// status is. It does nothing itself, and reads no clock: ``PodWorker`` carries out its effects, and what comes of them are further messages.
struct PodMachine: Sendable {
    /// When a message is taken.
    struct Moment: Sendable, Hashable {
        var wall: Timestamp
        /// By the clock that only goes forward.
        var monotonic: Duration
    }

    /// What is to be done for the pod.
    enum Effect: Sendable {
        /// Create its files and volumes. Answered by `prepared`.
        case prepare
        /// Start a container. Answered by `launching` and `started`, or by `started` alone.
        case start(Int)
        /// Signal a container.
        case signal(pid: Int32, Int32)
        /// Begin a probe or hook. Answered by `acted`.
        case act(Int, attempt: Int, Action, ContainerAction, limit: Duration?, pid: Int32, ContainerLaunch.Ready)
        /// End what a probe or hook has begun.
        case endAction(Int)
        /// Read the termination message of a container that has exited. Answered by `read`.
        case readMessage(Int, ProcessSupervisor.Exit)
        /// Give back the devices of a container.
        case releaseDevices(Int)
        /// Look at what the pod has on the disk. Answered by `measured`.
        case measure
        /// Post that message after a while.
        case wake(Duration, Message)
        case event(isWarning: Bool, reason: String, message: String)
        case log(String)
        /// Write the status by that strategic patch. Answered by `written`.
        case write(JSONValue, patch: JSONValue)
        /// Confirm the deletion. Answered by `deleted`.
        case confirmDeletion
    }

    enum Message: Sendable {
        case pod(NodePod)
        /// The object is gone from the API server.
        case gone
        case prepared(Result<[String: String], ContainerProblem>)
        /// What a container is about to be started with.
        case launching(Int, ContainerLaunch.Ready)
        case started(Int, Result<Int32, ContainerProblem>)
        /// What came of a probe or hook of that run of a container.
        case acted(Int, attempt: Int, Action, ActionRunner.Outcome)
        /// It is time to look at the probes of that run of a container.
        case probe(Int, attempt: Int, at: Duration)
        case exited(Int, ProcessSupervisor.Exit)
        /// What a container that has exited left as its termination message.
        case read(Int, ProcessSupervisor.Exit, message: String)
        case retry(Int?)
        /// What the pod has on the disk was looked at: why that is too much, nil where it is not.
        case measured(String?)
        case measure
        /// It is time to look at the deadline.
        case deadline
        /// The grace period of that run of a container is over: kill what still runs.
        case kill(Int, attempt: Int)
        case written(JSONValue, isSuccess: Bool)
        case writeAgain
        case deleted(isSuccess: Bool)
    }

    /// What a container is doing.
    enum Activity: Sendable {
        case idle, starting
        case running(Int32)
        case backingOff, done
    }

    struct Container: Sendable {
        var spec: ContainerSpec
        var record: ContainerRecord
        var activity = Activity.idle
        var attempt = 0
        var delay = Duration.seconds(1)
        var startedAt: Timestamp?
        /// What its probes and hooks have made of its present run.
        var life = Life()
        /// The numbers of the commands of probes and hooks that are under way.
        var actions: Set<Int> = []
    }

    private struct Deadline {
        /// When the pod has to end.
        var limit: Timestamp
        /// When a pod that waits for its volumes has to end: a kubelet sees the limit only after such a wait.
        var waitEnd: Timestamp
    }

    /// What is to be done since the last message.
    var effects: [Effect] = []
    /// When the message came that is being taken.
    var now: Moment
    var pod: NodePod
    var containers: [Container]
    var volumes: [String: String]?
    let startTime: Timestamp
    var failure: (reason: String, message: String)?
    /// Whether the node ended it: the end of an earlier one, or an eviction.
    var isDisrupted: Bool
    /// What it may have on the disk; nil for any amount.
    let storage: StorageLimits?
    /// No container is started any more.
    var isEnding = false
    private var deadline: Deadline?
    /// The grace period of the deletion that has been acted on.
    private var deletionGrace: Int64?
    /// When its grace period is over, by the clock that only goes forward.
    private var graceEnd = Duration.zero
    /// How many probes and hooks have begun.
    var lastAction = 0
    var isGone = false
    /// Whether the deletion is confirmed to the API server. The object may stay for its finalizers.
    var isConfirmed = false
    var isOver = false
    var written: JSONValue?
    var isWriting = false
    var isDeleting = false

    /// The state of a pod that is bound to the node. Where an earlier node had begun with it, what had ended has; what ran went with that
    /// node and starts again by the pod's restart policy, or the pod has been disrupted.
    init(_ pod: NodePod, at now: Moment) {
        self.pod = pod
        self.now = now
        startTime = pod.status["startTime"]?.string.flatMap(Timestamp.init(rfc3339:)) ?? now.wall
        let hasInit = pod.spec["initContainers"]?.array?.isEmpty == false
        let known = (pod.status["initContainerStatuses"]?.array ?? []) + (pod.status["containerStatuses"]?.array ?? [])
        let waiting = hasInit ? "PodInitializing" : "ContainerCreating"
        var isLost = false
        containers = pod.containers.map { spec in
            var container = Container(spec: spec, record: ContainerRecord(spec, waiting: waiting))
            guard let json = known.first(where: { $0["name"]?.string == spec.name }),
                let record = ContainerRecord(spec, json)
            else { return container }
            container.record = record
            container.attempt = record.restartCount
            switch record.state {
            // One in back-off is started at once.
            case .waiting: container.record.state = .waiting(reason: waiting, message: "")
            case .terminated: container.activity = .done
            case .running(let since):
                let end = ContainerRecord.Termination(
                    exitCode: 137, reason: "ContainerStatusUnknown",
                    message: "The container could not be located when the pod was terminated", startedAt: since,
                    finishedAt: now.wall, containerID: record.containerID)
                if Self.restarts(spec, after: end.exitCode, pod) {
                    container.record.last = end
                    container.record.restartCount += 1
                    container.record.state = .waiting(reason: waiting, message: "")
                    container.attempt += 1
                } else {
                    container.record.state = .terminated(end)
                    container.activity = .done
                    isLost = true
                }
            }
            return container
        }
        isDisrupted = isLost
        storage = StorageLimits(pod.spec)
        guard isLost else { return }
        failure = ("NodeShutdown", "the node that ran the pod was stopped or killed, and its processes with it")
        for index in containers.indices {
            guard case .waiting = containers[index].record.state else { continue }
            containers[index].activity = .done
        }
        isEnding = true
        isOver = true
    }

    /// Whether a container is started again after that exit code.
    private static func restarts(_ spec: ContainerSpec, after code: Int, _ pod: NodePod) -> Bool {
        switch spec.role {
        case .sidecar: true
        case .initial: code != 0 && pod.restartPolicy != .never
        case .main: pod.restartPolicy.restarts(after: code)
        }
    }

    /// The logs that a container has.
    struct Logs: Sendable {
        /// The run that is under way, or the last one; nil while none has begun.
        var current: Int?
        /// The one before; that of a container that waits to be started again is its last.
        var previous: Int?
        /// Whether nothing will be added to the current one.
        var isComplete: Bool
        /// Why none has begun.
        var waiting: String
    }

    /// The logs of a container; nil for an unknown one.
    func logs(of name: String) -> Logs? {
        guard let found = containers.first(where: { $0.spec.name == name }) else { return nil }
        let before = found.attempt > 0 ? found.attempt - 1 : nil
        if case .waiting(let reason, _) = found.record.state {
            return Logs(current: before, previous: before, isComplete: true, waiting: reason)
        }
        let isComplete = if case .done = found.activity { true } else { isOver }
        return Logs(current: found.attempt, previous: before, isComplete: isComplete, waiting: "")
    }

    // MARK: Messages

    /// Whether there is nothing left to do. A pod that has ended is kept until its object is gone, since its deletion still has to be
    /// confirmed.
    var hasFinished: Bool { isGone && isOver }

    func owner(of index: Int) -> String { "\(pod.metadata.uid)/\(containers[index].spec.name)" }

    mutating func after(_ delay: Duration, _ message: Message) { effects.append(.wake(delay, message)) }

    mutating func warn(_ reason: String, _ message: String) {
        effects.append(.event(isWarning: true, reason: reason, message: message))
    }

    /// Begins with the pod.
    mutating func begin(at now: Moment) -> [Effect] {
        if !isOver { effects.append(.prepare) }
        return take(.pod(pod), at: now)
    }

    /// Takes one message, and returns what is to be done, in that order.
    mutating func take(_ message: Message, at now: Moment) -> [Effect] {
        self.now = now
        take(message)
        advance()
        report()
        defer { effects = [] }
        return effects
    }

    private mutating func take(_ message: Message) {
        switch message {
        case .pod(let newer):
            pod = newer
            setDeadline()
            if newer.metadata.deletionTimestamp != nil {
                let grace = newer.metadata.deletionGracePeriodSeconds ?? 30
                if grace != deletionGrace { end(grace: grace) }
                deletionGrace = grace
            }
        case .gone:
            isGone = true
            end(grace: 0)
        case .prepared(.success(let paths)):
            volumes = paths
            measure()
            checkDeadline()
        case .prepared(.failure(let problem)):
            effects.append(.log("waits: \(problem.message)"))
            warn("FailedMount", problem.message)
            after(.seconds(3), .retry(nil))
        case .launching(let index, let ready): containers[index].life = Life(launch: ready)
        case .started(let index, .success(let pid)):
            containers[index].activity = .running(pid)
            containers[index].startedAt = now.wall
            started(index)
            if isEnding { stop(index, grace: graceEnd - now.monotonic) }
        case .acted(let index, let attempt, let action, let outcome):
            containers[index].actions.remove(action.number)
            if containers[index].attempt == attempt { take(outcome, of: action.purpose, index) }
        case .probe(let index, let attempt, let time):
            if containers[index].attempt == attempt { containers[index].life.wakes.remove(time) }
        case .started(let index, .failure(let problem)):
            containers[index].activity = .idle
            effects.append(.releaseDevices(index))
            warn("Failed", "container \(containers[index].spec.name): \(problem.message)")
            if problem.reason == "StartError" {
                ended(index, code: 128, reason: problem.reason, message: problem.message)
            } else {
                containers[index].record.state = .waiting(reason: problem.reason, message: problem.message)
                containers[index].activity = .backingOff
                after(.seconds(3), .retry(index))
            }
        case .exited(let index, let exit):
            // Its processes are gone; signals find nobody until it counts as ended.
            exited(index)
            effects += [.releaseDevices(index), .readMessage(index, exit)]
        case .read(let index, let exit, let message):
            let reason = exit.isOutOfMemory ? "OOMKilled" : exit.code == 0 ? "Completed" : "Error"
            ended(index, code: exit.code, reason: reason, message: message)
        case .measure: measure()
        case .measured(let problem):
            guard !isEnding else { break }
            guard let problem else {
                after(.seconds(10), .measure)
                break
            }
            warn("Evicted", problem)
            // With a kubelet's second for it, and without DisruptionTarget: that it has more than its limits is the pod's own doing.
            failure = ("Evicted", problem)
            end(grace: 1)
        case .retry(nil): if !isEnding { effects.append(.prepare) }
        case .retry(let index?):
            if !isEnding, case .backingOff = containers[index].activity { containers[index].activity = .idle }
        case .deadline: checkDeadline()
        case .kill(let index, let attempt):
            if containers[index].attempt == attempt { stop(index, grace: .zero) }
        case .written(let status, let isSuccess):
            isWriting = false
            if isSuccess {
                written = status
            } else {
                isWriting = true
                after(.seconds(1), .writeAgain)
            }
        case .writeAgain: isWriting = false
        case .deleted(let isSuccess):
            // An object with finalizers stays, but the node has done its part.
            if isSuccess { isConfirmed = true } else { after(.seconds(1), .writeAgain) }
            isDeleting = false
        }
    }

    // MARK: The deadline

    /// How long a kubelet waits for a pod's volumes before it looks at the pod again.
    private static let volumeWait: Int64 = 123

    /// Takes over the deadline of the pod, which may be set, or lowered, at any time.
    private mutating func setDeadline() {
        guard let seconds = pod.spec["activeDeadlineSeconds"]?.int else { return }
        let limit = startTime + .seconds(seconds)
        guard limit != deadline?.limit else { return }
        let passed = (max(limit, now.wall) - startTime).components.seconds
        deadline = Deadline(
            limit: limit, waitEnd: startTime + .seconds((passed / Self.volumeWait + 1) * Self.volumeWait))
        checkDeadline()
    }

    /// Ends the pod when its deadline is over, or looks again when it will be.
    private mutating func checkDeadline() {
        guard let deadline, !isEnding else { return }
        let left = (volumes == nil ? deadline.waitEnd : deadline.limit) - now.wall
        guard left <= .zero else { return after(left, .deadline) }
        failure = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        end(grace: grace)
    }

    // MARK: Containers

    /// Starts the containers whose turn it is: the init containers in order, then the main ones. Ends the pod when an
    /// init container has failed or all main containers are done.
    private mutating func advance() {
        if !isEnding, volumes != nil {
            var isInitialized = true
            for index in containers.indices where containers[index].spec.role != .main && isInitialized {
                if case .idle = containers[index].activity { start(index) }
                isInitialized = containers[index].record.isInitialized
                if containers[index].spec.role == .initial, !isInitialized, case .done = containers[index].activity {
                    end(grace: grace)
                }
            }
            let main = containers.indices.filter { containers[$0].spec.role == .main }
            if isInitialized, !isEnding {
                for index in main { if case .idle = containers[index].activity { start(index) } }
            }
            if main.allSatisfy({ if case .done = containers[$0].activity { true } else { false } }) {
                end(grace: grace)
            }
        }
        for index in containers.indices { probe(index) }
        if isEnding {
            isOver = containers.allSatisfy { container in
                guard container.actions.isEmpty else { return false }
                return switch container.activity {
                case .starting, .running: false
                case .idle, .backingOff, .done: true
                }
            }
        }
    }

    /// Looks at what the pod has on the disk, where it has limits.
    private mutating func measure() {
        if storage != nil, !isEnding { effects.append(.measure) }
    }

    /// How long the pod's containers may take to end, in seconds.
    var grace: Int64 { pod.spec["terminationGracePeriodSeconds"]?.int ?? 30 }

    /// Ends the pod: SIGTERM, and SIGKILL after the grace period.
    private mutating func end(grace seconds: Int64) {
        isEnding = true
        graceEnd = now.monotonic + .seconds(max(0, seconds))
        for index in containers.indices { stop(index, grace: .seconds(seconds)) }
    }

    /// Starts a container; the outcome arrives as `started`.
    private mutating func start(_ index: Int) {
        containers[index].activity = .starting
        effects.append(.start(index))
    }

    /// Records the end of a container, and schedules its restart if there is one.
    private mutating func ended(_ index: Int, code: Int, reason: String, message: String) {
        let now = now.wall
        var container = containers[index]
        let termination = ContainerRecord.Termination(
            exitCode: code, reason: reason, message: message, startedAt: container.startedAt, finishedAt: now,
            containerID: container.record.containerID)
        container.record.state = .terminated(termination)
        (container.record.isStarted, container.record.isPassing) = (false, false)
        container.activity = .done
        let restarts = Self.restarts(container.spec, after: code, pod) || container.life.isToRestart
        if restarts, !isEnding {
            // After ten minutes of running the back-off starts over, as in the kubelet.
            if let since = container.startedAt, now - since > .seconds(600) { container.delay = .seconds(1) }
            let wait = container.delay
            container.delay = min(.seconds(300), wait * 2)
            container.record.last = termination
            container.record.restartCount += 1
            container.attempt += 1
            container.record.state = .waiting(
                reason: "CrashLoopBackOff",
                message: "back-off \(wait.components.seconds)s restarting failed container=\(container.spec.name) "
                    + "pod=\(pod.metadata.name)_\(pod.metadata.namespace)(\(pod.metadata.uid))")
            container.activity = .backingOff
            after(wait, .retry(index))
        }
        containers[index] = container
    }
}
