import AsyncPrimitives
public import Clocks
public import KubernetesModel
public import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Starts and stops the parts of an operator in order.
///
/// Start: informers and the parts that always run; when all informers have synced, leader election; then controllers
/// and the parts that run only while leading. Stop (by ``stop()`` or by cancelling the task of ``run()``): no new work
/// is begun, running work gets a limited time to finish, events are sent, the lease is released, and last the informers
/// end.
public final class Manager: Sendable {
    /// How long the steps of stopping may take.
    public struct Timeouts: Sendable, Hashable {
        /// The limit for reconciliations that have begun. Those that are not done by then are cancelled.
        public var drain: Duration
        /// The limit for sending the events that wait.
        public var events: Duration
        /// How long what was cancelled may take to end: the work of a lost leader, reconciliations after `drain`, and
        /// all that runs from the start. Then ``Manager/isAlive`` is false and the process is ended.
        public var ending: Duration

        /// Creates time-outs. `drain` and `events` fit into the 30 s that Kubernetes grants a pod.
        public init(
            drain: Duration = .seconds(20), events: Duration = .seconds(5), ending: Duration = .seconds(15)
        ) {
            self.drain = drain
            self.events = events
            self.ending = ending
        }
    }

    private struct Part: Sendable {
        var name: String
        var run: @Sendable () async throws -> Void
    }

    private struct Informing: Sendable {
        var name: String
        var run: @Sendable () async -> Void
        var hasSynced: @Sendable () -> Bool
        var waitUntilSynced: @Sendable () async throws -> Void
    }

    private struct State {
        var informers: [Informing] = []
        var controllers: [Controller] = []
        var always: [Part] = []
        var leading: [Part] = []
        var readyChecks: [(name: String, check: @Sendable () -> Bool)] = []
        var liveChecks: [(name: String, check: @Sendable () -> Bool)] = []
        var isRunning = false
        var hasEnded = false
        /// Something was cancelled and did not end.
        var isStuck = false
    }

    /// Ends the process at once, with exit code 70.
    public static let endProcess: @Sendable () -> Void = { _exit(70) }

    private let elector: LeaderElector?
    private let recorder: EventRecorder?
    private let timeouts: Timeouts
    private let clock: any RuntimeClock
    private let logger: Logger
    private let state = Mutex(State())
    private let stopped = AsyncLatch()
    private let onStuck: @Sendable () -> Void
    /// Open when something has been cancelled that has to end before the manager can.
    private let cancelled = AsyncLatch()

    /// Creates a manager. Without an elector it always leads.
    ///
    /// - Parameters:
    ///   - elector: Decides when this process leads.
    ///   - recorder: Sends the events.
    ///   - timeouts: How long the steps of stopping may take.
    ///   - clock: The clock for the time-outs.
    ///   - logger: Gets what starts, stops and fails.
    ///   - onStuck: Called when something was cancelled and has not ended within ``Timeouts/ending``. It can only end
    ///     the process, so that another one takes over; the default does that, with exit code 70.
    public init(
        elector: LeaderElector? = nil, recorder: EventRecorder? = nil, timeouts: Timeouts = Timeouts(),
        clock: any RuntimeClock = SystemClock(), logger: Logger,
        onStuck: @escaping @Sendable () -> Void = Manager.endProcess
    ) {
        self.onStuck = onStuck
        self.elector = elector
        self.recorder = recorder
        self.timeouts = timeouts
        self.clock = clock
        self.logger = logger
    }

    // MARK: Parts (to be added before `run`)

    /// Adds an informer. Informers start first and stop last; everything that leads waits until they have synced.
    public func add<Object: KubernetesObject>(_ informer: Informer<Object>) {
        let informing = Informing(
            name: Object.resourceType.plural, run: { await informer.run() }, hasSynced: { informer.hasSynced },
            waitUntilSynced: { try await informer.waitUntilSynced() })
        state.withLock { $0.informers.append(informing) }
    }

