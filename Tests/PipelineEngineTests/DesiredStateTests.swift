import JSON
import PipelineEngine
import SluiceAPI
import Testing

/// E13 and what it meets.
struct DesiredStateTests {
    @Test func `E13 Suspended: nothing new starts, running pods are left alone, and it goes on where it was`() {
        var bench = Bench([task("a"), task("b", ["dependsOn": ["a"]])], finally: [task("f")])
        bench.want(.suspended)
        #expect(bench.status.phase == .suspended)
        #expect(bench.deleted.isEmpty)
        bench.succeed("a")
        #expect(bench.states("a", "b") == ["Succeeded", "Pending"])
        bench.restart()
        #expect(bench.state("b") == "Pending")
        bench.want(.running)
        #expect(bench.status.phase == .running)
        bench.want(.suspended)
        bench.succeed("b")
        #expect(bench.state("f") == "Pending")
        bench.want(.running)
        bench.succeed("f")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `E13 Suspended and E7: a retry whose wait is over starts when the run goes on, not before`() {
        var bench = Bench([task("a", ["retry": ["limit": 1, "backoff": ["initial": "10s"]]])])
        bench.fail("a")
        bench.want(.suspended)
        bench.pass(60)
        bench.restart()
        #expect(bench.created.count == 1)
        bench.want(.running)
        #expect(bench.created.count == 2)
    }

    @Test func `E13 Suspended: a retry with no wait does not start either`() {
        var bench = Bench([task("a", ["retry": ["limit": 1]])])
        bench.want(.suspended)
        bench.fail("a")
        #expect(bench.created.count == 1)
        #expect(bench.task("a").phase == .running)
        bench.want(.running)
        #expect(bench.created.count == 2)
    }

    @Test func `E13 Suspended and Q8: a pod that was refused is not asked for while the run is suspended`() {
        var bench = Bench([task("a")], run: ["state": "Suspended"])
        bench.refusals[bench.name("a")] = [.denied(reason: "Forbidden", message: "exceeded quota")]
        bench.want(.running)
        bench.want(.suspended)
        bench.pass(60)
        #expect(bench.created.isEmpty)
        bench.want(.running)
        #expect(bench.created.count == 1)
    }

    @Test func `E13 Suspended: a run whose last task ends while it is suspended has ended`() {
        var bench = Bench([task("a")])
        bench.want(.suspended)
        bench.succeed("a")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test
    func `E13 Cancelled: pods are deleted with their grace period, finally runs once they ended, the run is Cancelled`()
    {
        var bench = Bench(
            [
                task("a"), task("b", ["dependsOn": ["a"]]),
                task("c", ["retry": ["limit": 3, "backoff": ["initial": "1h", "max": "1h"]]]),
            ],
            finally: [task("f"), task("g", ["dependsOn": ["f"]])])
        bench.fail("c")
        bench.lingers = true
        bench.run("a")
        bench.want(.cancelled)
        #expect(bench.status.phase == .cancelling)
        #expect(bench.states("b", "c", "f") == ["Skipped/RunCancelled", "Failed/Error", "Pending"])
        #expect(bench.deleted == [bench.name("a")])
        bench.restart()
        bench.endDeleted(code: 0)
        #expect(bench.states("a", "f") == ["Cancelled/RunCancelled", "Running"])
        bench.succeed("f")
        bench.succeed("g")
        #expect(bench.outcome() == "Cancelled/Cancelled")
        #expect(bench.driver.isDone)
    }

    @Test func `E13 Cancelled: a finally that is running goes on`() {
        var bench = Bench([task("a")], finally: [task("f", ["retry": ["limit": 1]]), task("g", ["dependsOn": ["f"]])])
        bench.succeed("a")
        bench.want(.cancelled)
        #expect(bench.deleted.isEmpty)
        bench.fail("f")
        #expect(bench.task("f").attempt == 1)
        bench.succeed("f")
        bench.succeed("g")
        #expect(bench.outcome() == "Cancelled/Cancelled")
    }

    @Test func `E13 Cancelled and E6: a finally that fails leaves the run Cancelled`() {
        var bench = Bench([task("a")], finally: [task("f")])
        bench.want(.cancelled)
        bench.fail("f")
        #expect(bench.outcome() == "Cancelled/Cancelled")
    }

    @Test func `E13 Terminated: finally is stopped too, or does not even start, and the run is Cancelled`() {
        var running = Bench([task("a")], finally: [task("f"), task("g", ["dependsOn": ["f"]])])
        running.succeed("a")
        running.want(.terminated)
        #expect(running.states("f", "g") == ["Cancelled/RunTerminated", "Skipped/RunTerminated"])
        #expect(running.outcome() == "Cancelled/Terminated")
        #expect(running.driver.isDone)

        var early = Bench([task("a")], finally: [task("f")])
        early.want(.terminated)
        #expect(early.states("a", "f") == ["Cancelled/RunTerminated", "Skipped/RunTerminated"])
        #expect(early.outcome() == "Cancelled/Terminated")
    }

    @Test func `E13: Cancelled may still become Terminated`() {
        var bench = Bench([task("a")], finally: [task("f")])
        bench.want(.cancelled)
        #expect(bench.state("f") == "Running")
        bench.want(.terminated)
        #expect(bench.state("f") == "Cancelled/RunTerminated")
        #expect(bench.outcome() == "Cancelled/Terminated")
    }

    @Test(arguments: [DesiredState.running, .suspended, .cancelled])
    func `E13 and E14: a termination is not taken back, not even by a restart`(later: DesiredState) {
        var bench = Bench([task("a")], finally: [task("f")])
        bench.lingers = true
        bench.run("a")
        bench.want(.terminated)
        bench.want(later)
        bench.restart()
        bench.endDeleted()
        #expect(bench.outcome() == "Cancelled/Terminated")
        #expect(bench.state("f") == "Skipped/RunTerminated")
    }

    @Test(arguments: [DesiredState.running, .suspended])
    func `E13 and E14: a cancellation is not taken back, not even by a restart`(later: DesiredState) {
        var bench = Bench([task("a"), task("b", ["dependsOn": ["a"]])], finally: [task("f")])
        bench.lingers = true
        bench.run("a")
        bench.want(.cancelled)
        bench.want(later)
        bench.restart()
        bench.endDeleted(code: 0)
        #expect(bench.states("a", "b", "f") == ["Cancelled/RunCancelled", "Skipped/RunCancelled", "Running"])
        bench.succeed("f")
        #expect(bench.outcome() == "Cancelled/Cancelled")
    }

    @Test func `E13: a suspended run can be cancelled, and its finally runs`() {
        var bench = Bench([task("a"), task("b", ["dependsOn": ["a"]])], finally: [task("f")])
        bench.want(.suspended)
        bench.want(.cancelled)
        #expect(bench.states("a", "b", "f") == ["Cancelled/RunCancelled", "Skipped/RunCancelled", "Running"])
    }

    @Test func `E13: a run that is cancelled before anything started has never had a pod`() {
        let bench = Bench([task("a")], run: ["state": "Cancelled"])
        #expect(bench.outcome() == "Cancelled/Cancelled")
        #expect(bench.created.isEmpty)
    }

    @Test func `E13: what a finished run is asked for changes nothing but the generation that it has seen`() {
        var bench = Bench([task("a")])
        bench.succeed("a")
        let before = bench.status
        bench.want(.cancelled)
        var after = bench.status
        #expect(after.phase == .succeeded)
        #expect(bench.persisted.observedGeneration == 2)
        after.observedGeneration = 1
        for index in after.conditions.indices { after.conditions[index].observedGeneration = 1 }
        #expect(after == before)
    }

    @Test
    func `E13: a container that ended well just before it was stopped counts as cancelled, since the stop came first`()
    {
        var bench = Bench([task("a")])
        bench.lingers = true
        bench.run("a")
        bench.want(.cancelled)
        bench.succeed("a")
        #expect(bench.state("a") == "Cancelled/RunCancelled")
    }
}
