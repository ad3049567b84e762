import Clocks
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import Synchronization

/// The server's side: one lease, replaced only at its version.
final class LeaseServer: Sendable {
    let state = Mutex<(lease: Lease?, version: UInt64)>((nil, 0))
    let writes = Mutex<[Lease]>([])

    var lease: Lease? { state.withLock(\.lease) }

    func put(_ lease: Lease, creating: Bool) throws -> Lease {
        let written: Lease = try state.withLock { state in
            if creating, state.lease != nil {
                throw APIStatus(code: 409, reason: "AlreadyExists", message: "exists")
            }
            if !creating {
                guard let present = state.lease else {
                    throw APIStatus(code: 404, reason: "NotFound", message: "not found")
                }
                guard present.metadata.resourceVersion == lease.metadata.resourceVersion else {
                    throw APIStatus(code: 409, reason: "Conflict", message: "the object has been modified")
                }
            }
            state.version += 1
            var lease = lease
            lease.metadata.resourceVersion = "\(state.version)"
            state.lease = lease
            return lease
        }
        writes.withLock { $0.append(written) }
        return written
    }
}

/// One candidate's connection to the server. It can be slow, lose requests and answers, hang, and be cut off.
final class LeaseClient: LeaseStore {
    let server: LeaseServer
    let clock: any RuntimeClock
    let random: RandomSource
    let chaos: Mutex<Double>
    let isCutOff = Mutex(false)
    /// How late the answer of an update comes, which has been carried out at once.
    let answerDelay = Mutex(Duration.zero)

    init(
        _ server: LeaseServer, clock: any RuntimeClock, random: @escaping RandomSource = { 0.5 }, chaos: Double = 0
    ) {
        self.server = server
        self.clock = clock
        self.random = random
        self.chaos = Mutex(chaos)
    }

    struct Lost: Error {}

    private func travel() async throws {
        let chaos = chaos.withLock { $0 }
        if isCutOff.withLock({ $0 }) || random() < chaos * 0.3 { try await clock.sleep(for: .seconds(3600)) }
        if chaos > 0 { try await clock.sleep(for: .milliseconds(Int64(random() * 1500))) }
        if random() < chaos { throw Lost() }
    }

    func get(_ key: ObjectKey) async throws -> Lease? {
        try await travel()
        let lease = server.lease
        try await travel()
        return lease
    }

    func create(_ lease: Lease) async throws -> Lease {
        try await travel()
        let written = try server.put(lease, creating: true)
        try await travel()
        return written
    }

    func update(_ lease: Lease) async throws -> Lease {
        try await travel()
        let written = try server.put(lease, creating: false)
        try await clock.sleep(for: answerDelay.withLock { $0 })
        try await travel()
        return written
    }
}

/// A clock that is wrong: its calendar by an offset, its pace by a factor.
struct WrongClock: RuntimeClock {
    let base: ManualClock
    var offset: Duration
    var pace: Double

    var now: Timestamp { base.now + offset }
    var monotonic: Duration { base.monotonic * pace }
    func sleep(for duration: Duration) async throws { try await base.sleep(for: duration / pace) }
}
