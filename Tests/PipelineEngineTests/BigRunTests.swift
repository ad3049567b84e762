import JSON
import KubernetesModel
import Testing

@testable import PipelineEngine
@testable import SluiceAPI

/// Runs of many tasks: what their status holds, and that nothing is lost by it.
struct BigRunTests {
    /// A driver that answers at once, without pods that take time.
    private func finish(_ bench: inout Bench, failing: Set<String> = [], restartEvery: Int = .max) {
        var count = 0
        while let name = bench.pods.values.filter(\.isLive).map(\.metadata.name).min() {
            for name in bench.pods.values.filter(\.isLive).map(\.metadata.name).sorted().prefix(97) {
                guard var pod = bench.pods[name] else { continue }
                let path = pod.metadata.annotations["sluice.dev/path"] ?? pod.metadata.labels["sluice.dev/task"] ?? ""
                pod.end(code: failing.contains(path) ? 3 : 0, at: bench.now, message: #"{"n": 1}"#)
                bench.pods[name] = pod
                bench.observe(name)
            }
            bench.now = bench.now + .seconds(1)
            bench.settle()
            count += 1
            if count % restartEvery == 0 { bench.restart() }
            guard bench.pods[name]?.isLive != true else { return }
        }
    }

    @Test(arguments: [Int.max, 1, 3])
    func `E10: 1,000 items fold, failed and retried ones are named, and a restart changes nothing`(restartEvery: Int)
        throws
    {
        var bench = Bench(
            [
                task(
                    "a",
                    [
                        "forEach": ["items": "$(params.list)", "parallelism": 300], "results": ["n"],
                        "retry": ["limit": 1, "exitCodes": [3]], "onFailure": "Ignore",
                    ]), task("b", ["container": ["image": "x", "args": ["$(tasks.a.results.n)"]]]),
            ],
            parameters: ["list": .array((0..<1000).map { .int($0) })])
        finish(&bench, failing: ["a[7]", "a[500]"], restartEvery: restartEvery)
        #expect(bench.outcome() == "Succeeded/Succeeded")
        let status = bench.persisted
        #expect(status.counts == [.succeeded: 999, .failed: 2])
        #expect(status.progress == "1001/1001")
        #expect(status.tasks.map(\.name) == ["a", "a[7]", "a[500]"])
        #expect(status.folded == [FoldedTasks(phase: .succeeded, reason: "", tasks: "b,a[0-6,8-499,501-999]")])
        let args = try #require(bench.created[bench.name("b")]?["spec"]?["containers"]?[0]?["args"]?[0]?.string)
        #expect(try JSONValue(parsing: args).array?.count == 1000)
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
        #expect(bench.created.count == 1003)
        #expect(bench.driver.isDone)
    }

    @Test func `E4: folded running tasks keep the proof that their pods were there`() {
        var bench = Bench(
            [task("a", ["forEach": ["items": "$(params.list)"]])],
            parameters: ["list": .array((0..<2500).map { .int($0) })])
        #expect(bench.persisted.tasks.map(\.name) == ["a"])
        #expect(bench.persisted.folded == [FoldedTasks(phase: .running, reason: "", tasks: "a[0-2499]")])
        // A pod is deleted by force while the operator is away.
        let gone = bench.name("a[3]")
        bench.pods[gone] = nil
        bench.restart()
        #expect(bench.createdCount[gone] == 1)
        #expect(bench.task("a[3]").disruptions == 1)
        // Nor is one that waits for its next attempt taken for a folded one.
        bench.restart()
        #expect(bench.task("a[3]").disruptions == 1)
        bench.pass(1)
        #expect(bench.isLive("a[3]", attempt: 1))
    }

    @Test func `O5: the status of a run of 10,000 tasks is small at every moment`() {
        let tasks = (0..<10_000).map { index in
            task("t\(index)", ["dependsOn": index < 100 ? [] : [.string("t\(index - 100)")], "onFailure": "Ignore"])
        }
        var bench = Bench(tasks)
        var largest = 0
        for _ in 0..<20 {
            largest = max(largest, bench.persisted.json.text.utf8.count)
            for name in bench.pods.values.filter(\.isLive).map(\.metadata.name) {
                bench.pods[name]?.end(code: 0, at: bench.now)
                bench.observe(name)
            }
            bench.settle()
        }
        #expect(bench.status.counts[.succeeded] == 2000)
        #expect(largest < 100_000, "\(largest) bytes")
    }

    @Test func `O5 and E12: results that would make the status too large fail the attempt`() {
        let names = (0..<80).map { "t\($0)" }
        var bench = Bench(names.map { task($0, ["results": ["r"], "onFailure": "Ignore"]) })
        let big = String(repeating: "x", count: 4000)
        for name in names { bench.succeed(name, results: #"{"r": "\#(big)"}"#) }
        let failed = names.filter { bench.task($0).phase == .failed }
        #expect(failed == names.suffix(names.count - 262_144 / 4008))
        #expect(bench.task("t79").reason == "ResultsTooLarge")
        #expect(bench.task("t79").message.contains("262144 bytes"))
        #expect(bench.persisted.json.text.utf8.count < 300_000)
    }

    @Test func `E10: a forEach in a forEach that would grow beyond all bounds fails, and says the limit`() {
        let many = JSONValue.array((0..<10_000).map { .int($0) })
        let inner: JSONValue = ["tasks": [task("w", ["forEach": ["items": many]])]]
        let bench = Bench(
            [task("a", ["forEach": ["items": [1, 2, 3, 4, 5, 6]], "pipelineSpec": inner])],
            run: ["state": "Running", "failurePolicy": "Continue", "parallelism": 1])
        #expect(bench.task("a[5]/w").reason == "TooManyTasks")
        #expect(bench.task("a[5]/w").message.contains("more than 50000 tasks"))
        #expect(bench.created.count == 1)
    }
}
