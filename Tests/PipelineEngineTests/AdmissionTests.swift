import JSON
import KubernetesModel
import PipelineEngine
import Testing

@testable import SluiceAPI

/// Attempts as workloads of a queue (rules Q1, Q7, Q9): the engine's side of it.
struct AdmissionTests {
    private static func bench(_ tasks: [JSONValue], run: JSONValue = [:]) -> Bench {
        Bench(tasks, run: run, admission: .queue)
    }

    private static func key(_ path: String, _ attempt: Int = 0) -> AttemptKey {
        AttemptKey(path: path, attempt: attempt)
    }

    @Test func `Q1: an attempt waits with no pods until it is admitted, and says why`() {
        var bench = Self.bench([
            task("a", ["replicas": 3, "minAvailable": 2, "timeout": "1m"]), task("b", ["dependsOn": ["a"]]),
        ])
        #expect(bench.enqueued.map(\.key) == [Self.key("a")])
        let request = bench.enqueued[0]
        #expect(request.replicas == 3 && request.minAvailable == 2 && request.timeLimit == .seconds(60))
        #expect(request.remainingPath == 2 && !request.isUnderWay)
        #expect(request.pod["spec"]?["containers"]?[0]?["name"] == "main")
        #expect(bench.created.isEmpty)
        #expect(bench.outcome() == "Queued/Queued")
        bench.driver.waiting(Self.key("a"), reason: "WaitingForQuota", message: "2 GPUs of 8 are free")
        bench.settle()
        #expect(bench.state("a") == "Pending/WaitingForQuota")
        #expect(bench.outcome() == "Queued/WaitingForQuota")
        #expect(bench.events.map(\.reason) == ["Queued"])
        bench.admit("a")
        #expect(bench.created.count == 3)
        #expect(bench.outcome() == "Running/")
        #expect(bench.events.map(\.reason) == ["Queued", "Admitted", "Started"])
        #expect(bench.withdrawn.isEmpty)
        // The third was never scheduled: the gang is complete without it.
        for replica in 0..<2 { bench.succeed("a", replica) }
        #expect(bench.withdrawn == [Self.key("a")])
        #expect(bench.enqueued.map(\.key) == [Self.key("a"), Self.key("b")])
    }

    @Test func `Q1: a restart asks again for what waited, and not for what has pods`() {
        var bench = Self.bench([task("a"), task("b")])
        bench.admit("a")
        bench.enqueued = []
        bench.restart()
        #expect(bench.enqueued.map(\.key) == [Self.key("b")])
        #expect(bench.held.map(\.key) == [Self.key("a")])
        #expect(bench.held[0].startTime != nil && bench.held[0].isUnderWay)
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
        bench.succeed("a")
        #expect(bench.withdrawn == [Self.key("a")])
    }

    @Test func `E13: a suspended run asks for no room and takes none, and asks again when it goes on`() {
        var bench = Self.bench([task("a"), task("b")], run: ["parallelism": 1])
        bench.driver.waiting(Self.key("a"), reason: "WaitingForQuota", message: "2 GPUs of 8 are free")
        bench.want(.suspended)
        #expect(bench.withdrawn == [Self.key("a")])
        #expect(bench.state("a") == "Pending" && bench.outcome() == "Suspended/Suspended")
        // Admitted just before.
        bench.admit("a")
        #expect(bench.created.isEmpty)
        bench.enqueued = []
        bench.want(.running)
        #expect(bench.enqueued.map(\.key) == [Self.key("a")])
        bench.admit("a")
        #expect(bench.created.count == 1)
    }

    @Test func `Q7: after a restart an attempt is as young as its pods, whatever came before it`() {
        var bench = Self.bench([task("a", ["retry": ["limit": 1, "backoff": ["initial": "0s"]]])])
        bench.admit("a")
        bench.pass(100)
        bench.fail("a", code: 1)
        bench.admit("a", 1)
        bench.restart()
        #expect(bench.held.map(\.startTime) == [bench.now])
    }

    @Test func `Q9: an attempt whose pod comes to light while it waits is admitted`() {
        var bench = Self.bench([task("a", ["replicas": 2])])
        let before = bench.persisted
        bench.admit("a")
        bench.pods[bench.name("a", 1)] = nil
        bench.persisted = before
        bench.restart()
        #expect(bench.state("a") == "Running")
        #expect(bench.pods.count == 2)
    }

