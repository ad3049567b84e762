import JSON
import PipelineEngine
import Testing

@testable import SluiceAPI

/// Rule E2: conditions.
struct WhenTests {
    static let echo: JSONValue = ["image": "x", "args": ["$(item)"]]

    @Test(
        arguments: [
            ("params.n > 3", "Running"), ("params.n < 3", "Skipped/WhenFalse"),
            ("params.s == 'heads' && params.n == 7", "Running"),
            ("params['with-dash'] == 'd'", "Running"), ("params.list.exists(x, x == 2)", "Running"),
            ("size(params.list) == 0", "Skipped/WhenFalse"), ("has(params.obj.k)", "Running"),
            ("has(params.obj.none)", "Skipped/WhenFalse"),
            ("params.obj.k == 1.0", "Running"), ("run.name == 'run' && run.namespace == 'ns'", "Running"),
            ("int(params.text) > 9", "Running"), ("params.s.startsWith('he') ? params.n == 7 : false", "Running"),
            ("int(params.s) > 9", "Failed/ExpressionError"), ("params.obj.none == 1", "Failed/ExpressionError"),
            ("params.list[5] == 1", "Failed/ExpressionError"), ("params.n / 0 == 1", "Failed/ExpressionError"),
            ("true || params.n / 0 == 1", "Running"), ("params.obj.k", "Failed/ExpressionError"),
        ])
    func `E2: a condition over the parameters runs, skips or fails its task`(when: String, state: String) {
        let bench = Bench(
            [task("a", ["when": .string(when)])],
            declared: [
                ["name": "n", "type": "integer"], ["name": "s"], ["name": "with-dash"],
                ["name": "list", "type": "array"],
                ["name": "obj", "type": "object"], ["name": "text"],
            ],
            parameters: [
                "n": 7, "s": "heads", "with-dash": "d", "list": [1, 2], "obj": ["k": 1], "text": "10",
            ])
        #expect(bench.state("a") == state, "\(bench.task("a").message)")
    }

    @Test func `E2 and E10: the results of no items are empty lists in a condition too, whatever they are called`() {
        let bench = Bench([
            task("a", ["forEach": ["items": []], "pipelineRef": ["name": "p"]]),
            task("b", ["when": "size(tasks.a.results.r) == 0"]), task("c", ["when": "has(tasks.a.results.r)"]),
            task("d", ["when": "size(tasks.a.results.r) > 0"]),
        ])
        #expect(bench.states("a", "b", "c", "d") == ["Succeeded", "Running", "Running", "Skipped/WhenFalse"])
    }

