import JSON
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import Scheduling
import SluiceAPI
import Synchronization
import Testing

/// ScheduledRuns over the fake cluster.
@Suite struct ScheduleTests {
    private static func harness(
        _ seed: UInt64, seconds: Double = 2, _ change: (inout FaultProfile) -> Void = { _ in }
    ) -> OperatorHarness {
        var profile = FaultProfile(share: 0)
        change(&profile)
        var harness = OperatorHarness(seed: seed, profile: profile) { _ in PodPlan(duration: .seconds(seconds)) }
        harness.hasSchedules = true
        return harness
    }

    private static func spec(_ fields: JSONValue = [:]) -> JSONValue {
        var spec: JSONValue = [
            "schedule": "@every 10s", "successfulRunsHistoryLimit": 1000, "failedRunsHistoryLimit": 1000,
            "template": ["spec": ["pipelineSpec": ["tasks": [RunReconcilerTests.task("a")]]]],
        ]
        for (name, value) in fields.object ?? JSONObject() { spec[name] = value }
        return spec
    }

    private static func schedule(_ harness: OperatorHarness, _ name: String = "s") throws -> ScheduledRun {
        let key = ObjectKey(namespace: "team", name: name)
        return try ScheduledRun(try #require(harness.cluster.state.withLock { $0.schedules[key] }))
    }

    private static func runs(_ harness: OperatorHarness) throws -> [PipelineRun] {
        try harness.cluster.state.withLock { $0.runs }.values.map { try PipelineRun($0) }
            .sorted { $0.metadata.name < $1.metadata.name }
    }

    @Test func `A run starts at each slot, once, under the name of the slot, and the status tells`() throws {
        var harness = Self.harness(1)
        defer { harness.end() }
        harness.cluster.addSchedule("s", spec: Self.spec())
        harness.startOperator()
        harness.simulation.run(for: .seconds(65))
        let runs = try Self.runs(harness)
        #expect(runs.count == 6)
        for run in runs {
            #expect(run.metadata.controller?.name == "s")
            #expect(run.metadata.labels[Sluice.Label.schedule] == "s")
            let slot = try #require(run.metadata.annotations[ScheduleEngine.slotAnnotation])
            #expect(run.metadata.name == "s-" + slot.filter(\.isNumber))
            #expect(run.status.phase == .succeeded)
        }
        let status = try Self.schedule(harness).status
        #expect(status.missedCount == 0 && status.active.isEmpty)
        #expect(status.lastScheduleTime.map { "s-" + $0.rfc3339.filter(\.isNumber) } == runs.last?.metadata.name)
        #expect(status.nextScheduleTime == status.lastScheduleTime.map { $0 + .seconds(10) })
        #expect(status.lastSuccessfulTime != nil)
        #expect(status.conditions.first?.status == "True")
    }

    @Test func `Forbid: a slot that finds a run active waits, and only the newest`() throws {
        var harness = Self.harness(2, seconds: 35)
        defer { harness.end() }
        harness.cluster.addSchedule("s", spec: Self.spec(["concurrencyPolicy": "Forbid"]))
        harness.startOperator()
        for _ in 0..<200 {
            harness.simulation.run(for: .seconds(1))
            let active = try Self.runs(harness).filter { !$0.status.phase.isFinished }
            #expect(active.count <= 1)
        }
        let status = try Self.schedule(harness).status
        let runs = try Self.runs(harness)
        #expect((4...6).contains(runs.count))
        // Every slot is started, missed or waiting.
        #expect(
            Int(status.missedCount) + runs.count + status.waiting.count == 19
                || Int(status.missedCount) + runs.count + status.waiting.count == 20)
        #expect(status.missed.allSatisfy { $0.reason.contains("newer slot") })
    }

    @Test func `Replace: the active run is cancelled, and the new one starts`() throws {
        var harness = Self.harness(3, seconds: 100)
        defer { harness.end() }
        harness.cluster.addSchedule("s", spec: Self.spec(["concurrencyPolicy": "Replace"]))
        harness.startOperator()
        harness.simulation.run(for: .seconds(45))
        let runs = try Self.runs(harness)
        #expect(runs.count == 4)
        #expect(runs.dropLast().allSatisfy { $0.status.phase == .cancelled })
        #expect(runs.last?.status.phase == .running)
    }

    @Test func `History: the oldest finished runs beyond the limits are deleted`() throws {
        var harness = Self.harness(4)
        defer { harness.end() }
        harness.cluster.addSchedule("s", spec: Self.spec(["successfulRunsHistoryLimit": 2]))
        harness.startOperator()
        harness.simulation.run(for: .seconds(85))
        #expect(try Self.runs(harness).count == 2)
        #expect(harness.cluster.state.withLock { $0.scheduledRuns.count } == 8)
    }

