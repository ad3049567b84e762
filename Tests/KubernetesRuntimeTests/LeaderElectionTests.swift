import AsyncPrimitives
import JSON
import KubernetesModel
import KubernetesTesting
import Logging
import Synchronization
import Testing

@testable import KubernetesRuntime

@Suite struct LeaderElectionTests {
    let simulation = Simulation(seed: 5)
    let server = LeaseServer()
    var logger = Logger(label: "test")
    let key = ObjectKey(namespace: "system", name: "operator")

    init() { logger.logLevel = .critical }

    private func configuration(_ identity: String) throws -> LeaderElector.Configuration {
        try LeaderElector.Configuration(lease: key, identity: identity)
    }

    private func elector(_ identity: String, _ client: LeaseClient? = nil) throws -> LeaderElector {
        LeaderElector(
            client ?? LeaseClient(server, clock: simulation.clock), configuration: try configuration(identity),
            clock: simulation.clock, random: simulation.random, logger: logger)
    }

    /// Leads until cancelled or told to end.
    private func lead(_ elector: LeaderElector, _ log: Log, until end: AsyncLatch = AsyncLatch()) -> Task<
        Void, any Error
    > {
        let name = elector.configuration.identity
        return simulation.start { [simulation] in
            do {
                try await elector.run {
                    log.add("\(name) leads", simulation)
                    defer { log.add("\(name) ends", simulation) }
                    try await end.wait()
                }
                log.add("\(name) returned", simulation)
            } catch {
                log.add("\(name): \(error)", simulation)
                throw error
            }
        }
    }

    final class Log: Sendable {
        let lines = Mutex<[String]>([])
        func add(_ line: String, _ simulation: Simulation) {
            lines.withLock { $0.append("\(simulation.clock.monotonic.components.seconds) \(line)") }
        }
        var all: [String] { lines.withLock { $0 } }
    }

    // MARK: The record

