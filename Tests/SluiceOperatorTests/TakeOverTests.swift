import JSON
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import PipelineEngine
import SluiceAPI
import Synchronization
import Testing

@testable import SluiceOperator

/// What a review found to be lost, doubled or kept for ever, by its numbers there.
@Suite struct TakeOverTests {
    private static let chain: JSONValue = [
        "pipelineSpec": [
            "tasks": [
                RunReconcilerTests.task("a"), RunReconcilerTests.task("b", after: ["a"]),
                RunReconcilerTests.task("c", after: ["b"]),
            ]
        ]
    ]

    @Test func `O1: a standby keeps nothing of the runs that come and go`() throws {
        var harness = OperatorHarness(seed: 31)
        defer { harness.end() }
        harness.startOperator(asStandby: true)
        for number in 0..<40 {
            harness.cluster.addRun("run-\(number)", spec: Self.chain)
            let key = ObjectKey(namespace: "team", name: "run-\(number)")
            let owner = try #require(try harness.cluster.run(named: key.name))
            harness.simulation.run(for: .milliseconds(50))
            for pod in 0..<5 {
                harness.cluster.addPod("run-\(number)-\(pod)", of: owner)
                harness.simulation.run(for: .milliseconds(30))
            }
            harness.cluster.deleteRunAsUser(key)
        }
        harness.simulation.run(for: .seconds(5))
        #expect(harness.observer.keptChanges == 0)
        // It works all the same once it leads.
        harness.promote()
        harness.cluster.addRun("last", spec: Self.chain)
        #expect(harness.runUntilDone())
        #expect(try harness.cluster.run(named: "last")?.status.phase == .succeeded)
    }

    @Test(arguments: 0..<6)
    func `O2 and E13: a cancel that meets a status write is not lost`(seed: Int) throws {
        var harness = OperatorHarness(seed: UInt64(seed)) { _ in .init(duration: .milliseconds(400)) }
        defer { harness.end() }
        var spec = Self.chain
        spec["state"] = "Suspended"
        harness.cluster.addRun("r", spec: spec)
        // The status of the suspended run meets the cancel, and nothing else happens after it.
        harness.cluster.state.withLock { $0.cancelsAtWrite = true }
        harness.startOperator()
        #expect(harness.runUntilDone(within: .seconds(60)), "seed \(seed)")
        #expect(harness.cluster.state.withLock { !$0.cancelsAtWrite }, "no status write met the cancel")
        #expect(try harness.cluster.run(named: "r")?.status.phase == .cancelled, "seed \(seed)")
    }

    @Test(arguments: [("pods", 0), ("pods", 1), ("runs", 2), ("runs", 3), ("both", 4), ("both", 5)])
    func `O3 and E4: a standby whose caches are minutes behind doubles nothing when it takes over`(
        behind: String, seed: Int
    ) throws {
        var harness = OperatorHarness(seed: UInt64(seed)) { pod in
            .init(duration: pod.task == "c" ? .seconds(60) : .milliseconds(200))
        }
        defer { harness.end() }
        harness.cluster.addRun("early", spec: Self.chain)
        harness.startOperator()
        harness.simulation.run(for: .seconds(3))
        harness.killOperator()
        // A standby that has seen the beginning, and nothing since.
        harness.startOperator(asStandby: true)
        harness.simulation.run(for: .milliseconds(100))
        harness.cluster.state.withLock { state in
            for kind in behind == "both" ? ["pods", "runs"] : [behind] { state.lags[kind] = .seconds(120) }
        }
        var leader = OperatorHarness(beside: harness)
        harness.cluster.addRun("r", spec: Self.chain)
        leader.startOperator()
        harness.simulation.run(for: .milliseconds(Int64(600 + harness.simulation.random(in: 0..<1500))))
        leader.killOperator()
        harness.promote()
        harness.simulation.run(for: .seconds(10))
        let created = harness.cluster.state.withLock { $0.created }
        #expect(created.values.allSatisfy { $0 == 1 }, "\(behind) behind, seed \(seed): \(created)")
        #expect(harness.runUntilDone(within: .seconds(400)))
        for name in ["early", "r"] {
            let run = try #require(try harness.cluster.run(named: name))
            #expect(run.status.phase == .succeeded, "\(behind) behind, seed \(seed)")
            #expect(run.status.tasks.allSatisfy { $0.attempt == 0 }, "\(behind) behind, seed \(seed)")
        }
        #expect(harness.cluster.state.withLock { $0.created.count } == 6)
    }

