import JSON
import Testing

@testable import Simulator

/// What people see, and patterns.
struct TextTests {
    @Test func `The table shows runs, their tasks, and why`() {
        let report = simulate(
            run("r", "[{name: a, retry: {limit: 1}, \(container)}, {name: b, dependsOn: [a], \(container)}]")
                + run("bad", "[{name: a, dependsOn: [a], \(container)}]")
                + scenario("outcomes: [{task: a, attempt: 0, exitCode: 2}, {task: b, duration: 90s, exitCode: 3}]"))
        #expect(
            report.table == """
                RUN/TASK   PHASE      ARRIVED  STARTED  FINISHED  ATTEMPTS  REASON
                default/r  Failed     0s       0s       1m32s               Error
                  a        Succeeded           0s       2s        2         after Error
                  b        Failed              2s       1m32s     1         Error
                default/r: task b failed: exit code 3
                refused: PipelineRun default/bad: spec.pipelineSpec.tasks[0].dependsOn[0]: \
                Invalid value: "a": a task cannot depend on itself
                """)
        #expect(report.summary == "1 run (1 Failed), 3 pods, makespan 1m32s")
    }

    @Test func `The timeline is as wide as is said`() {
        let report = simulate(
            run(
                "r",
                "[{name: a, retry: {limit: 1, backoff: {initial: 5s}}, \(container)}, {name: b, dependsOn: [a], \(container)}]"
            ) + scenario("outcomes: [{attempt: 0, task: a, exitCode: 2, duration: 5s}, {duration: 5s}]"))
        #expect(
            report.timeline(width: 26) == """
                r/a |xxxxx.....=====     |
                r/b |               =====|
                     0s               20s
                = succeeded   x failed   - cancelled   > goes on   . waits for the next attempt
                """)
        #expect(SimulationReport().timeline(width: 80) == "no task has started")
        for width in 0..<60 { #expect(report.timeline(width: width).contains("0s")) }
    }

    static let patterns: [(pattern: String, text: String, matches: Bool)] = [
        ("fit", "fit", true), ("fit", "fit[0]", false), ("fit*", "fit[0]", true), ("*", "", true),
        ("*", "a/b[1]", true),
        ("shard[3]", "shard[3]", true), ("shard[?]", "shard[12]", false), ("a*b*c", "a/b/b/c", true),
        ("a*b*c", "a/b/d", false), ("**x", "x", true), ("?", "", false), ("*[1]", "a[1]/b[1]", true),
    ]

    @Test(arguments: patterns) func `Patterns match`(pattern: String, text: String, matches: Bool) {
        #expect(OutcomeRule.Pattern(pattern).matches(text) == matches)
    }

    @Test func `Outcomes of the command line`() {
        #expect(Outcome(text: "success")?.duration == .seconds(1))
        #expect(Outcome(text: "success:30s")?.duration == .seconds(30))
        #expect(Outcome(text: "failure:2m")?.exitCode == 1)
        for text in ["", "succes", "success:", "success:-1s", "success:1", "success:9999999h"] {
            #expect(Outcome(text: text) == nil, "\(text)")
        }
    }
}
