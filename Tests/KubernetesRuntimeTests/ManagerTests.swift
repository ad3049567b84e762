import AsyncPrimitives
import JSON
import KubernetesTesting
import Logging
import Synchronization
import Testing

@testable import KubernetesRuntime

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct ManagerTests {
    let simulation = Simulation(seed: 21)
    var logger = Logger(label: "test")
    let log = Log()

    init() { logger.logLevel = .critical }

    final class Log: EventSink {
        let lines = Mutex<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
        func create(_ event: Event) async throws { add("event \(event.reason)") }
        func patch(_ key: ObjectKey, _ patch: JSONValue) async throws { add("event again") }
    }

    /// Notes when the lease changes hands.
    struct NotingLeases: LeaseStore {
        let client: LeaseClient
        let log: Log
        func get(_ key: ObjectKey) async throws -> Lease? { try await client.get(key) }
        func create(_ lease: Lease) async throws -> Lease {
            log.add("lease taken")
            return try await client.create(lease)
        }
        func update(_ lease: Lease) async throws -> Lease {
            if lease.holderIdentity.isEmpty { log.add("lease released") }
            return try await client.update(lease)
        }
    }

    struct Parts {
        var manager: Manager
        var server: FakeServer
        var leases: LeaseClient
        var recorder: EventRecorder
        var controller: Controller
    }

    /// A manager of everything, whose controller takes five seconds for each object.
    private func parts(drain: Duration = .seconds(20)) throws -> Parts {
        let clock = simulation.clock
        let server = FakeServer(clock: clock)
        let leases = LeaseClient(LeaseServer(), clock: clock)
        let configuration = try LeaderElector.Configuration(
            lease: ObjectKey(namespace: "ns", name: "l"), identity: "me")
        let elector = LeaderElector(
            NotingLeases(client: leases, log: log), configuration: configuration, clock: clock,
            random: simulation.random, logger: logger)
        let recorder = EventRecorder(log, component: "test", clock: clock, logger: logger)
        let informer = Informer(server, clock: clock, random: { 0 }, logger: logger)
        let controller = Controller(name: "widgets", clock: clock, logger: logger) { [log] key in
            log.add("begin \(key.name)")
            do { try await clock.sleep(for: .seconds(5)) } catch {
                log.add("cancelled \(key.name)")
                throw error
            }
            recorder.record(
                reason: "Done", message: key.name, on: ObjectReference(apiVersion: "v1", kind: "W", name: key.name))
            log.add("end \(key.name)")
            return .done
        }
        controller.watch(informer.store)
        let manager = Manager(
            elector: elector, recorder: recorder, timeouts: .init(drain: drain), clock: clock, logger: logger)
        manager.add(informer)
        manager.add(controller)
        manager.add("web") { [log] in
            log.add("web up")
            defer { log.add("web down") }
            try await AsyncLatch().wait()
        }
        manager.add("collector", whileLeading: true) { [log] in
            log.add("collector up")
            defer { log.add("collector down") }
            try await AsyncLatch().wait()
        }
        return Parts(manager: manager, server: server, leases: leases, recorder: recorder, controller: controller)
    }

    private func run(_ manager: Manager) -> Task<Void, any Error> {
        simulation.start { [log] in
            do {
                try await manager.runParts()
                log.add("manager returned")
            } catch {
                log.add("manager: \(error)")
            }
        }
    }

    @Test func `Nothing works before the informers have synced and the lease is held`() throws {
        let parts = try parts()
        parts.server.put("a", size: 1)
        parts.server.state.withLock { $0.isDown = true }
        #expect(parts.manager.unreadyReasons == ["not started"])
        let task = run(parts.manager)
        simulation.run(for: .seconds(60))
        #expect(log.all == ["web up"])
        #expect(parts.manager.unreadyReasons == ["widgets not listed yet"] && parts.manager.isAlive)
        parts.server.state.withLock { $0.isDown = false }
        simulation.run(for: .seconds(34))
        #expect(log.all.prefix(2) == ["web up", "lease taken"])
        #expect(Set(log.all[2...3]) == ["collector up", "begin a"], "\(log.all)")
        #expect(parts.manager.isReady)
        parts.manager.stop()
        simulation.run(for: .seconds(60))
        task.cancel()
    }

    @Test
    func `Stopping begins no work, finishes running work, sends the events, releases the lease, in that order`()
        throws
    {
        let parts = try parts()
        for name in ["a", "b", "c"] { parts.server.put(name, size: 1) }
        let task = run(parts.manager)
        simulation.run(for: .seconds(7))
        let before = log.all.count
        parts.manager.stop()
        #expect(parts.manager.unreadyReasons == ["stopping"] && parts.manager.isAlive)
        simulation.run(for: .seconds(30))
        #expect(
            log.all.dropFirst(before) == [
                "collector down", "end b", "event Done", "lease released", "web down", "manager returned",
            ], "\(log.all)")
        #expect(!parts.manager.isAlive)
        #expect(simulation.clock.sleeperCount == 0)
        task.cancel()
    }

    @Test func `Work that does not end in time is cancelled`() throws {
        let parts = try parts(drain: .seconds(2))
        parts.server.put("a", size: 1)
        let task = run(parts.manager)
        simulation.run(for: .seconds(1))
        parts.manager.stop()
        simulation.run(for: .milliseconds(2500))
        #expect(log.all.contains("cancelled a"))
        #expect(log.all.suffix(3) == ["lease released", "web down", "manager returned"], "\(log.all)")
        task.cancel()
    }

    @Test func `When leadership is lost all work is cancelled and the manager ends with an error`() throws {
        let parts = try parts()
        let task = run(parts.manager)
        simulation.run(for: .seconds(4))
        parts.server.put("a", size: 1)
        parts.leases.isCutOff.withLock { $0 = true }
        for index in 0..<9 {
            simulation.run(for: .seconds(1))
            if index % 3 == 0 { parts.server.put("a\(index)", size: 1) }
        }
        simulation.run(for: .seconds(5))
        #expect(log.all.last == "manager: leadership by the lease ns/l was lost", "\(log.all)")
        #expect(log.all.contains { $0.hasPrefix("cancelled") } && !log.all.contains("lease released"))
        #expect(!parts.manager.isAlive)
        task.cancel()
    }

    /// Work that does not look at its cancellation.
    final class Stubborn: Sendable {
        private let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])
        func work() async { await withCheckedContinuation { waiting in self.waiting.withLock { $0.append(waiting) } } }
        func end() { for waiting in waiting.withLock({ $0 }) { waiting.resume() } }
    }

    @Test(arguments: ["lost", "drain", "part"])
    func `A process whose work ignores its cancellation is dead, and is ended`(cause: String) throws {
        let clock = simulation.clock
        let leases = LeaseClient(LeaseServer(), clock: clock)
        let elector = LeaderElector(
            leases,
            configuration: try LeaderElector.Configuration(
                lease: ObjectKey(namespace: "ns", name: "l"), identity: "me"),
            clock: clock, random: simulation.random, logger: logger)
        let stubborn = Stubborn()
        let manager = Manager(
            elector: elector, timeouts: .init(drain: .seconds(5), ending: .seconds(7)), clock: clock, logger: logger,
            onStuck: { [log] in log.add("stuck") })
        let controller = Controller(name: "stubborn", clock: clock, logger: logger) { _ in
            await stubborn.work()
            return .done
        }
        if cause == "part" {
            manager.add("part") { await stubborn.work() }
        } else {
            manager.add(controller)
            controller.enqueue(ObjectKey(name: "a"))
        }
        let task = run(manager)
        simulation.run(for: .seconds(60))
        #expect(manager.isAlive && log.all.isEmpty)
        // When what must end is cancelled: after the renewal deadline, after the time for running work, at once.
        let limit: Int
        switch cause {
        case "lost":
            leases.isCutOff.withLock { $0 = true }
            limit = 10 + 7
        case "drain":
            manager.stop()
            limit = 5 + 7
        default:
            manager.stop()
            limit = 7
        }
        simulation.run(for: .seconds(limit - 4))
        #expect(manager.isAlive && log.all.isEmpty)
        simulation.run(for: .seconds(5))
        #expect(!manager.isAlive && log.all == ["stuck"])
        stubborn.end()
        simulation.run(for: .seconds(5))
        #expect(log.all.count == 2)
        task.cancel()
        simulation.settle()
    }

    @Test func `A part that fails stops the manager in an orderly way, and its error is thrown`() throws {
        struct Broken: Error, CustomStringConvertible { let description = "broken" }
        let parts = try parts()
        parts.server.put("a", size: 1)
        parts.manager.add("bad") { [simulation] in
            try await simulation.clock.sleep(for: .seconds(2))
            throw Broken()
        }
        let task = run(parts.manager)
        simulation.run(for: .seconds(30))
        #expect(
            log.all.suffix(5) == ["end a", "event Done", "lease released", "web down", "manager: broken"], "\(log.all)")
        task.cancel()
    }

    @Test func `A manager that is stopped before it could begin ends`() throws {
        let parts = try parts()
        parts.server.state.withLock { $0.isDown = true }
        let task = run(parts.manager)
        simulation.run(for: .seconds(3))
        parts.manager.stop()
        simulation.run(for: .seconds(1))
        #expect(log.all == ["web up", "web down", "manager returned"])
        task.cancel()
    }

    @Test func `Checks decide on readiness and life`() throws {
        let manager = Manager(clock: simulation.clock, logger: logger)
        let box = Box(true)
        manager.addReadyCheck("disk") { box.value }
        manager.addLiveCheck("loop") { box.value }
        let task = run(manager)
        simulation.settle()
        #expect(manager.isReady && manager.isAlive)
        box.value = false
        #expect(manager.unreadyReasons == ["disk"] && !manager.isAlive)
        manager.stop()
        simulation.settle()
        #expect(log.all == ["manager returned"])
        task.cancel()
    }

    final class Box: Sendable {
        private let state: Mutex<Bool>
        init(_ value: Bool) { state = Mutex(value) }
        var value: Bool {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    @Test func `Cancelling the task of a manager stops it in order too`() async throws {
        let manager = Manager(logger: logger)
        let started = AsyncLatch()
        let mayEnd = AsyncLatch()
        let controller = Controller(name: "c", logger: logger) { [log] _ in
            started.open()
            // Cancellation must not reach this: running work ends by itself.
            try await mayEnd.wait()
            log.add("end")
            return .done
        }
        manager.add(controller)
        controller.enqueue(ObjectKey(name: "a"))
        let task = Task { try await manager.run() }
        try await started.wait()
        task.cancel()
        mayEnd.open()
        try await task.value
        #expect(log.all == ["end"])
    }

    @Test func `A signal cancels the body, once`() async throws {
        let started = AsyncLatch()
        let task = Task {
            try await withTerminationSignals([SIGUSR1]) {
                started.open()
                do { try await AsyncLatch().wait() } catch { return "cancelled" }
                return "returned"
            }
        }
        try await started.wait()
        kill(getpid(), SIGUSR1)
        #expect(try await task.value == "cancelled")
        #expect(try await withTerminationSignals([SIGUSR1]) { "returned" } == "returned")
    }

    @Test func `Every signal is counted where the body goes on`() async throws {
        let (counts, sending) = AsyncStream.makeStream(of: Int.self)
        let last = try await withTerminationSignals([SIGUSR2], onSignal: { sending.yield($0) }) {
            var iterator = counts.makeAsyncIterator()
            kill(getpid(), SIGUSR2)
            #expect(await iterator.next() == 1)
            kill(getpid(), SIGUSR2)
            return await iterator.next()
        }
        #expect(last == 2)
    }
}