    @Test func `O4: a run keeps the Pipeline that it began with, whatever is edited while the operator is away`() throws
    {
        for milliseconds in 5..<80 {
            var harness = OperatorHarness(seed: UInt64(milliseconds))
            defer { harness.end() }
            harness.cluster.addPipeline("p", spec: ["tasks": [RunReconcilerTests.task("old")]])
            harness.cluster.addRun("r", spec: ["pipelineRef": ["name": "p"]])
            harness.startOperator()
            harness.simulation.run(for: .milliseconds(Int64(milliseconds)))
            harness.killOperator()
            harness.cluster.addPipeline("p", spec: ["tasks": [RunReconcilerTests.task("new")]])
            harness.startOperator()
            #expect(harness.runUntilDone(within: .seconds(60)), "killed after \(milliseconds) ms")
            let run = try #require(try harness.cluster.run(named: "r"))
            #expect(run.status.tasks.count == 1)
            let created = harness.cluster.state.withLock { $0.created.keys.map { $0.contains("old") } }
            #expect(Set(created).count <= 1, "killed after \(milliseconds) ms: pods of both pipelines")
        }
    }

    @Test func `O4: pods of a run that cannot begin, or of no task of it, are ended and released`() throws {
        var harness = OperatorHarness(seed: 41)
        defer { harness.end() }
        harness.cluster.addRun("broken", spec: ["pipelineSpec": ["tasks": []]])
        harness.cluster.addRun("fine", spec: Self.chain)
        for name in ["broken", "fine"] {
            let run = try #require(try harness.cluster.run(named: name))
            harness.cluster.addPod("\(name)-stray", of: run)
        }
        harness.startOperator()
        #expect(harness.runUntilDone(within: .seconds(60)))
        harness.simulation.run(for: .seconds(10))
        #expect(try harness.cluster.run(named: "broken")?.status.reason == "InvalidSpec")
        #expect(try harness.cluster.run(named: "fine")?.status.phase == .succeeded)
        #expect(harness.cluster.state.withLock { $0.pods.keys.filter { $0.name.hasSuffix("stray") } } == [])
    }

    @Test func `O11: a finalizer whose removal meets another write is taken off all the same`() throws {
        var harness = OperatorHarness(seed: 51)
        defer { harness.end() }
        harness.cluster.state.withLock { $0.conflicts = 6 }
        harness.cluster.addRun("r", spec: Self.chain)
        harness.startOperator()
        #expect(harness.runUntilDone(within: .seconds(60)))
        #expect(harness.cluster.state.withLock { $0.conflicts } == 0)
    }

    @Test func `O16: the status of a finished run says that an edit has been seen`() throws {
        var harness = OperatorHarness(seed: 61)
        defer { harness.end() }
        harness.cluster.addRun("r", spec: Self.chain)
        harness.startOperator()
        #expect(harness.runUntilDone())
        harness.simulation.run(for: .seconds(5))
        harness.cluster.editRun(ObjectKey(namespace: "team", name: "r")) {
            $0["spec"]?["ttlSecondsAfterFinished"] = 86_400
        }
        harness.simulation.run(for: .seconds(5))
        let run = try #require(try harness.cluster.run(named: "r"))
        #expect(run.status.observedGeneration == run.metadata.generation)
        #expect(run.status.conditions.allSatisfy { $0.observedGeneration == run.metadata.generation })
        #expect(run.status.phase == .succeeded)
    }

    @Test func `O17: an answer to a status write that is lost is not taken for another hand`() throws {
        var harness = OperatorHarness(seed: 71)
        defer { harness.end() }
        harness.cluster.state.withLock { $0.lostStatusAnswers = 3 }
        harness.cluster.addRun("r", spec: Self.chain)
        harness.startOperator()
        #expect(harness.runUntilDone(within: .seconds(120)))
        #expect(harness.cluster.state.withLock { $0.created.values.allSatisfy { $0 == 1 } })
        #expect(try harness.cluster.run(named: "r")?.status.phase == .succeeded)
    }

