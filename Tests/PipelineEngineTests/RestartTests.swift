import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI
import Testing

/// E14 and E4: killed anywhere, started again anywhere; events late, twice, out of order. And the status for people.
struct RestartTests {
    @Test func `E14: a pod that exists though the status does not know its task is taken over, and counts as running`()
    {
        var bench = Bench([task("a"), task("b"), task("c", ["dependsOn": ["a"]])], run: ["parallelism": 2])
        // Nothing of what happened was written before the operator died.
        bench.persisted = PipelineRunStatus()
        bench.pods[bench.name("a")]?.end(code: 0, at: bench.now)
        bench.restart()
        #expect(bench.states("a", "b", "c") == ["Succeeded", "Running", "Running"])
        #expect(bench.task("b").pods == [bench.name("b")])
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
    }

    @Test func `E14 and parallelism: pods that are there take their room before tasks that come earlier`() {
        var bench = Bench(
            [
                task("a", ["dependsOn": ["d"]]), task("b", ["dependsOn": ["d"]]), task("c", ["dependsOn": ["d"]]),
                task("d"), task("e"),
            ], run: ["parallelism": 2])
        bench.run("e")
        bench.persisted = PipelineRunStatus()
        bench.pods[bench.name("d")]?.end(code: 0, at: bench.now)
        bench.restart()
        #expect(bench.states("d", "e", "a", "b", "c") == ["Succeeded", "Running", "Running", "Pending", "Pending"])
    }

    @Test
    func `E14 and E5 FailFast: a task that had started before the failure was known goes on after a restart as well`() {
        var bench = Bench([task("a"), task("b")])
        bench.run("b")
        bench.persisted = PipelineRunStatus()
        bench.pods[bench.name("a")]?.end(code: 1, at: bench.now)
        bench.restart()
        #expect(bench.states("a", "b") == ["Failed/Error", "Running"])
        #expect(bench.deleted.isEmpty)
    }

    @Test func `E14 and E9: half a gang that was made before the operator died is made whole, even in a suspended run`()
    {
        var bench = Bench([task("g", ["replicas": 3])], run: ["state": "Suspended"])
        bench.want(.running, settling: false)
        bench.perform(bench.step()[0])
        bench.persisted = PipelineRunStatus()
        bench.spec.state = .suspended
        bench.restart()
        #expect(bench.created.count == 3)
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
    }

