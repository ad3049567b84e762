import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI
import Testing

/// E5, E6 and how they meet the other rules.
struct FailurePolicyTests {
    @Test func `E5 FailFast: no further task starts, those that run finish with their retries, then finally`() {
        var bench = Bench(
            [
                task("bad"), task("busy", ["retry": ["limit": 1]]), task("next", ["dependsOn": ["busy"]]),
                task("free", ["dependsOn": [["task": "bad", "on": "Finished"]]]),
            ], finally: [task("clean")])
        bench.fail("bad", code: 3)
        #expect(
            bench.states("busy", "next", "free", "clean") == [
                "Running", "Skipped/RunFailed", "Skipped/RunFailed", "Pending",
            ])
        bench.fail("busy")
        #expect(bench.state("busy") == "Running")
        #expect(bench.task("busy").attempt == 1)
        bench.succeed("busy")
        #expect(bench.states("busy", "clean") == ["Succeeded", "Running"])
        bench.succeed("clean")
        #expect(bench.outcome() == "Failed/Error")
        #expect(bench.status.message.contains("bad") && bench.status.message.contains("exit code 3"))
        #expect(bench.driver.isDone)
    }

    @Test func `E5 Continue: branches that do not depend on the failed task go on to the end`() {
        var bench = Bench(
            [
                task("bad"), task("after", ["dependsOn": ["bad"]]), task("other"),
                task("next", ["dependsOn": ["other"]]),
                task("handler", ["dependsOn": [["task": "bad", "on": "Failed"]]]),
            ], run: ["failurePolicy": "Continue"])
        bench.fail("bad")
        #expect(bench.states("after", "handler", "other") == ["Skipped/DependencyNotMet", "Running", "Running"])
        bench.succeed("other")
        bench.succeed("next")
        bench.succeed("handler")
        #expect(bench.outcome() == "Failed/Error")
    }

    @Test func `E5 Cancel: running attempts and retry waits are stopped, finally runs, the failed task's reason stays`()
    {
        var bench = Bench(
            [
                task("bad"), task("busy"), task("waits", ["retry": ["limit": 5, "backoff": ["initial": "60s"]]]),
                task("next", ["dependsOn": ["busy"]]),
            ], finally: [task("clean")], run: ["failurePolicy": "Cancel"])
        bench.fail("waits")
        bench.lingers = true
        bench.run("busy")
        bench.fail("bad", code: 9)
        #expect(bench.state("waits") == "Failed/Error")
        #expect(bench.task("next").phase == .skipped)
        // The container of `busy` has not ended yet: neither has the task, and finally waits for it.
        #expect(bench.task("busy").phase == .running)
        #expect(bench.task("clean").phase == .pending)
        bench.endDeleted()
        #expect(bench.task("busy").phase == .cancelled)
        #expect(bench.state("clean") == "Running")
        bench.succeed("clean")
        #expect(bench.outcome() == "Failed/Error")
        #expect(bench.status.message.contains("exit code 9"))
    }

    @Test func `E5 Cancel and E14: finally does not start before the status tells what was stopped for it`() {
        var bench = Bench(
            [task("waits", ["retry": ["limit": 5, "backoff": ["initial": "5s"]]]), task("bad")],
            finally: [task("clean")], run: ["failurePolicy": "Cancel"])
        bench.fail("waits")
        let before = bench.persisted
        bench.fail("bad", settling: false)
        #expect(bench.next().creates.isEmpty)
        // The operator dies before it could write, and is away until the retry is due.
        bench.persisted = before
        bench.now = bench.now + .seconds(60)
        bench.restart()
        #expect(bench.state("waits") == "Failed/Error")
        #expect(bench.state("clean") == "Running")
        #expect(bench.pods.values.filter(\.isLive).count == 1)
    }

    @Test(arguments: ["FailFast", "Continue", "Cancel"])
    func `E5: a failure that is ignored stops nothing and fails no run`(policy: String) {
        var bench = Bench(
            [task("bad", ["onFailure": "Ignore"]), task("busy"), task("next", ["dependsOn": ["busy"]])],
            run: ["failurePolicy": .string(policy)])
        bench.fail("bad")
        #expect(bench.states("bad", "busy") == ["Failed/Error", "Running"])
        bench.succeed("busy")
        bench.succeed("next")
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.deleted.isEmpty)
    }

    @Test(arguments: [false, true])
    func `E5 and E14: the run's reason is of the task that failed first, in whichever order that is heard of`(
        reversed: Bool
    ) {
        var bench = Bench([task("a"), task("b")])
        let first = bench.now + .seconds(1)
        let second = bench.now + .seconds(5)
        bench.now = bench.now + .seconds(10)
        let events: [(String, Timestamp, Int)] = [("b", first, 4), ("a", second, 5)]
        for (name, time, code) in reversed ? events.reversed() : events {
            bench.change(name) { pod, _ in pod.end(code: code, at: time) }
        }
        #expect(bench.status.message.contains("task b failed: exit code 4"))
    }

    @Test(arguments: ["success", "failure", "cancel", "timeout"])
    func `E6: finally runs exactly once whatever happened`(ending: String) {
        var bench = Bench([task("a"), task("b", ["dependsOn": ["a"]])], finally: [task("f")], run: ["timeout": "1m"])
        switch ending {
        case "success":
            bench.succeed("a")
            bench.succeed("b")
        case "failure": bench.fail("a")
        case "cancel": bench.want(.cancelled)
        default: bench.pass(60)
        }
        #expect(bench.state("f") == "Running")
        #expect(bench.status.completionTime == nil)
        bench.restart()
        bench.run("f")
        bench.succeed("f")
        let expected = [
            "success": "Succeeded/Succeeded", "failure": "Failed/Error", "cancel": "Cancelled/Cancelled",
            "timeout": "Failed/RunTimeout",
        ]
        #expect(bench.outcome() == expected[ending])
        #expect(bench.createdCount[bench.name("f")] == 1)
        #expect(bench.driver.isDone)
        bench.restart()
        #expect(bench.outcome() == expected[ending])
        #expect(bench.createdCount[bench.name("f")] == 1)
    }

    @Test func `E6: finally has its own dependencies, and reads results and phases`() {
        var bench = Bench(
            [task("a", ["results": ["r"]]), task("b", ["onFailure": "Ignore"])],
            finally: [
                task(
                    "f",
                    [
                        "container": [
                            "image": "x", "args": ["$(tasks.a.results.r)", "$(tasks.b.phase)", "$(run.phase)"],
                        ]
                    ]),
                task("g", ["dependsOn": ["f"]]), task("h", ["dependsOn": [["task": "f", "on": "Failed"]]]),
            ])
        bench.fail("b")
        bench.succeed("a", results: #"{"r": "x"}"#)
        #expect(bench.states("f", "g", "h") == ["Running", "Pending", "Pending"])
        #expect(bench.created[bench.name("f")]?["spec"]?["containers"]?[0]?["args"] == ["x", "Failed", "Succeeded"])
        bench.succeed("f")
        #expect(bench.states("g", "h") == ["Running", "Skipped/DependencyNotMet"])
        bench.succeed("g")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E6: finally reads the result of a task that failed as missing, and the run's phase as Failed`() {
        var bench = Bench(
            [task("a", ["results": ["r"]])],
            finally: [
                task("f", ["container": ["image": "x", "args": ["$(tasks.a.results.r)"]]]),
                task("g", ["container": ["image": "x", "args": ["$(run.phase)"]]]),
            ])
        bench.fail("a")
        #expect(bench.states("f", "g") == ["Skipped/MissingResult", "Running"])
        #expect(bench.created[bench.name("g")]?["spec"]?["containers"]?[0]?["args"] == ["Failed"])
    }

    @Test func `E6: a failure in finally makes the run Failed, and the other finally tasks go on`() {
        var bench = Bench([task("a")], finally: [task("f"), task("g"), task("h", ["dependsOn": ["g"]])])
        bench.succeed("a")
        bench.fail("f", code: 6)
        bench.succeed("g")
        #expect(bench.state("h") == "Running")
        bench.succeed("h")
        #expect(bench.outcome() == "Failed/Error")
        #expect(bench.status.message.contains("task f failed: exit code 6"))
    }

    @Test func `E5 and E6: the reason of a run whose finally fails too is the main task's`() {
        var bench = Bench([task("a")], finally: [task("f")])
        bench.fail("a", code: 4)
        bench.fail("f", code: 6)
        #expect(bench.status.message.contains("task a failed: exit code 4"))
    }

    @Test func `E6: an ignored failure in finally leaves the run Succeeded`() {
        var bench = Bench([task("a")], finally: [task("f", ["onFailure": "Ignore"])])
        bench.succeed("a")
        bench.fail("f")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E6 and timeout: the run's time-out does not stop finally`() {
        var bench = Bench([task("a")], finally: [task("f")], run: ["timeout": "1m"])
        bench.succeed("a")
        bench.pass(600)
        #expect(bench.state("f") == "Running")
        bench.succeed("f")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `Timeout: a run that takes too long is stopped, its retries too, and stays Failed`() {
        var bench = Bench(
            [
                task("a"), task("b", ["retry": ["limit": 9, "backoff": ["initial": "10m", "max": "10m"]]]),
                task("c", ["dependsOn": ["a"]]),
            ],
            run: ["timeout": "1m"])
        bench.fail("b")
        bench.pass(59)
        #expect(bench.states("a", "c") == ["Running", "Pending"])
        bench.pass(1)
        #expect(bench.states("a", "b", "c") == ["Failed/RunTimeout", "Failed/Error", "Skipped/RunTimeout"])
        #expect(bench.outcome() == "Failed/RunTimeout")
    }

    @Test func `Timeout: it counts from the first pod, not from the run's creation`() {
        var bench = Bench([task("a")], run: ["timeout": "1m", "state": "Suspended"])
        bench.pass(3600)
        bench.want(.running)
        #expect(bench.state("a") == "Running")
        bench.pass(59)
        #expect(bench.state("a") == "Running")
        bench.pass(1)
        #expect(bench.outcome() == "Failed/RunTimeout")
    }

    @Test func `queueTimeout: a run of which nothing was admitted in time fails, and runs its finally`() {
        var bench = Bench(
            [task("a"), task("b", ["dependsOn": ["a"]])], finally: [task("f")],
            run: ["queueTimeout": "1m", "state": "Suspended"])
        bench.pass(59)
        bench.restart()
        #expect(bench.state("a") == "Pending")
        bench.pass(1)
        #expect(bench.states("a", "b", "f") == ["Skipped/QueueTimeout", "Skipped/QueueTimeout", "Pending"])
        bench.restart()
        bench.want(.running)
        bench.succeed("f")
        #expect(bench.outcome() == "Failed/QueueTimeout")
        #expect(bench.status.message.contains("1m0s"))
    }

    @Test func `queueTimeout: what was admitted once is past it`() {
        var bench = Bench([task("a"), task("b", ["dependsOn": ["a"]])], run: ["queueTimeout": "1m"])
        bench.run("a")
        bench.pass(300)
        bench.succeed("a")
        bench.run("b")
        bench.want(.suspended)
        bench.pass(300)
        bench.restart()
        bench.want(.running)
        bench.succeed("b")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E5 and timeout: a run that had failed before its time was over keeps the failed task's reason`() {
        var bench = Bench([task("a"), task("b")], run: ["timeout": "1m"])
        bench.fail("a", code: 4)
        bench.pass(60)
        #expect(bench.outcome() == "Failed/Error")
        #expect(bench.status.message.contains("task a failed: exit code 4"))
    }

    @Test func `Timeout and restart: a time-out that was decided stays decided`() {
        var bench = Bench([task("a")], finally: [task("f")], run: ["timeout": "1m"])
        bench.lingers = true
        bench.run("a")
        bench.pass(60)
        bench.restart()
        bench.endDeleted(code: 0)
        bench.restart()
        #expect(bench.states("a", "f") == ["Failed/RunTimeout", "Running"])
        bench.succeed("f")
        #expect(bench.outcome() == "Failed/RunTimeout")
    }

    /// Pipelines of whose `finally` the tasks x, y with a retry, and z after y are.
    private static let finallies: [String: (tasks: [JSONValue], finally: [JSONValue])] = {
        let tasks = [
            task("x"), task("y", ["retry": ["limit": 1, "backoff": ["initial": "10s"]]]),
            task("z", ["dependsOn": ["y"]]),
        ]
        let pipeline = task("s", ["pipelineSpec": ["tasks": .array(tasks)]])
        return [
            "": ([], tasks), "s/": ([], [pipeline]), "o/s/": ([], [task("o", ["pipelineSpec": ["tasks": [pipeline]]])]),
            "p/": ([task("p", ["pipelineSpec": ["tasks": [task("m")], "finally": .array(tasks)]])], []),
            "p/s/": ([task("p", ["pipelineSpec": ["tasks": [task("m")], "finally": [pipeline]]])], []),
        ]
    }()

    @Test(arguments: ["FailFast", "Cancel"], ["", "s/", "o/s/", "p/", "p/s/"])
    func `E6: inside finally, at any depth, what runs, retries or follows goes on after a failure, as with Continue`(
        policy: String, path: String
    ) {
        let (tasks, finally) = Self.finallies[path] ?? ([], [])
        var bench = Bench(tasks + [task("a")], finally: finally, run: ["failurePolicy": .string(policy)])
        if path.hasPrefix("p/") { bench.succeed("p/m") }
        bench.succeed("a")
        bench.run(path + "y")
        bench.fail(path + "x", code: 6)
        #expect(bench.states(path + "x", path + "y", path + "z") == ["Failed/Error", "Running", "Pending"])
        bench.fail(path + "y")
        bench.restart()
        bench.pass(10)
        bench.succeed(path + "y")
        #expect(bench.state(path + "z") == "Running")
        bench.succeed(path + "z")
        #expect(bench.states(path + "y", path + "z") == ["Succeeded", "Succeeded"])
        #expect(bench.outcome() == "Failed/Error")
        #expect(bench.status.message.contains("task \(path)x failed: exit code 6"))
    }

    @Test(arguments: ["FailFast", "Cancel"])
    func `E6 and E14: a failure in finally skips no task before it, for an operator that comes after either`(
        policy: String
    ) {
        var bench = Bench(
            [task("b", ["dependsOn": ["a"], "when": "false"]), task("a")], finally: [task("f")],
            run: ["failurePolicy": .string(policy)])
        let before = bench.persisted
        bench.succeed("a")
        #expect(bench.states("b", "f") == ["Skipped/WhenFalse", "Running"])
        bench.fail("f", settling: false)
        bench.persisted = before
        bench.restart()
        #expect(bench.states("a", "b", "f") == ["Succeeded", "Skipped/WhenFalse", "Failed/Error"])
        #expect(bench.status.message.contains("task f failed"))
    }
}
