import JSON
import KubernetesModel
import PipelineEngine
import Testing

@testable import SluiceAPI

/// Rule E10: one task for many items.
struct ForEachTests {
    static let echo: JSONValue = ["image": "x", "args": ["$(item)"]]

    @Test func `E10: a list becomes an instance for each item, and the task ends with the last`() {
        var bench = Bench([
            task("a", ["forEach": ["items": ["x", 2, ["k": "v"]]], "container": Self.echo]),
            task("after", ["dependsOn": ["a"]]),
        ])
        #expect(
            bench.states("a", "a[0]", "a[1]", "a[2]", "after") == ["Running"] + Array(repeating: "Running", count: 3)
                + ["Pending"])
        #expect(bench.task("a").items == 3)
        let args = (0..<3).map {
            bench.created[bench.name("a[\($0)]")]?["spec"]?["containers"]?[0]?["args"]?[0]?.string
        }
        #expect(args == ["x", "2", #"{"k":"v"}"#])
        bench.succeed("a[1]")
        bench.restart()
        bench.succeed("a[0]")
        #expect(bench.state("after") == "Pending")
        bench.succeed("a[2]")
        #expect(bench.states("a", "after") == ["Succeeded", "Running"])
        bench.succeed("after")
        #expect(bench.status.progress == "4/4")
        #expect(bench.status.counts == [.succeeded: 4])
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.driver.isDone)
    }

    @Test func `E10 and E4: pods of instances carry their path, and their names differ`() {
        let bench = Bench([task("a", ["forEach": ["items": [1, 2]]])])
        let metadata = bench.created[bench.name("a[1]")]?["metadata"]
        #expect(metadata?["annotations"]?["sluice.dev/path"] == "a[1]")
        #expect(metadata?["labels"]?["sluice.dev/task"] == "a")
        #expect(bench.created.count == 2)
        #expect(bench.name("a[1]").hasPrefix("run-a-1-"))
    }

    @Test(
        arguments: [
            (["container": Self.echo, "forEach": ["items": "$(params.list)"]], ["7", "8"]),
            (["container": Self.echo, "forEach": ["items": "$(params.nested.b[1])"]], ["p", "q"]),
            (
                [
                    "container": ["image": "x", "args": ["$(shard)"]],
                    "forEach": ["items": "$(params.list)", "as": "shard"],
                ], ["7", "8"]
            ),
            (
                ["container": ["image": "x", "args": ["$(item.n)"]], "forEach": ["items": "$(params.objects)"]],
                ["1", "2"]
            ),
            (["container": Self.echo, "forEach": ["items": ["$(params.one)", "z"]]], ["it", "z"]),
        ] as [(JSONValue, [String])])
    func `E10: items come from a list, a parameter, a part of one, with a name of their own`(
        fields: JSONValue, wanted: [String]
    ) {
        let bench = Bench(
            [task("a", fields)],
            parameters: [
                "list": [7, 8], "nested": ["b": [[], ["p", "q"]]], "objects": [["n": 1], ["n": 2]], "one": "it",
            ])
        let args = (0..<2).map {
            bench.created[bench.name("a[\($0)]")]?["spec"]?["containers"]?[0]?["args"]?[0]?.string
        }
        #expect(args == wanted)
    }

    @Test func `E10: items come from the result of a task, and results become arrays in item order`() {
        var bench = Bench(
            [
                task("list", ["results": ["shards"]]),
                task(
                    "work",
                    ["forEach": ["items": "$(tasks.list.results.shards)"], "container": Self.echo, "results": ["n"]]),
                task("sum", ["container": ["image": "x", "args": ["$(tasks.work.results.n)"]]]),
            ], results: [["name": "all", "value": "$(tasks.work.results.n)"]])
        bench.succeed("list", results: #"{"shards": ["a", "b", "c"]}"#)
        bench.succeed("work[2]", results: #"{"n": 30}"#)
        bench.restart()
        bench.succeed("work[0]", results: #"{"n": 10}"#)
        bench.succeed("work[1]", results: #"{"n": "twenty"}"#)
        #expect(bench.task("work").results == ["n": [10, "twenty", 30]])
        let args = bench.created[bench.name("sum")]?["spec"]?["containers"]?[0]?["args"]?[0]?.string
        #expect(args == #"[10,"twenty",30]"#)
        bench.succeed("sum")
        #expect(bench.status.results == ["all": [10, "twenty", 30]])
    }

    @Test func `E10: no items: Succeeded at once with empty results`() {
        let bench = Bench([
            task("a", ["forEach": ["items": []], "results": ["r"]]), task("b", ["dependsOn": ["a"]]),
        ])
        #expect(bench.states("a", "b") == ["Succeeded", "Running"])
        #expect(bench.task("a").results == ["r": []])
        #expect(bench.status.progress == "1/2")
    }

    @Test(
        arguments: [
            ("text", "\"[1,2]\"", "must be of type array"), ("number", "3", "of type integer"),
            ("object", "{}", "of type object"),
        ])
    func `E10: items that are no list fail the task with InvalidItems`(name: String, value: String, words: String) {
        var bench = Bench([
            task("list", ["results": ["r"]]),
            task("a", ["forEach": ["items": "$(tasks.list.results.r)"], "retry": ["limit": 2]]),
        ])
        bench.succeed("list", results: "{\"r\": \(value)}")
        #expect(bench.state("a") == "Failed/InvalidItems")
        #expect(bench.task("a").message.contains(words), "\(bench.task("a").message)")
        #expect(bench.outcome() == "Failed/InvalidItems")
    }

    @Test func `E10: more than 10,000 items are refused, a result that was never written skips`() {
        let big = JSONValue.array(Array(repeating: 1, count: 10_001))
        let bench = Bench([task("a", ["forEach": ["items": "$(params.big)"]])], parameters: ["big": big])
        #expect(bench.state("a") == "Failed/InvalidItems")
        var other = Bench(
            [
                task("list", ["results": ["r"], "onFailure": "Ignore"]),
                task("a", ["forEach": ["items": "$(tasks.list.results.r)"]]),
            ])
        other.fail("list")
        #expect(other.state("a") == "Skipped/MissingResult")
    }

    // MARK: Slots

    @Test func `E10: its parallelism and the run's both hold, in item order, retries in their place`() {
        var bench = Bench(
            [
                task(
                    "a",
                    [
                        "forEach": ["items": [0, 1, 2, 3], "parallelism": 2],
                        "retry": ["limit": 1, "backoff": ["initial": "5s"]],
                    ]),
                task("b"),
            ], run: ["parallelism": 3])
        func running() -> [String] {
            bench.status.tasks.filter { !$0.pods.isEmpty && $0.phase == .running && $0.nextAttemptTime == nil }.map(
                \.name)
        }
        #expect(running() == ["a[0]", "a[1]", "b"])
        bench.fail("a[0]")
        #expect(running() == ["a[1]", "a[2]", "b"])
        bench.pass(5)
        #expect(running() == ["a[1]", "a[2]", "b"])
        bench.restart()
        bench.succeed("a[1]")
        #expect(running() == ["a[0]", "a[2]", "b"])
        bench.succeed("b")
        #expect(running() == ["a[0]", "a[2]"])
        bench.succeed("a[2]")
        bench.succeed("a[0]")
        #expect(running() == ["a[3]"])
        bench.succeed("a[3]")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E13 and E10: a suspended run starts no item, and goes on with them`() {
        var bench = Bench([task("a", ["forEach": ["items": [0, 1], "parallelism": 1]])])
        bench.want(.suspended)
        bench.succeed("a[0]")
        #expect(bench.states("a[0]", "a[1]") == ["Succeeded", "Pending"])
        bench.restart()
        #expect(bench.states("a", "a[1]") == ["Running", "Pending"])
        bench.want(.running)
        #expect(bench.state("a[1]") == "Running")
    }

    // MARK: Failure

    @Test(
        arguments: [
            (FailurePolicy.failFast, ["Failed/Error", "Failed/Error", "Succeeded", "Skipped/RunFailed"]),
            (.continueOthers, ["Failed/Error", "Failed/Error", "Succeeded", "Succeeded"]),
            (.cancel, ["Failed/Error", "Failed/Error", "Cancelled/RunFailed", "Skipped/RunFailed"]),
        ])
    func `E10 and E5: one failed instance fails the task; its siblings go by the failure policy`(
        policy: FailurePolicy, wanted: [String]
    ) {
        var bench = Bench(
            [task("a", ["forEach": ["items": [0, 1, 2], "parallelism": 2]]), task("after", ["dependsOn": ["a"]])],
            run: ["failurePolicy": .string(policy.rawValue)])
        bench.run("a[1]")
        bench.fail("a[0]")
        bench.restart()
        for item in 1..<3 where bench.isLive("a[\(item)]") { bench.succeed("a[\(item)]") }
        #expect(bench.states("a", "a[0]", "a[1]", "a[2]") == wanted)
        #expect(bench.task("a").message.contains("1 of 3 instances failed; a[0]: exit code 1"))
        #expect(bench.task("after").phase == .skipped)
        #expect(bench.outcome() == "Failed/Error")
    }

    @Test func `E10 and E5: Ignore runs all items, and the run succeeds and names the task`() {
        var bench = Bench([
            task("a", ["forEach": ["items": [0, 1, 2], "parallelism": 1], "onFailure": "Ignore", "results": ["n"]]),
            task("after", ["dependsOn": ["a"]]),
        ])
        bench.fail("a[0]")
        bench.succeed("a[1]", results: #"{"n": 5}"#)
        bench.fail("a[2]")
        #expect(bench.states("a", "after") == ["Failed/Error", "Running"])
        #expect(bench.task("a").results == ["n": [.null, 5, .null]])
        bench.restart()
        bench.succeed("after")
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.status.message.contains("forgiven failures: a"))
    }

    @Test func `E10 and E5: a forEach cut short by another task's failure is Cancelled`() {
        var bench = Bench([task("a", ["forEach": ["items": [0, 1], "parallelism": 1]]), task("bad")])
        bench.fail("bad")
        bench.succeed("a[0]")
        #expect(bench.states("a", "a[0]", "a[1]") == ["Cancelled/RunFailed", "Succeeded", "Skipped/RunFailed"])
        #expect(bench.outcome() == "Failed/Error")
    }

    @Test func `E10 and E13: a cancel stops every instance and skips those to come`() {
        var bench = Bench([task("a", ["forEach": ["items": [0, 1], "parallelism": 1]])], finally: [task("f")])
        bench.run("a[0]")
        bench.want(.cancelled)
        #expect(
            bench.states("a", "a[0]", "a[1]", "f") == [
                "Cancelled/RunCancelled", "Cancelled/RunCancelled", "Skipped/RunCancelled", "Running",
            ])
        bench.restart()
        bench.succeed("f")
        #expect(bench.outcome() == "Cancelled/Cancelled")
    }

    @Test func `E10 and timeout: instances that the run's time-out stops have failed, and so has the task`() {
        var bench = Bench([task("a", ["forEach": ["items": [0, 1], "parallelism": 1]])], run: ["timeout": "1m"])
        bench.run("a[0]")
        bench.pass(60)
        #expect(bench.states("a", "a[0]", "a[1]") == ["Failed/RunTimeout", "Failed/RunTimeout", "Skipped/RunTimeout"])
        #expect(bench.outcome() == "Failed/RunTimeout")
    }

    @Test func `E10 and E7: each instance has its own retries, and its own waits`() {
        var bench = Bench([task("a", ["forEach": ["items": [0, 1]], "retry": ["limit": 1]])])
        bench.fail("a[0]")
        bench.fail("a[1]")
        #expect(bench.task("a[0]").attempt == 1 && bench.task("a[1]").attempt == 1)
        bench.succeed("a[0]")
        bench.fail("a[1]")
        #expect(bench.states("a", "a[0]", "a[1]") == ["Failed/Error", "Succeeded", "Failed/Error"])
    }

    @Test(arguments: [0, 1, 5, 40])
    func `E10, Q9 and E14: pods of items that no status tells of are found again, none of them twice`(made: Int) {
        var bench = Bench(
            [
                task("list", ["results": ["r"]]),
                task("a", ["forEach": ["items": "$(tasks.list.results.r)"], "results": ["n"]]),
            ])
        let items = (0..<40).map(String.init).joined(separator: ",")
        let before = bench.persisted
        bench.succeed("list", results: "{\"r\": [\(items)]}", settling: false)
        let creates = bench.next().creates
        #expect(creates.count == 40)
        for create in creates.prefix(made) { _ = bench.create(create) }
        // The operator dies before a status tells that `list` has ended.
        bench.persisted = before
        bench.restart()
        #expect(bench.created.count == 41)
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
        for item in 0..<40 { bench.succeed("a[\(item)]", results: "{\"n\": \(item)}") }
        #expect(bench.task("a").results["n"]?.array?.count == 40)
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.driver.isDone)
    }

    @Test func `E10 and E13: a pod of an item that a restart finds in a cancelled run is followed to its end`() {
        var bench = Bench([task("a", ["forEach": ["items": [0, 1]]])], run: ["state": "Suspended"])
        let before = bench.persisted
        bench.want(.running)
        #expect(bench.created.count == 2)
        bench.run("a[0]")
        bench.persisted = before
        bench.spec.state = .cancelled
        bench.restart()
        #expect(bench.status.phase == .cancelled)
        #expect(bench.pods.values.allSatisfy { !$0.isLive })
        #expect(bench.driver.isDone)
    }

    @Test func `E10: the results of no items are empty lists, of a Pipeline that is not there as well`() {
        let bench = Bench([
            task("a", ["forEach": ["items": []], "pipelineRef": ["name": "lib"]]),
            task("b", ["container": ["image": "x", "args": ["$(tasks.a.results.r)"]]]),
        ])
        #expect(bench.states("a", "b") == ["Succeeded", "Running"])
        #expect(bench.created[bench.name("b")]?["spec"]?["containers"]?[0]?["args"]?[0] == "[]")
    }

    @Test func `E13 and E3: what misses a result is skipped in a suspended run too, and needs no slot for it`() {
        var bench = Bench(
            [
                task("a", ["results": ["r"], "onFailure": "Ignore"]), task("long"),
                task("b", ["container": ["image": "x", "args": ["$(tasks.a.results.r)"]]]),
            ], run: ["parallelism": 2])
        bench.want(.suspended)
        bench.fail("a")
        #expect(bench.states("long", "b") == ["Running", "Skipped/MissingResult"])
        bench.succeed("long")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E9 and E14: a gang found in part is completed once what it refers to is known again`() {
        var bench = Bench([
            task("a", ["results": ["r"]]),
            task("b", ["replicas": 2, "container": ["image": "x", "args": ["$(tasks.a.results.r)"]]]),
        ])
        let before = bench.persisted
        bench.succeed("a", results: #"{"r": "v"}"#, settling: false)
        let creates = bench.next().creates
        #expect(creates.count == 2)
        for create in creates.prefix(1) { _ = bench.create(create) }
        bench.persisted = before
        bench.restart()
        #expect(bench.state("b") == "Running")
        #expect(bench.isLive("b", attempt: 0, 1))
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
    }
}