    @Test func `E14: a restart at every point of a run, once and twice, changes nothing about its end`() {
        func play(_ restarts: Set<Int>) -> (String, [TaskStatus]) {
            var bench = Bench(
                [
                    task("a", ["results": ["r"], "retry": ["limit": 2, "backoff": ["initial": "7s"]]]),
                    task("b", ["replicas": 2, "dependsOn": ["a"], "timeout": "1m", "retry": ["limit": 1]]),
                    task("c", ["onFailure": "Ignore"]), task("d", ["dependsOn": [["task": "c", "on": "Failed"]]]),
                ], finally: [task("f")], run: ["parallelism": 2])
            var point = 0
            func passPoint() {
                if restarts.contains(point) { bench.restart() }
                point += 1
            }
            passPoint()
            bench.fail("a")
            passPoint()
            bench.pass(7)
            passPoint()
            bench.run("a")
            bench.fail("c", code: 2)
            passPoint()
            bench.succeed("d")
            passPoint()
            bench.succeed("a", results: #"{"r": 1}"#)
            passPoint()
            bench.succeed("b", 1)
            passPoint()
            bench.pass(60)
            passPoint()
            bench.succeed("b", 1)
            bench.succeed("b", 0)
            passPoint()
            bench.succeed("f")
            passPoint()
            let status = bench.status
            #expect(bench.driver.isDone)
            #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
            return ("\(status.phase) \(status.reason) \(status.progress)", status.tasks)
        }
        let expected = play([])
        #expect(expected.0 == "succeeded Succeeded 5/5")
        for first in 0..<10 {
            for second in first..<10 {
                let result = play([first, second])
                #expect(result.0 == expected.0 && result.1 == expected.1, "restarts at \(first) and \(second)")
            }
        }
    }

    @Test func `E14 and E4: an answer to a create that comes after later news of the pod is not taken for newer`() {
        var bench = Bench([task("g", ["replicas": 2])], run: ["state": "Suspended"])
        bench.want(.running, settling: false)
        for action in bench.step() {
            guard case .create(let create) = action else { continue }
            var answer = bench.create(create)
            answer.metadata.resourceVersion = "10"
            var later = answer
            later.metadata.resourceVersion = "11"
            later.run(at: bench.now)
            bench.driver.podObserved(later)
            bench.driver.podCreated(answer)
        }
        bench.settle()
        bench.now = bench.now + .seconds(3600)
        bench.settle()
        #expect(bench.task("g").attempt == 0)
        #expect(bench.task("g").stopping == nil)
    }

    @Test func `E14: news of a pod that has ended or gone are not undone by old ones`() {
        var bench = Bench([task("a"), task("b", ["dependsOn": ["a"]])])
        let name = bench.name("a")
        let old = bench.pods[name] ?? Pod()
        bench.succeed("a", settling: false)
        bench.driver.podObserved(old)
        bench.settle()
        #expect(bench.states("a") == ["Succeeded"])
        bench.driver.podDeleted(name: name, uid: old.metadata.uid)
        bench.driver.podObserved(old)
        bench.driver.podDeleted(name: name, uid: "another")
        bench.settle()
        #expect(bench.states("a", "b") == ["Succeeded", "Running"])
        #expect(bench.createdCount[name] == 1)
    }

    @Test func `E14: the end of a pod that was never seen alive is enough`() {
        var bench = Bench([task("a")], run: ["state": "Suspended"])
        bench.want(.running, settling: false)
        guard case .create(let create)? = bench.step().first else { return }
        var pod = bench.create(create)
        pod.end(code: 0, at: bench.now)
        bench.pods[create.name] = pod
        bench.driver.podObserved(pod)
        bench.settle()
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.driver.isDone)
    }

    @Test func `E14: a delete or the removal of a finalizer that failed is asked for again, and nothing else is`() {
        var bench = Bench([task("a")])
        bench.run("a")
        bench.want(.cancelled, settling: false)
        for _ in 0..<3 {
            #expect(bench.step().count == 1)
            bench.failRequest(bench.name("a"))
        }
        bench.settle()
        #expect(bench.outcome() == "Cancelled/Cancelled")
        #expect(bench.driver.isDone)
    }

    @Test func `E14: a pod that comes to light after its task has ended is ended too, and the run is not done before`()
    {
        var bench = Bench([task("a")], run: ["state": "Suspended"])
        bench.want(.running, settling: false)
        guard case .create(let create)? = bench.step().first else { return }
        let name = create.name
        bench.driver.podCreateFailed(create.identity, .indeterminate(message: ""), now: bench.now)
        bench.want(.cancelled)
        bench.pass(60)
        #expect(bench.outcome() == "Cancelled/Cancelled")
        _ = bench.create(create)
        bench.pods[name]?.run(at: bench.now)
        bench.observe(name)
        #expect(bench.driver.isDone == false)
        bench.settle()
        #expect(bench.deleted == [name])
        #expect(bench.driver.isDone)
    }

    @Test func `Timers: an engine that is told the same again and again does not grow`() {
        var bench = Bench([task("a", ["timeout": "1h"]), task("g", ["replicas": 2])], run: ["timeout": "2h"])
        for _ in 0..<200 {
            bench.observe(bench.name("a"))
            bench.observe(bench.name("g"))
            bench.settle()
        }
        var wakeUps = 0
        let end = bench.now + .seconds(200)
        while let next = bench.next().wakeUp, next <= end, wakeUps < 100 {
            bench.now = next
            wakeUps += 1
        }
        #expect(wakeUps <= 3)
    }

