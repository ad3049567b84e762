import CronSchedule
import JSON
import KubernetesModel
import Scheduling
import SeededRandom
import SluiceAPI
import Testing

/// A ScheduledRun with its runs and an operator, in virtual time.
private struct Bench {
    static let start = Timestamp(seconds: 1_767_225_600)  // 2026-01-01T00:00:00Z

    var spec: JSONValue
    var metadata: ObjectMeta
    var status = ScheduledRunStatus()
    var runs: [ScheduleChild] = []
    /// How often each run was made.
    var made: [String: Int] = [:]
    var cancelled: [String] = []
    var deleted: [String] = []
    var now = start
    /// How far the operator's clock is ahead.
    var skew = Duration.zero
    var wakeUp: Timestamp?

    init(_ fields: JSONValue = [:]) {
        spec = ["schedule": "@every 60s", "successfulRunsHistoryLimit": 1000, "failedRunsHistoryLimit": 1000]
        for (name, value) in fields.object ?? JSONObject() { spec[name] = value }
        if fields["schedules"] != nil { spec["schedule"] = nil }
        metadata = ObjectMeta(name: "s", namespace: "team")
        metadata.uid = "uid"
        metadata.generation = 1
        metadata.creationTimestamp = Self.start
    }

    enum Crash { case beforeCreate, afterCreate, none }

    /// One look of the operator.
    mutating func look(_ crash: Crash = .none) throws {
        let engine = try ScheduleEngine(metadata, ScheduledRunSpec(validated: spec)) { $0 == "UTC" ? .utc : nil }
        let decision = engine.decide(status, children: runs, now: now + skew)
        #expect(decision.starts.allSatisfy { start in runs.allSatisfy { $0.name != start.name } }, "made twice")
        if crash == .beforeCreate { return }
        for start in decision.starts {
            made[start.name, default: 0] += 1
            runs.append(ScheduleChild(name: start.name, slot: start.slot, phase: .running))
        }
        if crash == .afterCreate { return }
        for name in decision.cancels {
            cancelled.append(name)
            end(name, .cancelled)
        }
        status = decision.status
        for name in decision.deletes {
            deleted.append(name)
            runs.removeAll { $0.name == name }
        }
        wakeUp = decision.wakeUp.map { $0 - skew }
        // A second look with nothing in between does nothing; what was cancelled has ended here at once.
        guard decision.cancels.isEmpty else { return }
        let again = engine.decide(status, children: runs, now: now + skew)
        #expect(again.starts.isEmpty && again.cancels.isEmpty && again.deletes.isEmpty && again.status == status)
    }

    mutating func end(_ name: String, _ phase: RunPhase = .succeeded) {
        for index in runs.indices where runs[index].name == name {
            runs[index].phase = phase
            runs[index].completionTime = now
        }
    }

    /// Lets time pass; the operator wakes when it asked to.
    mutating func pass(_ seconds: Int64) throws {
        let end = now + .seconds(seconds)
        if wakeUp == nil { try look() }
        while let next = wakeUp, next <= end {
            now = max(now, next)
            try look()
        }
        now = end
        try look()
    }

    var names: [String] { made.keys.sorted() }
    var minutes: [Int64] {
        made.keys.sorted().compactMap { name in
            runs.first { $0.name == name }.map { ($0.slot.seconds - Self.start.seconds) / 60 }
        }
    }
    var active: Int { runs.count { !$0.phase.isFinished } }
}

struct ScheduleEngineTests {
    @Test func `Each slot starts once, under its own name, strictly after creation`() throws {
        var bench = Bench()
        try bench.look()
        #expect(bench.made.isEmpty)
        #expect(bench.status.nextScheduleTime == Bench.start + .seconds(60))
        try bench.pass(185)
        #expect(bench.names == ["s-20260101000100", "s-20260101000200", "s-20260101000300"])
        #expect(bench.made.values.allSatisfy { $0 == 1 })
        #expect(bench.status.lastScheduleTime == Bench.start + .seconds(180))
        #expect(bench.status.nextScheduleTime == Bench.start + .seconds(240))
        #expect(bench.status.active.count == 3 && bench.status.missedCount == 0)
    }

