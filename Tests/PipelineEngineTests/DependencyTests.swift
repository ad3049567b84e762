import JSON
import PipelineEngine
import SluiceAPI
import Testing

/// E1 and the dependencies that references make (E3).
struct DependencyTests {
    enum End: String, CaseIterable, CustomTestStringConvertible {
        case succeeded, failed, skipped
        var testDescription: String { rawValue }
    }

    /// How `b` stands, with `on: condition` towards an `a` that has come to that end.
    private func stateOfDependent(_ condition: String, _ end: End) -> String {
        var bench = Bench(
            [
                task("root"), task("a", ["dependsOn": ["root"]]),
                task("b", ["dependsOn": [["task": "a", "on": .string(condition)]]]),
            ], run: ["failurePolicy": "Continue"])
        switch end {
        case .succeeded:
            bench.succeed("root")
            bench.succeed("a")
        case .failed:
            bench.succeed("root")
            bench.fail("a")
        case .skipped: bench.fail("root")
        }
        return bench.state("b")
    }

    @Test(arguments: [
        ("SucceededOrSkipped", End.succeeded, "Running"), ("SucceededOrSkipped", .failed, "Skipped/DependencyNotMet"),
        // Only a false `when` counts as "or skipped"; a dependency that was not met is not a success.
        ("SucceededOrSkipped", .skipped, "Skipped/DependencyNotMet"),
        ("Succeeded", .succeeded, "Running"), ("Succeeded", .failed, "Skipped/DependencyNotMet"),
        ("Succeeded", .skipped, "Skipped/DependencyNotMet"),
        ("Failed", .succeeded, "Skipped/DependencyNotMet"), ("Failed", .failed, "Running"),
        ("Failed", .skipped, "Skipped/DependencyNotMet"),
        ("Finished", .succeeded, "Running"), ("Finished", .failed, "Running"), ("Finished", .skipped, "Running"),
    ])
    func `E1: a task starts when its dependency has ended as its condition asks, and is skipped when it cannot`(
        condition: String, end: End, expected: String
    ) {
        #expect(stateOfDependent(condition, end) == expected)
    }

    @Test func `E1: a task waits for every one of its dependencies`() {
        var bench = Bench([task("a"), task("b"), task("c", ["dependsOn": ["a", ["task": "b", "on": "Finished"]]])])
        bench.succeed("a")
        #expect(bench.states("a", "b", "c") == ["Succeeded", "Running", "Pending"])
        bench.succeed("b")
        #expect(bench.state("c") == "Running")
    }

    @Test func `E1: a dependency that cannot be met spreads, and stops where any end will do`() {
        var bench = Bench(
            [
                task("a"), task("b", ["dependsOn": ["a"]]), task("c", ["dependsOn": ["b"]]),
                task("d", ["dependsOn": [["task": "c", "on": "Finished"]]]), task("e", ["dependsOn": ["d"]]),
            ], run: ["failurePolicy": "Continue"])
        bench.fail("a")
        #expect(bench.states("b", "c") == ["Skipped/DependencyNotMet", "Skipped/DependencyNotMet"])
        #expect(bench.states("d", "e") == ["Running", "Pending"])
        bench.succeed("d")
        bench.succeed("e")
        #expect(bench.outcome() == "Failed/Error")
        #expect(bench.status.progress == "5/5")
    }

    @Test(arguments: [
        ("SucceededOrSkipped", "Running"), ("Succeeded", "Skipped/DependencyNotMet"), ("Failed", "Running"),
        ("Finished", "Running"),
    ])
    func `E1: a failure that onFailure forgives is good enough by default, and not for Succeeded`(
        condition: String, expected: String
    ) {
        var bench = Bench([
            task("a", ["onFailure": "Ignore"]), task("b", ["dependsOn": [["task": "a", "on": .string(condition)]]]),
        ])
        bench.fail("a")
        #expect(bench.state("b") == expected)
    }