    @Test func `E2 and E1: what follows a task that its condition skipped goes on by default, not with Succeeded`() {
        let bench = Bench([
            task("a", ["when": "false"]), task("b", ["dependsOn": ["a"]]),
            task("c", ["dependsOn": [["task": "a", "on": "Succeeded"]]]),
            task("d", ["dependsOn": [["task": "a", "on": "Finished"]]]),
        ])
        #expect(
            bench.states("a", "b", "c", "d") == ["Skipped/WhenFalse", "Running", "Skipped/DependencyNotMet", "Running"])
    }

    @Test func `E2 and E1: a result that it reads is a dependency, a phase one on any end`() {
        var bench = Bench([
            task("a", ["results": ["n"]]), task("b", ["onFailure": "Ignore"]),
            task("high", ["when": "tasks.a.results.n > 5"]), task("low", ["when": "tasks.a.results.n <= 5"]),
            task("alarm", ["when": "tasks.b.phase == 'Failed'"]),
        ])
        #expect(bench.states("high", "low", "alarm") == ["Pending", "Pending", "Pending"])
        bench.restart()
        bench.succeed("a", results: #"{"n": 9}"#)
        bench.fail("b")
        #expect(bench.states("high", "low", "alarm") == ["Running", "Skipped/WhenFalse", "Running"])
        bench.restart()
        bench.succeed("high")
        bench.succeed("alarm")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test
    func
        `E2: a result that was never written skips; has() asks without needing it; a part of one that is not there fails`()
    {
        var bench = Bench(
            [
                task("a", ["results": ["r"], "when": "false"]), task("c", ["results": ["r"]]),
                task("needs", ["when": "tasks.a.results.r == 1"]), task("asks", ["when": "!has(tasks.a.results.r)"]),
                task("absorbs", ["when": "tasks.a.results.r == 1 || true"]),
                task("part", ["when": "tasks.c.results.r.x == 1"]),
            ], run: ["failurePolicy": "Continue"])
        bench.succeed("c", results: #"{"r": {"y": 1}}"#)
        #expect(
            bench.states("needs", "asks", "absorbs", "part") == [
                "Skipped/MissingResult", "Running", "Running", "Failed/ExpressionError",
            ])
    }

    @Test func `E2: it comes before the references of the container`() {
        let bench = Bench([
            task("a", ["results": ["r"], "when": "false"]),
            task("b", ["when": "false", "container": ["image": "x", "args": ["$(tasks.a.results.r)"]]]),
        ])
        #expect(bench.state("b") == "Skipped/WhenFalse")
    }

    @Test func `E2 and E10: one that reads the item is asked of each instance, any other once`() {
        var bench = Bench([
            task(
                "a", ["forEach": ["items": [1, 2, 3]], "when": "item != 2", "container": Self.echo, "results": ["n"]]),
            task("b", ["forEach": ["items": [1, 2], "as": "x"], "when": "x > 5"]),
            task("c", ["forEach": ["items": [1, 2]], "when": "false"]),
            task("after", ["dependsOn": ["b", "c"]]),
        ])
        #expect(bench.states("a", "a[0]", "a[1]", "a[2]") == ["Running", "Running", "Skipped/WhenFalse", "Running"])
        #expect(bench.states("b", "b[0]", "b[1]") == ["Skipped/WhenFalse", "Skipped/WhenFalse", "Skipped/WhenFalse"])
        #expect(bench.state("c") == "Skipped/WhenFalse")
        #expect(bench.task("c").items == nil)
        #expect(bench.state("after") == "Running")
        bench.succeed("a[0]", results: #"{"n": 1}"#)
        bench.restart()
        bench.succeed("a[2]", results: #"{"n": 3}"#)
        #expect(bench.state("a") == "Succeeded")
        #expect(bench.task("a").results == ["n": [1, .null, 3]])
    }

    @Test func `E2 and E6: finally reads the phase of the run and the results of its tasks`() {
        var bench = Bench(
            [task("a", ["results": ["r"]])],
            finally: [
                task("bad", ["when": "run.phase == 'Failed'"]), task("good", ["when": "run.phase == 'Succeeded'"]),
                task("found", ["when": "has(tasks.a.results.r) && tasks.a.phase == 'Failed'"]),
            ])
        bench.change("a") { $0.end(code: 1, at: $1, message: #"{"r": 1}"#) }
        #expect(bench.states("bad", "good", "found") == ["Running", "Skipped/WhenFalse", "Running"])
    }

    @Test func `E2 and E11: inside of a sub-pipeline it reads that one's parameters and tasks`() {
        let inner: JSONValue = [
            "parameters": [["name": "p", "type": "integer"]],
            "tasks": [
                task("x", ["when": "params.p > 1", "results": ["r"]]), task("y", ["when": "tasks.x.results.r == 'go'"]),
            ],
        ]
        var bench = Bench([
            task("s", ["pipelineSpec": inner, "forEach": ["items": [1, 2]], "parameters": ["p": "$(item)"]])
        ])
        #expect(
            bench.states("s[0]/x", "s[0]/y", "s[0]", "s[1]/x") == [
                "Skipped/WhenFalse", "Skipped/MissingResult", "Succeeded", "Running",
            ])
        bench.succeed("s[1]/x", results: #"{"r": "go"}"#)
        #expect(bench.state("s[1]/y") == "Running")
    }

    @Test func `E2 and E13: a suspended run decides conditions, so that it may end`() {
        var bench = Bench([task("a"), task("b", ["when": "tasks.a.phase == 'Failed'"])])
        bench.want(.suspended)
        bench.succeed("a")
        #expect(bench.state("b") == "Skipped/WhenFalse")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E2 and Q9: a task whose pod is there had its condition met`() {
        var bench = Bench([task("a"), task("b", ["when": "tasks.a.phase == 'Succeeded'", "forEach": ["items": [1]]])])
        let before = bench.persisted
        bench.succeed("a")
        bench.persisted = before
        bench.restart()
        #expect(bench.states("b", "b[0]") == ["Running", "Running"])
        #expect(bench.created.count == 2)
    }

    @Test func `E2: an expression that would take for ever fails its task`() {
        let list = JSONValue.array((0..<2000).map { .int($0) })
        let bench = Bench(
            [task("a", ["when": "params.l.all(x, params.l.all(y, params.l.all(z, x + y + z >= 0)))"])],
            declared: [["name": "l", "type": "array"]], parameters: ["l": list])
        #expect(bench.state("a") == "Failed/ExpressionError")
        #expect(bench.task("a").message.contains("cost"))
    }
}
