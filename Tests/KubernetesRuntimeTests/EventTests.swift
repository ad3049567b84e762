import JSON
import KubernetesClient
import KubernetesModel
import KubernetesTesting
import Logging
import MetricsTestKit
import Synchronization
import Testing

@testable import KubernetesRuntime

@Suite struct EventCorrelatorTests {
    private func occurrence(
        _ message: String, reason: String = "Started", at seconds: Int64 = 0, object: String = "run"
    ) -> EventCorrelator.Occurrence {
        EventCorrelator.Occurrence(
            object: ObjectReference(apiVersion: "v1", kind: "Pod", namespace: "ns", name: object, uid: "u-\(object)"),
            type: .normal, reason: reason, message: message, calendar: Timestamp(seconds: 1_767_225_600 + seconds),
            time: .seconds(seconds))
    }

    private func summary(_ action: EventCorrelator.Action) -> String {
        switch action {
        case .create(let event): "create \(event.message) x\(event.count)"
        case .patch(_, let patch, _): "patch \(patch["message"]?.string ?? "") x\(patch["count"]?.int ?? 0)"
        case .drop: "drop"
        }
    }

    @Test func `Equal events are counted, different ones are not`() {
        var correlator = EventCorrelator(component: "c", instance: "")
        let table: [(EventCorrelator.Occurrence, String)] = [
            (occurrence("one", at: 0), "create one x1"), (occurrence("one", at: 5), "patch one x2"),
            (occurrence("two", at: 6), "create two x1"),
            (occurrence("one", reason: "Stopped", at: 7), "create one x1"),
            (occurrence("one", at: 8, object: "other"), "create one x1"), (occurrence("one", at: 9), "patch one x3"),
        ]
        for (occurrence, expected) in table { #expect(summary(correlator.correlate(occurrence)) == expected) }
    }

    @Test func `A count goes to the event that was created, with the last time`() {
        var correlator = EventCorrelator(component: "c", instance: "i")
        guard case .create(let event) = correlator.correlate(occurrence("one")),
            case .patch(let key, let patch, let again) = correlator.correlate(occurrence("one", at: 60))
        else {
            Issue.record("create and patch expected")
            return
        }
        #expect(key == ObjectKey(event.metadata) && key.namespace == "ns")
        #expect(patch["lastTimestamp"] == "2026-01-01T00:01:00Z")
        #expect(again.count == 2 && again.firstTimestamp == event.firstTimestamp)
        #expect(again.metadata.name != event.metadata.name)
        correlator.recreated(occurrence("one", at: 60), as: again)
        guard case .patch(let next, _, _) = correlator.correlate(occurrence("one", at: 90)) else {
            Issue.record("patch expected")
            return
        }
        #expect(next == ObjectKey(again.metadata))
    }

    @Test func `After ten messages of one reason within ten minutes the others are counted as one`() {
        var correlator = EventCorrelator(component: "c", instance: "", burst: 1000)
        for index in 0..<10 {
            #expect(summary(correlator.correlate(occurrence("m\(index)"))) == "create m\(index) x1")
        }
        #expect(summary(correlator.correlate(occurrence("m10"))) == "create (combined from similar events): m10 x1")
        #expect(summary(correlator.correlate(occurrence("m11"))) == "patch (combined from similar events): m11 x2")
        #expect(summary(correlator.correlate(occurrence("m3"))) == "patch m3 x2")
        #expect(summary(correlator.correlate(occurrence("m12", reason: "Other"))) == "create m12 x1")
        #expect(summary(correlator.correlate(occurrence("m13", at: 601))) == "create m13 x1")
    }

    @Test func `Of one object 25 events are sent at once, then one every five minutes; what is held back is counted`() {
        var correlator = EventCorrelator(component: "c", instance: "")
        for _ in 0..<25 { #expect(correlator.correlate(occurrence("x")) != .drop) }
        #expect(correlator.correlate(occurrence("x")) == .drop)
        #expect(correlator.correlate(occurrence("y", reason: "Other", at: 299)) == .drop)
        #expect(correlator.correlate(occurrence("x", object: "other")) != .drop)
        #expect(summary(correlator.correlate(occurrence("x", at: 300))) == "patch x x27")
        #expect(correlator.correlate(occurrence("x", at: 301)) == .drop)
    }

    @Test func `A name is the object's with a hash, and never too long`() {
        let name = EventCorrelator.name(occurrence("one"))
        #expect(name.wholeMatch(of: #/run\.[0-9a-f]{16}/#) != nil)
        #expect(EventCorrelator.name(occurrence("two")) != name)
        #expect(EventCorrelator.name(occurrence("x", object: String(repeating: "n", count: 253))).count == 253)
    }

    @Test func `An event is written as kubectl describe reads it`() throws {
        var correlator = EventCorrelator(component: "sched", instance: "host-1")
        guard case .create(var event) = correlator.correlate(occurrence("hello")) else { return }
        event.metadata.name = "run.1"
        #expect(
            event.json
                == (try JSONValue(
                    parsing: """
                        {"apiVersion":"v1","kind":"Event","metadata":{"name":"run.1","namespace":"ns"},
                        "involvedObject":{"apiVersion":"v1","kind":"Pod","namespace":"ns","name":"run","uid":"u-run"},
                        "type":"Normal","reason":"Started","message":"hello","source":{"component":"sched","host":"host-1"},
                        "firstTimestamp":"2026-01-01T00:00:00Z","lastTimestamp":"2026-01-01T00:00:00Z","count":1,
                        "reportingComponent":"sched","reportingInstance":"host-1"}
                        """)))
    }

    @Test func `What has not been used for longest is forgotten first`() {
        var cache = RecentlyUsed<Int, Int>(capacity: 3)
        for key in [1, 2, 3] { cache[key] = key }
        for value in 0..<100 { cache[1] = value }
        cache[4] = 4
        #expect(cache.count == 3 && cache[2] == nil && cache[1] == 99 && cache[3] == 3)
    }
}

@Suite struct EventRecorderTests {
    let metrics = TestMetrics()
    let simulation = Simulation(seed: 11)
    var logger = Logger(label: "test")

