import CronSchedule
import Foundation
import JSON
import KubernetesModel
import Testing
import YAML

@testable import Simulator

/// A ScheduledRun of namespace default whose runs have one task, `a`; fields of its spec, a line each.
func schedule(_ name: String, _ lines: String..., metadata: String = "") -> String {
    """
    ---
    apiVersion: sluice.dev/v1alpha1
    kind: ScheduledRun
    metadata: {name: \(name)\(metadata)}
    spec:
      \(lines.joined(separator: "\n  "))
      template:
        spec: {pipelineSpec: {tasks: [{name: a, \(container)}]}}

    """
}

extension SimulationReport {
    func schedule(_ name: String) -> Schedule {
        schedules.first { $0.name == name } ?? Schedule(namespace: "", name: "none")
    }
}

extension SimulationReport.Schedule {
    /// "60@61": the slot and the start of each run, in seconds from the default start of a scenario.
    var starts: [String] {
        started.map {
            "\($0.scheduled.seconds - Scenario.defaultStart.seconds)@\($0.at.microseconds / 1_000_000)"
        }
    }

    /// Likewise the slots that were missed.
    var misses: [Int64] { missed.map { $0.scheduled.seconds - Scenario.defaultStart.seconds } }
}

/// Schedules in virtual time.
struct ScheduleTests {
    /// London as of now, as the zic compiler would write it with nothing but the rule of its footer.
    static let zones: SimulationInput.Zones = { name throws(ZoneError) in
        if name == "UTC" { return .utc }
        guard name == "Europe/London" else { throw ZoneError(message: "there is no time zone \(name)") }
        func block(_ version: UInt8) -> [UInt8] {
            var bytes = Array("TZif".utf8) + [version] + [UInt8](repeating: 0, count: 15)
            for count in [0, 0, 0, 0, 1, 4] as [UInt8] { bytes += [0, 0, 0, count] }
            return bytes + [0, 0, 0, 0, 0, 0] + Array("GMT\0".utf8)
        }
        return try ZoneRules(
            name: name, tzif: block(0x32) + block(0x32) + Array("\nGMT0BST,M3.5.0/1,M10.5.0\n".utf8))
    }

