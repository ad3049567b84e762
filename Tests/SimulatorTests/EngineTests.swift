import JSON
import Simulator
import Testing

/// The rules of the engine, as a simulation shows them: times to the microsecond.
struct EngineTests {
    @Test func `Retries wait for their backoff, exactly`() {
        let report = simulate(
            run("r", "[{name: a, retry: {limit: 3, backoff: {initial: 1.5s, factor: 3, max: 10s}}, \(container)}]")
                + scenario("outcomes: [{exitCode: 1, duration: 250ms}]"))
        #expect(
            report.run("r").rows == [
                "a Failed/Error: Error 0..0.25, Error 1.75..2, Error 6.5..6.75, Error 16.75..17"
            ])
    }

    @Test func `Time-outs come at their time`() {
        let report = simulate(
            run("r", "[{name: a, timeout: 2500ms, retry: {limit: 1}, \(container)}]")
                + scenario("arrivals: [{run: r, at: 700ms}]", "outcomes: [{duration: 1h}]"))
        #expect(report.run("r").rows == ["a Failed/Timeout: Timeout 0.7..3.2, Timeout 3.2..5.7"])
    }

    @Test func `A pod that ends at the very instant of its time-out counts by its own end`() {
        let report = simulate(
            run("r", "[{name: a, timeout: 5s, \(container)}]") + scenario("outcomes: [{duration: 5s}]"))
        #expect(report.run("r").summary == "Succeeded 0..5")
    }

    @Test func `The run's time-out stops tasks, and finally runs`() {
        let report = simulate(
            run(
                "r", "[{name: a, \(container)}, {name: b, dependsOn: [a], \(container)}]", spec: "timeout: 10s",
                finally: "[{name: f, \(container)}]") + scenario("outcomes: [{task: a, duration: 1h}]"))
        #expect(report.run("r").summary == "Failed/RunTimeout 0..11")
        #expect(
            report.run("r").rows == [
                "a Failed/RunTimeout: RunTimeout 0..10", "b Skipped/RunTimeout", "f Succeeded: Succeeded 10..11",
            ])
    }

    @Test func `A run that never gets a pod ends with its queueTimeout`() {
        let report = simulate(
            run("r", "[{name: a, \(container)}]", spec: "queueTimeout: 30s\n  state: Suspended")
                + scenario("arrivals: [{run: r, at: 1500ms}]"))
        #expect(report.run("r").summary == "Failed/QueueTimeout -..31.5")
    }

    @Test func `Parallelism holds`() {
        let report = simulate(
            run("r", "[{name: s, forEach: {items: [1, 2, 3], parallelism: 2}, \(container)}]")
                + scenario("outcomes: [{task: 's[0]', duration: 5s}, {task: 's[*]', duration: 2s}]"))
        #expect(
            report.run("r").rows == [
                "s Succeeded", "s[0] Succeeded: Succeeded 0..5", "s[1] Succeeded: Succeeded 0..2",
                "s[2] Succeeded: Succeeded 2..4",
            ])
        #expect(report.run("r").counts == ["Succeeded": 3])
    }

    @Test func `Sub-pipelines have a row with attempts of no pods, and rows for what is in them once they start`() {
        let inner = "pipelineSpec: {tasks: [{name: x, \(container)}, {name: z, dependsOn: [x], \(container)}]}"
        let report = simulate(
            run(
                "r",
                "[{name: first, \(container)}, {name: sub, dependsOn: [first], retry: {limit: 1, backoff: {initial: 10s}}, \(inner)}, {name: last, dependsOn: [sub], \(inner)}]"
            )
                + scenario("outcomes: [{task: sub/z, attempt: 0, exitCode: 1}, {task: sub/z, exitCode: 2}]"))
        #expect(
            report.run("r").rows == [
                "first Succeeded: Succeeded 0..1", "sub Failed/Error: Error 1..3, Error 13..15",
                "sub/x Succeeded: Succeeded 1..2, Succeeded 13..14",
                "sub/z Failed/Error: Error 2..3, Error 14..15", "last Skipped/RunFailed",
            ])
        #expect(report.run("r").tasks[1].attempts.allSatisfy { $0.pods == 0 })
        #expect(report.run("r").counts == ["Failed": 1, "Skipped": 1, "Succeeded": 2])
    }

    @Test func `Failures of gangs, and their retries, are the whole gang's`() {
        let report = simulate(
            run("r", "[{name: g, replicas: 4, retry: {limit: 1}, \(container)}]")
                + scenario("outcomes: [{attempt: 0, replica: 2, duration: 3s, exitCode: 1}, {duration: 10s}]"))
        #expect(report.run("r").rows == ["g Succeeded: Error 0..3, Succeeded 3..13"])
        #expect(report.run("r").tasks[0].attempts.map(\.pods) == [4, 4] && report.podsCreated == 8)
        #expect(report.admissions.map(\.pods) == [4, 4] && report.admissions.map(\.attempt) == [0, 1])
    }

    @Test func `Pipelines are found by their name, by runs and by tasks`() {
        let pipelines = """
            ---
            apiVersion: sluice.dev/v1alpha1
            kind: Pipeline
            metadata: {name: outer}
            spec: {tasks: [{name: o, pipelineRef: {name: inner}}]}
            ---
            apiVersion: sluice.dev/v1alpha1
            kind: Pipeline
            metadata: {name: inner}
            spec: {tasks: [{name: i, \(container)}]}
            ---
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: r}
            spec: {pipelineRef: {name: outer}}

            """
        #expect(
            simulate(pipelines).run("r").rows == [
                "o Succeeded: Succeeded 0..1", "o/i Succeeded: Succeeded 0..1",
            ])
    }

    @Test func `A Pipeline that is not there is waited for ten minutes`() {
        let text = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: r}
            spec: {pipelineRef: {name: p}}

            """
        #expect(simulate(text).run("r").summary == "Failed/PipelineNotFound -..600")
        let apply =
            "actions: [{at: 5m, apply: {apiVersion: sluice.dev/v1alpha1, kind: Pipeline, metadata: {name: p}, spec: {tasks: [{name: t, \(container)}]}}}]"
        #expect(simulate(text + scenario(apply)).run("r").summary == "Succeeded 300..301")
    }

    @Test func `A Pipeline alone is run`() {
        let report = simulate(
            """
            apiVersion: sluice.dev/v1alpha1
            kind: Pipeline
            metadata: {name: p, namespace: team}
            spec: {tasks: [{name: t, \(container)}]}
            """)
        #expect(report.run("p").summary == "Succeeded 0..1" && report.run("p").namespace == "team")
    }

    @Test func `What admission refuses is told, and the rest goes on`() {
        let report = simulate(
            run("bad", "[{name: a, dependsOn: [a], \(container)}]") + run("good", "[{name: a, \(container)}]"))
        #expect(report.refused.map(\.name) == ["default/bad"] && report.refused.map(\.kind) == ["PipelineRun"])
        #expect(report.runs.map(\.name) == ["good"])
    }
}
