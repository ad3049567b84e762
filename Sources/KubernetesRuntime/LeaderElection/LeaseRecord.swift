import KubernetesModel

/// What a candidate knows of a lease and what follows from it, with no I/O.
///
/// Expiry is counted from the moment at which this candidate first saw the record as it is, on its own monotonic clock:
/// the times that others wrote are never compared with the time here, so clocks that disagree do no harm.
struct LeaseRecord: Sendable {
    let configuration: LeaderElector.Configuration
    private(set) var lease: Lease?
    private var seenAt = Duration.zero

    /// What to do for the lease.
    enum Decision: Sendable, Equatable {
        case create(Lease)
        case update(Lease)
        /// Somebody else holds it.
        case wait
    }

    init(_ configuration: LeaderElector.Configuration) { self.configuration = configuration }

    var isOurs: Bool { lease?.holderIdentity == configuration.identity }

    /// Takes what the store says at that monotonic time.
    mutating func observe(_ lease: Lease?, at now: Duration) {
        guard lease != self.lease else { return }
        self.lease = lease
        seenAt = now
    }

    /// What to do at that monotonic time and time of day.
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
        // Whatever somebody may have written there.
        next.leaseTransitions = min(max(next.leaseTransitions, 0), .max - 1) + 1
        claim(&next, calendar)
        return .update(next)
    }

    /// The lease as it is when it is given back; nil when it is not ours.
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