    @Test func `Each slot starts a run under its own name, which outcomes match; at the end it says what is next`() {
        let report = simulate(
            schedule("s", "schedule: '@every 60s'", "successfulRunsHistoryLimit: 10", "failedRunsHistoryLimit: 10")
                + scenario(
                    "until: 200s", "outcomes: [{run: 's-*0200', exitCode: 3}, {run: default/s-*, duration: 30s}]"))
        #expect(report.runs.map(\.name) == ["s-20260101000100", "s-20260101000200", "s-20260101000300"])
        #expect(report.runs.map(\.summary) == ["Succeeded 60..90", "Failed/Error 120..121", "Running 180..-"])
        #expect(report.runs.map(\.arrived) == [.seconds(60), .seconds(120), .seconds(180)])
        #expect(
            report.json["schedules"]?.text
                == """
                [{"deleted":[],"missed":[],"missedCount":0,"name":"s","namespace":"default","next":"2026-01-01T00:04:00Z",\
                "started":[{"at":60,"run":"s-20260101000100","scheduled":"2026-01-01T00:01:00Z"},\
                {"at":120,"run":"s-20260101000200","scheduled":"2026-01-01T00:02:00Z"},\
                {"at":180,"run":"s-20260101000300","scheduled":"2026-01-01T00:03:00Z"}]}]
                """)
        #expect(
            report.table.contains("default/s  3        0       0        2026-01-01T00:03:00Z  2026-01-01T00:04:00Z"))
    }

    @Test func `A schedule without an end goes on for a day, one with an end until nothing more can happen`() {
        let endless = simulate(schedule("s", "schedule: '0 * * * *'"))
        #expect(endless.schedule("s").started.count == 24 && endless.ended == .seconds(86_400))
        #expect(endless.schedule("s").next == Scenario.defaultStart + .seconds(25 * 3600))
        let finite = simulate(schedule("s", "schedule: '0 0 * * *'", "endTime: 2026-01-04T00:00:00Z"))
        #expect(finite.schedule("s").starts == ["86400@86400", "172800@172800", "259200@259200"])
        #expect(finite.ended < .seconds(4 * 86_400) && finite.schedule("s").next == nil)
        // What the scenario says still happens.
        let late = simulate(
            schedule("s", "schedule: '0 * * * *'")
                + scenario("actions: [{at: 30h, trigger: {kind: ScheduledRun, name: s}}]"))
        #expect(late.schedule("s").started.count == 31 && late.ended >= .seconds(30 * 3600))
        #expect(simulate(schedule("s", "schedule: '@every 1h'", "suspend: true")).ended == .zero)
    }

    @Test func `Days of daylight saving: a fixed time fires once a day, a wildcard goes on by elapsed time`() {
        func slots(_ schedule: String, _ start: String) -> [String] {
            let text =
                inLondon("s", schedule)
                + scenario("start: \(start)", "until: 72h")
            return simulate(text, zones: Self.zones).schedule("s").started.map { $0.scheduled.rfc3339 }
        }
        // On 29 March 01:30 does not exist: the first instant after the gap.
        #expect(
            slots("30 1 * * *", "2026-03-27T12:00:00Z") == [
                "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z",
            ])
        // On 25 October it exists twice: the first.
        #expect(
            slots("30 1 * * *", "2026-10-23T12:00:00Z") == [
                "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z",
            ])
        #expect(slots("*/30 * * * *", "2026-03-27T12:00:00Z").count == 144)
        #expect(slots("*/30 * * * *", "2026-10-23T12:00:00Z").count == 144)
    }

    private func inLondon(_ name: String, _ text: String) -> String {
        schedule(name, "schedule: '\(text)'", "timeZone: Europe/London", "successfulRunsHistoryLimit: 200")
    }

    @Test func `Runs that last longer than their period: Allow, Forbid, Replace and maxConcurrency`() {
        func report(_ lines: String) -> SimulationReport {
            simulate(
                schedule(
                    "s", "schedule: '@every 60s'", "successfulRunsHistoryLimit: 20", "failedRunsHistoryLimit: 20", lines
                )
                    + scenario("until: 330s", "outcomes: [{duration: 100s}]"))
        }
        #expect(
            report("concurrencyPolicy: Allow").schedule("s").starts == [
                "60@60", "120@120", "180@180", "240@240", "300@300",
            ])
        // The newest waiting slot starts as soon as the run ends.
        let forbid = report("concurrencyPolicy: Forbid").schedule("s")
        #expect(forbid.starts == ["60@60", "120@160", "240@260"] && forbid.misses == [180])
        #expect(forbid.missed.map(\.reason) == ["a newer slot came due before it could start"])
        let all = report("concurrencyPolicy: Forbid\n  catchUp: All").schedule("s")
        #expect(all.starts == ["60@60", "120@160", "180@260"] && all.missedCount == 0)
        let none = report("concurrencyPolicy: Forbid\n  catchUp: None").schedule("s")
        #expect(none.starts == ["60@60", "180@180", "300@300"] && none.misses == [120, 240])
        #expect(none.missed.first?.reason == "s-20260101000100 was still active")
        let replace = report("concurrencyPolicy: Replace")
        #expect(replace.schedule("s").starts == ["60@60", "120@120", "180@180", "240@240", "300@300"])
        #expect(
            replace.runs.map(\.summary) == [
                "Cancelled 60..120", "Cancelled 120..180", "Cancelled 180..240", "Cancelled 240..300", "Running 300..-",
            ])
        #expect(report("maxConcurrency: 1").schedule("s").starts == forbid.starts)
    }

    @Test(arguments: [
        ("None", ["60@60", "360@375", "420@420"], 4), ("Latest", ["60@60", "360@375", "420@420"], 4),
        ("All", ["60@60", "120@375", "180@375", "240@375", "300@375", "360@375", "420@420"], 0),
    ])
    func `What came due while the operator was away is caught up as catchUp says`(
        catchUp: String, starts: [String], missed: Int64
    ) {
        let text =
            schedule("s", "schedule: '@every 60s'", "catchUp: \(catchUp)")
            + scenario(
                "until: 450s", "actions: [{at: 90s, operator: Stopped}, {at: 375s, operator: Started}]")
        let report = simulate(text).schedule("s")
        #expect(report.starts == starts && report.missedCount == missed)
        // Later than half a minute it does not start with None.
        let late = simulate(text.replacing("375s", with: "395s")).schedule("s")
        #expect(late.missedCount == (catchUp == "None" ? 5 : missed))
        #expect(late.started.count == (catchUp == "None" ? 2 : starts.count))
    }

    @Test func `A restart of the operator changes nothing`() {
        let text = schedule("s", "schedule: '@every 60s'", "concurrencyPolicy: Forbid")
        let outcomes = "outcomes: [{duration: 100s}]"
        let plain = simulate(text + scenario("until: 1000s", outcomes))
        let restarts = (0..<100).map { "{at: \($0 * 10)s, restartOperator: true}" }.joined(separator: ", ")
        let restarted = simulate(text + scenario("until: 1000s", outcomes, "actions: [\(restarts)]"))
        #expect(plain.json.text == restarted.json.text)
    }

    @Test func `The operator's clock decides: set back nothing starts again, set forward slots are late`() {
        let text = schedule("s", "schedule: '@every 60s'", "successfulRunsHistoryLimit: 50")
        let back = simulate(text + scenario("until: 500s", "actions: [{at: 130s, clock: -3m}]")).schedule("s")
        // The slot of 180 s comes when the operator's clock shows it.
        #expect(back.starts == ["60@60", "120@120", "180@360", "240@420", "300@480"] && back.missedCount == 0)
        let forward = simulate(text + scenario("until: 200s", "actions: [{at: 70s, clock: 10m}]")).schedule("s")
        #expect(forward.starts == ["60@60", "660@70", "720@120", "780@180"] && forward.missedCount == 9)
        let both = simulate(
            text + scenario("until: 400s", "actions: [{at: 70s, clock: 2m}, {at: 100s, clock: -2m}]")
        ).schedule("s")
        #expect(both.starts == ["60@60", "180@70", "240@240", "300@300", "360@360"] && both.misses == [120])
    }

    @Test func `Started by hand: at once, past suspension, and the rhythm stays`() {
        let text =
            schedule("s", "schedule: '@every 60s'", "suspend: true")
            + scenario(
                "actions:", "- {at: 30s, trigger: {kind: ScheduledRun, name: s}}",
                "- {at: 70s, patch: {kind: ScheduledRun, name: s, spec: {suspend: false}}}",
                "- {at: 100s, trigger: {kind: ScheduledRun, name: default/s}}",
                "- {at: 100s, trigger: {kind: ScheduledRun, name: s}}", "until: 130s")
        let report = simulate(text)
        // Of two that are asked for in one instant the last counts.
        #expect(report.schedule("s").starts == ["30@30", "60@70", "100@100", "120@120"])
        #expect(report.schedule("s").started[0].run.hasPrefix("s-manual-"))
        // Annotated from the beginning: somebody asks for one as it comes.
        let annotated = simulate(
            schedule("s", "schedule: '@every 60s'", metadata: ", annotations: {sluice.dev/trigger: x}")
                + scenario("until: 61s"))
        #expect(annotated.schedule("s").starts == ["0@0", "60@60"])
    }

    @Test func `A changed schedule is not retroactive; a bad change is refused and changes nothing`() {
        func report(_ patch: String) -> SimulationReport {
            simulate(
                schedule("s", "schedule: '@every 60s'", "concurrencyPolicy: Forbid")
                    + scenario(
                        "until: 300s", "outcomes: [{duration: 100s}]",
                        "actions: [{at: 130s, patch: {kind: ScheduledRun, name: s, spec: {\(patch)}}}]"))
        }
        let changed = report("schedule: '@every 50s'")
        #expect(changed.schedule("s").starts == ["60@60", "150@160", "250@260"])
        #expect(changed.schedule("s").missed.map(\.reason).first == "the schedule was changed before it started")
        #expect(changed.refused.isEmpty)
        let bad = report("schedule: '61 * * * *'")
        #expect(bad.schedule("s").starts == report("catchUp: Latest").schedule("s").starts)
        #expect(bad.refused.count == 1 && bad.refused[0].kind == "ScheduledRun" && bad.refused[0].name == "default/s")
        #expect(
            report("schedule: null, schedules: ['@every 100s']").schedule("s").starts == [
                "60@60", "200@200", "300@300",
            ])
    }

    @Test func `History: ended runs beyond the limits go, leave runs and are told`() {
        let report = simulate(
            schedule("s", "schedule: '@every 60s'", "successfulRunsHistoryLimit: 2", "failedRunsHistoryLimit: 0")
                + scenario("until: 430s", "outcomes: [{run: 's-*0200', exitCode: 1}, {}]"))
        #expect(report.runs.map(\.name) == ["s-20260101000500", "s-20260101000600", "s-20260101000700"].suffix(2))
        #expect(
            report.schedule("s").deleted == [
                "s-20260101000200", "s-20260101000100", "s-20260101000300", "s-20260101000400", "s-20260101000500",
            ])
        #expect(report.schedule("s").started.count == 7 && report.podsCreated == 7)
    }

    @Test func `Runs that were cancelled for a newer one count in the history and go`() {
        let report = simulate(
            schedule("s", "schedule: '@every 60s'", "concurrencyPolicy: Replace")
                + scenario("until: 330s", "outcomes: [{duration: 100s}]"))
        #expect(report.runs.map(\.summary) == ["Cancelled 240..300", "Running 300..-"])
        #expect(report.schedule("s").deleted.count == 3)
    }

    @Test func `A deleted ScheduledRun takes its runs along; applied again it begins anew`() {
        let text =
            schedule("s", "schedule: '@every 60s'") + run("other", "[{name: a, \(container)}]")
            + scenario(
                "until: 400s", "outcomes: [{duration: 1h}]", "actions:",
                "- {at: 130s, delete: {kind: ScheduledRun, name: s}}")
        let deleted = simulate(text)
        #expect(deleted.schedules.isEmpty && deleted.runs.map(\.name) == ["other"] && deleted.podsCreated == 3)
        let again = simulate(
            text
                + """
                - at: 300s
                  apply:
                    apiVersion: sluice.dev/v1alpha1
                    kind: ScheduledRun
                    metadata: {name: s}
                    spec:
                      schedule: "@every 45s"
                      template: {spec: {pipelineSpec: {tasks: [{name: a, \(container)}]}}}
                """)
        #expect(again.schedule("s").starts == ["345@345", "390@390"])
    }

    @Test func `Runs of schedules are like others: cancelled, deleted by hand, in queues`() {
        let text =
            schedule("s", "schedule: '@every 60s'", "concurrencyPolicy: Forbid", "failedRunsHistoryLimit: 5")
            + scenario(
                "until: 250s", "outcomes: [{duration: 1h}]", "actions:",
                "- {at: 90s, run: s-20260101000100, state: Cancelled}",
                "- {at: 130s, delete: {kind: PipelineRun, name: s-20260101000200}}")
        let report = simulate(text)
        // Deleted by hand, its place is free and its slot does not start again.
        #expect(report.schedule("s").starts == ["60@60", "120@120", "180@180"])
        #expect(report.runs.map(\.summary) == ["Cancelled 60..90", "Running 180..-"])
        #expect(report.schedule("s").deleted.isEmpty)
        let node =
            "---\n{apiVersion: v1, kind: Node, metadata: {name: node-1}, status: {allocatable: {cpu: 1, pods: 110}}}\n"
        let queued = simulate(
            schedule("s", "schedule: '@every 60s'").replacing(
                container, with: "container: {image: x, resources: {requests: {cpu: 1}}}") + node
                + scenario("until: 250s", "outcomes: [{duration: 100s}]"))
        #expect(queued.runs.map { $0.started } == [.seconds(60), .seconds(160), nil, nil])
        #expect(queued.waiting.map(\.workload.run) == ["s-20260101000300", "s-20260101000400"])
    }

    @Test func `The name of a run is somebody else's: the slot is missed, and says so`() {
        let report = simulate(
            schedule("s", "schedule: '@every 60s'") + run("s-20260101000100", "[{name: a, \(container)}]")
                + scenario("until: 130s"))
        #expect(report.schedule("s").starts == ["120@120"] && report.schedule("s").misses == [60])
        #expect(
            report.schedule("s").missed[0].reason
                == "a run named s-20260101000100 exists and does not belong to this schedule")
    }

    @Test func `References are filled in, and jitter moves the start alone`() {
        let text = """
            apiVersion: sluice.dev/v1alpha1
            kind: ScheduledRun
            metadata: {name: s}
            spec:
              schedule: "@every 1h"
              jitterSeconds: 600
              template:
                spec:
                  parameters: {hour: "$(schedule.time:%H)"}
                  pipelineSpec:
                    parameters: [{name: hour, type: string}]
                    tasks:
                    - {name: a, when: "params.hour == '02'", \(container)}

            """
        let report = simulate(text + scenario("until: 4h"))
        #expect(report.runs.map { $0.tasks[0].phase } == ["Skipped", "Succeeded", "Skipped"])
        let delays = Set(report.schedule("s").started.map { $0.at.microseconds / 1_000_000 % 3600 })
        #expect(delays.count == 1 && delays.allSatisfy { (1...600).contains($0) })
        #expect(report.schedule("s").starts.map { $0.prefix { $0 != "@" } } == ["3600", "7200", "10800"])
        #expect(report.schedule("s").next == Scenario.defaultStart + .seconds(14_400))
    }

    @Test func `What admission refuses is told, and the rest goes on`() throws {
        let text =
            schedule("a", "schedule: '0 25 * * *'") + schedule("b", "schedule: '@daily'", "timeZone: Mars/Base")
            + schedule("c", "timeZone: UTC") + schedule("d", "schedule: '@every 1h'", "concurrencyPolicy: Never")
            + schedule("good", "schedule: '@every 1h'")
            + scenario("until: 2h", "actions: [{at: 1s, trigger: {kind: ScheduledRun, name: b}}]")
        let report = simulate(text, zones: Self.zones)
        #expect(report.refused.map(\.name) == ["default/a", "default/b", "default/c", "default/d"])
        #expect(report.refused.allSatisfy { $0.kind == "ScheduledRun" })
        #expect(report.refused[1].message.contains("there is no time zone Mars/Base"))
        #expect(report.schedules.map(\.name) == ["good"] && report.runs.count == 2)
        let (input, _) = SimulationInput.read(
            try YAMLReader.parse(schedule("s", "schedule: '@every 1h'") + schedule("s", "schedule: '@every 2h'"))
                .map(\.value))
        #expect(!input.isEmpty)
    }

    @Test func `Schedules are told by name, and the same twice`() {
        let text =
            schedule("b", "schedule: '*/7 * * * *'") + schedule("a", "schedule: '*/5 * * * *'", "jitterSeconds: 30")
            + schedule("c", "schedule: '@every 11m'", "concurrencyPolicy: Replace")
            + scenario(
                "outcomes: [{duration: 13m}]", "actions: [{at: 3h, clock: -1h}, {at: 5h, restartOperator: true}]")
        let report = simulate(text)
        #expect(report.schedules.map(\.name) == ["a", "b", "c"])
        #expect(report.json.text == simulate(text).json.text)
        // Another schedule moves no jitter.
        let more = simulate(schedule("z", "schedule: '@every 2h'") + text)
        #expect(more.schedule("a") == report.schedule("a"))
    }

    @Test func `The sample does what its comments say`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(
            contentsOf: root.appending(path: "config/samples/simulate/schedules.yaml"), encoding: .utf8)
        let report = simulate(text, zones: Self.zones)
        #expect(report.refused.isEmpty)
        let nightly = report.schedule("nightly")
        #expect(
            nightly.started.filter { !$0.run.contains("manual") }.map { "\($0.scheduled.rfc3339) \($0.at.goText)" } == [
                "2026-10-23T00:30:00Z 12h30m0s", "2026-10-24T00:30:00Z 36h30m0s", "2026-10-25T00:30:00Z 66h30m0s",
                "2026-10-26T01:30:00Z 85h30m0s", "2026-10-28T01:30:00Z 140h0m0s", "2026-10-29T01:30:00Z 157h30m0s",
            ])
        #expect(nightly.started.count == 7 && nightly.missedCount == 1 && nightly.deleted.isEmpty)
        #expect(report.schedule("sync").missedCount == 8 && report.schedule("sync").deleted.count == 16)
    }
}