    @Test func `An operator that was away catches up as asked, and counts the rest`() throws {
        for (catchUp, started) in [("None", 0), ("Latest", 1), ("All", 60)] {
            var harness = Self.harness(5)
            defer { harness.end() }
            harness.cluster.addSchedule("s", spec: Self.spec(["catchUp": .string(catchUp)]))
            harness.startOperator()
            harness.simulation.run(for: .seconds(25))
            let before = try Self.runs(harness).count
            harness.killOperator()
            harness.simulation.run(for: .seconds(600))
            harness.startOperator()
            harness.simulation.run(for: .seconds(4))
            let status = try Self.schedule(harness).status
            let after = try Self.runs(harness).count - before
            // Slots of the last 30 s are on time.
            #expect(
                (started...max(started, 4)).contains(after) || catchUp == "None" && (3...4).contains(after),
                "\(catchUp): \(after)")
            #expect((60...62).contains(after + Int(status.missedCount)), "\(catchUp)")
        }
    }

    @Test func `By hand: a run starts at once, and moves nothing`() throws {
        var harness = Self.harness(6)
        defer { harness.end() }
        harness.cluster.addSchedule("s", spec: Self.spec(["schedule": "@every 1h", "suspend": true]))
        harness.startOperator()
        harness.simulation.run(for: .seconds(5))
        harness.cluster.editSchedule("s") { $0["metadata"]?["annotations"] = ["sluice.dev/trigger": "now"] }
        harness.simulation.run(for: .seconds(30))
        #expect(try Self.runs(harness).map(\.status.phase) == [.succeeded])
        let status = try Self.schedule(harness).status
        #expect(status.lastScheduleTime == nil && status.nextScheduleTime == nil && status.trigger == "now")
    }

    @Test func `One that means nothing says so, and hurts no other`() throws {
        var harness = Self.harness(7)
        defer { harness.end() }
        harness.cluster.addSchedule("bad", spec: Self.spec(["schedule": "every day"]))
        harness.cluster.addSchedule("lost", spec: Self.spec(["timeZone": "Mars/Olympus"]))
        harness.cluster.addSchedule("s", spec: Self.spec())
        harness.startOperator()
        harness.simulation.run(for: .seconds(25))
        #expect(try Self.runs(harness).count == 2)
        for name in ["bad", "lost"] {
            let condition = try Self.schedule(harness, name).status.conditions.first
            #expect(condition?.status == "False" && condition?.reason == "InvalidSpec")
        }
    }

    @Test func `A quota of runs that is used up: the slot waits and says so, and what else there is to do is done`()
        throws
    {
        var harness = Self.harness(8)
        defer { harness.end() }
        harness.cluster.addSchedule("s", spec: Self.spec(["successfulRunsHistoryLimit": 1]))
        harness.startOperator()
        harness.simulation.run(for: .seconds(35))
        harness.cluster.runCreateDenial.withLock { $0 = "exceeded quota: runs, requested: 1, used: 3, limited: 3" }
        harness.simulation.run(for: .seconds(60))
        let held = try Self.schedule(harness).status
        #expect((1...4).contains(held.waiting.count) && held.conditions.first?.reason == "FailedCreate", "\(held)")
        #expect(held.conditions.first?.message.contains("exceeded quota") == true)
        #expect(try Self.runs(harness).count == 1, "the history is trimmed meanwhile")
        #expect(held.missedCount > 0 && held.missed.allSatisfy { $0.reason.contains("newer slot") })
        harness.cluster.runCreateDenial.withLock { $0 = nil }
        harness.simulation.run(for: .seconds(70))
        let status = try Self.schedule(harness).status
        #expect(status.waiting.isEmpty && status.conditions.first?.status == "True")
        #expect(harness.cluster.state.withLock { $0.scheduledRuns }.values.allSatisfy { $0 == 1 })
    }

    @Test(arguments: 0..<20)
    func `Exactly once: over an operator that is killed and a server that fails no slot is doubled or lost`(seed: Int)
        throws
    {
        let policy = ["Allow", "Forbid", "Replace"][seed % 3]
        let catchUp = ["All", "Latest", "None"][seed / 3 % 3]
        var harness = Self.harness(UInt64(seed), seconds: Double(seed % 4) * 4 + 1) { profile in
            profile.requests = [.lostBefore: 0.03, .lostAfter: 0.05, .tooMany: 0.05, .internalError: 0.05]
            profile.watchCuts = 0.02
            profile.normalises = true
        }
        defer { harness.end() }
        harness.cluster.addSchedule(
            "s", spec: Self.spec(["concurrencyPolicy": .string(policy), "catchUp": .string(catchUp)]))
        let created = try #require(try Self.schedule(harness).metadata.creationTimestamp)
        harness.startOperator()
        for step in 0..<12 {
            harness.simulation.run(for: .milliseconds(Int64(3000 + (seed * 7919 + step * 3571) % 20_000)))
            harness.killOperator()
            harness.simulation.run(for: .milliseconds(Int64((seed * 31 + step * 977) % (step == 6 ? 90_000 : 3000))))
            harness.startOperator()
        }
        harness.cluster.profile.withLock { $0.requests = [:] }
        harness.simulation.run(for: .seconds(120))
        let status = try Self.schedule(harness).status
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.scheduledRuns.values.allSatisfy { $0 == 1 }, "a slot was started twice")
        let decided = try #require(status.decidedTime)
        let slots = (decided.seconds - created.seconds) / 10
        #expect(Int64(state.scheduledRuns.count) + status.missedCount + Int64(status.waiting.count) == slots)
        // No slot is both.
        for missed in status.missed {
            #expect(state.scheduledRuns[ScheduleEngine.runName("s", "", missed.scheduled)] == nil)
        }
        #expect(state.violations == [])
    }
}
