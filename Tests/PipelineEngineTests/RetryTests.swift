import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI
import Testing

/// E7: classes, limits, backoff, no overlap.
struct RetryTests {
    /// A way for a pod to fail.
    enum Fault: String, CaseIterable, CustomTestStringConvertible {
        case exit, oom, deadline, image, evicted, nodeLost, deleted, forceDeleted
        var testDescription: String { rawValue }

        var failureClass: FailureClass {
            switch self {
            case .exit: .failed
            case .oom: .oomKilled
            case .deadline: .timeout
            case .image: .imageError
            case .evicted, .nodeLost, .deleted, .forceDeleted: .infrastructure
            }
        }

        func strike(_ bench: inout Bench, _ task: String, _ replica: Int = 0) {
            let name = bench.name(task, replica)
            if self == .forceDeleted {
                bench.run(task, replica)
                guard let pod = bench.pods.removeValue(forKey: name) else { return }
                bench.driver.podDeleted(name: name, uid: pod.metadata.uid)
                bench.settle()
                return
            }
            bench.change(task, replica) { pod, now in
                switch self {
                case .exit: pod.end(code: 1, at: now)
                case .oom: pod.end(code: 137, at: now, reason: "OOMKilled")
                case .deadline:
                    pod.end(code: 137, at: now)
                    pod.status.reason = "DeadlineExceeded"
                case .image: pod.wait(reason: "InvalidImageName", message: "couldn't parse image name")
                case .evicted:
                    pod.beDisrupted("EvictionByEvictionAPI", at: now)
                    pod.end(code: 143, at: now)
                case .nodeLost:
                    pod.run(at: now)
                    pod.loseNode(at: now)
                case .deleted:
                    pod.markDeleted(at: now)
                    pod.end(code: 143, at: now)
                case .forceDeleted: break
                }
            }
        }
    }

    @Test(arguments: Fault.allCases)
    func `E7: with no policy only the infrastructure's failures are tried again`(fault: Fault) {
        var bench = Bench([task("a")])
        fault.strike(&bench, "a")
        let retried = fault.failureClass == .infrastructure
        #expect(bench.task("a").phase == (retried ? .running : .failed))
        #expect(bench.task("a").attempt == (retried ? 1 : 0))
        bench.pass(1)
        #expect(bench.pods[bench.name("a", attempt: 1)] != nil || !retried)
    }

    @Test(arguments: Fault.allCases, FailureClass.allCases)
    func `E7: a policy with classes is for these alone, the infrastructure's too`(fault: Fault, wanted: FailureClass) {
        var bench = Bench([task("a", ["retry": ["limit": 1, "on": [.string(wanted.rawValue)]]])])
        fault.strike(&bench, "a")
        #expect(bench.task("a").attempt == (fault.failureClass == wanted ? 1 : 0))
        #expect(bench.task("a").phase == (fault.failureClass == wanted ? .running : .failed))
    }

    @Test(arguments: [0, 1, 3])
    func `E7: limit is the number of further attempts`(limit: Int) {
        var bench = Bench([task("a", ["retry": ["limit": .int(Int64(limit))]])])
        for attempt in 0..<limit {
            bench.fail("a")
            #expect(bench.task("a").attempt == attempt + 1)
        }
        bench.fail("a", code: 5)
        #expect(bench.states("a") == ["Failed/Error"])
        #expect(bench.task("a").exitCode == 5)
        #expect(bench.created.count == limit + 1)
        #expect(bench.driver.isDone)
    }

    @Test func `E7: exit codes restrict the class Failed alone`() {
        let retry: JSONValue = ["retry": ["limit": 5, "exitCodes": [75]]]
        var bench = Bench([task("a", retry), task("b", retry), task("c", retry)], run: ["failurePolicy": "Continue"])
        bench.fail("a", code: 75)
        bench.fail("b", code: 76)
        Fault.oom.strike(&bench, "c")
        #expect(bench.states("b") == ["Failed/Error"])
        #expect([bench.task("a").attempt, bench.task("c").attempt] == [1, 1])
    }

    @Test func `E7: a pod that the API server rejects has no exit code, whatever the attempt before ended with`() {
        var bench = Bench([task("a", ["retry": ["limit": 5, "exitCodes": [75]]])])
        bench.refusals[bench.name("a", attempt: 1)] = [.invalid(reason: "Invalid", message: "spec is wrong")]
        bench.fail("a", code: 75)
        #expect(bench.states("a") == ["Failed/Invalid"])
        #expect(bench.task("a").exitCode == nil)
    }

    @Test func `E7: ten failures of the infrastructure are forgiven, none of them counts against the limit`() {
        var bench = Bench([task("a", ["retry": ["limit": 1]])])
        for _ in 0..<10 {
            bench.evict("a")
            bench.pass(60)
            #expect(bench.task("a").phase == .running)
        }
        bench.fail("a")
        #expect(bench.task("a").attempt == 11)
        #expect([bench.task("a").failures, bench.task("a").disruptions] == [1, 10])
        bench.evict("a")
        #expect(bench.states("a") == ["Failed/EvictionByEvictionAPI"])
    }

    @Test func `E7: backoff is initial x factor^n up to max, from the end of the container`() {
        var bench = Bench([
            task("a", ["retry": ["limit": 9, "backoff": ["initial": "10s", "factor": 3, "max": "1m"]]])
        ])
        for (attempt, wait) in [10, 30, 60, 60].enumerated() {
            bench.fail("a")
            #expect(bench.task("a").nextAttemptTime == bench.now + .seconds(wait))
            bench.pass(Int64(wait) - 1)
            #expect(bench.created.count == attempt + 1)
            bench.pass(1)
            #expect(bench.created.count == attempt + 2)
        }
    }