    @Test func `A lease is written as the API has it`() throws {
        var lease = Lease(key)
        lease.holderIdentity = "a"
        lease.leaseDurationSeconds = 15
        lease.renewTime = Timestamp(seconds: 1_767_225_600)
        lease.metadata.resourceVersion = "7"
        #expect(
            lease.json.text == """
                {"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"operator",\
                "namespace":"system","resourceVersion":"7"},"spec":{"holderIdentity":"a","leaseDurationSeconds":15,\
                "leaseTransitions":0,"renewTime":"2026-01-01T00:00:00.000000Z"}}
                """)
        #expect(try Lease(lease.json) == lease)
        #expect(try Lease(parsing: #"{"spec":{"holderIdentity":null,"strategy":"x"}}"#).holderIdentity == "")
    }

    @Test func `A missing lease is created, a released one is taken`() throws {
        var record = LeaseRecord(try configuration("a"))
        record.observe(nil, at: .zero)
        let now = Timestamp(seconds: 1000)
        guard case .create(let created) = record.decide(at: .zero, calendar: now) else {
            Issue.record("not created")
            return
        }
        #expect(created.holderIdentity == "a" && created.leaseDurationSeconds == 15 && created.leaseTransitions == 0)
        #expect(created.acquireTime == now && created.renewTime == now)
        var released = created
        released.holderIdentity = ""
        released.leaseTransitions = 4
        record.observe(released, at: .seconds(1))
        guard case .update(let taken) = record.decide(at: .seconds(1), calendar: now) else {
            Issue.record("not taken")
            return
        }
        #expect(taken.holderIdentity == "a" && taken.leaseTransitions == 5)
    }

    @Test func `Another's lease expires by the time since its record was seen to change, whatever times are in it`()
        throws
    {
        var record = LeaseRecord(try configuration("b"))
        var lease = Lease(key)
        lease.holderIdentity = "a"
        lease.leaseDurationSeconds = 20
        // A clock that is years behind.
        lease.renewTime = Timestamp(seconds: 0)
        let now = Timestamp(seconds: 1_767_225_600)
        record.observe(lease, at: .seconds(100))
        record.observe(lease, at: .seconds(110))
        #expect(record.decide(at: .seconds(119), calendar: now) == .wait)
        lease.renewTime = Timestamp(seconds: 1)
        record.observe(lease, at: .seconds(119))
        #expect(record.decide(at: .seconds(138), calendar: now) == .wait)
        guard case .update(let taken) = record.decide(at: .seconds(139), calendar: now) else {
            Issue.record("not taken")
            return
        }
        #expect(taken.holderIdentity == "b" && taken.leaseTransitions == 1 && taken.leaseDurationSeconds == 15)
    }

    @Test(arguments: [(Int64.max, Int64.max), (-5, 1), (0, 1), (7, 8)])
    func `A lease with any numbers in it is taken when it has run out`(transitions: Int64, next: Int64) throws {
        var record = LeaseRecord(try configuration("b"))
        var lease = Lease(key)
        lease.holderIdentity = "a"
        lease.leaseTransitions = transitions
        lease.leaseDurationSeconds = -3
        record.observe(lease, at: .zero)
        #expect(record.decide(at: .milliseconds(999), calendar: Timestamp(seconds: 0)) == .wait)
        guard case .update(let taken) = record.decide(at: .seconds(1), calendar: Timestamp(seconds: 0)) else {
            Issue.record("not taken")
            return
        }
        #expect(taken.leaseTransitions == next)
        lease.leaseDurationSeconds = .max
        record.observe(lease, at: .seconds(2))
        #expect(record.decide(at: .seconds(1_000_000), calendar: Timestamp(seconds: 0)) == .wait)
    }

    @Test func `A renewal keeps the time of acquisition and the transitions`() throws {
        var record = LeaseRecord(try configuration("a"))
        var lease = Lease(key)
        lease.holderIdentity = "a"
        lease.acquireTime = Timestamp(seconds: 5)
        lease.leaseTransitions = 3
        record.observe(lease, at: .zero)
        guard case .update(let renewed) = record.decide(at: .seconds(9), calendar: Timestamp(seconds: 14)) else {
            Issue.record("not renewed")
            return
        }
        #expect(renewed.acquireTime == Timestamp(seconds: 5) && renewed.renewTime == Timestamp(seconds: 14))
        #expect(renewed.leaseTransitions == 3)
        let released = try #require(record.released(calendar: Timestamp(seconds: 15)))
        #expect(released.holderIdentity.isEmpty && released.leaseDurationSeconds == 1)
        #expect(released.leaseTransitions == 3)
    }

    @Test func `Times that cannot work are refused`() {
        let second = Duration.seconds(1)
        for (lease, renew, retry) in [(10, 10, 2), (15, 10, 9), (15, 10, 0), (15, 2, 2)] {
            #expect(throws: LeaderElector.ConfigurationError.self) {
                try LeaderElector.Configuration(
                    lease: key, identity: "a", leaseDuration: second * lease, renewDeadline: second * renew,
                    retryPeriod: second * retry)
            }
        }
        #expect(throws: LeaderElector.ConfigurationError.self) {
            try LeaderElector.Configuration(lease: key, identity: "")
        }
        #expect(throws: LeaderElector.ConfigurationError.self) {
            try LeaderElector.Configuration(lease: key, identity: "a", leaseDuration: .milliseconds(15_500))
        }
    }

    // MARK: Leading

    @Test func `One leads, the other waits, and follows at once when the lease is given back`() throws {
        let log = Log()
        let end = AsyncLatch()
        let first = try elector("a")
        let second = try elector("b")
        let tasks = [lead(first, log, until: end)]
        simulation.run(for: .seconds(1))
        let other = lead(second, log)
        simulation.run(for: .seconds(60))
        #expect(log.all == ["0 a leads"])
        #expect(first.isLeader && !second.isLeader && second.leader == "a")
        end.open()
        simulation.run(for: .seconds(3))
        #expect(log.all.dropFirst().prefix(2) == ["61 a ends", "61 a returned"])
        #expect(log.all.last?.hasSuffix("b leads") == true)
        #expect(server.lease?.leaseTransitions == 1)
        other.cancel()
        tasks[0].cancel()
        simulation.settle()
    }

    @Test func `A leader that crashed is followed when its lease has run out`() throws {
        let log = Log()
        let client = LeaseClient(server, clock: simulation.clock)
        let first = lead(try elector("a", client), log)
        simulation.run(for: .seconds(30))
        client.isCutOff.withLock { $0 = true }
        let second = lead(try elector("b"), log)
        simulation.run(for: .seconds(60))
        #expect(log.all.count == 4, "\(log.all)")
        // The last renewal was at 30 s: leading ends 10 s later, and 15 s later at the earliest another begins.
        #expect(
            log.all.prefix(3) == ["0 a leads", "40 a ends", "40 a: leadership by the lease system/operator was lost"])
        let start = try #require(log.all.last?.split(separator: " ").first.flatMap { Int($0) })
        #expect((45...49).contains(start))
        first.cancel()
        second.cancel()
        simulation.settle()
    }

    @Test func `Leadership is denied from the deadline on, even before the leading task was told`() throws {
        let client = LeaseClient(server, clock: simulation.clock)
        let elector = try elector("a", client)
        let task = simulation.start { try await elector.run { try await AsyncLatch().wait() } }
        simulation.settle()
        #expect(elector.isLeader)
        try elector.checkLeadership()
        // The process is stopped for a while: nothing runs, time passes.
        simulation.clock.advance(by: .seconds(10))
        #expect(!elector.isLeader)
        #expect(throws: LeaderElector.LeadershipLost.self) { try elector.checkLeadership() }
        task.cancel()
        simulation.settle()
    }

    @Test func `Whoever finds another in the lease stops leading at once`() throws {
        let log = Log()
        let task = lead(try elector("a"), log)
        simulation.run(for: .seconds(5))
        var usurped = try #require(server.lease)
        usurped.holderIdentity = "z"
        _ = try server.put(usurped, creating: false)
        simulation.run(for: .seconds(3))
        #expect(log.all.dropFirst().first?.hasSuffix("a ends") == true, "\(log.all)")
        #expect(server.lease?.holderIdentity == "z")
        task.cancel()
        simulation.settle()
    }

    @Test func `Renewals that are carried out but answered too late do not cost leadership`() throws {
        let log = Log()
        let client = LeaseClient(server, clock: simulation.clock)
        let elector = try elector("a", client)
        let task = lead(elector, log)
        simulation.run(for: .seconds(5))
        client.answerDelay.withLock { $0 = .seconds(6) }
        for _ in 0..<300 {
            simulation.run(for: .seconds(1))
            #expect(elector.isLeader, "at \(simulation.clock.monotonic)")
        }
        client.answerDelay.withLock { $0 = .zero }
        simulation.run(for: .seconds(60))
        #expect(log.all == ["0 a leads"], "\(log.all)")
        task.cancel()
        simulation.settle()
    }

    @Test func `A lease that was replaced at our version is renewed at once`() throws {
        let log = Log()
        let task = lead(try elector("a"), log)
        simulation.run(for: .seconds(5))
        var touched = try #require(server.lease)
        touched.leaseTransitions = 40
        _ = try server.put(touched, creating: false)
        let before = server.writes.withLock { $0.count }
        simulation.run(for: .milliseconds(2100))
        #expect(server.writes.withLock { $0.count } > before)
        #expect(server.lease?.leaseTransitions == 40 && log.all == ["0 a leads"])
        task.cancel()
        simulation.settle()
    }

    @Test func `A lease that somebody deletes is made anew by the leader`() throws {
        let log = Log()
        let elector = try elector("a")
        let task = lead(elector, log)
        simulation.run(for: .seconds(5))
        server.state.withLock { $0.lease = nil }
        simulation.run(for: .seconds(3))
        #expect(server.lease?.holderIdentity == "a" && elector.isLeader)
        simulation.run(for: .seconds(60))
        #expect(log.all == ["0 a leads"])
        task.cancel()
        simulation.settle()
    }

    @Test func `A candidate that withdraws returns without having led; a leader leads on`() throws {
        let log = Log()
        let end = AsyncLatch()
        let first = try elector("a")
        let second = try elector("b")
        let leading = lead(first, log, until: end)
        simulation.run(for: .seconds(1))
        let waiting = lead(second, log)
        simulation.run(for: .seconds(1))
        second.withdraw()
        first.withdraw()
        simulation.run(for: .seconds(30))
        #expect(log.all == ["0 a leads", "2 b returned"])
        #expect(first.isLeader)
        end.open()
        simulation.run(for: .seconds(1))
        #expect(log.all.last == "32 a returned" && server.lease?.holderIdentity == "")
        leading.cancel()
        waiting.cancel()
    }

    @Test func `A leader that is cancelled gives the lease back once its work has ended`() async throws {
        let clock = ManualClock()
        let elector = LeaderElector(
            LeaseClient(server, clock: clock), configuration: try configuration("a"), clock: clock, logger: logger)
        let leads = AsyncLatch()
        let task = Task {
            try await elector.run {
                leads.open()
                try await AsyncLatch().wait()
            }
        }
        try await leads.wait()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(server.lease?.holderIdentity == "" && !elector.isLeader)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `Of three candidates never two lead at once, and in the end one does`(seed: UInt64) throws {
        let simulation = Simulation(seed: seed)
        let server = LeaseServer()
        let active = Mutex<Set<String>>([])
        var clients: [LeaseClient] = []
        var electors: [LeaderElector] = []
        var tasks: [Task<Void, any Error>] = []

        func enter(_ name: String) {
            let clock = WrongClock(
                base: simulation.clock, offset: .seconds(simulation.random(in: -90_000..<90_000)),
                pace: 0.97 + 0.06 * simulation.random())
            let client = LeaseClient(server, clock: simulation.clock, random: simulation.random, chaos: 0.15)
            let elector = LeaderElector(
                client,
                configuration: try! LeaderElector.Configuration(lease: key, identity: name),  // valid by construction
                clock: clock, random: simulation.random, logger: logger)
            clients.append(client)
            electors.append(elector)
            tasks.append(
                simulation.start {
                    while !Task.isCancelled {
                        do {
                            try await elector.run {
                                active.withLock { active in
                                    #expect(active.insert(name).inserted)
                                    #expect(active.count == 1, "\(active) lead at once")
                                }
                                defer { active.withLock { _ = $0.remove(name) } }
                                // Now and then the work ends and the lease is released.
                                try await simulation.clock.sleep(for: .seconds(simulation.random(in: 1..<200)))
                            }
                        } catch is LeaderElector.LeadershipLost {
                            // Becomes a candidate again.
                        }
                        try await simulation.clock.sleep(for: .milliseconds(100))
                    }
                })
        }
        for name in ["a", "b", "c"] { enter(name) }
        for round in 0..<150 {
            simulation.run(for: .milliseconds(Int64(simulation.random(in: 100..<5000))))
            #expect(electors.filter(\.isLeader).count <= 1, "at \(simulation.clock.monotonic)")
            let index = simulation.random(in: 0..<clients.count)
            switch simulation.random(in: 0..<30) {
            case 0, 1: clients[index].isCutOff.withLock { $0.toggle() }
            case 2:
                // Killed: none of its requests arrives any more; another process takes its place.
                clients[index].isCutOff.withLock { $0 = true }
                tasks[index].cancel()
                enter("n\(round)")
            default: break
            }
        }
        for client in clients {
            client.isCutOff.withLock { $0 = false }
            client.chaos.withLock { $0 = 0 }
        }
        var hasLed = false
        for _ in 0..<120 where !hasLed {
            simulation.run(for: .seconds(1))
            hasLed = electors.contains(where: \.isLeader)
        }
        #expect(hasLed, "nobody leads")
        #expect(server.writes.withLock { $0.count } > 20)
        for task in tasks { task.cancel() }
        simulation.settle()
    }
}
