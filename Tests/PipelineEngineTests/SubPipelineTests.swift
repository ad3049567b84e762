import JSON
import KubernetesModel
import PipelineEngine
import Testing

@testable import SluiceAPI

/// Rule E11: pipelines as tasks.
struct SubPipelineTests {
    static let inner: JSONValue = [
        "parameters": [["name": "p", "default": "none"]],
        "tasks": [
            task("x", ["container": ["image": "x", "args": ["$(params.p)"]], "results": ["r"]]),
            task("y", ["dependsOn": ["x"]]),
        ],
        "results": [["name": "out", "value": "$(tasks.x.results.r)"]],
    ]

    static func with(_ fields: JSONValue, finally: [JSONValue] = []) -> JSONValue {
        var inner = inner
        if !finally.isEmpty { inner["finally"] = .array(finally) }
        var fields = fields
        fields["pipelineSpec"] = inner
        return task("s", fields)
    }

    @Test func `E11: its tasks run under its path, and its results are its task's`() {
        var bench = Bench(
            [
                task("first", ["results": ["v"]]),
                Self.with(["parameters": ["p": "$(tasks.first.results.v)"]]),
                task("after", ["container": ["image": "x", "args": ["$(tasks.s.results.out)"]]]),
            ])
        bench.succeed("first", results: #"{"v": "hello"}"#)
        #expect(bench.states("s", "s/x", "s/y") == ["Running", "Running", "Pending"])
        let pod = bench.created[bench.name("s/x")]
        #expect(pod?["spec"]?["containers"]?[0]?["args"]?[0] == "hello")
        #expect(pod?["metadata"]?["labels"]?["sluice.dev/task"] == "s")
        #expect(pod?["metadata"]?["annotations"]?["sluice.dev/path"] == "s/x")
        bench.restart()
        bench.succeed("s/x", results: #"{"r": [1]}"#)
        bench.restart()
        bench.succeed("s/y")
        #expect(bench.task("s").results == ["out": [1]])
        #expect(bench.created[bench.name("after")]?["spec"]?["containers"]?[0]?["args"]?[0] == "[1]")
        bench.succeed("after")
        #expect(bench.status.progress == "4/4")
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.driver.isDone)
    }

    @Test func `E11 and E3: the run's pod template sees the run's parameters at every depth`() {
        let bench = Bench(
            [Self.with(["parameters": ["p": "inner"]])],
            run: ["podTemplate": ["spec": ["nodeSelector": ["zone": "$(params.p)"]]]],
            parameters: ["p": "outer"])
        let pod = bench.created[bench.name("s/x")]
        #expect(pod?["spec"]?["nodeSelector"]?["zone"] == "outer")
        #expect(pod?["spec"]?["containers"]?[0]?["args"]?[0] == "inner")
    }

    @Test func `E11 and E7: a retry of the task starts the pipeline anew, with attempts that go on counting`() {
        var bench = Bench([Self.with(["retry": ["limit": 1, "backoff": ["initial": "10s"]]])])
        bench.succeed("s/x", results: #"{"r": 1}"#)
        bench.fail("s/y", code: 7)
        #expect(bench.state("s") == "Running/Error")
        #expect(bench.task("s").attempt == 1)
        bench.restart()
        bench.pass(9)
        #expect(bench.created.count == 2)
        bench.pass(1)
        #expect(bench.task("s/x").attempt == 1)
        #expect(bench.isLive("s/x", attempt: 1))
        #expect(bench.state("s/y") == "Pending")
        #expect(bench.task("s/y").attempt == 1)
        bench.restart()
        bench.succeed("s/x", results: #"{"r": 2}"#)
        bench.restart()
        #expect(bench.isLive("s/y", attempt: 1))
        bench.succeed("s/y")
        #expect(bench.task("s").results == ["out": 2])
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.driver.isDone)
    }

    @Test func `E11 and E7: the failure of a sub-pipeline has class Failed, and no exit code`() {
        for (retry, attempts) in [
            (["limit": 1, "on": ["OOMKilled"]], 0), (["limit": 1, "exitCodes": [7]], 0),
            (["limit": 1, "on": ["Failed"]], 1),
        ] as [(JSONValue, Int)] {
            var bench = Bench([Self.with(["retry": retry])])
            bench.fail("s/x", code: 7)
            #expect(bench.task("s").attempt == attempts)
            #expect(bench.task("s").exitCode == nil)
        }
    }

    @Test func `E11 and E6: its own finally runs before its task ends, and the phase there is its own`() {
        let finally = task("f", ["container": ["image": "x", "args": ["$(run.phase)", "$(tasks.x.phase)"]]])
        var bench = Bench(
            [Self.with([:], finally: [finally]), task("after", ["dependsOn": [["task": "s", "on": "Failed"]]])],
            run: ["failurePolicy": "Continue"])
        bench.fail("s/x")
        #expect(
            bench.states("s", "s/x", "s/y", "s/f") == [
                "Running", "Failed/Error", "Skipped/DependencyNotMet", "Running",
            ])
        #expect(bench.created[bench.name("s/f")]?["spec"]?["containers"]?[0]?["args"] == ["Failed", "Failed"])
        bench.succeed("s/f")
        #expect(bench.states("s", "after") == ["Failed/Error", "Running"])
        #expect(bench.task("s").message.hasPrefix("task s/x failed: exit code 1"))
    }

    @Test
    func `E11 and E5 FailFast: a failure outside starts nothing inside, lets what runs go on, and its finally runs`() {
        var bench = Bench([Self.with(["retry": ["limit": 3]], finally: [task("f")]), task("bad")])
        bench.fail("bad")
        bench.restart()
        bench.succeed("s/x", results: #"{"r": 1}"#)
        #expect(bench.states("s/y", "s/f") == ["Skipped/RunFailed", "Running"])
        bench.succeed("s/f")
        #expect(bench.state("s") == "Cancelled/RunFailed")
        #expect(bench.outcome() == "Failed/Error")
    }

    @Test func `E11 and E5 FailFast: a sub-pipeline closes its run when it has ended, its finally included`() {
        var bench = Bench([
            Self.with([:], finally: [task("f")]), task("a"), task("b", ["dependsOn": ["a"]]),
        ])
        bench.fail("s/x")
        bench.succeed("a")
        #expect(bench.state("b") == "Running")
        bench.succeed("s/f")
        #expect(bench.state("s") == "Failed/Error")
        bench.succeed("b")
        #expect(bench.outcome() == "Failed/Error")
    }

    @Test func `E11 and E5 Cancel: a failure outside stops what runs inside, at every depth`() {
        let deep: JSONValue = ["tasks": [Self.with([:], finally: [task("f")])]]
        var bench = Bench([task("o", ["pipelineSpec": deep]), task("bad")], run: ["failurePolicy": "Cancel"])
        bench.run("o/s/x")
        bench.fail("bad")
        #expect(bench.states("o/s/x", "o/s/y", "o/s/f") == ["Cancelled/RunFailed", "Skipped/RunFailed", "Running"])
        bench.succeed("o/s/f")
        #expect(bench.states("o", "o/s") == ["Cancelled/RunFailed", "Cancelled/RunFailed"])
        #expect(bench.outcome() == "Failed/Error")
    }

    @Test func `E11 and E13: a cancel reaches every depth, every finally on the way runs`() {
        let deep: JSONValue = ["tasks": [Self.with([:], finally: [task("f")])], "finally": [task("g")]]
        var bench = Bench([task("o", ["pipelineSpec": deep])], finally: [task("h")])
        bench.run("o/s/x")
        bench.want(.cancelled)
        #expect(
            bench.states("o/s/x", "o/s/f", "o/g", "h") == ["Cancelled/RunCancelled", "Running", "Pending", "Pending"])
        bench.restart()
        bench.succeed("o/s/f")
        #expect(bench.states("o/s", "o/g") == ["Cancelled/RunCancelled", "Running"])
        bench.succeed("o/g")
        #expect(bench.states("o", "h") == ["Cancelled/RunCancelled", "Running"])
        bench.succeed("h")
        #expect(bench.outcome() == "Cancelled/Cancelled")
        #expect(bench.driver.isDone)
    }

    @Test func `E11 and E13: Terminated stops the finally of every depth`() {
        var bench = Bench([Self.with([:], finally: [task("f")])], finally: [task("h")])
        bench.run("s/x")
        bench.want(.cancelled)
        bench.run("s/f")
        bench.want(.terminated)
        #expect(
            bench.states("s", "s/f", "h") == [
                "Cancelled/RunTerminated", "Cancelled/RunTerminated", "Skipped/RunTerminated",
            ])
        #expect(bench.outcome() == "Cancelled/Terminated")
    }

