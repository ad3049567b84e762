import JSON
import KubernetesModel
import PipelineEngine
import Testing

@testable import SluiceAPI

/// The limits of tasks, results and time of a run: what counts, and that whoever goes on with the run decides the same.
struct LimitTests {
    private static func limited(_ change: (inout EngineSettings) -> Void) -> EngineSettings {
        var settings = EngineSettings()
        change(&settings)
        return settings
    }

    /// What is created once the next status is written; nothing must be before.
    private static func creates(after bench: inout Bench) -> [String] {
        let effects = bench.next()
        #expect(effects.creates.isEmpty)
        guard let write = effects.write else {
            Issue.record("nothing is written")
            return []
        }
        bench.write(write)
        return bench.next().creates.map(\.name)
    }

    @Test func `E10 and E12: a forEach whose instance failed says so, also where its results would be too large`() {
        var bench = Bench(
            [task("a", ["forEach": ["items": [1, 2]], "results": ["r"]])], run: ["failurePolicy": "Continue"],
            settings: Self.limited { $0.resultLimit = 18 })
        bench.succeed("a[0]", results: #"{"r": "12345"}"#)
        bench.fail("a[1]", code: 7)
        #expect(bench.state("a") == "Failed/Error")
        #expect(bench.outcome() == "Failed/Error")
    }

    @Test func `E10 and E14: attempts of a sub-pipeline that are over do not count as tasks`() {
        var bench = Bench(
            [task("p", ["retry": ["limit": 3], "pipelineSpec": ["tasks": [task("a"), task("b")]]])],
            settings: Self.limited { $0.taskLimit = 3 })
        for attempt in 0..<3 {
            if attempt == 2 { bench.restart() }
            bench.fail("p/a")
            bench.succeed("p/b")
            #expect(bench.isLive("p/a", attempt: attempt + 1))
        }
    }

    @Test func `E12 and E14: results of an attempt of a sub-pipeline that is over take no room`() {
        var bench = Bench(
            [
                task(
                    "p",
                    ["retry": ["limit": 3], "pipelineSpec": ["tasks": [task("a", ["results": ["r"]]), task("b")]]])
            ], settings: Self.limited { $0.resultLimit = 20 })
        for attempt in 0..<3 {
            bench.succeed("p/a", results: #"{"r":"12345678"}"#)
            #expect(bench.task("p/a").results == ["r": "12345678"])
            bench.fail("p/b")
            #expect(bench.isLive("p/a", attempt: attempt + 1))
        }
    }

    @Test(arguments: [5000, 262_144])
    func `E12 and E14: where room for results is scarce, what follows waits until a status tells who came first`(
        limit: Int
    ) {
        var bench = Bench(
            [task("a", ["results": ["r"]]), task("b", ["results": ["r"]]), task("c", ["dependsOn": ["a"]])],
            settings: Self.limited { $0.resultLimit = limit })
        bench.succeed("a", results: #"{"r": 1}"#, settling: false)
        let first = bench.next()
        #expect(first.creates.isEmpty == (limit == 5000))
        guard let write = first.write ?? bench.next().write else { return }
        bench.write(write)
        #expect(bench.next().creates.map(\.name) == [bench.name("c")])
    }

    @Test func `E12 and E14: that results were refused is written before what follows from it begins`() {
        var bench = Bench(
            [task("a", ["results": ["r"]]), task("c", ["dependsOn": [["task": "a", "on": "Failed"]]])],
            run: ["failurePolicy": "Continue"], settings: Self.limited { $0.resultLimit = 5 })
        bench.succeed("a", results: #"{"r": 12345}"#, settling: false)
        #expect(Self.creates(after: &bench) == [bench.name("c")])
        #expect(bench.state("a") == "Failed/ResultsTooLarge")
    }

    @Test(arguments: [20, 50_000])
    func `E10 and E14: near the limit of tasks, what follows waits until a status tells who came first`(limit: Int) {
        var bench = Bench(
            [task("a", ["forEach": ["items": [1, 2]]])], run: ["state": "Suspended"],
            settings: Self.limited { $0.taskLimit = limit })
        bench.want(.running, settling: false)
        let effects = bench.next()
        #expect(effects.creates.isEmpty == (limit == 20))
        guard limit == 20, let write = effects.write else { return }
        bench.write(write)
        #expect(bench.next().creates.count == 2)
    }

    @Test func `E10 and E14: that there was no room for tasks is written before what follows from it begins`() {
        var bench = Bench(
            [
                task("a", ["forEach": ["items": [1, 2]]]),
                task("c", ["dependsOn": [["task": "a", "on": "Failed"]]]),
            ],
            run: ["state": "Suspended", "failurePolicy": "Continue"], settings: Self.limited { $0.taskLimit = 3 })
        bench.want(.running, settling: false)
        #expect(Self.creates(after: &bench) == [bench.name("c")])
        #expect(bench.state("a") == "Failed/TooManyTasks")
    }

    @Test func `E14: a run that has ended stays so, though most of its rows had no room in its status`() {
        var bench = Bench([task("a"), task("b")])
        bench.succeed("a")
        bench.pods[bench.name("a")] = nil
        bench.succeed("b", settling: false)
        var isStored = false
        while !isStored {
            guard let write = bench.next().write else {
                Issue.record("nothing is written")
                return
            }
            if write.status.tasks.isEmpty {
                bench.write(write)
                isStored = true
            } else {
                bench.driver.statusTooLarge(write)
            }
        }
        #expect(bench.persisted.phase == .succeeded)
        let persisted = bench.persisted
        bench.restart()
        #expect(bench.status == persisted)
        #expect(bench.created.count == 2)
        #expect(bench.released == [bench.name("a"), bench.name("b")])
        #expect(bench.driver.isDone)
    }

    @Test(arguments: [("1m", "20s", 20), ("10s", "1m", 60)])
    func `Timeout and queueTimeout: a run that has both is woken for its time-out`(
        queue: String, timeout: String, due: Int64
    ) {
        var bench = Bench([task("a")], run: ["queueTimeout": .string(queue), "timeout": .string(timeout)])
        bench.run("a")
        bench.pass(15)
        #expect(bench.next().wakeUp == Bench.start + .seconds(due))
        bench.pass(45)
        #expect(bench.outcome() == "Failed/RunTimeout")
        #expect(bench.task("a").completionTime == Bench.start + .seconds(due))
    }

    @Test func `Parallelism and E14: the slot of a gang that was refused is taken when a status tells that it is free`()
    {
        var bench = Bench(
            [task("g", ["replicas": 2]), task("b")], run: ["state": "Suspended", "parallelism": 1])
        bench.refusals[bench.name("g")] = [.denied(reason: "Forbidden", message: "exceeded quota")]
        bench.want(.running, settling: false)
        for create in bench.next().creates { bench.perform(.create(create)) }
        for (name, pod) in bench.pods where pod.isLive {
            bench.pods[name]?.end(code: 143, at: bench.now)
            bench.observe(name)
        }
        let effects = bench.next()
        #expect(effects.creates.isEmpty)
        guard let write = effects.write else {
            Issue.record("nothing is written")
            return
        }
        bench.write(write)
        #expect(bench.next().creates.map(\.name) == [bench.name("b")])
    }

    // MARK: Results that nobody needs

    @Test(arguments: ["stopped", "cancelled", "lost"])
    func `E12: what a failed attempt has written is not told of the next one, nor after it`(ending: String) {
        var bench = Bench(
            [task("a", ["results": ["r"], "retry": ["limit": 1, "on": ["Failed"]]])],
            finally: [task("f", ["container": ["image": "x", "args": ["$(tasks.a.results.r)"]]])])
        bench.change("a") { $0.end(code: 1, at: $1, message: #"{"r": 1}"#) }
        bench.run("a")
        #expect(bench.task("a").attempt == 1 && bench.task("a").results.isEmpty)
        switch ending {
        case "stopped": bench.change("a") { $0.endByDeadline(code: 137, at: $1) }
        case "cancelled": bench.want(.cancelled)
        default: bench.change("a") { $0.loseNode(at: $1) }
        }
        #expect(bench.task("a").phase == (ending == "cancelled" ? .cancelled : .failed))
        #expect(bench.task("a").attempt == 1 && bench.task("a").results.isEmpty)
        #expect(bench.state("f") == "Skipped/MissingResult")
    }

    @Test func `E12 and E11: what a failed attempt of a sub-pipeline has given is not told of the next one`() {
        var bench = Bench([SubPipelineTests.with(["retry": ["limit": 1]])])
        bench.succeed("s/x", results: #"{"r": 1}"#)
        bench.fail("s/y")
        #expect(bench.isLive("s/x", attempt: 1))
        #expect(bench.task("s").results.isEmpty && bench.task("s/x").results.isEmpty)
        #expect(bench.persisted.tasks.allSatisfy { $0.results.isEmpty })
    }

    @Test(arguments: [1, 100])
    func `E12: in a run that folds, results that nobody reads any more make room; those that are needed do not`(
        foldThreshold: Int
    ) {
        func reads(_ name: String) -> JSONValue { ["image": "x", "args": [.string("$(tasks.\(name).results.r)")]] }
        var bench = Bench(
            [
                task("a", ["results": ["r"]]), task("b", ["container": reads("a")]),
                task("c", ["dependsOn": ["b"], "results": ["r"]]),
                task("d", ["dependsOn": ["c"], "container": reads("c")]),
                task("e", ["dependsOn": [["task": "c", "on": "Succeeded"]], "results": ["r"]]),
            ], run: ["failurePolicy": "Continue"],
            settings: Self.limited { ($0.resultLimit, $0.foldThreshold) = (20, foldThreshold) })
        bench.succeed("a", results: #"{"r": "12345678"}"#)
        bench.restart()
        bench.succeed("b")
        bench.succeed("c", results: #"{"r": "12345678"}"#)
        guard foldThreshold == 1 else {
            #expect(bench.state("c") == "Failed/ResultsTooLarge")
            return
        }
        #expect(bench.states("c", "d", "e") == ["Succeeded", "Running", "Running"])
        bench.restart()
        bench.succeed("e", results: #"{"r": "12345678"}"#)
        #expect(bench.state("e") == "Failed/ResultsTooLarge")
        bench.succeed("d")
    }

    @Test func `E12 and E13: a pod that its deadline stopped has written no results`() {
        var bench = Bench([task("a", ["results": ["r"], "timeout": "10s"])])
        bench.change("a") { pod, now in
            pod.end(code: 1, at: now, message: #"{"r": 1}"#)
            pod.status.reason = "DeadlineExceeded"
        }
        #expect(bench.state("a") == "Failed/Timeout")
        #expect(bench.task("a").results.isEmpty)
    }

    @Test func `E11: pipelines nest 32 deep and no deeper`() {
        var bench = Bench([task("t", ["pipelineRef": ["name": "p0"]])])
        for number in 0..<40 {
            let next = "p\(number + 1)"
            bench.pipelines["p\(number)"] = ["tasks": [task("t", ["pipelineRef": ["name": .string(next)]])]]
        }
        bench.settle()
        let deepest = Array(repeating: "t", count: Validator.maximumPipelineDepth).joined(separator: "/")
        #expect(bench.state(deepest) == "Failed/InvalidPipeline")
        #expect(bench.task(deepest).message.hasPrefix("pipelines nest at most"))
    }

    @Test func `E12: the results of a forEach take the room of those of its items, where there is not enough for both`()
    {
        var bench = Bench(
            [task("a", ["forEach": ["items": [1, 2]], "results": ["r"]])],
            settings: Self.limited { $0.resultLimit = 40 })
        for item in 0..<2 { bench.succeed("a[\(item)]", results: #"{"r": "1234"}"#) }
        #expect(bench.state("a") == "Succeeded")
        #expect(bench.task("a").results == ["r": ["1234", "1234"]])
    }
}
