import KubernetesModel
public import Logging
import Synchronization

/// Sees to it that of several processes one leads, by a Lease: client-go's rules.
///
/// The leader renews the lease every `retryPeriod`. When it has not managed to for `renewDeadline`, counted from the start of
/// the last renewal that succeeded, it stops leading; others take over `leaseDuration` after the last renewal they saw.
/// The time between is the room for what the old leader still has under way.
public final class LeaderElector: Sendable {
    /// Which lease, who, and how fast.
    public struct Configuration: Sendable, Hashable {
        public let lease: ObjectKey
        /// Must be no other process's: the name of the pod and something random.
        public let identity: String
        public let leaseDuration: Duration
        public let renewDeadline: Duration
        public let retryPeriod: Duration
        /// Whether the lease is given back at the end, so that the next leader need not wait.
        public let releasesOnExit: Bool

        /// A configuration; throws ``ConfigurationError`` unless the identity is there, the duration is of whole seconds,
        /// and leaseDuration > renewDeadline > 1.2 x retryPeriod > 0.
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

    /// Why a configuration cannot be used.
    public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
        public let description: String

        init(_ description: String) { self.description = description }
    }

    /// The lease could not be renewed in time, or somebody else has it.
    public struct LeadershipLost: Error, Sendable, Hashable, CustomStringConvertible {
        public let lease: ObjectKey
        public var description: String { "leadership by the lease \(lease) was lost" }
    }

    private struct State {
        var record: LeaseRecord
        /// Until when leadership holds if no renewal succeeds; nil while not leading.
        var leadsUntil: Duration?
    }

    public let configuration: Configuration
    private let leases: any LeaseStore
    private let clock: any RuntimeClock
    private let random: RandomSource
    private let logger: Logger
    private let state: Mutex<State>
    private let withdrawn = AsyncLatch()

    /// A candidate; it does nothing until ``run(_:)``.
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

    /// Whether this process leads at this moment. False as soon as the last renewal is `renewDeadline` old, even before the
    /// leading task has been told: to be looked at before each write that only a leader may do.
    public var isLeader: Bool {
        let now = clock.monotonic
        return state.withLock { state in state.leadsUntil.map { now < $0 } ?? false }
    }

    /// Throws ``LeadershipLost`` unless ``isLeader``.
    public func checkLeadership() throws {
        guard isLeader else { throw LeadershipLost(lease: configuration.lease) }
    }

    /// The identity of whoever held the lease when it was last looked at; nil when nobody did.
    public var leader: String? {
        state.withLock { state in state.record.lease.flatMap { $0.holderIdentity.isEmpty ? nil : $0.holderIdentity } }
    }

    /// Waits no longer for leadership: ``run(_:)`` returns. A leading task goes on until it ends by itself.
    public func withdraw() { withdrawn.open() }

    /// Waits for leadership, then leads, then gives the lease back. Returns when `lead` has returned, or after ``withdraw()``
    /// when it had not begun.
    ///
    /// When leadership is lost `lead` is cancelled, and ``LeadershipLost`` thrown once it has ended. What `lead` throws is
    /// thrown. When the task is cancelled so is `lead`, and `CancellationError` is thrown.
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

    /// Returns true when leading, false when withdrawn; throws `CancellationError`.
    private func acquire() async throws -> Bool {
        while !withdrawn.isOpen {
            try Task.checkCancellation()
            do {
                if try await attempt() { return true }
            } catch {
                if Task.isCancelled { throw CancellationError() }
                logger.warning("lease could not be acquired", metadata: ["error": "\(error)"])
            }
            let pause = configuration.retryPeriod * (1 + 0.2 * random())
            try await perform(until: withdrawn) { [clock] in try await clock.sleep(for: pause) }
        }
        return false
    }

    /// One try to get or to renew the lease; false when somebody else holds it.
    private func attempt() async throws -> Bool {
        let limit = max(configuration.retryPeriod, configuration.renewDeadline / 2)
        return try await withTimeout(limit, clock: clock) { [self] in
            // A leader goes by what it wrote; when that is wrong the update fails, and the next try looks.
            if !isLeader {
                let lease = try await leases.get(configuration.lease)
                let now = clock.monotonic
                state.withLock { $0.record.observe(lease, at: now) }
            }
            let started = clock.monotonic
            let calendar = clock.now
            let written: Lease
            do {
                switch state.withLock({ $0.record.decide(at: started, calendar: calendar) }) {
                case .create(let lease): written = try await leases.create(lease)
                case .update(let lease): written = try await leases.update(lease)
                case .wait: return false
                }
            } catch {
                // Written or not: nobody knows until somebody has looked.
                if isLeader { try await look() }
                throw error
            }
            let now = clock.monotonic
            state.withLock { state in
                state.record.observe(written, at: now)
                // Others count from when they see the record, which is not before this request began.
                state.leadsUntil = started + configuration.renewDeadline
            }
            return true
        }
    }

    private func look() async throws {
        let lease = try await leases.get(configuration.lease)
        let now = clock.monotonic
        state.withLock { $0.record.observe(lease, at: now) }
    }

    // MARK: Leading

    private enum Ending: Sendable, Equatable {
        case returned
        case failed(Failure)
        case lost
        /// A helper ended since it was cancelled.
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
            // Apart from the renewals, so that one that hangs cannot keep leadership up.
            group.addTask { await self.expire() }
            var result = Ending.cancelled
            for await ending in group where ending != .cancelled {
                // The first end is the one that counts; what comes after it came of the cancellation.
                if result == .cancelled { result = ending }
                if result == .lost { state.withLock { $0.leadsUntil = nil } }
                group.cancelAll()
            }
            return result
        }
    }

    private func renew() async -> Ending {
        while true {
            do { try await clock.sleep(for: configuration.retryPeriod) } catch { return .cancelled }
            do {
                // Somebody else holds it.
                if try await !attempt() { return .lost }
            } catch {
                if Task.isCancelled { return .cancelled }
                logger.warning("lease could not be renewed", metadata: ["error": "\(error)"])
                let isTaken = state.withLock { !$0.record.isOurs }
                if isTaken { return .lost }
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

    /// Gives the lease back. In a task of its own when this one is cancelled, since its requests would be too.
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