    @Test func `Q9: the missing pods of a gang wait for the queue to say where their room is`() {
        var bench = Self.bench([task("a", ["replicas": 3])])
        bench.admit("a")
        for replica in 1..<3 { bench.pods[bench.name("a", replica)] = nil }
        bench.persisted.tasks[0].pods = [bench.name("a", 0)]
        bench.restart(settling: false)
        let effects = bench.next()
        #expect(effects.held.map(\.key) == [Self.key("a")] && effects.creates.isEmpty)
        bench.driver.admitted(Self.key("a"), queue: "q", nodes: ["n1", "n2", nil], now: bench.now)
        bench.settle()
        #expect(bench.pods.count == 3)
        func node(_ replica: Int) -> JSONValue? {
            bench.created[bench.name("a", replica)]?[path: "spec", "affinity", "nodeAffinity"]?[
                path: "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"]?[0]?["matchFields"]?[0]?[
                    "values"]?[0]
        }
        #expect(node(1) == "n2" && node(2) == nil)
        #expect(!bench.events.map(\.reason).contains("Admitted"))
    }

    @Test func `Q9: a status that tells of no pod proves no admission: the attempt asks again`() throws {
        var bench = Self.bench([task("a")])
        bench.admit("a")
        // The pod was never made: the status was written, and the operator died.
        bench.pods = [:]
        bench.persisted.tasks[0].pods = []
        bench.enqueued = []
        bench.createdCount = [:]
        bench.restart()
        #expect(bench.enqueued.map(\.key) == [Self.key("a")])
        #expect(bench.held.isEmpty && bench.createdCount.isEmpty)
        bench.admit("a")
        #expect(bench.createdCount.count == 1)
    }