    init() { logger.logLevel = .critical }

    final class Sink: EventSink {
        let clock: ManualClock
        let events = Mutex<[String: Event]>([:])
        let calls = Mutex<[String]>([])
        let failures = Mutex<[any Error]>([])
        let delay = Mutex(Duration.zero)

        init(_ clock: ManualClock) { self.clock = clock }

        private func enter(_ call: String) async throws {
            try await clock.sleep(for: delay.withLock { $0 })
            calls.withLock { $0.append(call) }
            let failure = failures.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            if let failure { throw failure }
        }

        func create(_ event: Event) async throws {
            try await enter("create \(event.message)")
            events.withLock { $0[event.metadata.name] = event }
        }

        func patch(_ key: ObjectKey, _ patch: JSONValue) async throws {
            try await enter("patch \(patch["message"]?.string ?? "")")
            try events.withLock { events in
                guard events[key.name] != nil else {
                    throw APIStatus(code: 404, reason: "NotFound", message: "gone")
                }
                events[key.name]?.count = patch["count"]?.int ?? 0
            }
        }
    }

    struct NoConnection: Error {}

    private let pod = ObjectReference(apiVersion: "v1", kind: "Pod", namespace: "ns", name: "p", uid: "1")

    private func recorder(_ sink: Sink, capacity: Int = 1000) -> EventRecorder {
        EventRecorder(
            sink, component: "test", capacity: capacity, clock: simulation.clock, random: { 0 }, metrics: metrics,
            logger: logger)
    }

    private func count(_ result: String) -> Int64 {
        let counter = try? metrics.expectCounter("events_total", [("component", "test"), ("result", result)])
        return counter?.totalValue ?? -1
    }

    @Test func `What is recorded is sent, in order, and counted together`() {
        let sink = Sink(simulation.clock)
        let recorder = recorder(sink)
        recorder.record(reason: "A", message: "one", on: pod)
        let task = simulation.start { await recorder.run() }
        simulation.settle()
        recorder.record(.warning, reason: "B", message: "two", on: pod)
        recorder.record(reason: "A", message: "one", on: pod)
        simulation.settle()
        #expect(sink.calls.withLock { $0 } == ["create one", "create two", "patch one"])
        #expect(sink.events.withLock { $0.values.map(\.count).sorted() } == [1, 2])
        #expect(count("sent") == 3)
        task.cancel()
        simulation.settle()
    }

