import JSON
import KubernetesModel
import PipelineEngine
import SluiceAPI
import Testing

/// Situations that a review found the engine to judge wrongly (by their numbers there), each with the rule that it broke.
@Suite struct ReviewTests {
    // MARK: Pods

    @Test func `O8 and E7: a pod that was deleted by force on a dead node has ended, though its phase stays Running`() {
        var bench = Bench([task("a")])
        bench.run("a")
        bench.change("a") { pod, now in pod.markDeleted(at: now, grace: 30) }
        #expect(bench.state("a") == "Running/PodDeleted")
        #expect(bench.task("a").message.contains("is being deleted on node node-1"))
        bench.change("a") { pod, now in
            pod.metadata.deletionTimestamp = now.wholeSecond
            pod.metadata.deletionGracePeriodSeconds = 0
        }
        #expect(bench.task("a").disruptions == 1)
        bench.pass(60)
        #expect(bench.task("a").attempt == 1)
        #expect(bench.isLive("a", attempt: 1))
    }

    @Test func `O12 and E7: a node whose clock is an hour ahead makes no retry wait for it`() {
        var bench = Bench([task("a", ["retry": ["limit": 1, "backoff": ["initial": "10s"]]])])
        let ahead = bench.now + .seconds(3600)
        bench.change("a") { pod, _ in pod.end(code: 1, at: ahead) }
        bench.pass(10)
        #expect(bench.task("a").attempt == 1)
        #expect(bench.isLive("a", attempt: 1))
        var ended = Bench([task("a")])
        ended.change("a") { pod, now in pod.end(code: 0, at: now + .seconds(3600)) }
        #expect(ended.status.completionTime.map { $0 <= ended.now } == true)
    }

    @Test func `O13 and E8: the start-up deadline counts from when a pod got stuck, not from when it was made`() {
        var bench = Bench([task("a")])
        bench.run("a")
        bench.pass(3000)
        bench.change("a") { pod, _ in pod.wait(reason: "ErrImagePull", message: "registry hiccup") }
        #expect(bench.state("a") == "Running/ErrImagePull")
        bench.pass(599)
        #expect(bench.state("a") == "Running/ErrImagePull")
        bench.run("a")
        #expect(bench.state("a") == "Running")
        bench.change("a") { pod, _ in pod.wait(reason: "ErrImagePull", message: "registry hiccup") }
        bench.pass(599)
        #expect(bench.state("a") == "Running/ErrImagePull")
        bench.pass(1)
        #expect(bench.task("a").phase == .failed)
    }

    @Test func `O14 and E8: a pod whose volume does not mount fails after the deadline, and says where to look`() {
        var bench = Bench([task("a")])
        bench.change("a") { pod, _ in pod.wait(reason: "ContainerCreating") }
        bench.pass(599)
        #expect(bench.state("a") == "Running")
        bench.pass(1)
        #expect(bench.state("a") == "Failed/ContainerCreating")
        #expect(bench.task("a").message.contains("node node-1 has not started its containers"))
    }

    @Test(arguments: [0, 3])
    func `O14: a task ends with its main container, whatever a webhook's container does beside it`(code: Int) {
        var bench = Bench([task("a")])
        bench.change("a") { pod, now in
            pod.end(code: code, at: now)
            pod.status.phase = .running
            var proxy = ContainerStatus()
            proxy.name = "proxy"
            proxy.state = .running(startedAt: now)
            pod.status.containers.append(proxy)
        }
        #expect(bench.state("a") == (code == 0 ? "Succeeded" : "Failed/Error"))
        #expect(bench.deleted == [bench.name("a")], "what still runs of the pod is stopped")
        #expect(bench.driver.isDone)
    }

    @Test func `O14 and E8: a main container that cannot be had is seen under phase Running, too`() {
        var bench = Bench([task("a")])
        bench.change("a") { pod, now in
            pod.wait(reason: "ImagePullBackOff", message: "no such image")
            pod.status.phase = .running
            var proxy = ContainerStatus()
            proxy.name = "proxy"
            proxy.state = .running(startedAt: now)
            pod.status.containers.append(proxy)
        }
        #expect(bench.state("a") == "Running/ImagePullBackOff")
        bench.pass(600)
        #expect(bench.task("a").phase == .failed)
    }

    @Test func `O15: a server that fails at a create is quoted in the status`() {
        var bench = Bench([task("a")], run: ["state": "Suspended"])
        bench.refusals[bench.name("a")] = [.indeterminate(message: "failed calling webhook \"w\": timeout")]
        bench.want(.running)
        #expect(bench.state("a") == "Running/PodCreateFailed")
        #expect(bench.task("a").message.contains("failed calling webhook"))
        bench.pass(5)
        #expect(bench.state("a") == "Running")
    }

    @Test func `O9: a clock fails nothing whose end has only not been heard of`() {
        for (end, expected) in [(30, "Succeeded"), (70, "Failed/Timeout")] as [(Int64, String)] {
            var bench = Bench([task("a", ["timeout": "60s"])])
            bench.run("a")
            let start = bench.now
            // Cut off from the API server: the cache stands still, and nothing can be read.
            bench.now = bench.now + .seconds(3600)
            for _ in 0..<3 {
                #expect(bench.step() == [.release(.confirm(name: bench.name("a"), uid: "pod-1"))])
                bench.failRequest(bench.name("a"))
                #expect(bench.state("a") == "Running")
            }
            // Back again: the pod is read before it is judged.
            if end == 30 {
                bench.pods[bench.name("a")]?.end(code: 0, at: start + .seconds(end))
            } else {
                bench.pods[bench.name("a")]?.activeDeadlineSeconds = 60
            }
            bench.settle()
            #expect(bench.confirmed == [bench.name("a")])
            #expect(bench.state("a") == expected)
        }
    }

