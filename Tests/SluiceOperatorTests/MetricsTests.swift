import JSON
import KubernetesModel
import KubernetesTesting
import SluiceAPI
import Testing

/// What the operator tells Prometheus, over a cluster of few places.
@Suite struct MetricsTests {
    private static func run(replicas: Int) -> JSONValue {
        let task = RunReconcilerTests.task("t", ["replicas": .int(Int64(replicas))])
        return ["pipelineSpec": ["tasks": .array([task])]]
    }

    private static func harness(_ seed: UInt64) -> OperatorHarness {
        var harness = OperatorHarness(seed: seed) { _ in PodPlan(duration: .seconds(200)) }
        harness.hasQueues = true
        harness.cluster.setNode("n0", pods: 4)
        harness.cluster.setNode("n1", pods: 4)
        for name in ["a", "b"] {
            harness.cluster.setQueue("q-\(name)", spec: ["namespaces": [.string("team-\(name)")]])
        }
        return harness
    }

    @Test func `Runs, pods and queues are counted, and what is taken back from one queue for another`() throws {
        var harness = Self.harness(1)
        defer { harness.end() }
        for number in 0..<5 { harness.cluster.addRun("r\(number)", namespace: "team-a", spec: Self.run(replicas: 2)) }
        harness.startOperator()
        harness.simulation.run(for: .seconds(90))
        #expect(
            harness.observer.metrics("sluice_runs{") == [
                #"sluice_runs{phase="Cancelling"} 0"#, #"sluice_runs{phase="Pending"} 0"#,
                #"sluice_runs{phase="Queued"} 1"#, #"sluice_runs{phase="Running"} 4"#,
                #"sluice_runs{phase="Suspended"} 0"#,
            ])
        #expect(harness.observer.metrics("sluice_pods_created_total") == ["sluice_pods_created_total 8"])
        #expect(
            harness.observer.metrics("sluice_queue_pending")
                == [#"sluice_queue_pending{queue="q-a"} 1"#, #"sluice_queue_pending{queue="q-b"} 0"#])
        #expect(harness.observer.metrics("sluice_queue_admitted").first == #"sluice_queue_admitted{queue="q-a"} 4"#)
        #expect(harness.observer.metrics("sluice_queue_runs").first == #"sluice_queue_runs{queue="q-a"} 4"#)
        #expect(
            harness.observer.metrics("sluice_queue_allocated")
                .contains(#"sluice_queue_allocated{queue="q-a",resource="pods"} 8"#))
        #expect(
            harness.observer.metrics("sluice_queue_deserved")
                .contains(#"sluice_queue_deserved{queue="q-a",resource="pods"} 8"#))
        #expect(harness.observer.metrics("sluice_queue_share").first == #"sluice_queue_share{queue="q-a"} 1"#)
        #expect(
            harness.observer.metrics("sluice_queue_admissions_total").first
                == #"sluice_queue_admissions_total{queue="q-a"} 4"#)
        #expect(
            harness.observer.metrics("sluice_queue_preemptions_total").first
                == #"sluice_queue_preemptions_total{queue="q-a"} 0"#)
        #expect(harness.observer.metrics("sluice_queue_cycle_seconds_count").count == 1)

        harness.cluster.addRun("late", namespace: "team-b", spec: Self.run(replicas: 4))
        harness.simulation.run(for: .seconds(60))
        #expect(
            harness.observer.metrics("sluice_queue_preemptions_total") == [
                #"sluice_queue_preemptions_total{queue="q-a"} 2"#, #"sluice_queue_preemptions_total{queue="q-b"} 0"#,
            ])
        #expect(
            harness.observer.metrics("sluice_queue_admissions_total").last
                == #"sluice_queue_admissions_total{queue="q-b"} 1"#)
        #expect(harness.runUntilDone(within: .seconds(3600)))
        #expect(
            harness.observer.metrics("sluice_runs_finished_total") == [
                #"sluice_runs_finished_total{phase="Cancelled"} 0"#, #"sluice_runs_finished_total{phase="Failed"} 0"#,
                #"sluice_runs_finished_total{phase="Succeeded"} 6"#,
            ])
        #expect(harness.observer.metrics("sluice_runs{phase=\"Running\"}") == [#"sluice_runs{phase="Running"} 0"#])
    }

    @Test func `A queue that is deleted loses its series`() {
        var harness = Self.harness(2)
        defer { harness.end() }
        harness.cluster.addRun("r", namespace: "team-a", spec: Self.run(replicas: 2))
        harness.startOperator()
        harness.simulation.run(for: .seconds(2))
        #expect(harness.observer.metrics("sluice_queue").contains { $0.contains(#"queue="q-b""#) })
        harness.cluster.deleteQueue("q-b")
        harness.simulation.run(for: .seconds(2))
        #expect(!harness.observer.metrics("sluice_queue").contains { $0.contains(#"queue="q-b""#) })
        #expect(harness.observer.metrics("sluice_queue").contains { $0.contains(#"queue="q-a""#) })
    }

    @Test func `A standby tells nothing of runs and queues before it leads`() {
        var harness = Self.harness(3)
        defer { harness.end() }
        harness.cluster.addRun("r", namespace: "team-a", spec: Self.run(replicas: 2))
        harness.startOperator(asStandby: true)
        harness.simulation.run(for: .seconds(5))
        #expect(harness.observer.metrics("sluice_") == [])
        harness.promote()
        harness.simulation.run(for: .seconds(2))
        #expect(harness.observer.metrics("sluice_runs{phase=\"Running\"}") == [#"sluice_runs{phase="Running"} 1"#])
        #expect(!harness.observer.metrics("sluice_queue_pending").isEmpty)
    }

    @Test func `A run that ended before this operator led is none that it has seen end`() {
        var harness = OperatorHarness(seed: 4) { _ in PodPlan(duration: .seconds(1)) }
        defer { harness.end() }
        harness.cluster.addRun("r", spec: Self.run(replicas: 1))
        harness.startOperator()
        #expect(harness.runUntilDone())
        harness.killOperator()
        harness.startOperator()
        harness.simulation.run(for: .seconds(5))
        #expect(
            harness.observer.metrics("sluice_runs_finished_total").last
                == #"sluice_runs_finished_total{phase="Succeeded"} 0"#)
    }
}