    @Test func `Q5: pods carry the nodes that the queue has planned, within each term that they have already`() throws {
        let own: JSONValue = [
            "nodeSelectorTerms": [
                ["matchExpressions": [["key": "zone", "operator": "In", "values": ["a"]]]],
                ["matchFields": [["key": "metadata.name", "operator": "NotIn", "values": ["n9"]]]],
            ]
        ]
        let field = "requiredDuringSchedulingIgnoredDuringExecution"
        let template: JSONValue = ["spec": ["affinity": ["nodeAffinity": .object([field: own])]]]
        var bench = Self.bench([task("a", ["replicas": 2]), task("b", ["podTemplate": template])])
        bench.driver.admitted(Self.key("a"), nodes: ["n1", nil], now: bench.now)
        bench.driver.admitted(Self.key("b"), nodes: ["n2"], now: bench.now)
        bench.settle()
        func terms(_ task: String, _ replica: Int = 0) -> JSONValue? {
            bench.created[bench.name(task, replica)]?[path: "spec", "affinity", "nodeAffinity", field]?[
                "nodeSelectorTerms"]
        }
        func name(_ node: String) -> JSONValue {
            ["key": "metadata.name", "operator": "In", "values": [.string(node)]]
        }
        #expect(terms("a") == [["matchFields": [name("n1")]]])
        #expect(terms("a", 1) == nil)
        #expect(
            terms("b") == [
                [
                    "matchExpressions": [["key": "zone", "operator": "In", "values": ["a"]]],
                    "matchFields": [name("n2")],
                ],
                [
                    "matchFields": [
                        ["key": "metadata.name", "operator": "NotIn", "values": ["n9"]], name("n2"),
                    ]
                ],
            ])
    }

    @Test func `Q10: the status says where the run waits, at which place and why, and when it was admitted`() {
        var bench = Self.bench([task("a"), task("b", ["dependsOn": ["a"]])])
        bench.driver.waiting(
            Self.key("a"), reason: "WaitingForQuota", message: "2 GPUs of 8 are free", queue: "team-a", position: 3)
        bench.settle()
        #expect(
            bench.persisted.queue == QueuePlace(name: "team-a", position: 3, reason: "2 GPUs of 8 are free"))
        bench.restart()
        #expect(bench.persisted.queue?.name == "team-a")
        bench.admit("a")
        #expect(bench.persisted.queue == QueuePlace(name: "team-a", admittedTime: bench.now))
        bench.succeed("a")
        #expect(bench.enqueued.last?.isUnderWay == true)
    }

    @Test func `Q1: a cancel, a skip and a suspension take back what waits`() {
        var bench = Self.bench([task("a")])
        bench.want(.cancelled)
        #expect(bench.withdrawn == [Self.key("a")])
        #expect(bench.state("a") == "Skipped/RunCancelled")
        bench.admit("a")
        #expect(bench.created.isEmpty)

        var failing = Self.bench([task("a"), task("b")])
        failing.admit("a")
        failing.fail("a")
        #expect(failing.withdrawn == [Self.key("a"), Self.key("b")])
        #expect(failing.outcome() == "Failed/Error")
    }

    @Test func `Q1 and E7: a retry asks anew when its wait is over, and holds no slot meanwhile`() {
        var bench = Self.bench(
            [task("a", ["retry": ["limit": 1, "backoff": ["initial": "10s"]]]), task("b")], run: ["parallelism": 1])
        #expect(bench.enqueued.map(\.key) == [Self.key("a")])
        bench.admit("a")
        bench.fail("a")
        #expect(bench.withdrawn == [Self.key("a")])
        #expect(bench.enqueued.map(\.key) == [Self.key("a"), Self.key("b")])
        bench.admit("b")
        bench.pass(10)
        #expect(bench.enqueued.count == 2)
        bench.succeed("b")
        #expect(bench.enqueued.last?.key == Self.key("a", 1))
        #expect(!bench.isLive("a", attempt: 1))
        bench.restart()
        bench.admit("a", 1)
        #expect(bench.isLive("a", attempt: 1))
    }

    @Test func `Q7: an admission that is taken back stops the gang, keeps its log, and it asks again at no cost`() {
        var bench = Self.bench([task("g", ["replicas": 2, "retry": ["limit": 0, "on": ["Failed"]]])])
        bench.admit("g")
        bench.run("g", 0)
        bench.run("g", 1)
        bench.lingers = true
        bench.driver.revoked(Self.key("g"), reason: "Preempted", message: "for team-b/train", now: bench.now)
        bench.settle()
        #expect(Set(bench.stopped) == [bench.name("g", 0), bench.name("g", 1)])
        #expect(bench.enqueued.count == 1)
        bench.restart()
        bench.endDeleted()
        #expect(bench.enqueued.last?.key == Self.key("g", 1))
        #expect(bench.task("g").failures == 0 && bench.task("g").disruptions == 0)
        #expect(bench.task("g").message.contains("for team-b/train"))
        bench.admit("g", 1)
        for replica in 0..<2 { bench.succeed("g", replica) }
        #expect(bench.outcome() == "Succeeded/Succeeded")
    }

    @Test func `Q1: an answer for an attempt that is over does nothing`() {
        var bench = Self.bench([task("a", ["retry": ["limit": 1]])])
        bench.admit("a")
        bench.fail("a")
        bench.admit("a")
        #expect(bench.created.count == 1)
        bench.driver.revoked(Self.key("a"), reason: "Preempted", message: "", now: bench.now)
        bench.settle()
        #expect(bench.task("a").attempt == 1)
    }

    @Test func `Q1 and queueTimeout: a run that is never admitted fails`() {
        var bench = Self.bench([task("a")], run: ["queueTimeout": "1h"])
        bench.pass(3600)
        #expect(bench.outcome() == "Failed/QueueTimeout")
        #expect(bench.withdrawn == [Self.key("a")])
    }

    @Test func `Q9: pods that had ended by a take-over are not held: nobody would give their room back`() {
        var bench = Self.bench([task("a")])
        bench.admit("a")
        bench.held = []
        bench.withdrawn = []
        // It ends while no operator is there.
        bench.pods[bench.name("a")]?.end(code: 0, at: bench.now)
        bench.restart()
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.held.isEmpty)
    }

    @Test func `Q8: a pod that a quota refuses gives its room back, and its attempt asks again with backoff`() {
        var bench = Self.bench([task("a"), task("b")], run: ["parallelism": 1])
        bench.refusals[bench.name("a")] = [
            .denied(reason: "QuotaExceeded", message: "exceeded quota"),
            .denied(reason: "QuotaExceeded", message: "exceeded quota"),
        ]
        bench.admit("a")
        #expect(bench.withdrawn == [Self.key("a")])
        #expect(bench.state("a") == "Running/QuotaExceeded")
        // Neither its slot nor its room is held meanwhile.
        #expect(bench.enqueued.map(\.key) == [Self.key("a"), Self.key("b")])
        bench.admit("b")
        bench.succeed("b")
        bench.pass(1)
        #expect(bench.enqueued.map(\.key) == [Self.key("a"), Self.key("b"), Self.key("a")])
        bench.restart()
        bench.admit("a")
        #expect(bench.withdrawn.last == Self.key("a"))
        bench.pass(5)
        bench.admit("a")
        bench.succeed("a")
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.task("a").attempt == 0 && bench.task("a").disruptions == 0)
    }

    @Test func `E4: pods carry the queue that admitted them`() {
        var bench = Self.bench([task("a"), task("b", ["dependsOn": ["a"]])])
        bench.driver.admitted(Self.key("a"), queue: "team-a", now: bench.now)
        bench.settle()
        #expect(bench.created[bench.name("a")]?[path: "metadata", "labels"]?["sluice.dev/queue"] == "team-a")
        #expect(bench.persisted.queue?.name == "team-a")
    }

    private static func elastic() -> Bench {
        var bench = Self.bench([
            task("a", ["replicas": 4, "minAvailable": 2, "retry": ["limit": 1, "backoff": ["initial": "0s"]]])
        ])
        bench.driver.admitted(Self.key("a"), replicas: 2, now: bench.now)
        bench.settle()
        return bench
    }

    @Test func `minAvailable: a gang starts with the replicas that are let in, and others join one by one`() {
        var bench = Self.elastic()
        #expect(bench.pods.count == 2)
        bench.driver.joined(Self.key("a"), replica: 2, node: "n1")
        bench.settle()
        #expect(bench.pods.count == 3)
        #expect(bench.created[bench.name("a", 2)]?.text.contains(#""n1""#) == true)
        bench.restart()
        #expect(bench.held.last?.replicas == 4 && bench.pods.count == 4, "the bench lets all of a held gang in")
    }

    @Test func `minAvailable: a gang that has done its work does not wait for those that never joined`() {
        var bench = Self.elastic()
        for replica in 0..<2 { bench.succeed("a", replica) }
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.createdCount.count == 2)
    }

    @Test func `Q7: replicas that are taken back are stopped and fail nothing, after a restart too`() {
        var bench = Self.elastic()
        for replica in 2..<4 { bench.driver.joined(Self.key("a"), replica: replica, node: nil) }
        bench.settle()
        for replica in 0..<4 { bench.run("a", replica) }
        bench.driver.shrunk(Self.key("a"), to: 2, message: "queue b takes back what it deserves")
        bench.settle()
        #expect(bench.task("a").shrunkTo == 2 && bench.state("a") == "Running")
        #expect(bench.events.last?.reason == "Preempted")
        #expect(bench.pods[bench.name("a", 3)]?.activeDeadlineSeconds == 1)
        #expect(bench.pods[bench.name("a", 1)]?.activeDeadlineSeconds != 1)
        bench.endDeleted(code: 143)
        bench.pods[bench.name("a", 2)] = nil
        bench.restart()
        #expect(bench.held.last?.replicas == 2)
        #expect(bench.state("a") == "Running" && bench.task("a").attempt == 0)
        for replica in 0..<2 { bench.succeed("a", replica) }
        #expect(bench.outcome() == "Succeeded/Succeeded")
        #expect(bench.createdCount.values.allSatisfy { $0 == 1 })
    }

    @Test func `minAvailable: the next attempt is a whole one again`() {
        var bench = Self.elastic()
        bench.driver.shrunk(Self.key("a"), to: 2, message: "for another")
        bench.settle()
        bench.fail("a", 1, code: 1)
        bench.endDeleted()
        #expect(bench.task("a").attempt == 1 && bench.task("a").shrunkTo == nil)
        #expect(bench.enqueued.last?.replicas == 4)
    }

    @Test func `Q8: a replica above minAvailable that a quota refuses asks again by itself`() {
        var bench = Self.elastic()
        bench.refusals[bench.name("a", 2)] = [.denied(reason: "QuotaExceeded", message: "exceeded quota")]
        bench.driver.joined(Self.key("a"), replica: 2, node: nil)
        bench.settle()
        #expect(bench.withdrawn.isEmpty && bench.pods.count == 2)
        bench.pass(5)
        #expect(bench.pods.count == 3)
    }

    @Test(arguments: [1, 4])
    func `Q7: a gang is not shrunk below minAvailable, nor to what it has`(replicas: Int) {
        var bench = Self.elastic()
        bench.driver.shrunk(Self.key("a"), to: replicas, message: "for another")
        bench.settle()
        #expect(bench.task("a").shrunkTo == nil && bench.stopped.isEmpty && bench.deleted.isEmpty)
    }
}
