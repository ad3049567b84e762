import KubernetesModel

/// What a candidate knows of a lease, and the decision that follows from it, without I/O.
///
/// Expiry is counted on this candidate's own monotonic clock, from when it first saw the record in its present form.
/// Times written by other processes are never compared with the local time, so clocks that disagree do no harm.
struct LeaseRecord: Sendable {
    let configuration: LeaderElector.Configuration
    private(set) var lease: Lease?
    private var seenAt = Duration.zero

    /// The next step for the lease.
    enum Decision: Sendable, Equatable {
        case create(Lease)
        case update(Lease)
        /// Another process holds it.
        case wait
    }

    init(_ configuration: LeaderElector.Configuration) { self.configuration = configuration }

    var isOurs: Bool { lease?.holderIdentity == configuration.identity }

    /// Notes the lease as the store returned it at `now`, a monotonic time.
    mutating func observe(_ lease: Lease?, at now: Duration) {
        guard lease != self.lease else { return }
        self.lease = lease
        seenAt = now
    }

    /// Decides the next step at `now`, a monotonic time, and `calendar`, the wall-clock time.
    func decide(at now: Duration, calendar: Timestamp) -> Decision {
        guard var next = lease else {
            var new = Lease(configuration.lease)
            claim(&new, calendar)
            return .create(new)
        }
        if isOurs {
            next.renewTime = calendar
            next.leaseDurationSeconds = configuration.leaseDuration.components.seconds
            return .update(next)
        }
        let isHeld = !next.holderIdentity.isEmpty && now < seenAt + .seconds(max(1, next.leaseDurationSeconds))
        if isHeld { return .wait }
        // The stored number may be anything; avoid an overflow.
        next.leaseTransitions = min(max(next.leaseTransitions, 0), .max - 1) + 1
        claim(&next, calendar)
        return .update(next)
    }

    /// Returns the lease with its holder removed, or nil when this process does not hold it.
    func released(calendar: Timestamp) -> Lease? {
        guard isOurs, var next = lease else { return nil }
        next.holderIdentity = ""
        next.leaseDurationSeconds = 1
        next.acquireTime = calendar
        next.renewTime = calendar
        return next
    }

    private func claim(_ lease: inout Lease, _ calendar: Timestamp) {
        lease.holderIdentity = configuration.identity
        lease.leaseDurationSeconds = configuration.leaseDuration.components.seconds
        lease.acquireTime = calendar
        lease.renewTime = calendar
    }
}