    // MARK: Status

    @Test func `Status: conditions are those that kubectl wait and kstatus read`() {
        func conditions(_ bench: Bench) -> [String] { bench.status.conditions.map { "\($0.type)=\($0.status)" } }
        var bench = Bench([task("a")])
        #expect(conditions(bench) == ["Succeeded=Unknown", "Finished=False", "Ready=False", "Reconciling=True"])
        var failed = bench
        failed.fail("a")
        #expect(conditions(failed) == ["Succeeded=False", "Finished=True", "Ready=False", "Stalled=True"])
        bench.succeed("a")
        #expect(conditions(bench) == ["Succeeded=True", "Finished=True", "Ready=True"])
        #expect(bench.status.conditions.allSatisfy { !$0.reason.isEmpty && $0.observedGeneration == 1 })
        var cancelled = Bench([task("a")])
        cancelled.want(.cancelled)
        #expect(conditions(cancelled) == ["Succeeded=False", "Finished=True", "Ready=False", "Stalled=True"])
    }

    @Test func `Status: the time of a condition is that of its last change, also across restarts`() {
        var bench = Bench([task("a"), task("b", ["dependsOn": ["a"]])])
        bench.pass(10)
        bench.succeed("a")
        bench.restart()
        bench.pass(10)
        bench.succeed("b")
        let times = Dictionary(uniqueKeysWithValues: bench.status.conditions.map { ($0.type, $0.lastTransitionTime) })
        #expect(times["Finished"] == Bench.start + .seconds(20))
        var running = Bench([task("a"), task("b", ["dependsOn": ["a"]])])
        running.pass(10)
        running.succeed("a")
        running.restart()
        #expect(running.status.conditions.allSatisfy { $0.lastTransitionTime == Bench.start })
    }

    @Test func `Status: a new generation is seen even when it asks for nothing new, and by an engine made for it`() {
        var bench = Bench([task("a")])
        bench.want(.running)
        #expect(bench.persisted.observedGeneration == 2)
        bench.generation = 3
        bench.restart()
        #expect(bench.persisted.observedGeneration == 3)
    }

    @Test func `Status: progress, counts and times`() {
        var bench = Bench(
            [task("a"), task("b", ["dependsOn": ["a"]]), task("c", ["dependsOn": ["b"]])], finally: [task("f")])
        #expect(bench.status.progress == "0/4")
        bench.pass(5)
        bench.succeed("a")
        #expect(bench.status.progress == "1/4")
        #expect(bench.status.counts == [.succeeded: 1, .running: 1, .pending: 2])
        bench.pass(5)
        bench.fail("b")
        bench.succeed("f")
        #expect(bench.status.progress == "4/4")
        #expect(bench.status.counts == [.succeeded: 2, .failed: 1, .skipped: 1])
        #expect(bench.status.startTime == Bench.start)
        #expect(bench.status.completionTime == Bench.start + .seconds(10))
        #expect(bench.task("a").startTime == Bench.start)
        #expect(bench.task("a").completionTime == Bench.start + .seconds(5))
        #expect(bench.task("c").startTime == nil)
    }

    @Test func `Status: it reads back from its JSON as it was`() throws {
        var bench = Bench([
            task("a", ["retry": ["limit": 1, "backoff": ["initial": "1500ms"]]]), task("b", ["results": ["r"]]),
            task("g", ["replicas": 2]),
        ])
        bench.fail("a", code: 3)
        bench.succeed("b", results: #"{"r": {"x": [1, 2.5, null]}}"#)
        bench.lingers = true
        bench.run("g", 1)
        bench.fail("g", 0)
        #expect(bench.task("g").stopping != nil)
        let status = bench.status
        #expect(try PipelineRunStatus(JSONValue(parsing: status.json.text)) == status)
    }
}