    /// Adds a controller. It works while this process leads.
    public func add(_ controller: Controller) { state.withLock { $0.controllers.append(controller) } }

    /// Adds a part that runs until it is cancelled: from the start, or only while this process leads. A part may return
    /// early; when it throws, the manager stops and throws the error.
    public func add(
        _ name: String, whileLeading: Bool = false, run: @escaping @Sendable () async throws -> Void
    ) {
        let part = Part(name: name, run: run)
        state.withLock { whileLeading ? $0.leading.append(part) : $0.always.append(part) }
    }

    /// Adds a condition of ``isReady``. It must answer at once.
    public func addReadyCheck(_ name: String, _ check: @escaping @Sendable () -> Bool) {
        state.withLock { $0.readyChecks.append((name, check)) }
    }

    /// Adds a condition of ``isAlive``. It must answer at once, and must not depend on the amount of work.
    public func addLiveCheck(_ name: String, _ check: @escaping @Sendable () -> Bool) {
        state.withLock { $0.liveChecks.append((name, check)) }
    }

    // MARK: Health

    /// Why the manager is not ready: informers that have not synced and checks that fail. Empty when it is ready. A
    /// process that waits for leadership is ready.
    public var unreadyReasons: [String] {
        if stopped.isOpen { return ["stopping"] }
        let (isRunning, informers, checks) = state.withLock { ($0.isRunning, $0.informers, $0.readyChecks) }
        if !isRunning { return ["not started"] }
        return informers.filter { !$0.hasSynced() }.map { "\($0.name) not listed yet" }
            + checks.filter { !$0.check() }.map(\.name)
    }

    /// Whether the process can work: informers have synced, all checks pass, and it is not stopping.
    public var isReady: Bool { unreadyReasons.isEmpty }

    /// Whether the process works without a restart. A long queue or an unreachable API server does not make it false.
    public var isAlive: Bool {
        let (hasEnded, checks) = state.withLock { ($0.hasEnded || $0.isStuck, $0.liveChecks) }
        return !hasEnded && checks.allSatisfy { $0.check() }
    }

    // MARK: Running

    /// Asks ``run()`` to end in order.
    public func stop() {
        stopped.open()
        elector?.withdraw()
    }

