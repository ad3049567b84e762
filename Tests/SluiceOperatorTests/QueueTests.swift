import JSON
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import SluiceAPI
import Synchronization
import Testing

/// The operator with queues, over a cluster of few places.
@Suite struct QueueTests {
    private static func harness(_ seed: UInt64, seconds: Double = 2) -> OperatorHarness {
        var harness = OperatorHarness(seed: seed) { _ in PodPlan(duration: .seconds(seconds)) }
        harness.hasQueues = true
        return harness
    }

    private static func run(replicas: Int, tasks: Int = 1, _ fields: JSONValue = [:]) -> JSONValue {
        var spec = fields
        let all = (0..<tasks).map { index in
            RunReconcilerTests.task(
                "t\(index)", after: index > 0 ? ["t\(index - 1)"] : [], ["replicas": .int(Int64(replicas))])
        }
        spec["pipelineSpec"] = ["tasks": .array(all)]
        return spec
    }

    @Test func `Q5: gangs that do not fit together run one after the other, and no pod is ever without a place`() throws
    {
        var harness = Self.harness(1)
        defer { harness.end() }
        for node in 0..<4 { harness.cluster.setNode("n\(node)", pods: 2) }
        for number in 0..<6 { harness.cluster.addRun("r\(number)", spec: Self.run(replicas: 5, tasks: 2)) }
        harness.startOperator()
        harness.simulation.run(for: .seconds(1))
        let phases = try (0..<6).map { try harness.cluster.run(named: "r\($0)")?.status.phase }
        #expect(phases.filter { $0 == .running }.count == 1)
        #expect(phases.filter { $0 == .queued }.count == 5)
        let waiting = try #require(
            try (0..<6).compactMap { try harness.cluster.run(named: "r\($0)") }
                .first { $0.status.phase == .queued })
        #expect(waiting.status.queue?.name == "team")
        #expect(waiting.status.queue?.reason.contains("pods") == true)
        #expect(waiting.status.tasks.first?.reason == "WaitingForResources")
        #expect(harness.runUntilDone())
        for number in 0..<6 { #expect(try harness.cluster.run(named: "r\(number)")?.status.phase == .succeeded) }
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.unplaced.isEmpty)
        #expect(state.violations == [])
        #expect(state.created.values.allSatisfy { $0 == 1 })
    }

    @Test func `Q3 and Q4: three namespaces with the weights 1, 1 and 2 share what there is, and the Queues tell so`()
        throws
    {
        var harness = Self.harness(3, seconds: 10)
        defer { harness.end() }
        for node in 0..<2 { harness.cluster.setNode("n\(node)", pods: 4) }
        for (name, weight) in [("a", 1), ("b", 1), ("c", 2)] {
            harness.cluster.setQueue(
                "tenant-\(name)", spec: ["weight": .int(Int64(weight)), "namespaces": [.string("team-\(name)")]])
        }
        for number in 0..<8 {
            for name in ["a", "b", "c"] {
                harness.cluster.addRun("r\(number)", namespace: "team-\(name)", spec: Self.run(replicas: 1))
            }
        }
        harness.startOperator(workers: 16)
        harness.simulation.run(for: .seconds(5))
        var allocated: [String: Quantity] = [:]
        for (key, object) in harness.cluster.state.withLock({ $0.queues }) {
            let queue = try Queue(object)
            allocated[key.name] = queue.status.allocated["pods"]
            #expect(queue.status.pending == 8 - (key.name == "tenant-c" ? 4 : 2))
            #expect(queue.status.conditions.first?.reason == QueueReasons.open)
            #expect(queue.status.share == (key.name == "tenant-c" ? 500 : 250))
            #expect(queue.status.observedGeneration == 1)
        }
        #expect(allocated == ["tenant-a": Quantity(2), "tenant-b": Quantity(2), "tenant-c": Quantity(4)])
        let waiting = try #require(try harness.cluster.run(named: "r7", namespace: "team-c"))
        #expect(waiting.status.phase == .queued)
        #expect(waiting.status.queue?.name == "tenant-c")
        #expect(waiting.status.queue?.position == 4)
        #expect(harness.runUntilDone())
        // A queue costs a write a second at most, and nothing once nothing changes.
        let writes = harness.cluster.state.withLock { $0.writesByKind["queue status", default: 0] }
        #expect(writes < 40)
        harness.simulation.run(for: .seconds(60))
        #expect(harness.cluster.state.withLock { $0.writesByKind["queue status", default: 0] } <= writes + 3)
    }

    @Test func `Q7: what a queue lent comes back; the victims' tasks run again, at no cost`() throws {
        var harness = Self.harness(4, seconds: 200)
        defer { harness.end() }
        harness.cluster.setNode("n0", pods: 4)
        harness.cluster.setNode("n1", pods: 4)
        for name in ["a", "b"] {
            harness.cluster.setQueue("q-\(name)", spec: ["namespaces": [.string("team-\(name)")]])
        }
        for number in 0..<4 { harness.cluster.addRun("r\(number)", namespace: "team-a", spec: Self.run(replicas: 2)) }
        harness.startOperator()
        harness.simulation.run(for: .seconds(90))
        harness.cluster.addRun("late", namespace: "team-b", spec: Self.run(replicas: 4))
        harness.simulation.run(for: .seconds(60))
        #expect(try harness.cluster.run(named: "late", namespace: "team-b")?.status.phase == .running)
        let victims = try (0..<4).compactMap { try harness.cluster.run(named: "r\($0)", namespace: "team-a") }
            .filter { $0.status.tasks.first?.attempt == 1 }
        #expect(victims.count == 2)
        #expect(victims.allSatisfy { $0.status.tasks.first?.disruptions == 0 && $0.status.tasks.first?.failures == 0 })
        #expect(victims.allSatisfy { $0.status.phase == .running && $0.status.queue?.reason.isEmpty == false })
        #expect(harness.runUntilDone(within: .seconds(3600)))
        for number in 0..<4 {
            #expect(try harness.cluster.run(named: "r\(number)", namespace: "team-a")?.status.phase == .succeeded)
        }
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.unplaced.isEmpty)
        #expect(state.violations == [])
    }

    @Test func `Q8: what a run names that is not there is said, and it starts when that comes`() throws {
        var harness = Self.harness(5)
        defer { harness.end() }
        harness.cluster.setNode("n0", pods: 4)
        harness.cluster.setQueue("other", spec: ["namespaces": ["nobody"]])
        harness.cluster.addRun("r", spec: Self.run(replicas: 1, ["queue": "mine"]))
        harness.startOperator()
        harness.simulation.run(for: .seconds(5))
        #expect(try harness.cluster.run(named: "r")?.status.queue?.reason == "queue mine does not exist")
        harness.cluster.setQueue("mine", spec: [:])
        #expect(harness.runUntilDone())
        #expect(try harness.cluster.run(named: "r")?.status.phase == .succeeded)
    }

    @Test func `Q11: a node that is gone takes nobody with it who waits for it`() throws {
        var harness = Self.harness(6)
        defer { harness.end() }
        harness.cluster.setNode("n0", pods: 2)
        harness.cluster.setNode("n1", pods: 2, ready: false)
        harness.cluster.addRun("r", spec: Self.run(replicas: 4))
        harness.startOperator()
        harness.simulation.run(for: .seconds(5))
        #expect(try harness.cluster.run(named: "r")?.status.tasks.first?.reason == "NeverFits")
        harness.cluster.setNode("n1", pods: 2)
        #expect(harness.runUntilDone())
        #expect(try harness.cluster.run(named: "r")?.status.phase == .succeeded)
    }

    @Test(arguments: 0..<8)
    func `Q9: an operator that is killed counts once what runs, and starts nothing beside it`(seed: Int) throws {
        var harness = Self.harness(UInt64(seed))
        defer { harness.end() }
        for node in 0..<4 { harness.cluster.setNode("n\(node)", pods: 2) }
        for number in 0..<5 { harness.cluster.addRun("r\(number)", spec: Self.run(replicas: 3, tasks: 3)) }
        harness.startOperator()
        for step in 0..<6 {
            harness.simulation.run(for: .milliseconds(Int64(400 + seed * 130 + step * 70)))
            harness.killOperator()
            harness.startOperator()
        }
        #expect(harness.runUntilDone())
        for number in 0..<5 { #expect(try harness.cluster.run(named: "r\(number)")?.status.phase == .succeeded) }
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.unplaced.isEmpty)
        #expect(state.violations == [])
        #expect(state.created.values.allSatisfy { $0 == 1 })
    }
}
