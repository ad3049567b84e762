import AsyncPrimitives
public import Clocks
import KubernetesModel
public import Logging
import Synchronization

/// Elects one leader among several processes by a Lease, following client-go's rules.
///
/// The leader renews the lease every `retryPeriod`. When no renewal has succeeded for `renewDeadline`, counted from the
/// start of the last successful one, it stops leading. Others take over `leaseDuration` after the last renewal they
/// saw. The time between the two is for the old leader's unfinished work. A lease that somebody deletes is made anew by
/// the leader; whoever makes it first leads, so that two may lead until the old one notices at its next renewal.
public final class LeaderElector: Sendable {
    /// The lease, this process's identity, and the timing.
    public struct Configuration: Sendable, Hashable {
        public let lease: ObjectKey
        /// Must differ between all processes. Use the name of the pod and something random.
        public let identity: String
        /// How long other processes wait after the last renewal they saw before they take over.
        public let leaseDuration: Duration
        /// How long the leader continues without a successful renewal.
        public let renewDeadline: Duration
        /// The time between renewals, and between tries to acquire the lease.
        public let retryPeriod: Duration
        /// Whether the lease is released at the end, so that the next leader need not wait.
        public let releasesOnExit: Bool

        /// Creates a configuration. Throws ``ConfigurationError`` unless the identity is not empty, `leaseDuration` is
        /// a whole number of seconds, and leaseDuration > renewDeadline > 1.2 x retryPeriod > 0.
        public init(
            lease: ObjectKey, identity: String, leaseDuration: Duration = .seconds(15),
            renewDeadline: Duration = .seconds(10), retryPeriod: Duration = .seconds(2), releasesOnExit: Bool = true
        ) throws {
            guard !identity.isEmpty else { throw ConfigurationError("leader election: the identity is empty") }
            guard leaseDuration > renewDeadline, leaseDuration.components.attoseconds == 0 else {
                throw ConfigurationError(
                    "leader election: leaseDuration (\(leaseDuration)) must be whole seconds and longer than "
                        + "renewDeadline (\(renewDeadline))")
            }
            guard renewDeadline > retryPeriod * 1.2, retryPeriod > .zero else {
                throw ConfigurationError(
                    "leader election: renewDeadline (\(renewDeadline)) must be longer than 1.2 times retryPeriod "
                        + "(\(retryPeriod))")
            }
            self.lease = lease
            self.identity = identity
            self.leaseDuration = leaseDuration
            self.renewDeadline = renewDeadline
            self.retryPeriod = retryPeriod
            self.releasesOnExit = releasesOnExit
        }
    }

    /// Why a configuration is invalid.
    public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
        public let description: String

