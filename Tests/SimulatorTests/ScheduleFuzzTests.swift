import CronSchedule
import Foundation
import JSON
import KubernetesModel
import SeededRandom
import SluiceAPI
import Testing

@testable import Simulator

/// Exactly once: whatever befalls the operator and its clock, each slot is started once, missed with a reason, or waits.
struct ScheduleFuzzTests {
    /// What became of the slots of all schedules.
    private struct Account {
        var slots = 0
        var started = 0
        var missed = 0
        var waiting = 0
        var doubled = 0
        var unaccounted = 0
    }

    private static let start = Timestamp(seconds: 1_773_619_200)  // 2026-03-16T00:00:00Z

    @Test(arguments: 0..<2 as Range<UInt64>)
    func `A month of 50 schedules with crashes, stops and clock jumps: none doubled, none lost`(seed: UInt64) throws {
        var random = SeededGenerator(mixing: seed, 0x5C4ED)
        var documents = (0..<50).map { Self.schedule($0, &random) }
        let days = 31
        documents.append(Self.scenario(days: days, trouble: 120, schedules: 50, &random))
        let account = try Self.simulate(documents, "seed \(seed)")
        #expect(account.doubled == 0 && account.unaccounted == 0, "seed \(seed): \(account)")
        #expect(account.slots > 3000 && account.missed > 100 && account.started > 1000, "seed \(seed): \(account)")
    }

    /// By hand: `SLUICE_SIMULATE_YEAR=1 swift test -c release --filter ScheduleFuzzTests`.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["SLUICE_SIMULATE_YEAR"] != nil))
    func `A year of 1,000 schedules`() throws {
        var random = SeededGenerator(mixing: 1, 0x5C4ED)
        var documents = (0..<1000).map { number -> JSONValue in
            var schedule = Self.schedule(number, &random)
            // One in twenty every hour, one in ten every six hours, three in five every day, the rest every week.
            let minute = random.pick(0...59)
            let text =
                switch number % 20 {
                case 0: "\(minute) * * * *"
                case 1, 2: "\(minute) */6 * * *"
                case 3...14: "\(minute) \(number % 24) * * *"
                default: "\(minute) \(number % 24) * * \(number % 7)"
                }
            schedule["spec"]?["schedules"] = nil
            schedule["spec"]?["schedule"] = .string(text)
            return schedule
        }
        documents.append(Self.scenario(days: 365, trouble: 300, schedules: 1000, &random))
        let clock = ContinuousClock()
        let begin = clock.now
        let account = try Self.simulate(documents, "the year")
        print("a year of 1,000 schedules: \(account) in \(begin.duration(to: clock.now))")
        #expect(account.doubled == 0 && account.unaccounted == 0, "\(account)")
    }

    private static func simulate(_ documents: [JSONValue], _ title: String) throws -> Account {
        let (input, mistakes) = SimulationInput.read(documents, zones: ScheduleTests.zones)
        #expect(mistakes.isEmpty && input.refused.isEmpty, "\(title): \(mistakes) \(input.refused)")
        let world = World(input)
        world.run()
        var account = Account()
        for schedule in world.schedules { try add(schedule, to: &account, title) }
        #expect(world.report.schedules.count == world.schedules.count)
        #expect(world.report.refused.isEmpty, "\(title): \(world.report.refused)")
        return account
    }

    /// Goes through the slots of a schedule one by one.
    private static func add(_ schedule: SimulatedSchedule, to account: inout Account, _ title: String) throws {
        let status = schedule.object.status
        let spec = schedule.decider.spec
        let zone = try ScheduleTests.zones(spec.timeZone)
        let created = try #require(schedule.object.metadata.creationTimestamp)
        let rules = try spec.schedules.map { CronRule(try CronExpression($0), zone: zone, anchor: created) }
        var slots: Set<Timestamp> = []
        if let decided = status.decidedTime {
            for rule in rules {
                var instant = created
                while let slot = rule.next(after: instant), slot <= decided {
                    slots.insert(slot)
                    instant = slot
                }
            }
        }
        let starts = schedule.started.filter { !$0.run.contains("-manual-") }.map(\.scheduled)
        let started = Set(starts)
        let missed = Set(status.missed.map(\.scheduled))
        let waiting = Set(status.waiting.map(\.scheduled))
        account.slots += slots.count
        account.started += starts.count
        account.missed += Int(status.missedCount)
        account.waiting += waiting.count
        account.doubled += starts.count - started.count + missed.intersection(started).count
        account.doubled += waiting.intersection(started).count + waiting.intersection(missed).count
        account.unaccounted += abs(slots.count - started.count - Int(status.missedCount) - waiting.count)
        #expect(slots.isSuperset(of: started.union(missed).union(waiting)), "\(title): \(schedule.name)")
        #expect(status.missed.allSatisfy { !$0.reason.isEmpty }, "\(title): \(schedule.name)")
        #expect(missed.count == min(100, Int(status.missedCount)), "\(title): \(schedule.name)")
    }

