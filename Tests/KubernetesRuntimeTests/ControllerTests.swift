import JSON
import KubernetesClient
import KubernetesModel
import KubernetesTesting
import Logging
import MetricsTestKit
import Synchronization
import Testing

@testable import KubernetesRuntime

@Suite struct ControllerTests {
    let simulation = Simulation(seed: 3)
    var logger = Logger(label: "test")

    init() { logger.logLevel = .critical }

    struct Hopeless: TerminalError {}
    struct Hiccup: Error {}

    private func key(_ name: String) -> ObjectKey { ObjectKey(namespace: "ns", name: name) }

    @Test func `Errors are tried again with growing delays, terminal ones are not`() throws {
        let tries = Mutex<[String: [Duration]]>([:])
        let metrics = TestMetrics()
        let controller = Controller(
            name: "test", clock: simulation.clock, random: { 0 }, logger: logger, metrics: metrics
        ) { [simulation] key in
            tries.withLock { $0[key.name, default: []].append(simulation.clock.monotonic) }
            switch key.name {
            case "hiccup": if tries.withLock({ $0["hiccup"]?.count ?? 0 }) < 4 { throw Hiccup() }
            case "hopeless": throw Hopeless()
            case "marked": throw PermanentFailure(Hiccup())
            default: break
            }
            return .done
        }
        let task = simulation.start { await controller.run() }
        for name in ["hiccup", "hopeless", "marked", "fine"] { controller.enqueue(key(name)) }
        simulation.run(for: .seconds(100))
        #expect(tries.withLock { $0["hiccup"] } == [0, 5, 15, 35].map { .milliseconds($0) })
        for name in ["hopeless", "marked", "fine"] { #expect(tries.withLock { $0[name]?.count } == 1) }
        for (result, count) in [("error", 3), ("terminal_error", 2), ("success", 2), ("cancelled", 0)]
            as [(String, Int64)]
        {
            let counter = try metrics.expectCounter(
                "controller_runtime_reconcile_total", [("controller", "test"), ("result", result)])
            #expect(counter.totalValue == count, "\(result)")
        }
        #expect(
            try metrics.expectTimer("controller_runtime_reconcile_time_seconds", [("controller", "test")]).values.count
                == 7)
        #expect(try metrics.expectMeter("controller_runtime_active_workers", [("controller", "test")]).lastValue == 0)
        #expect(try metrics.expectCounter("workqueue_adds_total", [("name", "test")]).totalValue == 7)
        #expect(try metrics.expectCounter("workqueue_retries_total", [("name", "test")]).totalValue == 3)
        #expect(controller.queue.failureCount(key("hiccup")) == 0)
        controller.enqueue(key("hopeless"))
        simulation.settle()
        #expect(tries.withLock { $0["hopeless"]?.count } == 2)
        task.cancel()
        simulation.settle()
    }

    @Test func `Where work must not begin any more the key is left for whoever runs the controller next`() {
        let mayWork = Mutex(true)
        let names = Mutex<[String]>([])
        let controller = Controller(name: "test", clock: simulation.clock, logger: logger) { key in
            names.withLock { $0.append(key.name) }
            return .done
        }
        controller.begin { mayWork.withLock { $0 } }
        let task = simulation.start { await controller.run() }
        controller.enqueue(key("a"))
        simulation.settle()
        mayWork.withLock { $0 = false }
        controller.enqueue(key("b"))
        simulation.settle()
        #expect(names.withLock { $0 } == ["a"])
        task.cancel()
        simulation.settle()
        mayWork.withLock { $0 = true }
        let next = simulation.start { await controller.run() }
        simulation.settle()
        #expect(names.withLock { $0 } == ["a", "b"])
        next.cancel()
        simulation.settle()
    }