        init(_ description: String) { self.description = description }
    }

    /// The lease could not be renewed in time, or another process holds it.
    public struct LeadershipLost: Error, Sendable, Hashable, CustomStringConvertible {
        public let lease: ObjectKey
        public var description: String { "leadership by the lease \(lease) was lost" }
    }

    private struct State {
        var record: LeaseRecord
        /// When leadership ends if no renewal succeeds, in monotonic time; nil while not leading.
        var leadsUntil: Duration?
        /// What was written last and when, until it is known whether it was carried out.
        var unanswered: (started: Duration, lease: Lease)?
    }

    public let configuration: Configuration
    private let leases: any LeaseStore
    private let clock: any RuntimeClock
    private let random: RandomSource
    private let logger: Logger
    private let state: Mutex<State>
    private let withdrawn = AsyncLatch()

    /// Creates a candidate; it does nothing until ``run(_:)``.
    public init(
        _ leases: any LeaseStore, configuration: Configuration, clock: any RuntimeClock = SystemClock(),
        random: @escaping RandomSource = systemRandom, logger: Logger
    ) {
        self.leases = leases
        self.configuration = configuration
        self.clock = clock
        self.random = random
        var logger = logger
        logger[metadataKey: "lease"] = "\(configuration.lease)"
        self.logger = logger
        state = Mutex(State(record: LeaseRecord(configuration)))
    }

    /// Whether this process leads at this moment. It becomes false as soon as the last renewal is `renewDeadline` old,
    /// even before the leading task is cancelled. Check it before each write that only a leader may do.
    public var isLeader: Bool {
        let now = clock.monotonic
        return state.withLock { state in state.leadsUntil.map { now < $0 } ?? false }
    }

    /// Throws ``LeadershipLost`` unless ``isLeader`` is true.
    public func checkLeadership() throws {
        guard isLeader else { throw LeadershipLost(lease: configuration.lease) }
    }

    /// The identity of the lease's holder when the lease was last read; nil when it had no holder.
    public var leader: String? {
        state.withLock { state in state.record.lease.flatMap { $0.holderIdentity.isEmpty ? nil : $0.holderIdentity } }
    }

    /// Stops waiting for leadership, so that ``run(_:)`` returns. A leading task is not affected.
    public func withdraw() { withdrawn.open() }

    /// Waits for leadership, runs `lead`, then releases the lease. Returns when `lead` has returned, or after
    /// ``withdraw()`` when `lead` had not begun.
    ///
    /// Throws ``LeadershipLost`` when leadership was lost, after `lead` was cancelled and has ended. Throws what `lead`
    /// throws. When the task is cancelled, `lead` is cancelled too, and `CancellationError` is thrown.
    public func run(_ lead: @escaping @Sendable () async throws -> Void) async throws {
        guard try await acquire() else { return }
        logger.notice("leading", metadata: ["identity": "\(configuration.identity)"])
        let ending = await hold(while: lead)
        let wasLost = ending == .lost
        if !wasLost, configuration.releasesOnExit { await release() }
        state.withLock { $0.leadsUntil = nil }
        if case .failed(let error) = ending { throw error.error }
        if wasLost {
            logger.error("leadership lost")
            throw LeadershipLost(lease: configuration.lease)
        }
        try Task.checkCancellation()
    }

    // MARK: Acquiring

    /// Returns true when this process leads, false when it has withdrawn. Throws `CancellationError`.
    private func acquire() async throws -> Bool {
        var told: String?
        while !withdrawn.isOpen {
            try Task.checkCancellation()
            do {
                if try await attempt() { return true }
                if let leader, leader != told {
                    logger.notice("standing by", metadata: ["leader": "\(leader)"])
                    told = leader
                }
            } catch {
                if Task.isCancelled { throw CancellationError() }
                logger.warning("lease could not be acquired", metadata: ["error": "\(error)"])
            }
            let pause = configuration.retryPeriod * (1 + 0.2 * random())
            try await perform(until: withdrawn) { [clock] in try await clock.sleep(for: pause) }
        }
        return false
    }

    /// Tries once to acquire or renew the lease. Returns false when another process holds it. Throws ``TimedOut`` and
    /// what the store throws.
    private func attempt() async throws -> Bool {
        try await withTimeout(answerLimit, clock: clock) { [self] in
            // A leader relies on what it wrote last. If that is outdated the update fails, and the next try reads the
            // lease again.
            if !isLeader {
                let lease = try await leases.get(configuration.lease)
                let now = clock.monotonic
                state.withLock { $0.record.observe(lease, at: now) }
            }
            let started = clock.monotonic
            let calendar = clock.now
            let decision = state.withLock { $0.record.decide(at: started, calendar: calendar) }
            let written: Lease
            switch decision {
            case .create(let lease):
                state.withLock { $0.unanswered = (started, lease) }
                written = try await leases.create(lease)
            case .update(let lease):
                state.withLock { $0.unanswered = (started, lease) }
                written = try await leases.update(lease)
            case .wait: return false
            }
            let now = clock.monotonic
            state.withLock { state in
                state.record.observe(written, at: now)
                state.unanswered = nil
                // Other processes count from when they see the record, which is after this request began.
                state.leadsUntil = started + configuration.renewDeadline
            }
            return true
        }
    }

    /// How long one step of acquiring or renewing may take. Two of them fit into the time without a renewal, so that even
    /// when no answer comes in time there is always one write that is known to have been carried out.
    private var answerLimit: Duration { max(configuration.retryPeriod, configuration.renewDeadline * 0.45) }

    /// Reads the lease after a renewal that failed, which may have been carried out all the same. If it was, leadership
    /// is as long as if it had been answered.
    private func look() async throws {
        let lease = try await withTimeout(answerLimit, clock: clock) { [self] in
            try await leases.get(configuration.lease)
        }
        let now = clock.monotonic
        state.withLock { state in
            state.record.observe(lease, at: now)
            defer { state.unanswered = nil }
            guard let (started, sent) = state.unanswered, state.record.isOurs, lease?.renewTime == sent.renewTime,
                let until = state.leadsUntil, now < until
            else { return }
            state.leadsUntil = max(until, started + configuration.renewDeadline)
        }
    }

    // MARK: Leading

    private enum Ending: Sendable, Equatable {
        case returned
        case failed(Failure)
        case lost
        /// A helper task ended because it was cancelled.
        case cancelled

        struct Failure: Sendable, Equatable {
            let error: any Error
            static func == (left: Failure, right: Failure) -> Bool { false }
        }
    }

    private func hold(while lead: @escaping @Sendable () async throws -> Void) async -> Ending {
        await withTaskGroup(of: Ending.self) { group in
            group.addTask {
                do {
                    try await lead()
                    return .returned
                } catch {
                    return .failed(Ending.Failure(error: error))
                }
            }
            group.addTask { await self.renew() }
            // Separate from the renewals, so that a renewal that hangs cannot prolong leadership.
            group.addTask { await self.expire() }
            var result = Ending.cancelled
            for await ending in group where ending != .cancelled {
                // The first task to end decides the result. The others end because of the cancellation.
                if result == .cancelled { result = ending }
                if result == .lost { state.withLock { $0.leadsUntil = nil } }
                group.cancelAll()
            }
            return result
        }
    }

    private func renew() async -> Ending {
        var mustHurry = false
        while true {
            if !mustHurry {
                do { try await clock.sleep(for: configuration.retryPeriod) } catch { return .cancelled }
            }
            let began = clock.monotonic
            do {
                // Another process holds it.
                if try await !attempt() { return .lost }
                mustHurry = false
            } catch {
                if Task.isCancelled { return .cancelled }
                logger.warning("lease could not be renewed", metadata: ["error": "\(error)"])
                do { try await look() } catch {
                    if Task.isCancelled { return .cancelled }
                    mustHurry = false
                    continue
                }
                // A lease that somebody has deleted is made anew, unless another process was faster.
                let isTaken = state.withLock { $0.record.lease != nil && !$0.record.isOurs }
                if isTaken { return .lost }
                // The version is known again: renew at once, but not in a tight loop.
                mustHurry = !mustHurry || clock.monotonic - began >= configuration.retryPeriod
            }
        }
    }

    private func expire() async -> Ending {
        while true {
            let now = clock.monotonic
            guard let until = state.withLock(\.leadsUntil), until > now else { return .lost }
            do { try await clock.sleep(for: until - now) } catch { return .cancelled }
        }
    }

    /// Releases the lease. When this task is cancelled, a new task does it, since requests of this one would be
    /// cancelled too.
    private func release() async {
        if Task.isCancelled {
            await Task { await self.writeRelease() }.value
        } else {
            await writeRelease()
        }
    }

    private func writeRelease() async {
        let calendar = clock.now
        guard isLeader, let lease = state.withLock({ $0.record.released(calendar: calendar) }) else { return }
        state.withLock { $0.leadsUntil = nil }
        do {
            let written = try await withTimeout(configuration.retryPeriod, clock: clock) { [leases] in
                try await leases.update(lease)
            }
            let now = clock.monotonic
            state.withLock { $0.record.observe(written, at: now) }
            logger.notice("lease released")
        } catch {
            // It expires by itself.
            logger.warning("lease could not be released", metadata: ["error": "\(error)"])
        }
    }
}