    @Test func `O22: a run whose name no label can hold fails with a reason, should a definition let it through`()
        throws
    {
        var harness = OperatorHarness(seed: 81)
        defer { harness.end() }
        let name = String(repeating: "a", count: 64)
        harness.cluster.addRun(name, spec: Self.chain)
        harness.startOperator()
        #expect(harness.runUntilDone(within: .seconds(10)))
        let run = try #require(try harness.cluster.run(named: name))
        #expect(run.status.reason == "InvalidSpec")
        #expect(run.status.message.hasPrefix("metadata.name: must be no more than 63 characters"))
    }

    /// Three tasks side by side.
    private static let three: JSONValue = [
        "pipelineSpec": [
            "tasks": [RunReconcilerTests.task("a"), RunReconcilerTests.task("b"), RunReconcilerTests.task("c")]
        ]
    ]

    @Test(arguments: ["a", "b", "c"])
    func `E4: a pod that a webhook protects does not keep the other pods of a run that is gone`(guarded: String) throws
    {
        var harness = OperatorHarness(seed: 91) { _ in .init(duration: .seconds(3600)) }
        defer { harness.end() }
        harness.cluster.addRun("r", spec: Self.three)
        harness.startOperator()
        harness.simulation.run(for: .seconds(3))
        harness.cluster.state.withLock { $0.guarded = [guarded] }
        harness.cluster.deleteRunAsUser(ObjectKey(namespace: "team", name: "r"))
        harness.simulation.run(for: .seconds(60))
        let left = harness.cluster.state.withLock { state in
            state.pods.values.compactMap { $0["metadata"]?["labels"]?[Sluice.Label.task]?.string }
        }
        #expect(left == [guarded])
        harness.cluster.state.withLock { $0.guarded = [] }
        harness.simulation.run(for: .seconds(60))
        #expect(harness.cluster.state.withLock { $0.pods.isEmpty })
    }

    @Test(arguments: ["a", "b", "c"])
    func `E4: a pod of an earlier run that a webhook protects does not keep a new run of that name`(guarded: String)
        throws
    {
        var harness = OperatorHarness(seed: 93) { _ in .init(duration: .seconds(20)) }
        defer { harness.end() }
        let key = ObjectKey(namespace: "team", name: "r")
        harness.cluster.addRun("r", spec: Self.three)
        harness.startOperator()
        harness.simulation.run(for: .seconds(3))
        let old = Set(harness.cluster.state.withLock { $0.pods.keys.map(\.name) })
        harness.cluster.state.withLock { $0.guarded = [guarded] }
        harness.cluster.deleteRunAsUser(key)
        harness.cluster.addRun("r", spec: Self.three)
        harness.simulation.run(for: .seconds(60))
        // The new run's pod of that task is protected as well, once it has ended.
        #expect(try harness.cluster.run(named: "r")?.status.phase == .succeeded)
        harness.cluster.state.withLock { $0.guarded = [] }
        harness.simulation.run(for: .seconds(60))
        let left = Set(harness.cluster.state.withLock { $0.pods.keys.map(\.name) })
        #expect(left.isDisjoint(with: old))
    }

    @Test(arguments: ["a", "b", "c"])
    func `A pod that a webhook protects does not keep the other pods of a run whose ttl is over`(guarded: String) throws
    {
        var harness = OperatorHarness(seed: 92)
        defer { harness.end() }
        var spec = Self.three
        spec["ttlSecondsAfterFinished"] = 30
        harness.cluster.addRun("r", spec: spec)
        harness.cluster.editRun(ObjectKey(namespace: "team", name: "r")) {
            $0["metadata"]?["annotations"] = ["argocd.argoproj.io/tracking-id": "app:sluice.dev/PipelineRun:team/r"]
        }
        harness.startOperator()
        #expect(harness.runUntilDone())
        harness.cluster.state.withLock { $0.guarded = [guarded] }
        harness.simulation.run(for: .seconds(90))
        let left = harness.cluster.state.withLock { state in
            state.pods.values.compactMap { $0["metadata"]?["labels"]?[Sluice.Label.task]?.string }
        }
        #expect(left == [guarded])
    }
}
