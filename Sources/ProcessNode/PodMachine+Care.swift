import Clocks
import Glibc
import KubernetesModel

/// Probes and hooks of containers, and their ends.
extension PodMachine {
    /// What probes and hooks make of one run of a container.
    struct Life: Sendable {
        enum Hook: Sendable {
            case waiting, underWay, over
        }

        /// What the container was started with.
        var launch: ContainerLaunch.Ready?
        /// When it was started, by the clock that only goes forward.
        var begin = Duration.zero
        /// nil while it is not running, or its postStart hook is under way.
        var schedule: ProbeSchedule?
        /// When looks at the schedule are arranged.
        var wakes: Set<Duration> = []
        /// Whether it is being ended.
        var isStopping = false
        /// Whether its processes are gone.
        var hasExited = false
        var preStop = Hook.waiting
        /// When its grace period is over.
        var graceEnd = Duration.zero
        /// Whether it is started again whatever its exit code is.
        var isToRestart = false

        var care: ContainerCare { launch?.care ?? ContainerCare() }
    }

    /// A probe or hook under way.
    struct Action: Sendable {
        enum Purpose: Sendable {
            case probe(ProbeSchedule.Kind)
            case postStart, preStop

            var name: String {
                switch self {
                case .probe(let kind): kind.rawValue
                case .postStart: "post-start"
                case .preStop: "pre-stop"
                }
            }
        }

        var purpose: Purpose
        var number: Int
    }

    /// A container's process is there: after its postStart hook it counts as running.
    mutating func started(_ index: Int) {
        containers[index].life.begin = now.monotonic
        if let hook = containers[index].life.care.postStart, !isEnding {
            act(index, .postStart, hook, limit: nil)
        } else {
            runs(index)
        }
    }

    /// A container counts as running, and is probed.
    private mutating func runs(_ index: Int) {
        identify(index)
        containers[index].record.state = .running(since: containers[index].startedAt ?? now.wall)
        containers[index].life.schedule = ProbeSchedule(containers[index].life.care.probes.mapValues(\.timing))
        if containers[index].life.isStopping { containers[index].life.schedule?.stop() }
        note(index)
    }

    /// A container's processes are gone: what its probes and hooks do goes with them.
    mutating func exited(_ index: Int) {
        identify(index)
        containers[index].life.hasExited = true
        containers[index].life.schedule = nil
        for number in containers[index].actions.sorted() { effects.append(.endAction(number)) }
    }

    private mutating func identify(_ index: Int) {
        guard case .running(let pid) = containers[index].activity else { return }
        containers[index].record.containerID = "process://\(pid)-\(pod.metadata.uid)-\(containers[index].attempt)"
    }

    /// Takes over what the probes say of a container.
    private mutating func note(_ index: Int) {
        guard let schedule = containers[index].life.schedule else { return }
        containers[index].record.isStarted = schedule.isStarted
        containers[index].record.isPassing = schedule.isReady
        if schedule.isStarted { containers[index].record.hasStarted = true }
    }

    /// Begins the probes of a container that are due, and arranges the next look.
    mutating func probe(_ index: Int) {
        let life = containers[index].life
        guard var schedule = life.schedule, case .running = containers[index].activity else { return }
        for kind in schedule.begin(at: now.monotonic - life.begin) {
            guard let probe = life.care.probes[kind] else { continue }
            act(index, .probe(kind), probe.action, limit: probe.timeout)
        }
        containers[index].life.schedule = schedule
        // An earlier look arranges the later one.
        guard let next = schedule.next, !life.wakes.contains(where: { $0 <= next }) else { return }
        containers[index].life.wakes.insert(next)
        after(
            max(.zero, life.begin + next - now.monotonic), .probe(index, attempt: containers[index].attempt, at: next))
    }

    private mutating func act(_ index: Int, _ purpose: Action.Purpose, _ action: ContainerAction, limit: Duration?) {
        let container = containers[index]
        guard let launch = container.life.launch, case .running(let pid) = container.activity else { return }
        lastAction += 1
        if case .exec = action { containers[index].actions.insert(lastAction) }
        effects.append(
            .act(
                index, attempt: container.attempt, Action(purpose: purpose, number: lastAction), action, limit: limit,
                pid: pid,
                launch))
    }