    /// Runs everything until ``stop()`` or until the task is cancelled; both end it in order. Call it once.
    ///
    /// Throws ``LeaderElector/LeadershipLost`` when leadership was lost, and the first error that a part threw.
    public func run() async throws {
        // In a separate task, because cancelling this one asks for an orderly end and must not cancel the parts.
        let work = Task { try await runParts() }
        try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            stop()
        }
    }

    func runParts() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.runAll() }
            group.addTask { await self.watchEnding() }
            defer { group.cancelAll() }
            // The other one ends only when it is cancelled.
            try await group.next()
        }
    }

    /// Waits until something is cancelled that then does not end. Returns only when it is cancelled itself.
    private func watchEnding() async {
        do {
            try await cancelled.wait()
            try await clock.sleep(for: timeouts.ending)
        } catch {
            return
        }
        state.withLock { $0.isStuck = true }
        logger.critical("work that was cancelled does not end: this process can do nothing more")
        onStuck()
        // A substitute of a test comes here.
        try? await AsyncLatch().wait()
    }

    private func runAll() async throws {
        let (informers, always) = state.withLock { state in
            state.isRunning = true
            return (state.informers, state.always)
        }
        defer { state.withLock { $0.hasEnded = true } }
        logger.info("manager starting")
        enum Ending: Sendable {
            /// The task whose end cancels the rest.
            case main((any Error)?)
            case part((any Error)?)
        }
        let failure = await withTaskGroup(of: Ending.self) { group in
            for informer in informers {
                group.addTask {
                    await informer.run()
                    return .part(nil)
                }
            }
            for part in always { group.addTask { .part(await self.attempt(part)) } }
            if let recorder {
                group.addTask {
                    await recorder.run()
                    return .part(nil)
                }
            }
            group.addTask {
                do {
                    try await self.lead(informers)
                    return .main(nil)
                } catch {
                    return .main(error)
                }
            }
            var failure: (any Error)?
            for await ending in group {
                switch ending {
                case .main(let error):
                    failure = failure ?? error
                    cancelled.open()
                    group.cancelAll()
                case .part(let error):
                    failure = failure ?? error
                    if error != nil { stop() }
                }
            }
            return failure
        }
        stopped.open()
        logger.info("manager stopped", metadata: failure.map { ["error": "\($0)"] })
        if let failure { throw failure }
    }

    /// Runs a part and returns the error it threw, unless the error follows from its cancellation.
    private func attempt(_ part: Part) async -> (any Error)? {
        do {
            try await part.run()
        } catch {
            if Task.isCancelled { return nil }
            logger.error("a part failed", metadata: ["part": "\(part.name)", "error": "\(error)"])
            return error
        }
        return nil
    }

    private func lead(_ informers: [Informing]) async throws {
        try await perform(until: stopped) {
            for informer in informers { try await informer.waitUntilSynced() }
        }
        do {
            if !stopped.isOpen {
                if let elector {
                    try await elector.run { try await self.work() }
                } else {
                    try await work()
                }
            }
        } catch {
            stop()
            await flushEvents()
            throw error
        }
        await flushEvents()
    }

    /// Runs the leader's work until the manager is stopped and running work has finished. Throws the first error of a
    /// part.
    private func work() async throws {
        try await withTaskCancellationHandler {
            try await lead()
        } onCancel: {
            cancelled.open()
        }
    }

    private func lead() async throws {
        let (controllers, leading) = state.withLock { ($0.controllers, $0.leading) }
        enum Ending: Sendable {
            case part((any Error)?)
            case stopRequested
            case drainTimeout
            /// A helper task ended because it was cancelled.
            case nothing
        }
        let failure = await withTaskGroup(of: Ending.self) { group in
            for controller in controllers {
                if let elector { controller.begin { elector.isLeader } }
                group.addTask {
                    await controller.run()
                    return .part(nil)
                }
            }
            for part in leading {
                group.addTask {
                    let stoppable = Part(name: part.name) {
                        try await perform(until: self.stopped) { try await part.run() }
                    }
                    return .part(await self.attempt(stoppable))
                }
            }
            group.addTask {
                do {
                    try await self.stopped.wait()
                    return .stopRequested
                } catch {
                    return .nothing
                }
            }
            var left = controllers.count + leading.count
            var failure: (any Error)?
            for await ending in group {
                switch ending {
                case .part(let error):
                    left -= 1
                    if let error {
                        failure = failure ?? error
                        stop()
                    }
                case .stopRequested:
                    for controller in controllers { controller.stop() }
                    group.addTask {
                        do {
                            try await self.clock.sleep(for: self.timeouts.drain)
                            return .drainTimeout
                        } catch {
                            return .nothing
                        }
                    }
                case .drainTimeout:
                    logger.warning("running work did not end in time and is cancelled")
                    cancelled.open()
                    group.cancelAll()
                case .nothing: break
                }
                if left == 0, stopped.isOpen { group.cancelAll() }
            }
            return failure
        }
        // Before the lease is released, so that the next leader's events come after these.
        await flushEvents()
        if let failure { throw failure }
        try Task.checkCancellation()
    }

    /// Sends the waiting events, within the time limit.
    private func flushEvents() async {
        guard let recorder, !Task.isCancelled else { return }
        recorder.stop()
        do {
            try await withTimeout(timeouts.events, clock: clock) { try await recorder.waitUntilDrained() }
        } catch {
            logger.warning("events not sent in time", metadata: ["error": "\(error)"])
        }
    }
}
