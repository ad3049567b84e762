public import KubernetesModel
public import Logging
import Synchronization

/// Starts and stops the parts of an operator in their order.
///
/// Start: informers and what runs always, then, when all informers have synced, leader election, then controllers and what
/// only a leader runs. Stop (``stop()``, or the task of ``run()`` being cancelled): no more work is taken up, what is in hand
/// may end within a time, events are sent, the lease is given back, and last the informers end.
public final class Manager: Sendable {
    /// How long stopping may take.
    public struct Timeouts: Sendable, Hashable {
        /// For the reconciliations in hand; what is not done then is cancelled.
        public var drain: Duration
        /// For the events that wait.
        public var events: Duration

        /// Time-outs that fit into the 30 s which Kubernetes grants by default.
        public init(drain: Duration = .seconds(20), events: Duration = .seconds(5)) {
            self.drain = drain
            self.events = events
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
    }

    private let elector: LeaderElector?
    private let recorder: EventRecorder?
    private let timeouts: Timeouts
    private let clock: any RuntimeClock
    private let logger: Logger
    private let state = Mutex(State())
    private let stopped = AsyncLatch()

    /// A manager; without an elector it always leads.
    public init(
        elector: LeaderElector? = nil, recorder: EventRecorder? = nil, timeouts: Timeouts = Timeouts(),
        clock: any RuntimeClock = SystemClock(), logger: Logger
    ) {
        self.elector = elector
        self.recorder = recorder
        self.timeouts = timeouts
        self.clock = clock
        self.logger = logger
    }

    // MARK: Parts (to be added before `run`)

    /// Adds an informer: started first, stopped last; everything else waits until it has synced.
    public func add<Object: KubernetesObject>(_ informer: Informer<Object>) {
        let informing = Informing(
            name: Object.resourceType.plural, run: { await informer.run() }, hasSynced: { informer.hasSynced },
            waitUntilSynced: { try await informer.waitUntilSynced() })
        state.withLock { $0.informers.append(informing) }
    }

    /// Adds a controller: it works while this process leads.
    public func add(_ controller: Controller) { state.withLock { $0.controllers.append(controller) } }

    /// Adds something that runs until it is cancelled: from the start, or while this process leads. When it returns, that is
    /// all; when it throws, the manager stops and throws it.
    public func add(
        _ name: String, whileLeading: Bool = false, run: @escaping @Sendable () async throws -> Void
    ) {
        let part = Part(name: name, run: run)
        state.withLock { whileLeading ? $0.leading.append(part) : $0.always.append(part) }
    }

    /// Adds a condition of ``isReady``; it must answer at once.
    public func addReadyCheck(_ name: String, _ check: @escaping @Sendable () -> Bool) {
        state.withLock { $0.readyChecks.append((name, check)) }
    }

    /// Adds a condition of ``isAlive``; it must answer at once, and must not depend on how much there is to do.
    public func addLiveCheck(_ name: String, _ check: @escaping @Sendable () -> Bool) {
        state.withLock { $0.liveChecks.append((name, check)) }
    }

    // MARK: Health

    /// Why the manager is not ready: informers that have not synced, checks that fail; empty when it is ready. A process
    /// that waits for leadership is ready.
    public var unreadyReasons: [String] {
        if stopped.isOpen { return ["stopping"] }
        let (isRunning, informers, checks) = state.withLock { ($0.isRunning, $0.informers, $0.readyChecks) }
        if !isRunning { return ["not started"] }
        return informers.filter { !$0.hasSynced() }.map { "\($0.name) not listed yet" }
            + checks.filter { !$0.check() }.map(\.name)
    }

    /// Whether the process can do its work: informers synced, checks fulfilled, not stopping.
    public var isReady: Bool { unreadyReasons.isEmpty }

    /// Whether restarting the process would do no good. A long queue, or an API server that is away, are no reason.
    public var isAlive: Bool {
        let (hasEnded, checks) = state.withLock { ($0.hasEnded, $0.liveChecks) }
        return !hasEnded && checks.allSatisfy { $0.check() }
    }

    // MARK: Running

    /// Asks ``run()`` to come to an orderly end.
    public func stop() {
        stopped.open()
        elector?.withdraw()
    }

    /// Runs everything until ``stop()``, or until the task is cancelled, which means the same: the end is orderly either way.
    /// To be called once. Throws ``LeaderElector/LeadershipLost`` and what parts threw.
    public func run() async throws {
        // A task of its own: its parts are not to be cancelled by the cancellation that asks for an orderly end.
        let work = Task { try await runParts() }
        try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            stop()
        }
    }

    func runParts() async throws {
        let (informers, always) = state.withLock { state in
            state.isRunning = true
            return (state.informers, state.always)
        }
        defer { state.withLock { $0.hasEnded = true } }
        logger.info("manager starting")
        enum Ending: Sendable {
            /// What must end before the rest is cancelled.
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

    /// Runs a part; gives what it threw, unless that is the answer to its being cancelled.
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

    /// The work of a leader, until the manager is stopped and the work in hand is done.
    private func work() async throws {
        let (controllers, leading) = state.withLock { ($0.controllers, $0.leading) }
        enum Ending: Sendable {
            case part((any Error)?)
            case stopRequested
            case drainTimeout
            /// A helper ended since it was cancelled.
            case nothing
        }
        let failure = await withTaskGroup(of: Ending.self) { group in
            for controller in controllers {
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
                    logger.warning("work in hand did not end in time and is cancelled")
                    group.cancelAll()
                case .nothing: break
                }
                if left == 0, stopped.isOpen { group.cancelAll() }
            }
            return failure
        }
        // Before the lease is given back: the next leader's events come after ours.
        await flushEvents()
        if let failure { throw failure }
        try Task.checkCancellation()
    }

    /// Sends the events that wait, within the time there is.
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
