import JSON
import PipelineEngine
import SluiceAPI
import Testing

/// E8 and refusals by the API server.
struct StuckPodTests {
    @Test(arguments: ["InvalidImageName", "ErrImageNeverPull"])
    func `E8: what can never heal fails at once, with the kubelet's message`(reason: String) {
        var bench = Bench([task("a")])
        bench.change("a") { pod, _ in pod.wait(reason: reason, message: "the kubelet's words") }
        bench.endDeleted()
        #expect(bench.states("a") == ["Failed/\(reason)"])
        #expect(bench.task("a").message == "the kubelet's words")
        #expect(bench.driver.isDone)
    }

    @Test(arguments: ["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "CreateContainerError"])
    func `E8: what may heal fails after the start-up deadline, and says why from the first moment`(reason: String) {
        var bench = Bench([task("a", ["retry": ["limit": 1, "on": ["ImageError"]]])])
        bench.change("a") { pod, _ in pod.wait(reason: reason, message: "secret \"s\" not found") }
        #expect(bench.states("a") == ["Running/\(reason)"])
        #expect(bench.task("a").message == "secret \"s\" not found")
        #expect(bench.status.message.contains("task a: secret \"s\" not found"))
        bench.pass(599)
        #expect(bench.task("a").attempt == 0)
        bench.pass(1)
        #expect(bench.task("a").attempt == 1)
        bench.change("a") { pod, _ in pod.wait(reason: reason, message: "secret \"s\" not found") }
        bench.pass(600)
        #expect(bench.task("a").phase == .failed)
        #expect(bench.task("a").reason == reason)
        #expect(bench.task("a").message.contains("secret \"s\" not found"))
    }

    @Test func `E8: a Secret that arrives in time is enough`() {
        var bench = Bench([task("a")])
        bench.change("a") { pod, _ in pod.wait(reason: "CreateContainerConfigError", message: "no secret") }
        bench.pass(500)
        bench.run("a")
        #expect(bench.states("a") == ["Running"])
        #expect(bench.task("a").message == "")
        bench.pass(3600)
        #expect(bench.states("a") == ["Running"])
    }

    @Test
    func `E8 and E9: a pod that finds no node is not stuck: it is taken down by the gang time-out and asks again`() {
        var bench = Bench([task("a")])
        bench.change("a") { pod, _ in pod.beUnschedulable("0/1 nodes are available: 1 Insufficient cpu") }
        #expect(bench.states("a") == ["Running/Unschedulable"])
        bench.pass(300)
        #expect(bench.states("a") == ["Running/GangTimeout"])
        #expect(bench.task("a").disruptions == 0)
        bench.pass(30)
        #expect(bench.states("a") == ["Running"])
        #expect(bench.pods[bench.name("a", attempt: 1)] != nil)
    }

    @Test func `Q8: a pod that a quota refuses is asked for again and again with growing waits, and costs no attempt`()
    {
        var bench = Bench([task("z")], run: ["state": "Suspended"])
        bench.refusals[bench.name("z")] = Array(
            repeating: .denied(reason: "Forbidden", message: "exceeded quota: compute"), count: 4)
        bench.want(.running)
        #expect(bench.states("z") == ["Running/Forbidden"])
        #expect(bench.status.message.contains("exceeded quota"))
        bench.pass(1)
        bench.pass(2)
        bench.pass(4)
        #expect(bench.created.isEmpty)
        bench.pass(8)
        #expect(bench.created.count == 1)
        #expect(bench.states("z") == ["Running"])
        #expect([bench.task("z").attempt, bench.task("z").disruptions, bench.task("z").failures] == [0, 0, 0])
    }

    @Test func `E8 and E9: a pod that finds no node hides no other of its gang that is stuck`() {
        var bench = Bench([task("a", ["replicas": 3, "minAvailable": 2])])
        bench.change("a", 0) { pod, _ in pod.beUnschedulable("no node") }
        bench.run("a", 1)
        bench.change("a", 2) { pod, _ in pod.wait(reason: "ImagePullBackOff", message: "no registry") }
        #expect(bench.states("a") == ["Running/ImagePullBackOff"])
        bench.pass(600)
        #expect(bench.states("a") == ["Failed/ImagePullBackOff"])
    }

    @Test(arguments: [false, true])
    func `E8: of several pods that are stuck the first one's deadline counts`(restarts: Bool) {
        var bench = Bench([task("a", ["replicas": 2])])
        bench.change("a", 0) { pod, now in pod.run(at: now) }
        bench.change("a", 1) { pod, _ in pod.wait(reason: "ImagePullBackOff", message: "no registry") }
        bench.pass(300)
        bench.change("a", 0) { pod, _ in pod.wait(reason: "CreateContainerError", message: "no such file") }
        if restarts { bench.restart() }
        bench.pass(299)
        #expect(bench.task("a").phase == .running)
        bench.pass(1)
        #expect(bench.task("a").phase == .failed)
    }

    @Test func `E8 and E9: the time in which no node took a pod does not count as stuck`() {
        var bench = Bench([task("a")])
        bench.change("a") { pod, _ in pod.beUnschedulable("no node") }
        bench.pass(200)
        bench.change("a") { pod, _ in pod.wait(reason: "ImagePullBackOff", message: "no registry") }
        bench.pass(599)
        #expect(bench.states("a") == ["Running/ImagePullBackOff"])
        bench.pass(1)
        #expect(bench.states("a") == ["Failed/ImagePullBackOff"])
    }

    @Test func `A pod that the API server rejects for good fails its task`() {
        var bench = Bench([task("a")], run: ["state": "Suspended"])
        bench.refusals[bench.name("a")] = [.invalid(reason: "Invalid", message: "spec.containers[0].image: required")]
        bench.want(.running)
        #expect(bench.outcome() == "Failed/Invalid")
        #expect(bench.status.message.contains("spec.containers[0].image: required"))
        #expect(bench.driver.isDone)
    }

    @Test func `A create with no answer is asked again, and what it had made is taken over`() {
        var bench = Bench([task("a")], run: ["state": "Suspended"])
        bench.want(.running, settling: false)
        guard case .create(let create)? = bench.step().first else {
            Issue.record("no pod is asked for")
            return
        }
        _ = bench.create(create)
        bench.driver.podCreateFailed(create.identity, .indeterminate(message: ""), now: bench.now)
        bench.settle()
        #expect(bench.createdCount[create.name] == 1)
        bench.succeed("a")
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }
}