    @Test func `A key comes back after the time it asked for`() {
        let times = Mutex<[Duration]>([])
        let controller = Controller(name: "test", clock: simulation.clock, logger: logger) {
            [simulation] _ in
            times.withLock { $0.append(simulation.clock.monotonic) }
            return .requeue(after: .seconds(60))
        }
        let task = simulation.start { await controller.run() }
        controller.enqueue(key("a"))
        simulation.run(for: .seconds(130))
        #expect(times.withLock { $0 } == [0, 60, 120].map { .seconds($0) })
        task.cancel()
        simulation.settle()
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `No key is reconciled twice at once, and the last change of each is seen`(seed: UInt64) {
        let simulation = Simulation(seed: seed)
        struct State {
            var running: Set<ObjectKey> = []
            var wanted: [ObjectKey: Int] = [:]
            var seen: [ObjectKey: Int] = [:]
            var most = 0
        }
        let state = Mutex(State())
        let controller = Controller(name: "test", workers: 4, clock: simulation.clock, logger: logger) { key in
            let value = state.withLock { state in
                #expect(state.running.insert(key).inserted)
                state.most = max(state.most, state.running.count)
                return state.wanted[key]
            }
            defer { state.withLock { _ = $0.running.remove(key) } }
            try await simulation.clock.sleep(for: .milliseconds(Int64(simulation.random(in: 1..<50))))
            if simulation.random() < 0.3 { throw Hiccup() }
            state.withLock { $0.seen[key] = value }
            return simulation.random() < 0.1 ? .requeue(after: .seconds(1)) : .done
        }
        let task = simulation.start { await controller.run() }
        for value in 0..<300 {
            let key = key("k\(simulation.random(in: 0..<9))")
            state.withLock { $0.wanted[key] = value }
            controller.enqueue(key, priority: simulation.random() < 0.5 ? .low : .high)
            simulation.run(for: .milliseconds(Int64(simulation.random(in: 0..<10))))
        }
        simulation.run(for: .seconds(600))
        state.withLock { state in
            #expect(state.seen == state.wanted)
            #expect(state.most == 4)
        }
        task.cancel()
        simulation.settle()
    }

    @Test func `Stopping begins no more work and lets running work finish`() {
        let ended = Mutex<[String]>([])
        let controller = Controller(name: "test", clock: simulation.clock, logger: logger) {
            [simulation] key in
            try await simulation.clock.sleep(for: .seconds(5))
            ended.withLock { $0.append(key.name) }
            return .done
        }
        let task = simulation.start {
            await controller.run()
            ended.withLock { $0.append("run") }
        }
        controller.enqueue(key("a"))
        controller.enqueue(key("b"))
        simulation.run(for: .seconds(1))
        controller.stop()
        simulation.run(for: .seconds(60))
        #expect(ended.withLock { $0 } == ["a", "run"])
        task.cancel()
    }

    @Test func `A cancelled controller can be run again and loses nothing`() {
        let ended = Mutex<[String]>([])
        let controller = Controller(name: "test", clock: simulation.clock, logger: logger) {
            [simulation] key in
            try await simulation.clock.sleep(for: .seconds(5))
            ended.withLock { $0.append(key.name) }
            return .done
        }
        controller.enqueue(key("a"))
        controller.enqueue(key("b"))
        let first = simulation.start { await controller.run() }
        simulation.run(for: .seconds(1))
        first.cancel()
        simulation.settle()
        #expect(ended.withLock { $0.isEmpty } && controller.queue.failureCount(key("a")) == 0)
        let second = simulation.start { await controller.run() }
        simulation.run(for: .seconds(20))
        #expect(Set(ended.withLock { $0 }) == ["a", "b"])
        second.cancel()
        simulation.settle()
    }

    @Test func `What was there at the start is queued low, changes high, owned objects bring their owner`() {
        let controller = Controller(name: "test", clock: simulation.clock, logger: logger) { _ in .done }
        let store = Store<Widget>()
        controller.watch(store)
        store.apply([.initStart, .initApply(.object(Widget("a", version: 1))), .initDone(resourceVersion: "2")])
        #expect(controller.queue.counts.depthLow == 1)
        store.apply([.apply(.object(Widget("b", version: 3)))])
        #expect(controller.queue.counts.depthHigh == 1)

        let owner = Controller(name: "owner", clock: simulation.clock, logger: logger) { _ in .done }
        owner.watchOwned(store, by: ResourceType(group: "x.dev", version: "v1", kind: "Run", plural: "runs"))
        var widget = Widget("c", version: 4)
        widget.metadata.ownerReferences = [
            OwnerReference(apiVersion: "x.dev/v1beta1", kind: "Run", name: "r", uid: "1")
        ]
        store.apply([.apply(.object(widget)), .apply(.object(Widget("d", version: 5)))])
        #expect(owner.queue.counts.depth == 1)
        widget.metadata.ownerReferences = []
        widget.metadata.resourceVersion = "6"
        store.apply([.apply(.object(widget))])
        #expect(owner.queue.counts.depth == 1 && owner.queue.counts.adds == 1)
    }
}
