import JSON
import Simulator
import Testing

/// Each kind of action, and that what befalls the operator changes nothing in the end.
struct ActionTests {
    static let chain = run(
        "r",
        "[{name: a, \(container)}, {name: b, dependsOn: [a], \(container)}, {name: c, dependsOn: [b], \(container)}]",
        finally: "[{name: f, \(container)}]")

    private func rows(_ actions: String, _ text: String = chain, outcomes: String = "{duration: 10s}") -> [String] {
        let report = simulate(text + scenario("outcomes: [\(outcomes)]", "actions: [\(actions)]"))
        return [report.run("r").summary] + report.run("r").rows
    }

    @Test func `A cancelled run stops at once, runs finally and ends Cancelled`() {
        #expect(
            rows("{at: 12s, run: r, state: Cancelled}") == [
                "Cancelled 0..22", "a Succeeded: Succeeded 0..10", "b Cancelled/RunCancelled: Cancelled 10..12",
                "c Skipped/RunCancelled", "f Succeeded: Succeeded 12..22",
            ])
    }

    @Test func `A terminated run does not even run finally`() {
        #expect(
            rows("{at: 12s, run: default/r, state: Terminated}").last == "f Skipped/RunTerminated")
    }

    @Test func `A suspended run starts nothing new until it is resumed`() {
        #expect(
            rows("{at: 5s, run: r, state: Suspended}, {at: 60s, run: r, state: Running}") == [
                "Succeeded 0..90", "a Succeeded: Succeeded 0..10", "b Succeeded: Succeeded 60..70",
                "c Succeeded: Succeeded 70..80", "f Succeeded: Succeeded 80..90",
            ])
        #expect(rows("{at: 5s, run: r, state: Suspended}")[0] == "Suspended 0..-")
    }

    @Test func `A patch changes what may change`() {
        #expect(
            rows("{at: 12s, patch: {kind: PipelineRun, name: r, spec: {state: Cancelled}}}")[0] == "Cancelled 0..22")
        let report = simulate(
            Self.chain + scenario("actions: [{at: 1s, patch: {kind: PipelineRun, name: r, spec: {timeout: 1s}}}]"))
        #expect(report.refused.map(\.message) == ["spec.timeout: only state and ttlSecondsAfterFinished may change"])
        #expect(report.run("r").summary == "Succeeded 0..4")
    }

    @Test func `What befalls a pod befalls those of the running attempt that have not ended`() {
        let gang = run("r", "[{name: g, replicas: 2, \(container)}]")
        #expect(
            rows("{at: 4s, pod: {run: r, task: g, replica: 1}, failure: Evicted}", gang) == [
                "Succeeded 0..15", "g Succeeded: Evicted 0..4, Succeeded 5..15",
            ])
        #expect(
            rows("{at: 4s, pod: {run: r, task: g}, failure: NodeLost}", gang)[1]
                == "g Succeeded: NodeLost 0..4, Succeeded 5..15")
        #expect(
            rows("{at: 4s, pod: {run: r, task: g}, failure: OOMKilled}", gang)[1]
                == "g Failed/OOMKilled: OOMKilled 0..4")
        #expect(rows("{at: 10s, pod: {run: r, task: g}, failure: Evicted}", gang)[0] == "Succeeded 0..10")
        #expect(rows("{at: 4s, pod: {run: r, task: other}, failure: Evicted}", gang)[0] == "Succeeded 0..10")
    }

    @Test func `A deleted run leaves the report, and its pods do nothing more`() {
        let report = simulate(Self.chain + scenario("actions: [{at: 1500ms, delete: {kind: PipelineRun, name: r}}]"))
        #expect(report.runs.isEmpty && report.podsCreated == 2 && report.admissions.count == 2)
    }

    @Test func `apply makes runs`() {
        let report = simulate(
            scenario(
                "actions: [{at: 5s, apply: {apiVersion: sluice.dev/v1alpha1, kind: PipelineRun, metadata: {name: late}, spec: {pipelineSpec: {tasks: [{name: t, \(container)}]}}}}, {at: 1h, run: late, state: Cancelled}]"
            ))
        #expect(report.run("late").summary == "Succeeded 5..6" && report.run("late").arrived == .seconds(5))
    }

    @Test func `Runs arrive when the scenario says, as often as it says`() {
        let report = simulate(
            run("small", "[{name: a, \(container)}]") + run("other", "[{name: a, \(container)}]")
                + scenario("arrivals: [{run: small, at: 2s, count: 3, every: 100ms}]"))
        #expect(report.runs.map(\.name) == ["other", "small-0", "small-1", "small-2"])
        #expect(
            report.runs.map(\.summary) == [
                "Succeeded 0..1", "Succeeded 2..3", "Succeeded 2.1..3.1", "Succeeded 2.2..3.2",
            ])
    }

    // MARK: The operator

    static let rich =
        run(
            "r",
            """
            [{name: a, timeout: 20s, retry: {limit: 2, backoff: {initial: 3s}}, \(container)},
                 {name: s, dependsOn: [a], forEach: {items: [1, 2, 3, 4], parallelism: 2}, retry: {limit: 1}, \(container)},
                 {name: p, dependsOn: [a], retry: {limit: 1, backoff: {initial: 7s}}, pipelineSpec: {tasks: [{name: u, \(container)}, {name: v, replicas: 2, dependsOn: [u], \(container)}]}},
                 {name: last, dependsOn: [s, p], \(container)}]
            """, spec: "timeout: 10m", finally: "[{name: f, \(container)}]")
    static let richOutcomes = """
        {task: a, attempt: 0, duration: 1h}, {task: a, duration: 1500ms}, {task: 's[2]', attempt: 0, exitCode: 4, duration: 2s},
        {task: p/v, attempt: 0, replica: 1, failure: OOMKilled, duration: 3s}, {task: p/u, attempt: 0, failure: Evicted, duration: 4s}, {task: "s*", duration: 5s}, {task: f, duration: 5s}, {task: last, duration: 5s}, {task: "p*", duration: 5s}
        """

    @Test(arguments: [500, 20_000, 20_001, 24_500, 26_250, 30_000, 31_750, 40_000, 44_000, 52_000])
    func `An operator that is restarted changes nothing in the end`(milliseconds: Int) {
        let plain = rows("", Self.rich, outcomes: Self.richOutcomes)
        #expect(plain[0].hasPrefix("Succeeded 0.."))
        #expect(rows("{at: \(milliseconds)ms, restartOperator: true}", Self.rich, outcomes: Self.richOutcomes) == plain)
    }

    @Test func `Restarted at every quarter of a second it comes to the same`() {
        let restarts = (0..<300).map { "{at: \($0 * 250)ms, restartOperator: true}" }.joined(separator: ", ")
        #expect(
            rows(restarts, Self.rich, outcomes: Self.richOutcomes) == rows("", Self.rich, outcomes: Self.richOutcomes))
    }

    @Test func `A run that writes its status seldom comes to the same as well`() {
        let plain = run(
            "r",
            """
            [{name: a, timeout: 20s, retry: {limit: 2, backoff: {initial: 3s}}, \(container)},
                 {name: s, dependsOn: [a], forEach: {items: [1, 2, 3, 4], parallelism: 2}, retry: {limit: 1}, \(container)},
                 {name: b, dependsOn: [{task: a, "on": Finished}], retry: {limit: 3, backoff: {initial: 2s}}, \(container)},
                 {name: last, dependsOn: [s, b], \(container)}]
            """, spec: "timeout: 10m", finally: "[{name: f, \(container)}]")
        let outcomes =
            Self.richOutcomes + ", {task: b, attempt: 0, exitCode: 1}, {task: b, attempt: 1, failure: NodeLost}"
        let restarts = (0..<300).map { "{at: \($0 * 250)ms, restartOperator: true}" }.joined(separator: ", ")
        let expected = rows("", plain, outcomes: outcomes)
        #expect(expected[0].hasPrefix("Succeeded"))
        #expect(rows(restarts, plain, outcomes: outcomes) == expected)
        let cancel = "{at: 27s, run: r, state: Cancelled}"
        #expect(rows(restarts + ", " + cancel, plain, outcomes: outcomes) == rows(cancel, plain, outcomes: outcomes))
    }

    @Test func `While the operator is away the cluster goes on, and what it does then is right`() {
        #expect(
            rows("{at: 5s, operator: Stopped}, {at: 100s, operator: Started}") == [
                "Succeeded 0..130", "a Succeeded: Succeeded 0..10", "b Succeeded: Succeeded 100..110",
                "c Succeeded: Succeeded 110..120", "f Succeeded: Succeeded 120..130",
            ])
        // The kubelet holds the time-out.
        #expect(
            rows(
                "{at: 5s, operator: Stopped}, {at: 100s, operator: Started}",
                run("r", "[{name: a, timeout: 20s, \(container)}]"), outcomes: "{duration: 1h}")
                == ["Failed/Timeout 0..100", "a Failed/Timeout: Timeout 0..20"])
        #expect(rows("{at: 5s, operator: Stopped}")[0] == "Running 0..-")
    }

    @Test func `A clock that jumps moves what the operator times, and nothing of the world`() {
        let retrying = run("r", "[{name: a, retry: {limit: 1, backoff: {initial: 60s}}, \(container)}]")
        let outcomes = "{attempt: 0, exitCode: 1}, {duration: 5s}"
        #expect(rows("", retrying, outcomes: outcomes)[1] == "a Succeeded: Error 0..1, Succeeded 61..66")
        #expect(
            rows("{at: 11s, clock: 30s}", retrying, outcomes: outcomes)[1]
                == "a Succeeded: Error 0..1, Succeeded 31..36")
        #expect(
            rows("{at: 11s, clock: -30s}", retrying, outcomes: outcomes)[1]
                == "a Succeeded: Error 0..1, Succeeded 91..96")
        #expect(rows("{at: 1s, clock: 100h}, {at: 2s, clock: -300h}")[0] == "Succeeded 0..40")
    }
}