    @Test func `E5: a run that succeeded with forgiven failures says so and names them`() {
        var bench = Bench([task("a", ["onFailure": "Ignore"]), task("b")])
        bench.fail("a")
        bench.succeed("b")
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.status.message == "the run succeeded; forgiven failures: a")
    }

    @Test func `E1: a task is decided on when all dependencies have ended, not at the first that is not met`() {
        var bench = Bench(
            [task("a"), task("b"), task("c", ["dependsOn": ["a", "b"]])], run: ["failurePolicy": "Continue"])
        bench.fail("a")
        bench.succeed("b")
        #expect(bench.state("c") == "Skipped/DependencyNotMet")
    }

    @Test func `E1 and E3: a reference to a result is a dependency, and its value reaches the pod`() {
        var bench = Bench([
            task("a", ["results": ["n", "list"]]),
            task(
                "b",
                [
                    "container": [
                        "image": "x",
                        "args": ["$(tasks.a.results.n)", "n=$(tasks.a.results.n)", "$(tasks.a.results.list[1].k)"],
                    ]
                ]),
        ])
        #expect(bench.state("b") == "Pending")
        bench.succeed("a", results: #"{"n": "7", "list": [0, {"k": "deep"}], "more": 1}"#)
        #expect(bench.state("b") == "Running")
        let container = bench.created[bench.name("b")]?["spec"]?["containers"]?[0]
        #expect(container?["args"] == ["7", "n=7", "deep"])
    }

    @Test func `E1 and E3: a reference to a phase waits for any end`() {
        var bench = Bench([
            task("a", ["onFailure": "Ignore"]),
            task("b", ["container": ["image": "x", "args": ["$(tasks.a.phase)"]]]),
        ])
        #expect(bench.state("b") == "Pending")
        bench.fail("a")
        #expect(bench.created[bench.name("b")]?["spec"]?["containers"]?[0]?["args"] == ["Failed"])
    }

    @Test func `E3: a result that was never written skips the task with MissingResult, and that spreads`() {
        var bench = Bench([
            task("a", ["results": ["r"], "onFailure": "Ignore"]),
            task(
                "b",
                [
                    "dependsOn": [["task": "a", "on": "Finished"]],
                    "container": ["image": "x", "args": ["$(tasks.a.results.r)"]],
                ]),
            task("c", ["dependsOn": ["b"]]), task("d", ["dependsOn": [["task": "b", "on": "Finished"]]]),
        ])
        bench.fail("a")
        #expect(bench.states("b", "c", "d") == ["Skipped/MissingResult", "Skipped/DependencyNotMet", "Running"])
        #expect(bench.createdCount[bench.name("b", attempt: 0)] == nil)
        bench.succeed("d")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E3: a path into a result that has no such part fails the task, which is not tried again`() {
        var bench = Bench([
            task("a", ["results": ["r"]]),
            task("b", ["container": ["image": "x", "args": ["$(tasks.a.results.r.x[3])"]], "retry": ["limit": 3]]),
        ])
        bench.succeed("a", results: #"{"r": {"x": [1]}}"#)
        #expect(bench.state("b") == "Failed/InvalidReference")
    }

    @Test func `E3: attempt, replica and run are known to the pod; the shell's own text is left alone`() {
        var bench = Bench(
            [
                task(
                    "a",
                    [
                        "replicas": 2, "retry": ["limit": 1],
                        "container": [
                            "image": "x",
                            "args": [
                                "$(run.namespace)/$(run.name)/$(run.uid)", "$(task.attempt).$(replica.index)",
                                "$(date +%s) $((1+2)) ${x} $HOME $$(run.name) $(item)", "$(params.list)",
                                "$(params.list[0])!",
                            ],
                        ],
                    ])
            ], parameters: ["list": [1, ["k": "v"]]])
        bench.fail("a", 1)
        let args = bench.created[bench.name("a", attempt: 1, 1)]?["spec"]?["containers"]?[0]?["args"]
        #expect(
            args == [
                "ns/run/0f0e", "1.1", "$(date +%s) $((1+2)) ${x} $HOME $(run.name) $(item)", #"[1,{"k":"v"}]"#, "1!",
            ])
    }

    @Test func `Parallelism: no more tasks than allowed run at once, finally included, first come by position`() {
        var bench = Bench(
            [task("a"), task("b"), task("c")], finally: [task("f"), task("g")], run: ["parallelism": 1])
        var order: [String] = []
        for _ in 0..<5 {
            let running = bench.status.tasks.filter { $0.phase == .running }.map(\.name)
            #expect(running.count == 1)
            order += running
            bench.succeed(running.first ?? "")
        }
        #expect(order == ["a", "b", "c", "f", "g"])
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `Parallelism: a task that waits for its retry holds no slot, and comes back in its place`() {
        var bench = Bench(
            [task("a", ["retry": ["limit": 1, "backoff": ["initial": "10s"]]]), task("b"), task("c")],
            run: ["parallelism": 1])
        bench.fail("a")
        #expect(bench.states("b", "c") == ["Running", "Pending"])
        bench.pass(10)
        #expect(bench.createdCount[bench.name("a", attempt: 1)] == nil)
        bench.succeed("b")
        #expect(bench.isLive("a", attempt: 1))
        #expect(bench.state("c") == "Pending")
        bench.restart()
        bench.succeed("a")
        #expect(bench.states("a", "b", "c") == ["Succeeded", "Succeeded", "Running"])
    }

    @Test func `A run of no tasks succeeds at once`() {
        let bench = Bench([])
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.status.progress == "0/0")
        #expect(bench.driver.isDone)
    }

    @Test(arguments: [(["a"], "1 task"), (["a", "b"], "2 tasks")])
    func `A run that starts tells how many tasks it has`(names: [String], count: String) {
        let bench = Bench(names.map { task($0) })
        #expect(bench.events.map(\.message) == ["the run has started: \(count)"])
    }
}