    @Test(arguments: [("None", 0, 10), ("Latest", 1, 9), ("All", 10, 0)])
    func `What could not start on time is caught up as catchUp says`(catchUp: String, started: Int, missed: Int) throws
    {
        var bench = Bench(["catchUp": .string(catchUp)])
        try bench.look()
        bench.now = Bench.start + .seconds(10 * 60 + 45)
        try bench.look()
        #expect(bench.made.count == started)
        #expect(bench.status.missedCount == Int64(missed) && bench.status.missed.count == missed)
        if catchUp == "Latest" { #expect(bench.minutes == [10]) }
    }

    @Test func `Missed slots are counted exactly, and the newest hundred are kept`() throws {
        var bench = Bench(["schedule": "@every 1s"])
        try bench.look()
        bench.now = Bench.start + .seconds(86_400)
        try bench.look()
        // The last 31 seconds are on time.
        #expect(bench.made.count == 31)
        #expect(bench.status.missedCount == 86_400 - 31)
        #expect(bench.status.missed.count == 100)
        #expect(bench.status.missed.last?.scheduled == Bench.start + .seconds(86_400 - 31))
    }

    @Test func `All starts the newest catchUpLimit, the oldest of them first`() throws {
        var bench = Bench(["catchUp": "All", "catchUpLimit": 3, "concurrencyPolicy": "Forbid"])
        try bench.look()
        bench.now = Bench.start + .seconds(10 * 60 + 45)
        try bench.look()
        #expect(bench.minutes == [8])
        #expect(bench.status.waiting.map { ($0.scheduled.seconds - Bench.start.seconds) / 60 } == [9, 10])
        #expect(bench.status.missedCount == 7)
        bench.end(bench.names[0])
        try bench.look()
        #expect(bench.minutes == [8, 9])
        // Fresh slots come at the end of the line.
        try bench.pass(60)
        #expect(bench.status.waiting.count == 2)
        for _ in 0..<3 {
            for run in bench.runs { bench.end(run.name) }
            try bench.look()
        }
        #expect(bench.minutes == [8, 9, 10, 11])
    }

    @Test func `Forbid with Latest: the newest waiting slot starts when the run ends, an older one is missed`() throws {
        var bench = Bench(["concurrencyPolicy": "Forbid"])
        try bench.pass(200)
        #expect(bench.minutes == [1])
        #expect(bench.status.missedCount == 1 && bench.status.waiting.count == 1)
        bench.end(bench.names[0])
        try bench.look()
        #expect(bench.minutes == [1, 3] && bench.status.waiting.isEmpty)
    }

    @Test func `Forbid with None: a slot that finds a run active is missed at once`() throws {
        var bench = Bench(["concurrencyPolicy": "Forbid", "catchUp": "None"])
        try bench.pass(200)
        #expect(bench.minutes == [1])
        #expect(bench.status.missed.map(\.reason) == Array(repeating: "s-20260101000100 was still active", count: 2))
    }

    @Test func `Replace: whoever died between making the new run and cancelling the old one cancels it afterwards`()
        throws
    {
        var bench = Bench(["concurrencyPolicy": "Replace"])
        bench.now = bench.now + .seconds(60)
        try bench.look()
        bench.now = bench.now + .seconds(60)
        try bench.look(.afterCreate)
        #expect(bench.runs.count == 2 && bench.cancelled.isEmpty)
        try bench.look()
        #expect(bench.cancelled == [bench.runs[0].name])
        try bench.look()
        #expect(bench.cancelled.count == 1)
    }

    @Test func `Replace cancels what is active and starts the new one in the same step`() throws {
        var bench = Bench(["concurrencyPolicy": "Replace", "catchUp": "All"])
        try bench.pass(200)
        #expect(bench.cancelled == ["s-20260101000100", "s-20260101000200"])
        #expect(bench.active == 1)
        bench.now = bench.now + .seconds(600)
        try bench.look()
        #expect(bench.active == 1 && bench.made.count == 4, "With All it means Latest")
    }

    @Test func `maxConcurrency holds slots as Forbid does`() throws {
        var bench = Bench(["maxConcurrency": 2, "catchUp": "All"])
        try bench.pass(310)
        #expect(bench.active == 2 && bench.status.waiting.count == 3)
    }

    @Test func `A deadline counts whole seconds from slot and jitter, and holds for waiting slots`() throws {
        var bench = Bench(["startingDeadlineSeconds": 20, "concurrencyPolicy": "Forbid"])
        try bench.pass(60)
        try bench.pass(80)
        #expect(bench.status.waiting.count == 1)
        try bench.pass(1)
        #expect(bench.status.waiting.isEmpty && bench.status.missedCount == 1)
        #expect(bench.status.missed[0].reason.contains("startingDeadlineSeconds of 20"))
    }

    @Test func `Suspended: nothing is decided and next is nothing; then the slots are late`() throws {
        var bench = Bench(["suspend": true])
        try bench.pass(600)
        #expect(bench.made.isEmpty && bench.status.missedCount == 0 && bench.status.nextScheduleTime == nil)
        bench.spec["suspend"] = false
        try bench.pass(45)
        #expect(bench.minutes == [10] && bench.status.missedCount == 9)
    }

    @Test func `An edit is not retroactive, and what waited of the old text is missed`() throws {
        var bench = Bench(["concurrencyPolicy": "Forbid"])
        try bench.pass(125)
        #expect(bench.status.waiting.count == 1)
        bench.spec["schedule"] = "@every 7s"
        try bench.look()
        #expect(bench.status.waiting.isEmpty && bench.status.missedCount == 1)
        #expect(bench.status.missed[0].reason.contains("was changed"))
        #expect(bench.status.nextScheduleTime == Bench.start + .seconds(126))
        #expect(bench.made.count == 1)
        // Other fields act on what is not decided yet.
        bench.spec["concurrencyPolicy"] = "Allow"
        try bench.pass(10)
        #expect(bench.made.count == 3)
    }

    @Test func `An edit does not call missed what was started before whoever started it died`() throws {
        var bench = Bench()
        try bench.pass(30)
        bench.now = Bench.start + .seconds(60)
        try bench.look(.afterCreate)
        bench.spec["schedule"] = "@every 7s"
        try bench.look()
        #expect(bench.made.count == 1 && bench.status.missedCount == 0 && bench.status.missed.isEmpty)
        #expect(bench.status.lastScheduleTime == Bench.start + .seconds(60))
        // Of many slots, with one that was started among the oldest.
        var many = Bench()
        try many.pass(30)
        many.now = Bench.start + .seconds(60)
        try many.look(.afterCreate)
        many.now = Bench.start + .seconds(60 * 150)
        many.spec["schedule"] = "@every 7s"
        try many.look()
        #expect(many.status.missedCount == 149 && many.status.missed.count == ScheduledRunStatus.missedLimit)
    }

    @Test(arguments: ["Allow", "Forbid", "Replace"])
    func `A run that cannot be created now holds up nothing else: its slot waits, and says why`(policy: String) throws {
        var bench = Bench(["concurrencyPolicy": .string(policy)])
        let first = policy == "Replace" ? 1 : 0
        if policy == "Replace" { try bench.pass(65) }
        bench.now = Bench.start + .seconds(policy == "Replace" ? 120 : 60)
        let engine = try ScheduleEngine(bench.metadata, ScheduledRunSpec(validated: bench.spec)) { _ in .utc }
        var decision = engine.decide(bench.status, children: bench.runs, now: bench.now)
        let start = try #require(decision.starts.first)
        decision.hold(start, reason: "exceeded quota", since: bench.status, now: bench.now)
        #expect(decision.starts.isEmpty && decision.cancels.isEmpty, "nothing is cancelled for it")
        #expect(decision.status.waiting.map(\.scheduled) == [start.slot] && decision.status.missedCount == 0)
        #expect(decision.status.active.count == first)
        #expect(decision.status.lastScheduleTime == bench.status.lastScheduleTime)
        let ready = try #require(decision.status.conditions.first { $0.type == "Ready" })
        #expect(ready.status == "False" && ready.reason == "FailedCreate" && ready.message.contains("exceeded quota"))
        #expect(decision.events.map(\.reason) == ["FailedCreate"])
        // Later it can.
        bench.status = decision.status
        bench.now = bench.now + .seconds(5)
        try bench.look()
        #expect(bench.made.keys.contains(start.name) && bench.made.count == first + 1)
        #expect(bench.status.waiting.isEmpty && bench.status.missedCount == 0)
        #expect(bench.status.conditions.first { $0.type == "Ready" }?.status == "True")
    }

    @Test func `What was asked for by hand and cannot be created is asked for still`() throws {
        var bench = Bench()
        bench.metadata.annotations[ScheduleEngine.triggerAnnotation] = "now"
        let engine = try ScheduleEngine(bench.metadata, ScheduledRunSpec(validated: bench.spec)) { _ in .utc }
        var decision = engine.decide(bench.status, children: [], now: bench.now)
        decision.hold(decision.starts[0], reason: "no", since: bench.status, now: bench.now)
        bench.status = decision.status
        #expect(bench.status.waiting.isEmpty && bench.status.trigger.isEmpty)
        try bench.look()
        #expect(bench.made.count == 1 && bench.status.trigger == "now")
    }

    @Test func `A clock that is set back decides nothing again; one that is set forward makes slots late`() throws {
        var bench = Bench()
        try bench.pass(300)
        #expect(bench.made.count == 5)
        bench.skew = .seconds(-3600)
        try bench.look()
        try bench.pass(600)
        #expect(bench.made.count == 5 && bench.status.nextScheduleTime == Bench.start + .seconds(360))
        bench.skew = .seconds(3600 + 15)
        try bench.look()
        #expect(bench.made.count == 6 && bench.made.values.allSatisfy { $0 == 1 })
        #expect(Int64(bench.made.count) + bench.status.missedCount == (3600 + 15 + 900) / 60)
    }

    @Test func `Jitter is one delay for the object; it moves the start and neither slot nor name nor next`() throws {
        var bench = Bench(["jitterSeconds": 50])
        try bench.pass(59)
        #expect(bench.status.nextScheduleTime == Bench.start + .seconds(60))
        let due = try #require(bench.wakeUp)
        let jitter = due - (Bench.start + .seconds(60))
        #expect(jitter >= .zero && jitter <= .seconds(50))
        try bench.pass(1 + jitter.components.seconds)
        #expect(bench.names == ["s-20260101000100"])
        try bench.pass(600)
        #expect(bench.made.count == 11 && bench.status.missedCount == 0)
    }

    @Test func `Start and end are inclusive, and a start in the past starts no backfill`() throws {
        var bench = Bench(["startTime": "2025-12-31T23:00:00Z", "endTime": "2026-01-01T00:03:00Z"])
        try bench.pass(600)
        #expect(bench.minutes == [1, 2, 3])
        #expect(bench.status.nextScheduleTime == nil && bench.wakeUp == nil)
    }

    @Test func `Several expressions are a union: one instant is one run, of the first that names it`() throws {
        var bench = Bench(["schedules": ["@every 120s", "@every 180s"]])
        try bench.pass(365)
        #expect(bench.minutes == [2, 3, 4, 6])
    }

    @Test func `By hand: past suspension, policy and window, and the rhythm stays`() throws {
        var bench = Bench(["suspend": true, "concurrencyPolicy": "Forbid", "endTime": "2026-01-01T00:00:01Z"])
        try bench.pass(100)
        bench.metadata.annotations["sluice.dev/trigger"] = "a"
        try bench.look()
        bench.metadata.annotations["sluice.dev/trigger"] = "b"
        try bench.look()
        try bench.pass(100)
        #expect(bench.made.count == 2 && bench.active == 2)
        #expect(bench.status.lastScheduleTime == nil && bench.status.missedCount == 0)
    }

    @Test func `History: the oldest slots go first, all but Succeeded counts as failed, a limit of 0 keeps none`()
        throws
    {
        var bench = Bench(["successfulRunsHistoryLimit": 1, "failedRunsHistoryLimit": 0])
        try bench.pass(245)
        for (name, phase) in zip(bench.names, [RunPhase.succeeded, .cancelled, .succeeded, .failed]) {
            bench.end(name, phase)
        }
        try bench.look()
        #expect(Set(bench.deleted) == ["s-20260101000100", "s-20260101000200", "s-20260101000400"])
        #expect(bench.status.lastSuccessfulTime == bench.now)
    }

    @Test func `A run that was cancelled is ending until it has ended, and then history as any other`() {
        var run = PipelineRun(metadata: ObjectMeta(name: "r", namespace: "team"), spec: ["state": "Cancelled"])
        run.metadata.annotations[ScheduleEngine.slotAnnotation] = "2026-01-01T00:01:00Z"
        run.status.phase = .cancelling
        #expect(ScheduleChild(run).isEnding)
        run.status.phase = .cancelled
        #expect(!ScheduleChild(run).isEnding)
        #expect(ScheduleChild(run).slot == Bench.start + .seconds(60))
    }

    @Test func `Names: long ones are cut and hashed, and stay apart`() {
        let long = String(repeating: "a", count: 63)
        let one = ScheduleEngine.runName(long, "u", Bench.start)
        let two = ScheduleEngine.runName(long.dropLast() + "b", "u", Bench.start)
        #expect(one != two)
        for name in [one, two] {
            #expect(name.utf8.count <= 63 && name.hasSuffix("-20260101000000"))
            #expect(Names.labelProblem(name) == nil)
        }
        #expect(ScheduleEngine.manualName(long, "u", "1") != ScheduleEngine.manualName(long, "u", "2"))
        #expect(ScheduleEngine.manualName(long, "u", "1").utf8.count <= 63)
    }

    /// Months of schedules whose operator dies at every point, whose clock jumps, and whose runs end when they please.
    @Test func `Exactly once: whatever dies and jumps, every slot is started once, missed with a reason, or waits`()
        throws
    {
        for seed in 0..<300 as Range<UInt64> {
            var random = SeededGenerator(mixing: seed, 0x5C4ED)
            let every = Int64(random.pick([60, 300, 3600, 7 * 3600]))
            var bench = Bench([
                "schedule": .string("@every \(every)s"), "catchUp": .string(random.pick(["None", "Latest", "All"])),
                "catchUpLimit": .int(Int64(random.pick(1...20))),
                "concurrencyPolicy": .string(random.pick(["Allow", "Forbid", "Replace"])),
                "jitterSeconds": .int(Int64(random.pick([0, 0, 30]))),
            ])
            if random.chance(0.3) {
                bench.spec["startingDeadlineSeconds"] = .int(Int64(random.pick([0, 10, 100, 10_000])))
            }
            for _ in 0..<60 {
                switch random.pick(0...9) {
                case 0: try bench.look(.beforeCreate)
                case 1, 2: try bench.look(.afterCreate)
                case 3: bench.now = bench.now + .seconds(Int64(random.pick(0...Int(every * 30))))
                case 4: bench.skew = .seconds(Int64(random.pick(-7200...7200)))
                case 5: bench.skew = .zero
                case 6:
                    for run in bench.runs where random.chance(0.7) {
                        bench.end(run.name, random.pick([.succeeded, .failed]))
                    }
                default: try bench.pass(Int64(random.pick(0...Int(every * 3))))
                }
            }
            bench.skew = .zero
            try bench.pass(every * 2)
            let decided = bench.status.decidedTime.map { ($0.seconds - Bench.start.seconds) / every } ?? 0
            // An operator whose clock was ahead may have made runs and died; their slots are still to be decided.
            let made = bench.runs.count { $0.slot <= bench.status.decidedTime ?? Bench.start }
            let total = Int64(made) + bench.status.missedCount + Int64(bench.status.waiting.count)
            #expect(
                total == decided,
                "seed \(seed): \(bench.made.count) \(bench.status.missedCount) \(bench.status.waiting.count)")
            #expect(bench.made.values.allSatisfy { $0 == 1 }, "seed \(seed)")
            let missed = Set(bench.status.missed.map(\.scheduled))
            #expect(bench.runs.allSatisfy { !missed.contains($0.slot) }, "seed \(seed): both started and missed")
            if bench.spec["concurrencyPolicy"] != "Allow" { #expect(bench.active <= 1, "seed \(seed)") }
        }
    }
}
