import Foundation
import JSON
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import SluiceAPI
import Synchronization
import Testing

/// Many pods and many runs: that they end, and how many requests that takes.
@Suite struct ScaleTests {
    private static func profile(_ change: (inout FaultProfile) -> Void = { _ in }) -> FaultProfile {
        var profile = FaultProfile(share: 0)
        change(&profile)
        return profile
    }

    private static func harness(
        _ seed: UInt64, _ profile: FaultProfile, _ plan: PodPlan = PodPlan(duration: .seconds(2))
    ) -> OperatorHarness {
        OperatorHarness(seed: seed, profile: profile) { _ in plan }
    }

    @Test func `Q8 and E4: a gang of 200 over a server that loses requests is made once and ends`() throws {
        let profile = Self.profile { profile in
            profile.requests = [.lostBefore: 0.03, .lostAfter: 0.05, .tooMany: 0.1, .internalError: 0.05]
            profile.watchCuts = 0.02
            profile.normalises = true
        }
        var harness = Self.harness(200, profile)
        defer { harness.end() }
        harness.cluster.addRun(
            "wide", spec: ["pipelineSpec": ["tasks": [RunReconcilerTests.task("a", after: [], ["replicas": 200])]]])
        harness.startOperator()
        harness.simulation.run(for: .milliseconds(700))
        harness.killOperator()
        harness.startOperator()
        #expect(harness.runUntilDone(within: .seconds(1800)))
        #expect(try harness.cluster.run(named: "wide")?.status.phase == .succeeded)
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.violations == [])
        #expect(state.created.count == 200)
        #expect(state.created.values.allSatisfy { $0 == 1 })
    }

    @Test func `E14: a run of 2,000 tasks fits into its status, survives the operator, and ends`() throws {
        var harness = Self.harness(2000, Self.profile { $0.normalises = true })
        defer { harness.end() }
        var tasks = [RunReconcilerTests.task("t0")]
        for index in 1..<2000 {
            tasks.append(RunReconcilerTests.task("t\(index)", after: [index < 1000 ? "t0" : "t\(index - 999)"]))
        }
        harness.cluster.addRun("large", spec: ["parallelism": 200, "pipelineSpec": ["tasks": .array(tasks)]])
        harness.startOperator()
        harness.simulation.run(for: .seconds(9))
        harness.killOperator()
        harness.startOperator()
        #expect(harness.runUntilDone(within: .seconds(1800)))
        #expect(try harness.cluster.run(named: "large")?.status.progress == "2000/2000")
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.violations == [])
        #expect(state.created.count == 2000)
        #expect(state.created.values.allSatisfy { $0 == 1 })
    }

    /// By hand with SLUICE_MANY_RUNS=100000 and a leader and a standby each: it prints how much memory the process has.
    @Test func `Runs that come and go leave nothing behind in a leader and in a standby`() throws {
        let wanted = ProcessInfo.processInfo.environment["SLUICE_MANY_RUNS"].flatMap(Int.init) ?? 400
        var leader = Self.harness(3, Self.profile(), PodPlan(duration: .milliseconds(50)))
        var standby = OperatorHarness(beside: leader)
        defer {
            standby.killOperator()
            leader.end()
        }
        leader.startOperator(workers: 16)
        standby.startOperator(asStandby: true)
        for batch in 0..<(wanted / 200) {
            for number in 0..<200 {
                leader.cluster.addRun(
                    "run-\(batch)-\(number)",
                    spec: ["pipelineSpec": ["tasks": [RunReconcilerTests.task("a"), RunReconcilerTests.task("b")]]])
            }
            #expect(leader.runUntilDone())
            for number in 0..<200 {
                leader.cluster.deleteRunAsUser(ObjectKey(namespace: "team", name: "run-\(batch)-\(number)"))
            }
            leader.simulation.run(for: .seconds(20))
            #expect(leader.observer.keptRuns == 0 && leader.observer.keptChanges == 0, "batch \(batch)")
            #expect(standby.observer.keptRuns == 0 && standby.observer.keptChanges == 0, "batch \(batch)")
            leader.cluster.forgetHistory()
            if wanted > 1000, batch % 50 == 49 { print("\((batch + 1) * 200) runs: \(Self.residentKilobytes) KB") }
        }
        #expect(leader.cluster.state.withLock { $0.violations } == [])
    }

    private static var residentKilobytes: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        return status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }?
            .split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }

    private struct Figures {
        var perTask: [String: Double] = [:]
        var makespan: Duration = .zero
        var median: Duration = .zero
    }

    /// So many runs at once, each a chain of so many tasks.
    private static func figures(
        runs: Int, tasks: Int, seed: UInt64, duration: Duration = .seconds(2)
    ) throws -> Figures {
        var harness = harness(seed, profile(), PodPlan(duration: duration))
        defer { harness.end() }
        let chain: [JSONValue] = (0..<tasks).map { index in
            RunReconcilerTests.task("t\(index)", after: index > 0 ? ["t\(index - 1)"] : [])
        }
        for number in 0..<runs {
            harness.cluster.addRun("run-\(number)", spec: ["pipelineSpec": ["tasks": .array(chain)]])
        }
        harness.startOperator(workers: 16)
        #expect(harness.runUntilDone(within: .seconds(3600)))
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.violations == [])
        var figures = Figures()
        for (kind, count) in state.writesByKind { figures.perTask[kind] = Double(count) / Double(runs * tasks) }
        var ends: [ObjectKey: Duration] = [:]
        for change in state.log where change.kind == "runs" && change.object["status"]?["phase"] == "Succeeded" {
            let key = FakeCluster.key(change.object)
            if ends[key] == nil { ends[key] = change.time }
        }
        #expect(ends.count == runs)
        let sorted = ends.values.sorted()
        figures.makespan = sorted.last ?? .zero
        figures.median = sorted[sorted.count / 2]
        let kinds = figures.perTask.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        print(
            "\(runs) runs x \(tasks) tasks, writes per task: \(kinds); makespan \(figures.makespan), "
                + "median \(figures.median)")
        return figures
    }

    @Test func `Chains of five tasks cost so many writes a task`() throws {
        let figures = try Self.figures(runs: 200, tasks: 5, seed: 1)
        #expect(figures.perTask["create"] ?? 0 == 1)
        #expect(figures.perTask["finalizer"] ?? 0 == 1)
        #expect(figures.perTask["delete"] ?? 0 == 0)
        #expect(figures.perTask["status"] ?? 0 <= 0.5)
        #expect(figures.perTask["event"] ?? 0 <= 0.4)
    }

    @Test func `Chains of five short tasks cost at most 2.5 writes a task in all`() throws {
        let figures = try Self.figures(runs: 200, tasks: 5, seed: 1, duration: .milliseconds(500))
        #expect(figures.perTask.values.reduce(0, +) <= 2.5)
    }

    @Test func `Of 2,000 runs that come at once the median one ends by 60 % of the time that all take`() throws {
        let figures = try Self.figures(runs: 2000, tasks: 1, seed: 2, duration: .milliseconds(50))
        #expect(figures.perTask["create"] ?? 0 == 1)
        #expect(figures.perTask["finalizer"] ?? 0 == 1)
        #expect(figures.perTask["delete"] ?? 0 == 0)
        #expect(figures.perTask["status"] ?? 0 <= 2)
        #expect(figures.perTask["event"] ?? 0 <= 2)
        #expect(figures.median <= figures.makespan * 0.6)
    }
}