    // MARK: Results and values

    @Test(arguments: [
        (#"{"r": null}"#, "is null"), (#"{"r": 9223372036854775808}"#, "does not keep all its digits"),
        (#"{"r": [1, 123456789012345678901234567890]}"#, "does not keep all its digits"),
        (#"{"r": "a\u0000b"}"#, "contains a NUL"),
        ("{\"r\": \(String(repeating: "[", count: 40))\(String(repeating: "]", count: 40))}", "more than 32 deep"),
    ])
    func `O18, O24, O25, O27 and E12: a result that would not come back as it was is refused with a reason`(
        results: String, problem: String
    ) {
        var bench = Bench([task("a", ["results": ["r"]])])
        bench.succeed("a", results: results)
        #expect(bench.state("a") == "Failed/InvalidResults")
        #expect(bench.task("a").message.contains(problem), "\(bench.task("a").message)")
    }

    @Test func `O18 and E14: a result is kept as the API server gives it back`() throws {
        var bench = Bench([task("a", ["results": ["r"]])])
        bench.succeed("a", results: #"{"r": {"one": 1.0, "half": 0.5, "list": [2e3, null]}}"#)
        #expect(bench.task("a").results["r"] == ["half": 0.5, "list": [2000, .null], "one": 1])
    }

    @Test
    func `O23 and E3: a value reaches command, args and env byte for byte, and cannot read the task's environment`() {
        let value = "$(TOKEN) $$ ${HOME} 100$"
        let container: JSONValue = [
            "image": "x", "command": ["sh", "-c", "echo $(params.p) $(SHELL)"], "args": ["$(params.p)"],
            "env": [["name": "A", "value": "$(params.p)"], ["name": "B", "value": "$(A)"]],
            "workingDir": "/$(params.p)",
        ]
        let bench = Bench([task("a", ["container": container])], parameters: ["p": .string(value)])
        let made = bench.created[bench.name("a")]?["spec"]?["containers"]?[0]
        let doubled = "$$(TOKEN) $$$$ $${HOME} 100$$"
        #expect(made?["command"]?[2]?.string == "echo \(doubled) $(SHELL)")
        #expect(made?["args"]?[0]?.string == doubled)
        #expect(made?["env"]?[0]?["value"]?.string == doubled)
        #expect(made?["env"]?[1]?["value"]?.string == "$(A)")
        #expect(made?["workingDir"]?.string == "/\(value)", "a field that the kubelet does not expand")
    }

    @Test func `O23 and E3: nor in a sidecar of the template, where a value is not looked at twice`() {
        let template: JSONValue = [
            "spec": ["containers": [["name": "s", "image": "x", "args": ["$(params.p)"]]]],
            "metadata": ["annotations": ["a": "$(params.p)"]],
        ]
        let bench = Bench(
            [task("a", ["podTemplate": template])], parameters: ["p": "$(params.p) $(run.name)"])
        let pod = bench.created[bench.name("a")]
        #expect(pod?["spec"]?["initContainers"]?[0]?["args"]?[0] == "$$(params.p) $$(run.name)")
        #expect(pod?["metadata"]?["annotations"]?["a"] == "$(params.p) $(run.name)")
    }

    @Test func `O25 and E3: a value with a NUL character is refused`() {
        let bench = Bench(
            [task("a", ["container": ["image": "x", "args": ["$(params.p)"]]])], parameters: ["p": "a\u{0}b"])
        #expect(bench.state("a") == "Failed/InvalidReference")
        #expect(bench.task("a").message.contains("NUL"))
    }

    @Test func `A time-out longer than a pod may have is the longest that it may have`() {
        let bench = Bench([task("a", ["timeout": "876000h"])])
        #expect(bench.created[bench.name("a")]?["spec"]?["activeDeadlineSeconds"] == .int(Int64(Int32.max)))
    }

    // MARK: Messages

    @Test func `What a task writes cannot steer the terminal of whoever reads its status`() {
        var bench = Bench([task("a")])
        bench.change("a") { $0.end(code: 1, at: $1, message: "\u{1B}[2Jbad\u{7}\u{9B}31m") }
        #expect(bench.task("a").message == "exit code 1: \u{FFFD}[2Jbad\u{FFFD}\u{FFFD}31m")
    }

    @Test func `O29: a time-out says why the pod had not started, and a gang which replica failed`() {
        var bench = Bench([task("a", ["timeout": "60s"])])
        bench.change("a") { pod, _ in pod.wait(reason: "ImagePullBackOff", message: "no such image") }
        bench.pass(60)
        #expect(bench.state("a") == "Failed/Timeout")
        #expect(bench.task("a").message.contains("ImagePullBackOff: no such image"))
        var gang = Bench([task("g", ["replicas": 3])])
        gang.run("g", 0)
        gang.fail("g", 2, code: 7)
        #expect(gang.task("g").message.hasPrefix("replica 2: exit code 7"))
    }
}
