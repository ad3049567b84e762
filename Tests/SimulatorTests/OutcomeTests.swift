import JSON
import Simulator
import Testing

struct OutcomeTests {
    @Test func `A task without an outcome succeeds after a second`() {
        let report = simulate(run("r", "[{name: a, \(container)}, {name: b, dependsOn: [a], \(container)}]"))
        #expect(report.run("r").summary == "Succeeded 0..2")
        #expect(report.run("r").rows == ["a Succeeded: Succeeded 0..1", "b Succeeded: Succeeded 1..2"])
        #expect(report.podsCreated == 2 && report.makespan == .seconds(2))
    }

    static let kinds: [(outcome: String, run: String, row: String)] = [
        ("duration: 90s", "Succeeded 0..90", "a Succeeded: Succeeded 0..90"),
        ("duration: 250ms", "Succeeded 0..0.25", "a Succeeded: Succeeded 0..0.25"),
        ("duration: 0s", "Succeeded 0..0", "a Succeeded: Succeeded 0..0"),
        ("exitCode: 3", "Failed/Error 0..1", "a Failed/Error: Error 0..1"),
        ("failure: OOMKilled", "Failed/OOMKilled 0..1", "a Failed/OOMKilled: OOMKilled 0..1"),
        ("failure: Evicted, attempt: 0", "Succeeded 0..3", "a Succeeded: Evicted 0..1, Succeeded 2..3"),
        (
            "failure: Preempted, attempt: 0, duration: 5s", "Succeeded 0..7",
            "a Succeeded: Preempted 0..5, Succeeded 6..7"
        ),
        ("failure: NodeLost, attempt: 0", "Succeeded 0..3", "a Succeeded: NodeLost 0..1, Succeeded 2..3"),
        ("failure: Deleted, attempt: 0", "Succeeded 0..3", "a Succeeded: PodDeleted 0..1, Succeeded 2..3"),
        (
            "failure: ImagePullBackOff", "Failed/ImagePullBackOff 0..600",
            "a Failed/ImagePullBackOff: ImagePullBackOff 0..600"
        ),
        (
            "failure: InvalidImageName", "Failed/InvalidImageName 0..0",
            "a Failed/InvalidImageName: InvalidImageName 0..0"
        ),
        (
            "failure: Unschedulable, attempt: 0", "Succeeded 0..331",
            "a Succeeded: GangTimeout 0..300, Succeeded 330..331"
        ),
    ]

    @Test(arguments: kinds) func `Each outcome ends as it says`(outcome: String, run expected: String, row: String) {
        let report = simulate(run("r", "[{name: a, \(container)}]") + scenario("outcomes: [{task: a, \(outcome)}]"))
        #expect(report.run("r").summary == expected)
        #expect(report.run("r").rows == [row])
    }

    @Test func `Infrastructure is tried ten more times, ever more seldom`() {
        let report = simulate(
            run("r", "[{name: a, \(container)}]") + scenario("outcomes: [{failure: Evicted, duration: 0s}]"))
        #expect(report.run("r").summary == "Failed/Evicted 0..303")
        #expect(report.run("r").tasks[0].attempts.count == 11)
    }

    @Test func `What asks for nodes for ever ends with the day`() {
        let text = run("r", "[{name: a, \(container)}]")
        let report = simulate(text + scenario("outcomes: [{failure: Unschedulable}]"))
        #expect(report.run("r").phase == "Running" && report.ended == .seconds(86400))
        let short = simulate(text + scenario("outcomes: [{failure: Unschedulable}]", "until: 10m"))
        #expect(short.ended == .seconds(600) && short.run("r").tasks[0].attempts.count == 2)
    }

    @Test func `A task longer than a day runs to its end where nothing says until`() {
        let text = run("r", "[{name: a, \(container)}]")
        #expect(simulate(text + scenario("outcomes: [{duration: 100h}]")).run("r").summary == "Succeeded 0..360000")
        #expect(simulate(text + scenario("until: 1h", "outcomes: [{duration: 2h}]")).run("r").summary == "Running 0..-")
    }

    @Test func `The first outcome that matches holds`() {
        let report = simulate(
            run("r", "[{name: fit, replicas: 3, retry: {limit: 3}, \(container)}]")
                + scenario(
                    "outcomes:", "- {run: 'other/*', duration: 9h}",
                    "- {run: r, task: 'f?t', attempt: 0, replica: 2, duration: 30s, exitCode: 1}",
                    "- {run: default/r, task: 'f*', attempt: 1, failure: OOMKilled, duration: 5s}",
                    "- {run: '*', attempt: 2, duration: 2s}", "- {duration: 1h}"))
        #expect(report.run("r").rows == ["fit Succeeded: Error 0..30, OOMKilled 30..35, Succeeded 35..37"])
    }

    @Test func `Results are what the outcome says, and empty texts where it says nothing of them`() {
        let task =
            "[{name: a, results: [out], \(container)}]\n    results: [{name: out, value: $(tasks.a.results.out)}]"
        func simulated(_ outcome: String) -> SimulationReport.Run {
            simulate(
                """
                apiVersion: sluice.dev/v1alpha1
                kind: PipelineRun
                metadata: {name: r}
                spec:
                  pipelineSpec:
                    tasks: \(task)

                """ + scenario("outcomes: [{\(outcome)}]")
            ).run("r")
        }
        #expect(simulated("results: {out: [1, 2]}").results == ["out": [1, 2]])
        #expect(simulated("duration: 2s").results == ["out": ""])
        #expect(simulated("results: {m: 1}").summary == "Failed/InvalidResults 0..1")
        #expect(simulated("results: {}").summary == "Failed/InvalidResults 0..1")
        #expect(simulated("exitCode: 1, results: {out: 5}").results == ["out": 5])
    }

    @Test func `Conditions see the results of outcomes`() {
        let text = run(
            "r",
            """
            [{name: fit, results: [accuracy], \(container)},
                 {name: publish, when: tasks.fit.results.accuracy > 0.9, \(container)}]
            """)
        func row(_ accuracy: Double) -> String? {
            simulate(text + scenario("outcomes: [{results: {accuracy: \(accuracy)}}]")).run("r").rows.last
        }
        #expect(row(0.95) == "publish Succeeded: Succeeded 1..2")
        #expect(row(0.85) == "publish Skipped/WhenFalse")
    }
}