    private static func schedule(_ number: Int, _ random: inout SeededGenerator) -> JSONValue {
        let texts = [
            "0 */2 * * *", "30 1 * * *", "*/30 9-12 * * 1-5", "15 */6 * * *", "@every 8h", "@every 36000s", "@daily",
            "0 2 29,30 * *", "10 0-23/6 * * *",
        ]
        var spec: JSONValue = [
            "catchUp": .string(random.pick(["None", "Latest", "All"])),
            "concurrencyPolicy": .string(random.pick(["Allow", "Allow", "Forbid", "Replace"])),
            "timeZone": .string(random.pick(["UTC", "Europe/London"])),
            "jitterSeconds": .int(Int64(random.pick([0, 0, 90]))),
            "successfulRunsHistoryLimit": .int(Int64(random.pick(0...4))),
            "template": [
                "spec": [
                    "pipelineSpec": ["tasks": [["name": "a", "container": ["image": "busybox"]]]]
                ]
            ],
        ]
        if spec["catchUp"] == "All" { spec["catchUpLimit"] = .int(Int64(random.pick([1, 5, 150]))) }
        if random.chance(0.3) { spec["startingDeadlineSeconds"] = .int(Int64(random.pick([0, 60, 7200]))) }
        if random.chance(0.3) {
            spec["schedules"] = [.string(random.pick(texts)), .string(random.pick(texts))]
        } else {
            spec["schedule"] = .string(random.pick(texts))
        }
        return [
            "apiVersion": "sluice.dev/v1alpha1", "kind": "ScheduledRun", "metadata": ["name": .string("s\(number)")],
            "spec": spec,
        ]
    }

    private static func scenario(
        days: Int, trouble: Int, schedules: Int, _ random: inout SeededGenerator
    ) -> JSONValue {
        let end = days * 86_400
        var actions: [JSONValue] = []
        for _ in 0..<trouble {
            let at = random.pick(0...end)
            func add(_ action: JSONValue, after: Int = 0) {
                var action = action
                action["at"] = .string("\(at + after)s")
                actions.append(action)
            }
            let name = JSONValue.string("s\(random.pick(0...schedules - 1))")
            switch random.pick(0...6) {
            case 0, 1: add(["restartOperator": true])
            case 2:
                add(["operator": "Stopped"])
                add(["operator": "Started"], after: random.pick([1, 600, 20_000, 200_000]))
            case 3:
                // There and back.
                let jump = random.pick(-20_000...20_000)
                add(["clock": .string("\(jump)s")])
                add(["clock": .string("\(-jump)s")], after: random.pick([1, 5000, 100_000]))
            case 4: add(["trigger": ["kind": "ScheduledRun", "name": name]])
            case 5:
                add(["patch": ["kind": "ScheduledRun", "name": name, "spec": ["suspend": true]]])
                add(
                    ["patch": ["kind": "ScheduledRun", "name": name, "spec": ["suspend": false]]],
                    after: random.pick([100, 90_000]))
            default: add(["patch": ["kind": "ScheduledRun", "name": name, "spec": ["failedRunsHistoryLimit": 2]]])
            }
        }
        return [
            "apiVersion": "sluice.dev/v1alpha1", "kind": "Scenario", "start": .string(start.rfc3339),
            "until": .string("\(end)s"),
            "outcomes": [
                ["run": "s?3-*", "duration": "5h"], ["run": "s?7-*", "duration": "26h"],
                ["run": "*-*1?0000", "duration": "10m", "exitCode": 1], ["duration": "90m"],
            ],
            "actions": .array(actions),
        ]
    }
}