    @Test func `An event that expired on the server is created again with its count`() {
        let sink = Sink(simulation.clock)
        let recorder = recorder(sink)
        let task = simulation.start { await recorder.run() }
        recorder.record(reason: "A", message: "one", on: pod)
        simulation.settle()
        sink.events.withLock { $0 = [:] }
        simulation.run(for: .seconds(3600))
        recorder.record(reason: "A", message: "one", on: pod)
        recorder.record(reason: "A", message: "one", on: pod)
        simulation.settle()
        #expect(sink.calls.withLock { $0 } == ["create one", "patch one", "create one", "patch one"])
        #expect(sink.events.withLock { $0.values.map(\.count) } == [3])
        task.cancel()
        simulation.settle()
    }

    @Test func `A lost connection is tried again, a refusal is not`() {
        let sink = Sink(simulation.clock)
        let recorder = recorder(sink)
        let task = simulation.start { await recorder.run() }
        sink.failures.withLock { $0 = [NoConnection(), APIStatus(code: 503, reason: "", message: "")] }
        recorder.record(reason: "A", message: "one", on: pod)
        simulation.run(for: .seconds(10))
        #expect(sink.calls.withLock { $0.count } == 3 && count("sent") == 1)
        sink.failures.withLock { $0 = [APIStatus(code: 403, reason: "Forbidden", message: "")] }
        recorder.record(reason: "A", message: "two", on: pod)
        simulation.run(for: .seconds(60))
        #expect(sink.calls.withLock { $0.count } == 4 && count("failed") == 1)
        sink.failures.withLock { $0 = Array(repeating: NoConnection(), count: 5) }
        recorder.record(reason: "A", message: "three", on: pod)
        simulation.run(for: .seconds(60))
        #expect(sink.calls.withLock { $0.count } == 9 && count("failed") == 2)
        task.cancel()
        simulation.settle()
    }

    @Test func `A full queue drops and never waits`() {
        let recorder = recorder(Sink(simulation.clock), capacity: 3)
        for index in 0..<10 { recorder.record(reason: "A", message: "\(index)", on: pod) }
        #expect(count("dropped") == 7)
    }

    @Test func `An important event is sent after a flood about the same object, and finds room in a full queue`() {
        let sink = Sink(simulation.clock)
        let recorder = recorder(sink, capacity: 100)
        for index in 0..<150 { recorder.record(.warning, reason: "R\(index)", message: "m", on: pod) }
        recorder.record(reason: "Failed", message: "the end", isImportant: true, on: pod)
        let task = simulation.start { await recorder.run() }
        simulation.settle()
        #expect(count("dropped") == 50)
        #expect(count("filtered") == 75)
        #expect(sink.calls.withLock { $0.last } == "create the end")
        task.cancel()
        simulation.settle()
    }

    @Test func `Stopping sends what waits and takes no more`() {
        let sink = Sink(simulation.clock)
        sink.delay.withLock { $0 = .seconds(1) }
        let recorder = recorder(sink)
        for index in 0..<3 { recorder.record(reason: "A", message: "\(index)", on: pod) }
        let hasEnded = Mutex(false)
        let task = simulation.start {
            await recorder.run()
            hasEnded.withLock { $0 = true }
        }
        simulation.run(for: .milliseconds(1500))
        recorder.stop()
        recorder.record(reason: "A", message: "late", on: pod)
        #expect(!hasEnded.withLock { $0 })
        simulation.run(for: .seconds(2))
        #expect(hasEnded.withLock { $0 } && sink.calls.withLock { $0.count } == 3)
        task.cancel()
    }

    @Test(arguments: [1023, 1024, 1025, 1026, 1027, 3000])
    func `A long message is cut between characters`(length: Int) {
        let sink = Sink(simulation.clock)
        let recorder = recorder(sink)
        let task = simulation.start { await recorder.run() }
        let message = String(repeating: "a", count: length % 2) + String(repeating: "é", count: length / 2)
        recorder.record(reason: "A", message: message, on: pod)
        simulation.settle()
        let sent = sink.events.withLock { $0.values.first?.message } ?? ""
        #expect(sent.utf8.count <= 1024 && !sent.contains("\u{FFFD}"))
        #expect(length <= 1024 ? sent == message : sent.hasSuffix("...") && sent.utf8.count > 1018)
        task.cancel()
        simulation.settle()
    }
}
