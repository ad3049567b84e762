import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI
import Testing

/// E13: stopping a pod keeps its log.
@Suite struct StoppingTests {
    @Test func `E13: a pod whose main container runs is stopped by its deadline and stays; the run ends Cancelled`() {
        var bench = Bench([task("a")])
        bench.run("a")
        bench.want(.cancelled)
        #expect(bench.stopped == [bench.name("a")])
        #expect(bench.outcome() == "Cancelled/Cancelled")
        #expect(bench.state("a") == "Cancelled/RunCancelled")
        let pod = bench.pods[bench.name("a")]
        #expect(pod?.status.reason == "DeadlineExceeded")
        #expect(pod?.metadata.isBeingDeleted == false)
        #expect(pod?.metadata.finalizers == [])
        #expect(bench.driver.isDone)
    }

    @Test func `E13: one that has not started is deleted: a kubelet that waits for a volume ignores the deadline`() {
        var bench = Bench([task("a")])
        bench.change("a") { pod, _ in pod.wait(reason: "ContainerCreating") }
        bench.want(.cancelled)
        #expect(bench.stopped.isEmpty)
        #expect(bench.deleted == [bench.name("a")])
        #expect(bench.outcome() == "Cancelled/Cancelled")
    }

    @Test func `E13: one that has not ended by its grace period and 30 s is deleted`() {
        var bench = Bench([task("a", ["timeout": "10s"])])
        bench.lingers = true
        bench.change("a") { pod, now in
            pod.run(at: now)
            pod.terminationGracePeriodSeconds = 5
        }
        bench.pass(10)
        #expect(bench.stopped == [bench.name("a")])
        bench.pass(34)
        #expect(bench.deleted == [bench.name("a")])
        #expect(bench.state("a") == "Running/Timeout")
        bench.pass(1)
        #expect(bench.deleted == [bench.name("a"), bench.name("a")])
        bench.endDeleted()
        #expect(bench.state("a") == "Failed/Timeout")
    }

    @Test func `E13 and E14: an operator that comes after asks no second time, and deletes in its own time`() {
        var bench = Bench([task("a")])
        bench.lingers = true
        bench.run("a")
        bench.want(.cancelled)
        #expect(bench.stopped.count == 1)
        bench.restart()
        #expect(bench.stopped.count == 1)
        #expect(bench.deleted.count == 1)
        bench.pass(60)
        #expect(bench.deleted.count == 2)
        bench.endDeleted()
        #expect(bench.outcome() == "Cancelled/Cancelled")
    }

    @Test func `E13: a stop that did not get through is asked for again`() {
        var bench = Bench([task("a")])
        bench.run("a")
        bench.want(.cancelled, settling: false)
        for _ in 0..<3 {
            #expect(bench.step() == [.release(.stop(name: bench.name("a"), uid: "pod-1"))])
            bench.failRequest(bench.name("a"))
        }
        bench.settle()
        #expect(bench.outcome() == "Cancelled/Cancelled")
    }

    /// A stopped worker's end is a consequence, even where its node's clock is behind the leader's.
    @Test(arguments: [-10, 0, 10] as [Int64])
    func `E13 and E9: what was stopped since the gang was decided does not decide it, whatever its node's clock`(
        skew: Int64
    ) {
        var bench = Bench([task("g", ["replicas": 2, "successPolicy": "Leader"])])
        for replica in 0..<2 { bench.run("g", replica) }
        bench.lingers = true
        bench.now = bench.now + .seconds(30)
        bench.succeed("g", 0)
        #expect(bench.stopped == [bench.name("g", 1)])
        bench.change("g", 1) { pod, now in pod.endByDeadline(code: 143, at: now + .seconds(skew)) }
        #expect(bench.state("g") == "Succeeded")
    }

    @Test func `E13 and E4: a pod that a lost create brings about after the run has ended is ended and let go, too`() {
        var bench = Bench([task("g", ["replicas": 2, "successPolicy": "Leader"])])
        bench.run("g", 0)
        bench.run("g", 1)
        bench.succeed("g", 0)
        #expect(bench.outcome() == "Succeeded/Succeeded")
        let name = bench.name("g", 1)
        #expect(bench.stopped == [name])
        // The one before it is gone; this one was asked for by the same create, which had its effect late.
        bench.pods[name] = nil
        var late = Pod()
        late.metadata = bench.created[name].flatMap { try? ObjectMeta($0["metadata"] ?? [:]) } ?? ObjectMeta()
        late.metadata.uid = "late"
        late.metadata.creationTimestamp = bench.now.wholeSecond
        late.run(at: bench.now)
        bench.pods[name] = late
        bench.lingers = true
        bench.observe(name)
        bench.settle()
        #expect(bench.stopped == [name, name])
        // Its kubelet does not end it: it is deleted in the end, of which the driver reminds.
        #expect(bench.next().wakeUp == bench.now + .seconds(60))
        bench.pass(120)
        #expect(bench.pods[name]?.metadata.isBeingDeleted == true)
        bench.endDeleted()
        #expect(bench.driver.isDone)
    }

    @Test func `E13: the peers of a failed replica keep their logs, too`() {
        var bench = Bench([task("g", ["replicas": 3])])
        for replica in 0..<3 { bench.run("g", replica) }
        bench.fail("g", 1, code: 3)
        #expect(Set(bench.stopped) == [bench.name("g", 0), bench.name("g", 2)])
        #expect(bench.state("g") == "Failed/Error")
        #expect(bench.pods.count == 3)
    }

    @Test(arguments: [0, 1])
    func `E14: what a main container decides while a sidecar runs on is written before anything follows`(
        code: Int
    ) throws {
        var bench = Bench(
            [task("a"), task("b", ["dependsOn": [["task": "a", "on": "Finished"]]])],
            run: ["failurePolicy": "Continue"])
        bench.change("a", settling: false) { pod, now in
            pod.end(code: code, at: now)
            pod.status.phase = .running
            var proxy = ContainerStatus()
            proxy.name = "proxy"
            proxy.state = .running(startedAt: now)
            pod.status.containers.append(proxy)
        }
        let write = try #require(bench.next().write)
        bench.change("a", settling: false) { $0.endByDeadline(code: code, at: $1) }
        #expect(bench.next().creates.isEmpty)
        bench.write(write)
        #expect(bench.next().creates.map { $0.identity.path } == ["b"])
    }
}