    @Test func `E11 and timeout: it counts from the first pod, stops what runs, and is retried as a Timeout`() {
        var bench = Bench([
            Self.with(["timeout": "1m", "retry": ["limit": 1, "on": ["Timeout"]]], finally: [task("f")])
        ])
        bench.run("s/x")
        bench.pass(59)
        #expect(bench.state("s/x") == "Running")
        bench.restart()
        bench.pass(1)
        #expect(bench.states("s/x", "s/y", "s/f") == ["Failed/PipelineTimeout", "Skipped/PipelineTimeout", "Running"])
        bench.restart()
        // Its finally is not cut by it.
        bench.pass(600)
        #expect(bench.state("s/f") == "Running")
        bench.succeed("s/f")
        #expect(bench.task("s").attempt == 1)
        #expect(bench.isLive("s/x", attempt: 1))
        bench.run("s/x")
        bench.pass(60)
        bench.succeed("s/f")
        #expect(bench.state("s") == "Failed/Timeout")
        #expect(bench.task("s").message.contains("longer than its timeout of 1m0s"))
        #expect(bench.outcome() == "Failed/Timeout")
        #expect(bench.driver.isDone)
    }

    @Test func `E11 and timeout: the run's time-out stops it for good; a finally under way is not cut`() {
        var bench = Bench(
            [Self.with(["retry": ["limit": 5]], finally: [task("f")])], run: ["timeout": "2m"])
        bench.succeed("s/x", results: #"{"r": 1}"#)
        bench.succeed("s/y")
        bench.run("s/f")
        bench.pass(120)
        #expect(bench.state("s/f") == "Running")
        bench.succeed("s/f")
        #expect(bench.state("s") == "Succeeded")
        #expect(bench.outcome() == "Failed/RunTimeout")
    }

    @Test func `E11 and E13: a suspended run starts no task inside, and no retry of it`() {
        var bench = Bench([Self.with(["retry": ["limit": 1]])])
        bench.want(.suspended)
        bench.succeed("s/x", results: #"{"r": 1}"#)
        #expect(bench.state("s/y") == "Pending")
        bench.want(.running)
        bench.fail("s/y", settling: false)
        bench.want(.suspended)
        bench.pass(60)
        #expect(bench.created.count == 2)
        bench.restart()
        #expect(bench.created.count == 2)
        bench.want(.running)
        #expect(bench.isLive("s/x", attempt: 1))
    }

    @Test func `E11 and Ignore: a failure inside that is forgiven is none, one of the task is forgiven by it`() {
        var bench = Bench([
            task(
                "s", ["pipelineSpec": ["tasks": [task("x", ["onFailure": "Ignore"]), task("y", ["dependsOn": ["x"]])]]]),
            task("t", ["pipelineSpec": ["tasks": [task("x")]], "onFailure": "Ignore"]),
        ])
        bench.fail("s/x")
        bench.succeed("s/y")
        bench.fail("t/x")
        #expect(bench.states("s", "t") == ["Succeeded", "Failed/Error"])
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.status.message.contains("s/x") && bench.status.message.contains("t"))
    }

    // MARK: With forEach

    @Test func `E10 and E11: a sub-pipeline for each item, with the item as a parameter and results as arrays`() {
        var bench = Bench([
            Self.with(["forEach": ["items": ["a", "b"], "parallelism": 1], "parameters": ["p": "$(item)"]])
        ])
        #expect(bench.states("s", "s[0]", "s[0]/x", "s[1]") == ["Running", "Running", "Running", "Pending"])
        bench.restart()
        bench.succeed("s[0]/x", results: #"{"r": "A"}"#)
        bench.succeed("s[0]/y")
        #expect(bench.states("s[0]", "s[1]", "s[1]/x") == ["Succeeded", "Running", "Running"])
        #expect(bench.created[bench.name("s[1]/x")]?["spec"]?["containers"]?[0]?["args"]?[0] == "b")
        bench.restart()
        bench.succeed("s[1]/x", results: #"{"r": "B"}"#)
        bench.succeed("s[1]/y")
        #expect(bench.task("s").results == ["out": ["A", "B"]])
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.driver.isDone)
    }

    @Test func `E10 and E11: a forEach inside of a sub-pipeline, retried as a whole`() {
        let inner: JSONValue = [
            "parameters": [["name": "list", "type": "array"]],
            "tasks": [task("w", ["forEach": ["items": "$(params.list)"], "results": ["n"]])],
            "results": [["name": "all", "value": "$(tasks.w.results.n)"]],
        ]
        var bench = Bench([task("s", ["pipelineSpec": inner, "parameters": ["list": [1, 2]], "retry": ["limit": 1]])])
        bench.succeed("s/w[0]", results: #"{"n": 1}"#)
        bench.fail("s/w[1]")
        #expect(bench.isLive("s/w[0]", attempt: 1) && bench.isLive("s/w[1]", attempt: 1))
        bench.restart()
        bench.succeed("s/w[0]", results: #"{"n": 1}"#)
        bench.succeed("s/w[1]", results: #"{"n": 2}"#)
        #expect(bench.task("s").results == ["all": [1, 2]])
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.driver.isDone)
    }

    // MARK: pipelineRef

    @Test func `E11: a Pipeline that is not there is waited for, holding no slot, and taken as it is when it comes`() {
        var bench = Bench([task("s", ["pipelineRef": ["name": "lib"]]), task("a")], run: ["parallelism": 1])
        #expect(bench.states("s", "a") == ["Pending/PipelineNotFound", "Running"])
        bench.pass(599)
        bench.restart()
        #expect(bench.state("s") == "Pending/PipelineNotFound")
        bench.pipelines["lib"] = Self.inner
        bench.succeed("a")
        #expect(bench.states("s", "s/x") == ["Running", "Running"])
        #expect(bench.status.pipelines == ["lib": Self.inner])
        // An edit does not reach it.
        bench.pipelines["lib"] = ["tasks": [task("other")]]
        bench.restart()
        bench.succeed("s/x", results: #"{"r": 1}"#)
        bench.succeed("s/y")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E11: a Pipeline that does not come within 10 minutes fails the task, which is not retried`() {
        var bench = Bench([task("s", ["pipelineRef": ["name": "lib"], "retry": ["limit": 3]])])
        bench.pass(300)
        bench.restart()
        bench.pass(299)
        #expect(bench.state("s") == "Pending/PipelineNotFound")
        bench.pass(1)
        #expect(bench.state("s") == "Failed/PipelineNotFound")
        #expect(bench.outcome() == "Failed/PipelineNotFound")
    }

    @Test func `E11 and E14: nor one of a task that comes later and has the same Pipeline`() {
        var bench = Bench([
            task("a", ["pipelineRef": ["name": "p"]]), task("c"),
            task("b", ["pipelineRef": ["name": "p"], "dependsOn": ["c"]]),
        ])
        bench.driver.pipelineFound("p", ["tasks": [task("x")]])
        guard let write = bench.next().write else {
            Issue.record("nothing is written")
            return
        }
        bench.succeed("c", settling: false)
        #expect(bench.next().creates.isEmpty)
        bench.write(write)
        #expect(Set(bench.next().creates.map(\.name)) == [bench.name("a/x"), bench.name("b/x")])
    }

    @Test func `E11 and timeout and E14: what needed no pod had ended in time, also for an operator that comes after`()
    {
        let inner: JSONValue = [
            "tasks": [
                task("x"), task("y", ["forEach": ["items": []]]),
                task("z", ["pipelineSpec": ["tasks": [task("w", ["when": "false"])]]]),
            ]
        ]
        var bench = Bench([task("a", ["timeout": "10s", "pipelineSpec": inner])])
        bench.run("a/x")
        bench.persisted = PipelineRunStatus()
        let name = bench.name("a/x")
        bench.now = Bench.start + .seconds(5)
        bench.pods[name]?.end(code: 0, at: bench.now)
        bench.now = Bench.start + .seconds(20)
        bench.restart()
        #expect(bench.states("a", "a/x", "a/y", "a/z") == ["Succeeded", "Succeeded", "Succeeded", "Succeeded"])
    }

    @Test(arguments: [false, true])
    func `E10 and E14: results of items that were all skipped do not depend on whether their Pipeline is there`(
        isThere: Bool
    ) {
        var bench = Bench([
            task("b", ["pipelineRef": ["name": "p"]]),
            task(
                "a",
                [
                    "dependsOn": ["b"], "forEach": ["items": [1]], "when": "item > 1",
                    "pipelineRef": ["name": isThere ? "p" : "q"],
                ]),
        ])
        bench.pipelines["p"] = ["tasks": [task("x")], "results": [["name": "r", "value": 1]]]
        bench.settle()
        bench.succeed("b/x")
        #expect(bench.states("b", "a") == ["Succeeded", "Skipped/WhenFalse"])
        #expect(bench.task("a").results.isEmpty)
    }

    @Test func `E11 and E14: no pod of a Pipeline is made before the status holds what it is`() {
        var bench = Bench([task("s", ["pipelineRef": ["name": "lib"]])])
        bench.driver.pipelineFound("lib", Self.inner)
        let effects = bench.next()
        #expect(effects.creates.isEmpty)
        #expect(effects.write?.status.pipelines["lib"] == Self.inner)
    }

    @Test func `E11: a Pipeline that runs itself is refused, however it does so`() {
        var bench = Bench([task("s", ["pipelineRef": ["name": "a"]])])
        bench.pipelines["a"] = ["tasks": [task("t", ["pipelineRef": ["name": "b"]])]]
        bench.pipelines["b"] = ["tasks": [task("u", ["pipelineRef": ["name": "a"]])]]
        bench.settle()
        #expect(bench.state("s/t/u") == "Failed/InvalidPipeline")
        #expect(bench.task("s/t/u").message.contains("a -> b -> a"))
        #expect(bench.outcome() == "Failed/InvalidPipeline")
    }

    @Test func `E11: parameters that its pipeline does not take fail the task`() {
        var bench = Bench([
            task("first", ["results": ["v"]]),
            task(
                "s",
                [
                    "pipelineSpec": ["parameters": [["name": "n", "type": "integer"]], "tasks": [task("x")]],
                    "parameters": ["n": "$(tasks.first.results.v)"],
                ]),
        ])
        bench.succeed("first", results: #"{"v": "seven"}"#)
        #expect(bench.state("s") == "Failed/InvalidParameters")
        #expect(bench.task("s").message.contains("must be an integer"))
    }

    // MARK: What the simulation found

    @Test
    func `E4 and E11: attempts of items go on counting in the next attempt of their pipeline, whoever goes on with it`()
    {
        let inner: JSONValue = [
            "tasks": [task("x"), task("w", ["dependsOn": ["x"], "forEach": ["items": [1, 2]]])]
        ]
        var bench = Bench([task("s", ["pipelineSpec": inner, "retry": ["limit": 1]])])
        bench.succeed("s/x")
        bench.succeed("s/w[0]")
        bench.fail("s/w[1]")
        #expect(bench.states("s/x", "s/w") == ["Running", "Pending"])
        // The items of the first attempt are in no status any more; their pods are still there.
        bench.restart()
        #expect(bench.state("s/w") == "Pending")
        bench.succeed("s/x")
        #expect(bench.isLive("s/w[0]", attempt: 1) && bench.isLive("s/w[1]", attempt: 1))
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
    }

    @Test func `E11 and timeout: that of the next attempt counts from its own first pod, after a restart as well`() {
        var bench = Bench([
            Self.with(["timeout": "1m", "retry": ["limit": 1, "backoff": ["initial": "10s"]]])
        ])
        bench.pass(30)
        bench.fail("s/x")
        #expect(bench.task("s").startTime == nil)
        bench.pass(10)
        bench.restart()
        bench.run("s/x")
        bench.pass(59)
        #expect(bench.state("s/x") == "Running")
        bench.pass(1)
        #expect(bench.state("s/x") == "Failed/PipelineTimeout")
    }

    @Test func `E11 and E14: pods of an attempt that no status tells of are found again, none is made twice or ended`()
    {
        let deep: JSONValue = ["tasks": [Self.with([:]), task("z")]]
        var bench = Bench([
            task("o", ["pipelineSpec": deep, "retry": ["limit": 1, "backoff": ["initial": "10s"]]])
        ])
        bench.succeed("o/z")
        bench.fail("o/s/x")
        let before = bench.persisted
        bench.pass(10)
        #expect(bench.isLive("o/s/x", attempt: 1) && bench.isLive("o/z", attempt: 1))
        bench.persisted = before
        bench.restart()
        #expect(bench.isLive("o/s/x", attempt: 1) && bench.isLive("o/z", attempt: 1))
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
        bench.succeed("o/z")
        bench.succeed("o/s/x", results: #"{"r": 1}"#)
        bench.succeed("o/s/y")
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.driver.isDone)
    }

    @Test func `E5 and E14: a task inside that a restart finds under way is not skipped for a failure beside it`() {
        var bench = Bench([task("x"), Self.with(["dependsOn": ["x"]]), task("bad")])
        bench.succeed("x")
        bench.fail("bad")
        bench.persisted = PipelineRunStatus()
        bench.restart()
        #expect(bench.states("s", "s/x", "s/y") == ["Running", "Running", "Skipped/RunFailed"])
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
    }

    @Test func `E11 and E14: that a Pipeline did not come is written before what follows from it begins`() {
        var bench = Bench([
            task("s", ["pipelineRef": ["name": "lib"]]), task("h", ["dependsOn": [["task": "s", "on": "Failed"]]]),
        ])
        bench.pass(599)
        bench.now = bench.now + .seconds(1)
        let effects = bench.next()
        #expect(effects.creates.isEmpty && effects.write != nil)
        var other = Bench([
            task("s", ["pipelineRef": ["name": "lib"]]), task("h", ["dependsOn": [["task": "s", "on": "Failed"]]]),
        ])
        other.driver.pipelineInvalid("lib", "no tasks", now: other.now)
        #expect(other.next().creates.isEmpty)
    }

    @Test func `E11: what no longer waits for a Pipeline is not ended a second time by it`() {
        var bench = Bench([task("s", ["pipelineRef": ["name": "lib"]])])
        bench.want(.cancelled)
        #expect(bench.driver.wantedPipelines.isEmpty)
        bench.driver.pipelineInvalid("lib", "no tasks", now: bench.now)
        bench.settle()
        #expect(bench.state("s") == "Skipped/RunCancelled")
    }

    @Test func `E5 and E14: what a failure by time-out cuts short elsewhere waits for a status that tells the failure`()
    {
        var bench = Bench(
            [task("a", ["timeout": "10s"]), Self.with([:], finally: [task("f")])],
            run: ["failurePolicy": "Cancel", "parallelism": 1])
        bench.run("a")
        bench.now = bench.now + .seconds(10)
        for release in bench.next().releases { bench.perform(.release(release)) }
        let decided = bench.next()
        bench.change("a", settling: false) { $0.end(code: 1, at: $1) }
        #expect(bench.next().creates.isEmpty)
        #expect(bench.states("a", "s/x") == ["Failed/Timeout", "Skipped/RunFailed"])
        if let write = decided.write { bench.write(write) }
        bench.settle()
        #expect(bench.state("s/f") == "Running")
    }

    @Test
    func `E7 and E14: a retry that a restart finds under way is followed, though a failure beside it stops it by now`()
    {
        var bench = Bench([task("a"), task("b")], run: ["failurePolicy": "Cancel"])
        let before = bench.persisted
        bench.evict("b")
        bench.pass(1)
        bench.run("b")
        bench.persisted = before
        bench.fail("a", settling: false)
        bench.restart()
        #expect(bench.state("b") == "Cancelled/RunFailed")
        #expect(bench.task("b").attempt == 1)
        #expect(bench.pods.values.allSatisfy { !$0.isLive } && bench.driver.isDone)
    }

    // MARK: What waits for a status

    /// Pipelines in which the time-out of a task ends something that others follow on.
    private static let followers: [String: (tasks: [JSONValue], finally: [JSONValue], path: String)] = {
        let slow = task("x", ["timeout": "10s"])
        let pipeline: JSONValue = ["tasks": [task("y")]]
        func with(_ fields: JSONValue, _ name: String, _ finally: [JSONValue] = []) -> JSONValue {
            task(name, ["pipelineSpec": ["tasks": [fields], "finally": .array(finally)]])
        }
        func after(_ name: String, _ fields: JSONValue = [:]) -> JSONValue {
            var fields = fields
            fields["dependsOn"] = [["task": .string(name), "on": "Failed"]]
            return task("after", fields)
        }
        return [
            "after": ([slow, after("x")], [], "x"),
            "after[0]": ([slow, after("x", ["forEach": ["items": [1]]])], [], "x"),
            "after/y": ([slow, after("x", ["pipelineSpec": pipeline])], [], "x"),
            "f": ([slow], [task("f")], "x"),
            "f[0]": ([slow], [task("f", ["forEach": ["items": [1]]])], "x"),
            "f/y": ([slow], [task("f", ["pipelineSpec": pipeline])], "x"),
            "f/o/y": ([slow], [with(task("o", ["pipelineSpec": pipeline]), "f")], "x"),
            "s/f": ([with(slow, "s", [task("f")])], [], "s/x"),
            "s/f/y": ([with(slow, "s", [task("f", ["pipelineSpec": pipeline])])], [], "s/x"),
            "after, of a sub-pipeline": ([with(slow, "s"), after("s")], [], "s/x"),
            "after, of one in another": ([with(with(slow, "s"), "o"), after("o")], [], "o/s/x"),
            "after, of a forEach": (
                [task("x", ["timeout": "10s", "forEach": ["items": [1]]]), after("x")], [], "x[0]"
            ),
            "f, of a sub-pipeline": ([with(slow, "s")], [task("f")], "s/x"),
        ]
    }()

    @Test(arguments: followers.keys.sorted())
    func `E14 and E11: what follows an end by time-out, at any depth, waits until a status tells that end`(
        shape: String
    ) throws {
        let (tasks, finally, path) = try #require(Self.followers[shape])
        var bench = Bench(tasks, finally: finally, run: ["failurePolicy": "Continue"])
        bench.run(path)
        bench.now = bench.now + .seconds(10)
        // First the pod is read from the API server itself.
        for release in bench.next().releases { bench.perform(.release(release)) }
        let write = try #require(bench.next().write)
        // Its pod ends before the operator can write what it has decided.
        bench.change(path, settling: false) { $0.end(code: 1, at: $1) }
        #expect(bench.next().creates.isEmpty)
        bench.write(write)
        let follower = shape.prefix { $0 != "," }
        #expect(bench.next().creates.map { $0.identity.path } == [String(follower)])
    }

    @Test func `E14 and timeout: the finally of a sub-pipeline whose time is over waits until a status tells that`()
        throws
    {
        var bench = Bench([Self.with(["timeout": "10s"], finally: [task("f")])])
        bench.now = bench.now + .seconds(10)
        // It ends in that very instant, so that nothing of the sub-pipeline is to be stopped.
        bench.succeed("s/x", results: #"{"r": 1}"#, settling: false)
        let effects = bench.next()
        #expect(effects.creates.isEmpty)
        #expect(bench.states("s/x", "s/y") == ["Succeeded", "Skipped/PipelineTimeout"])
        bench.write(try #require(effects.write))
        #expect(bench.next().creates.map { $0.identity.path } == ["s/f"])
    }

    @Test func `E5 and E14: nor does the finally of what it cuts short start before, where no slot was to be had`()
        throws
    {
        let inner: JSONValue = ["tasks": [task("x", ["pipelineRef": ["name": "lib"]])], "finally": [task("f")]]
        var bench = Bench([task("a", ["timeout": "10s"]), task("s", ["pipelineSpec": inner])])
        bench.run("a")
        bench.now = bench.now + .seconds(10)
        for release in bench.next().releases { bench.perform(.release(release)) }
        let write = try #require(bench.next().write)
        bench.change("a", settling: false) { $0.end(code: 1, at: $1) }
        #expect(bench.next().creates.isEmpty)
        #expect(bench.states("a", "s/x") == ["Failed/Timeout", "Skipped/RunFailed"])
        bench.write(write)
        #expect(bench.next().creates.map { $0.identity.path } == ["s/f"])
    }
}
