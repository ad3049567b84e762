import JSON
import KubernetesClient
import KubernetesModel
import KubernetesTesting
import Logging
import Synchronization
import Testing

@testable import KubernetesRuntime

@Suite struct InformerTests {
    let simulation = Simulation(seed: 1)
    var logger = Logger(label: "test")

    init() { logger.logLevel = .critical }

    private func informer(_ server: FakeServer, pageSize: Int = 500) -> Informer<Widget> {
        Informer(server, pageSize: pageSize, clock: simulation.clock, random: { 0 }, logger: logger)
    }

    @Test func `An informer lists in pages, watches and follows`() {
        let server = FakeServer(clock: simulation.clock)
        for index in 0..<5 { server.put("w\(index)", size: index) }
        let informer = informer(server, pageSize: 2)
        let task = simulation.start { await informer.run() }
        simulation.settle()
        #expect(server.requests == ["list 2", "list 2 continued", "list 2 continued", "watch 105"])
        #expect(informer.hasSynced && informer.store.contents == server.contents)
        server.put("w1", size: 10)
        server.delete("w2")
        simulation.run(for: .seconds(1))
        #expect(informer.store.contents == server.contents)
        task.cancel()
    }

    @Test func `A watch that ends is resumed from the last version at once, with no list`() {
        let server = FakeServer(clock: simulation.clock)
        let informer = informer(server)
        let task = simulation.start { await informer.run() }
        simulation.run(for: .seconds(10))
        server.put("a", size: 1)
        simulation.run(for: .seconds(291))
        #expect(server.requests == ["list 500", "watch 100", "watch 101"])
        task.cancel()
    }

    @Test func `After 410 the list is taken again at once, and what was missed is told`() {
        let server = FakeServer(clock: simulation.clock)
        server.put("a", size: 1)
        server.put("b", size: 1)
        let informer = informer(server)
        let recorder = ViewRecorder()
        informer.store.addHandler { recorder.record($0) }
        let task = simulation.start { await informer.run() }
        simulation.settle()
        _ = recorder.lines
        server.delete("a")
        server.put("b", size: 2)
        server.put("c", size: 1)
        server.compact()
        simulation.run(for: .seconds(1))
        #expect(recorder.lines == ["deleted a 101 relist", "updated b 104 relist", "added c 105 relist"])
        task.cancel()
    }

    @Test func `A server that comes back and has forgotten the version is listed at once`() {
        let server = FakeServer(clock: simulation.clock)
        let informer = informer(server)
        let task = simulation.start { await informer.run() }
        simulation.settle()
        server.state.withLock { $0.isDown = true }
        simulation.run(for: .seconds(5))
        server.put("a", size: 1)
        server.compact()
        server.state.withLock { $0.isDown = false }
        // Only the wait that had begun.
        simulation.run(for: .milliseconds(6400))
        #expect(informer.store.contents == server.contents)
        task.cancel()
    }

    @Test func `410 time after time is not answered in a tight loop`() {
        let server = FakeServer(clock: simulation.clock)
        server.state.withLock { $0.compactedBelow = .max }
        let informer = informer(server)
        let task = simulation.start { await informer.run() }
        simulation.run(for: .seconds(60))
        #expect((4...16).contains(server.requests.count), "\(server.requests)")
        task.cancel()
    }

    @Test(
        arguments: [
            KubernetesClientError(.unexpectedBody, "no event"),
            APIStatus(code: 400, reason: "BadRequest", message: "no"),
        ] as [any Error])
    func `An event that cannot be read is passed by a list, and the informer goes on`(failure: any Error) {
        let server = FakeServer(clock: simulation.clock)
        let informer = informer(server)
        let task = simulation.start { await informer.run() }
        simulation.settle()
        server.state.withLock { $0.eventFailures = [failure] }
        server.put("a", size: 1)
        simulation.run(for: .seconds(3))
        #expect(informer.store.contents == server.contents)
        #expect(server.requests == ["list 500", "watch 100", "list 500", "watch 101"])
        task.cancel()
    }

    @Test func `Watches that are cut after they worked are opened again at once`() {
        let server = FakeServer(clock: simulation.clock)
        server.state.withLock { $0.watchLifetime = .seconds(50) }
        let informer = informer(server)
        let task = simulation.start { await informer.run() }
        simulation.run(for: .seconds(3600))
        #expect((71...72).contains(server.requests.count { $0.hasPrefix("watch") }), "\(server.requests.count)")
        #expect(server.requests.count { $0.hasPrefix("list") } == 1)
        #expect(informer.lastError == nil)
        // One that breaks at once does wait.
        server.state.withLock { $0.watchLifetime = .zero }
        let before = server.requests.count
        simulation.run(for: .seconds(50 + 60))
        #expect((3...10).contains(server.requests.count - before), "\(server.requests.suffix(20))")
        task.cancel()
    }