    @Test func `E7 and E14: the wait survives a restart, and time that passed meanwhile counts`() {
        var bench = Bench([task("a", ["retry": ["limit": 9, "backoff": ["initial": "100s"]]])])
        bench.fail("a")
        bench.now = bench.now + .seconds(40)
        bench.restart()
        bench.pass(59)
        #expect(bench.created.count == 1)
        bench.now = bench.now + .seconds(30)
        bench.restart()
        #expect(bench.created.count == 2)
    }

    @Test func `E7: a new attempt waits until no container of the old one can be running`() {
        var bench = Bench([task("a", ["timeout": "10s", "retry": ["limit": 1]])])
        bench.lingers = true
        bench.run("a")
        bench.pass(10)
        #expect(bench.deleted == [bench.name("a", attempt: 0)])
        bench.pass(25)
        #expect(bench.created.count == 1)
        #expect(bench.task("a").attempt == 0)
        bench.endDeleted()
        #expect(bench.created.count == 2)
        #expect(!bench.isLive("a"))
    }

    @Test func `E7 and timeout: an attempt has its time-out anew`() {
        var bench = Bench([task("a", ["timeout": "10s", "retry": ["limit": 2, "backoff": ["initial": "5s"]]])])
        bench.pass(10)
        bench.pass(5)
        #expect(bench.task("a").attempt == 1)
        bench.pass(9)
        #expect(bench.task("a").attempt == 1)
        #expect(bench.task("a").stopping == nil)
        bench.pass(1)
        #expect(bench.task("a").attempt == 2)
        bench.pass(10)
        bench.succeed("a")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E7 and timeout and restart: a task's time-out is not taken for the run's`() {
        var bench = Bench([
            task("a", ["timeout": "10s", "retry": ["limit": 1, "backoff": ["initial": "30s"]]]), task("b"),
        ])
        bench.pass(10)
        #expect(bench.task("a").nextAttemptTime != nil)
        bench.restart()
        #expect(bench.states("b") == ["Running"])
        bench.pass(30)
        bench.succeed("a")
        bench.succeed("b")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test
    func `E14: what follows from a decision that pods do not tell is created when the status tells it, not before`()
        throws
    {
        var bench = Bench([task("a", ["timeout": "10s", "retry": ["limit": 1]]), task("b")], finally: [task("f")])
        bench.run("a")
        bench.now = bench.now + .seconds(10)
        // The time-out is decided; the operator cannot write the status, and the pod ends by itself meanwhile.
        // First the pod is read from the API server itself.
        for release in bench.next().releases { bench.perform(.release(release)) }
        let write = try #require(bench.next().write)
        bench.change("a", settling: false) { $0.end(code: 0, at: $1) }
        #expect(bench.next().isIdle)
        bench.write(write)
        let effects = bench.next()
        #expect(effects.creates.map(\.identity.attempt) == [1])
        #expect(effects.creates.count == 1)
        #expect(bench.next().creates.isEmpty)
    }

    @Test func `E7: a message of the earlier failure is seen while the retry waits, and goes when it runs`() {
        var bench = Bench([task("a", ["retry": ["limit": 1, "backoff": ["initial": "30s"]]])])
        bench.fail("a", code: 42)
        #expect(
            bench.task("a").message.contains("attempt 0 failed") && bench.task("a").message.contains("exit code 42"))
        bench.pass(30)
        #expect(bench.states("a") == ["Running"])
        #expect(bench.task("a").exitCode == nil)
    }

    @Test func `A task's time-out ends a pod that never got a node, too`() {
        var bench = Bench([task("a", ["timeout": "10s"])])
        bench.pass(10)
        #expect(bench.states("a") == ["Failed/Timeout"])
        #expect(bench.driver.isDone)
    }

    @Test func `A container that ended before its time-out has not timed out, however late that is heard of`() {
        var bench = Bench([task("a", ["timeout": "10s"])])
        let ended = bench.now + .seconds(9)
        bench.now = bench.now + .seconds(60)
        bench.change("a") { pod, _ in pod.end(code: 0, at: ended) }
        #expect(bench.states("a") == ["Succeeded"])
    }

    @Test func `E7: the wait counts from the end of the last container, though the operator was away then`() {
        var bench = Bench([task("a", ["replicas": 2, "retry": ["limit": 1, "backoff": ["initial": "100s"]]])])
        for replica in 0..<2 {
            let ended = bench.now + .seconds(10 + 10 * replica)
            bench.pods[bench.name("a", replica)]?.end(code: 1, at: ended)
        }
        bench.now = bench.now + .seconds(70)
        bench.restart()
        #expect(bench.task("a").nextAttemptTime == Bench.start + .seconds(120))
        bench.pass(49)
        #expect(bench.created.count == 2)
        bench.pass(1)
        #expect(bench.created.count == 4)
    }

    @Test(arguments: [(false, "Failed/Error"), (true, "Cancelled/RunCancelled")])
    func `E5: what waits for its retry when it is cancelled has failed, or was only disturbed`(
        isEvicted: Bool, expected: String
    ) {
        var bench = Bench([task("a", ["retry": ["limit": 1, "backoff": ["initial": "60s"]]])])
        if isEvicted { bench.evict("a") } else { bench.fail("a") }
        bench.want(.cancelled)
        #expect(bench.state("a") == expected)
    }

    @Test func `E8 and timeout: of two times that are over at once the task's own is told`() {
        var bench = Bench([task("a", ["timeout": "10m"])])
        bench.change("a") { pod, _ in pod.wait(reason: "ImagePullBackOff") }
        bench.pass(600)
        #expect(bench.state("a") == "Failed/Timeout")
    }
}
