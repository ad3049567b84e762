import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import KubernetesTesting
import PipelineEngine
import SluiceAPI
import Synchronization
import Testing

@Suite struct RunReconcilerTests {
    static func task(_ name: String, after: [String] = [], _ more: JSONObject = [:]) -> JSONValue {
        var task: JSONValue = ["name": .string(name), "container": ["image": "busybox:1", "command": ["true"]]]
        if !after.isEmpty { task["dependsOn"] = JSONValue(after) }
        for (key, value) in more { task[key] = value }
        return task
    }

    static let diamond: JSONValue = [
        "pipelineSpec": [
            "tasks": [
                task("a"), task("b", after: ["a"]), task("c", after: ["a"]), task("d", after: ["b", "c"]),
            ]
        ]
    ]

    @Test func `A run goes from its first task to Succeeded, each pod made once and let go`() throws {
        var harness = OperatorHarness(seed: 1)
        defer { harness.end() }
        harness.cluster.addRun("diamond", spec: Self.diamond)
        harness.startOperator()
        #expect(harness.runUntilDone())
        let run = try #require(try harness.cluster.run(named: "diamond"))
        #expect(run.status.phase == .succeeded)
        #expect(run.status.progress == "4/4")
        #expect(run.status.conditions.first { $0.type == "Succeeded" }?.status == "True")
        #expect(run.status.conditions.first { $0.type == "Finished" }?.status == "True")
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.created.count == 4)
        #expect(state.created.values.allSatisfy { $0 == 1 })
        // Section 9: create, untrack, and a share of the status patches, which are coalesced.
        #expect(state.writes <= 4 * 3)
    }

    @Test func `E5: The run fails with the reason of the task that failed, and what depends on it does not start`()
        throws
    {
        var harness = OperatorHarness(seed: 2) { pod in
            pod.task == "b" ? PodPlan(exitCode: 3) : .init()
        }
        defer { harness.end() }
        harness.cluster.addRun("diamond", spec: Self.diamond)
        harness.startOperator()
        #expect(harness.runUntilDone())
        let run = try #require(try harness.cluster.run(named: "diamond"))
        #expect(run.status.phase == .failed)
        #expect(run.status.message.contains("b"))
        #expect(run.status.message.contains("exit code 3"))
        #expect(run.status.tasks.first { $0.name == "d" }?.phase == .skipped)
        #expect(run.status.conditions.first { $0.type == "Stalled" }?.status == "True")
    }

    @Test func `The Service of a gang is made once, before its pods, and one of a killed operator will do`() throws {
        var harness = OperatorHarness(seed: 4)
        defer { harness.end() }
        let gang = Self.task("g", ["replicas": 100, "framework": "pytorch"])
        harness.cluster.addRun("train", spec: ["pipelineSpec": ["tasks": [gang]]])
        harness.startOperator()
        #expect(harness.runUntilDone())
        #expect(try harness.cluster.run(named: "train")?.status.phase == .succeeded)
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.violations == [])
        #expect(state.services.count == 1)
        #expect(state.writesByKind["service"] == 1)
        #expect(state.created.count == 100)
    }

    @Test func `A Service of that name that belongs to others fails the attempt, and says so`() throws {
        var harness = OperatorHarness(seed: 5)
        defer { harness.end() }
        let gang = Self.task("g", ["replicas": 2, "framework": "jax"])
        harness.cluster.addRun("train", spec: ["pipelineSpec": ["tasks": [gang]]])
        let uid = try #require(try harness.cluster.run(named: "train")?.metadata.uid)
        let name = PodIdentity(path: "g", attempt: 0, replica: 0)
            .gangName(in: RunIdentity(namespace: "team", name: "train", uid: uid))
        harness.cluster.state.withLock {
            $0.services[ObjectKey(namespace: "team", name: name)] = ["metadata": ["name": .string(name)]]
        }
        harness.startOperator()
        #expect(harness.runUntilDone())
        let run = try #require(try harness.cluster.run(named: "train"))
        #expect(run.status.phase == .failed)
        #expect(run.status.tasks.first?.reason == "ServiceNameTaken")
        #expect(run.status.tasks.first?.message == "a Service named \(name) exists and does not belong to this run")
        #expect(harness.cluster.state.withLock { $0.created.isEmpty })
    }

    @Test(arguments: [
        (503, "the server is busy", "Succeeded", 0, 4), (500, "etcdserver: no leader", "Succeeded", 0, 4),
        (403, #"admission webhook "guard" denied the request: not now"#, "Succeeded", 1, 4),
        (403, "exceeded quota: services", "Succeeded", 1, 4), (422, "Service is invalid", "Failed", 0, 0),
    ])
    func `Q8: A Service that is not made is as a pod that is not made: asked for again, or the end of the attempt`(
        code: Int, message: String, phase: String, attempt: Int, pods: Int
    ) throws {
        var harness = OperatorHarness(seed: 9)
        defer { harness.end() }
        let gang = Self.task("g", ["replicas": 4, "framework": "pytorch"])
        harness.cluster.addRun("train", spec: ["pipelineSpec": ["tasks": [gang]]])
        harness.cluster.state.withLock {
            $0.serviceFailures = [APIStatus(code: code, reason: "", message: message)]
        }
        harness.startOperator()
        #expect(harness.runUntilDone())
        let status = try #require(try harness.cluster.run(named: "train")).status
        #expect(status.phase.rawValue == phase)
        #expect(status.tasks.first?.attempt == attempt)
        #expect(status.tasks.first?.failures == (phase == "Failed" ? 1 : 0), "what is refused costs no attempt")
        let state = harness.cluster.state.withLock { $0 }
        #expect(state.violations == [])
        #expect(state.created.count == pods)
        #expect(state.created.values.allSatisfy { $0 == 1 })
    }

    @Test func `A run waits for a Pipeline that comes later, and keeps it as it was`() throws {
        var harness = OperatorHarness(seed: 3)
        defer { harness.end() }
        harness.cluster.addRun("late", spec: ["pipelineRef": ["name": "p"]])
        harness.startOperator()
        harness.simulation.run(for: .seconds(5))
        let waiting = try #require(try harness.cluster.run(named: "late"))
        #expect(waiting.status.phase == .pending)
        #expect(waiting.status.reason == "PipelineNotFound")
        harness.cluster.addPipeline("p", spec: ["tasks": [Self.task("a")]])
        #expect(harness.runUntilDone())
        let run = try #require(try harness.cluster.run(named: "late"))
        #expect(run.status.phase == .succeeded)
        #expect(run.status.pipelineSpec?["tasks"]?[0]?["name"] == "a")
    }

    @Test func `E11: A task waits for a Pipeline that comes later, and goes on at once when it does`() throws {
        var harness = OperatorHarness(seed: 6)
        defer { harness.end() }
        let task: JSONValue = ["name": "s", "pipelineRef": ["name": "p"]]
        harness.cluster.addRun("late", spec: ["pipelineSpec": ["tasks": [task, Self.task("b")]]])
        harness.startOperator()
        harness.simulation.run(for: .seconds(30))
        #expect(try harness.cluster.run(named: "late")?.status.reason == "PipelineNotFound")
        harness.cluster.addPipeline("p", spec: ["tasks": [Self.task("a")]])
        #expect(harness.runUntilDone(within: .seconds(60)))
        let run = try #require(try harness.cluster.run(named: "late"))
        #expect(run.status.phase == .succeeded)
        #expect(run.status.pipelines["p"]?["tasks"]?[0]?["name"] == "a")
        #expect(run.status.tasks.map(\.name) == ["s", "s/a", "b"])
    }

    @Test func `E11: A Pipeline that is not valid fails the task that runs it`() throws {
        var harness = OperatorHarness(seed: 7)
        defer { harness.end() }
        harness.cluster.addPipeline("p", spec: ["tasks": []])
        harness.cluster.addRun("bad", spec: ["pipelineSpec": ["tasks": [["name": "s", "pipelineRef": ["name": "p"]]]]])
        harness.startOperator()
        #expect(harness.runUntilDone())
        let run = try #require(try harness.cluster.run(named: "bad"))
        #expect(run.status.reason == "InvalidPipeline")
        #expect(run.status.message.contains("a pipeline has at least one task"))
    }

    @Test(arguments: [false, true])
    func `O5: A run whose status the server does not store ends all the same, its pods ended`(restarts: Bool) throws {
        var harness = OperatorHarness(seed: 8) { _ in PodPlan(duration: .seconds(600)) }
        defer { harness.end() }
        let text = String(repeating: "x", count: 200_000)
        harness.cluster.addPipeline(
            "p", spec: ["description": .string(text), "tasks": [Self.task("a"), Self.task("b", after: ["a"])]])
        harness.cluster.maximumStatusSize.withLock { $0 = 100_000 }
        harness.cluster.addRun("huge", spec: ["pipelineRef": ["name": "p"]])
        harness.startOperator()
        if restarts {
            harness.simulation.run(for: .seconds(1))
            harness.killOperator()
            harness.startOperator()
        }
        #expect(harness.runUntilDone())
        let run = try #require(try harness.cluster.run(named: "huge"))
        #expect(run.status.phase == .failed)
        #expect(run.status.reason == "StatusTooLarge")
        #expect(harness.cluster.state.withLock { $0.pods.values.allSatisfy { $0["metadata"]?["finalizers"] == nil } })
    }

    @Test func `A run whose Pipeline never comes fails after the deadline`() throws {
        var harness = OperatorHarness(seed: 4)
        defer { harness.end() }
        harness.cluster.addRun("never", spec: ["pipelineRef": ["name": "p"]])
        harness.startOperator()
        #expect(harness.runUntilDone(within: .seconds(900)))
        #expect(try harness.cluster.run(named: "never")?.status.reason == "PipelineNotFound")
    }

    @Test func `E13: Deleting a run deletes its pods, finished or not`() throws {
        var harness = OperatorHarness(seed: 5) { $0.task == "b" ? .init(duration: .seconds(3600)) : .init() }
        defer { harness.end() }
        harness.cluster.addRun("gone", spec: Self.diamond)
        harness.startOperator()
        harness.simulation.run(for: .seconds(10))
        harness.cluster.deleteRunAsUser(ObjectKey(namespace: "team", name: "gone"))
        harness.simulation.run(for: .seconds(30))
        #expect(harness.cluster.state.withLock { $0.pods.isEmpty })
    }

    @Test func `A finished run is deleted by its ttl, one that Git tracks only loses its pods`() throws {
        var harness = OperatorHarness(seed: 6)
        defer { harness.end() }
        var spec = Self.diamond
        spec["ttlSecondsAfterFinished"] = 30
        harness.cluster.addRun("plain", spec: spec)
        harness.cluster.addRun("tracked", spec: spec)
        harness.cluster.editRun(ObjectKey(namespace: "team", name: "tracked")) {
            $0["metadata"]?["annotations"] = [
                "argocd.argoproj.io/tracking-id": "app:sluice.dev/PipelineRun:team/tracked"
            ]
        }
        harness.startOperator()
        #expect(harness.runUntilDone())
        harness.simulation.run(for: .seconds(60))
        #expect(try harness.cluster.run(named: "plain") == nil)
        #expect(try harness.cluster.run(named: "tracked")?.status.phase == .succeeded)
        #expect(
            harness.cluster.state.withLock { state in
                state.pods.values.allSatisfy { $0["metadata"]?["ownerReferences"]?[0]?["name"] == "plain" }
            })
    }

    @Test func `E13: A cancelled run stops its pods, runs finally and ends Cancelled`() throws {
        var harness = OperatorHarness(seed: 7) { $0.task == "a" ? .init(duration: .seconds(3600)) : .init() }
        defer { harness.end() }
        var spec = Self.diamond
        spec["pipelineSpec"]?["finally"] = [Self.task("bye")]
        harness.cluster.addRun("stopped", spec: spec)
        harness.startOperator()
        harness.simulation.run(for: .seconds(5))
        harness.cluster.editRun(ObjectKey(namespace: "team", name: "stopped")) { $0["spec"]?["state"] = "Cancelled" }
        #expect(harness.runUntilDone())
        let run = try #require(try harness.cluster.run(named: "stopped"))
        #expect(run.status.phase == .cancelled)
        #expect(run.status.tasks.first { $0.name == "a" }?.phase == .cancelled)
        #expect(run.status.tasks.first { $0.name == "bye" }?.phase == .succeeded)
    }

    @Test(arguments: 0..<20)
    func `E4 and E14: An operator that is killed anywhere, over a server that fails, doubles and loses nothing`(
        seed: Int
    ) throws {
        var harness = OperatorHarness(seed: UInt64(seed), faults: seed % 3 == 0 ? 0 : 0.1) { pod in
            let (task, attempt, run) = (pod.task, pod.attempt, pod.run)
            let hash =
                (task.utf8.reduce(attempt * 31) { $0 &* 7 &+ Int($1) } &+ run.utf8.reduce(0) { $0 &* 5 &+ Int($1) })
                % 10
            return .init(
                exitCode: task == "flaky" && attempt < 2 ? 1 : 0, duration: .milliseconds(Int64(20 + 30 * abs(hash))))
        }
        defer { harness.end() }
        var spec = Self.diamond
        let tasks = spec["pipelineSpec"]?["tasks"]?.array ?? []
        spec["pipelineSpec"]?["tasks"] = .array(
            tasks + [
                Self.task("flaky", after: ["a"], ["retry": ["limit": 3, "backoff": ["initial": "200ms"]]]),
                Self.task("gang", after: ["b"], ["replicas": 3]),
            ])
        for number in 0..<5 { harness.cluster.addRun("run-\(number)", spec: spec) }
        for _ in 0..<8 {
            harness.startOperator()
            harness.simulation.run(for: .milliseconds(Int64(harness.simulation.random(in: 1..<400))))
            harness.killOperator()
            harness.simulation.run(for: .milliseconds(Int64(harness.simulation.random(in: 0..<100))))
        }
        harness.startOperator()
        #expect(harness.runUntilDone(within: .seconds(180)), "seed \(seed): not all runs ended")
        let state = harness.cluster.state.withLock { $0 }
        for (key, run) in state.runs {
            #expect(run["status"]?["phase"] == "Succeeded", "seed \(seed): \(key) \(run["status"]?.text ?? "")")
            #expect(run["status"]?["progress"] == "6/6")
        }
        // a, b, c, d, three attempts of flaky, three pods of the gang: for each of the five runs, each once.
        #expect(state.created.count == 5 * 10, "seed \(seed)")
        #expect(state.created.values.allSatisfy { $0 == 1 }, "seed \(seed): \(state.created.filter { $0.value > 1 })")
        for (key, phases) in state.statusesSeen {
            if let end = phases.firstIndex(where: \.isFinished) {
                #expect(phases[end...].allSatisfy { $0 == phases[end] }, "seed \(seed): \(key) moved on after its end")
            }
        }
    }
}