    @Test func `A watch that a proxy cuts every 50 s is blind for less than a second in an hour`() {
        let server = FakeServer(clock: simulation.clock)
        server.state.withLock { $0.watchLifetime = .seconds(50) }
        let informer = informer(server)
        let task = simulation.start { await informer.run() }
        simulation.settle()
        var blind = Duration.zero
        for change in 0..<3600 {
            server.put("w", size: change)
            // What the server takes to tell an open watch.
            simulation.run(for: .milliseconds(200))
            while informer.store.contents != server.contents, blind < .seconds(10) {
                simulation.run(for: .milliseconds(5))
                blind += .milliseconds(5)
            }
            simulation.run(for: .milliseconds(797))
        }
        #expect(blind < .seconds(1), "\(blind)")
        #expect(server.requests.count { $0.hasPrefix("watch") } > 60)
        task.cancel()
    }

    @Test func `A list whose token expires once is not asked for in one piece for ever`() {
        let server = FakeServer(clock: simulation.clock)
        for index in 0..<5 { server.put("w\(index)", size: index) }
        server.state.withLock {
            $0.refusesWholeLists = true
            $0.listFailures = 1
        }
        let informer = informer(server, pageSize: 2)
        let task = simulation.start { await informer.run() }
        simulation.run(for: .seconds(60))
        #expect(informer.hasSynced && informer.store.contents == server.contents, "\(server.requests)")
        task.cancel()
    }

    @Test func `A server that is away is waited for with growing delays, and its coming back is noticed`() {
        let server = FakeServer(clock: simulation.clock)
        server.put("a", size: 1)
        let informer = informer(server)
        let task = simulation.start { await informer.run() }
        simulation.settle()
        server.state.withLock { $0.isDown = true }
        simulation.run(for: .seconds(600))
        #expect(informer.lastError is FakeServer.Broken)
        #expect(informer.store.contents == server.contents)
        #expect(server.requests.count < 40)
        server.put("b", size: 1)
        server.state.withLock { $0.isDown = false }
        simulation.run(for: .seconds(31))
        #expect(informer.store.contents == server.contents)
        #expect(informer.lastError == nil)
        task.cancel()
    }

    @Test func `A server that asks for patience gets it`() {
        let server = FakeServer(clock: simulation.clock)
        var details = APIStatus.Details()
        details.retryAfterSeconds = 17
        let status = APIStatus(code: 429, reason: "TooManyRequests", message: "later", details: details)
        server.state.withLock { $0.failures = [status] }
        let informer = informer(server)
        let task = simulation.start { await informer.run() }
        simulation.run(for: .milliseconds(16_900))
        #expect(!informer.hasSynced)
        simulation.run(for: .milliseconds(200))
        #expect(informer.hasSynced)
        task.cancel()
    }

    @Test func `One object that cannot be decoded leaves the others in the list`() throws {
        let server = FakeServer(clock: simulation.clock)
        server.put("a", size: 1)
        server.put("bad", size: 1)
        server.state.withLock { $0.undecodable = ["bad"] }
        let informer = informer(server)
        let task = simulation.start { await informer.run() }
        simulation.settle()
        #expect(informer.store.count == 2)
        let bad = ObjectKey(namespace: "ns", name: "bad")
        #expect(informer.store.entry(bad)?.decodingError != nil)
        // Nil would say that it is gone.
        #expect(throws: JSONError.self) { try informer.store.object(bad) }
        #expect(try informer.store.object(ObjectKey(namespace: "ns", name: "a"))?.size == 1)
        #expect(try informer.store.object(ObjectKey(namespace: "ns", name: "gone")) == nil)
        task.cancel()
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `E14: whatever is lost, repeated, cut off or expired, the store and its handlers end at the server's state`(
        seed: UInt64
    ) {
        let simulation = Simulation(seed: seed)
        let server = FakeServer(clock: simulation.clock, random: simulation.random, chaos: 0.06)
        let informer = Informer(
            server, pageSize: 3, clock: simulation.clock, random: simulation.random, logger: logger)
        let recorder = ViewRecorder()
        informer.store.addHandler { recorder.record($0) }
        let task = simulation.start { await informer.run() }
        // Answers to own writes that have not arrived: newer events of the object may overtake them.
        var answers: [Widget] = []
        for _ in 0..<300 {
            if !answers.isEmpty, simulation.random() < 0.3 {
                informer.store.noteWritten(answers.remove(at: simulation.random(in: 0..<answers.count)))
            }
            let name = "w\(simulation.random(in: 0..<8))"
            switch simulation.random(in: 0..<20) {
            case 0: server.compact()
            case 1: server.restart()
            case 2..<6:
                if let deleted = server.delete(name), simulation.random() < 0.3 {
                    informer.store.noteDeleted(deleted.key, uid: deleted.metadata.uid)
                }
            case 6..<9:
                answers.append(server.put(name, size: simulation.random(in: 0..<100)))
                if simulation.random() < 0.5, let answer = answers.popLast() { informer.store.noteWritten(answer) }
            default: server.put(name, size: simulation.random(in: 0..<100))
            }
            if simulation.random() < 0.4 {
                simulation.run(for: .milliseconds(Int64(simulation.random(in: 1..<3000))))
            }
        }
        for answer in answers { informer.store.noteWritten(answer) }
        simulation.run(for: .seconds(1800))
        #expect(informer.store.contents == server.contents)
        #expect(recorder.contents == server.contents)
        task.cancel()
        simulation.settle()
    }
}