    /// What came of a probe or hook.
    mutating func take(_ outcome: ActionRunner.Outcome, of purpose: Action.Purpose, _ index: Int) {
        guard case .running(let pid) = containers[index].activity, !containers[index].life.hasExited else { return }
        switch purpose {
        case .probe(let kind): take(outcome, of: kind, index)
        case .postStart:
            guard !containers[index].life.isStopping else { return }
            guard outcome.result != .success else { return runs(index) }
            identify(index)
            warn("FailedPostStartHook", "PostStartHook failed", outcome, index)
            kill(index, "FailedPostStartHook", grace: nil)
        case .preStop:
            if outcome.result != .success { warn("FailedPreStopHook", "PreStopHook failed", outcome, index) }
            containers[index].life.preStop = .over
            effects.append(.signal(pid: pid, SIGTERM))
            // As with a kubelet, a hook that took all of the period leaves a container two seconds.
            let left = max(.seconds(2), containers[index].life.graceEnd - now.monotonic)
            after(left, .kill(index, attempt: containers[index].attempt))
        }
    }

    private mutating func take(_ outcome: ActionRunner.Outcome, of kind: ProbeSchedule.Kind, _ index: Int) {
        let container = containers[index]
        guard container.life.schedule != nil else { return }
        let name = kind.rawValue.prefix(1).uppercased() + kind.rawValue.dropFirst()
        switch outcome.result {
        case .success: break
        case .failure:
            warn("Unhealthy", "\(name) probe failed: \(outcome.text)")
        case .unknown:
            warn("Unhealthy", "\(name) probe errored and resulted in unknown state: \(outcome.text)")
        }
        containers[index].life.schedule?.end(kind, outcome.result, at: now.monotonic - container.life.begin)
        note(index)
        guard let failed = containers[index].life.schedule?.failed, !container.life.isStopping else { return }
        let isSidecar = container.spec.role == .sidecar
        containers[index].life.isToRestart = isSidecar || pod.restartPolicy != .never
        let what =
            "\(isSidecar ? "Init container" : "Container") \(container.spec.name) failed \(failed.rawValue) probe"
        let restart = !isSidecar && pod.restartPolicy != .never ? ", will be restarted" : ""
        kill(index, what + restart, grace: container.life.care.probes[failed]?.grace)
    }

    /// As with a kubelet the event does not say what the hook has printed: there may be secrets in it.
    private mutating func warn(_ reason: String, _ message: String, _ outcome: ActionRunner.Outcome, _ index: Int) {
        effects.append(.log("container \(containers[index].spec.name): \(message): \(outcome.text)"))
        warn(reason, message)
    }

    /// Ends one container for a reason of its own.
    private mutating func kill(_ index: Int, _ message: String, grace: Duration?) {
        stop(index, grace: grace ?? .seconds(self.grace), message)
    }

    /// Ends a container: the preStop hook, SIGTERM, and SIGKILL after the grace period, which the hook shares.
    mutating func stop(_ index: Int, grace: Duration, _ message: String? = nil) {
        guard case .running(let pid) = containers[index].activity, !containers[index].life.hasExited else { return }
        if !containers[index].life.isStopping, !isGone {
            effects.append(
                .event(
                    isWarning: false, reason: "Killing",
                    message: message ?? "Stopping container \(containers[index].spec.name)"))
        }
        let attempt = containers[index].attempt
        containers[index].life.isStopping = true
        containers[index].life.schedule?.stop()
        guard grace > .zero else { return effects.append(.signal(pid: pid, SIGKILL)) }
        containers[index].life.graceEnd = now.monotonic + grace
        switch containers[index].life.preStop {
        case .waiting:
            guard let hook = containers[index].life.care.preStop else { fallthrough }
            containers[index].life.preStop = .underWay
            act(index, .preStop, hook, limit: grace)
        case .over:
            effects.append(.signal(pid: pid, SIGTERM))
            after(grace, .kill(index, attempt: attempt))
        case .underWay:
            // The hook may have been given longer.
            after(grace, .kill(index, attempt: attempt))
        }
    }
}
