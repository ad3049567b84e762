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
