import GangQueue
import JSON
import KubernetesModel
import Queueing
import SluiceAPI
import Testing

@testable import PipelineEngine

/// Runs, nodes and pods on one side, the queue on the other.
struct QueueDriverTests {
    private static let start = Timestamp(seconds: 1_800_000_000)
    private static let run = RunIdentity(namespace: "team", name: "r", uid: "u")

    private static func queued(_ run: RunIdentity = run, _ change: (inout QueuedRun) -> Void = { _ in }) -> QueuedRun {
        var queued = QueuedRun(run, arrival: start)
        change(&queued)
        return queued
    }

    private static func request(_ path: String, replicas: Int = 1, cpu: String = "1", attempt: Int = 0)
        -> AdmissionRequest
    {
        var request = AdmissionRequest(
            key: AttemptKey(path: path, attempt: attempt), replicas: replicas, minAvailable: replicas)
        let container: JSONValue = ["name": "main", "resources": ["requests": ["cpu": .string(cpu)]]]
        request.pod = ["spec": ["containers": [container]]]
        return request
    }

    private static func node(_ name: String, cpu: Int64 = 4, zone: String? = nil) -> NodeSpec {
        NodeSpec(
            name, allocatable: ["cpu": cpu * 1000, "pods": 110], labels: zone.map { ["zone": $0] } ?? [:])
    }

    private static func pod(
        _ name: String, node: String = "", planned: String? = nil, cpu: String = "1", ours: Bool = false,
        phase: PodStatus.Phase = .running
    ) throws -> ForeignPod {
        let container: JSONValue = ["name": "main", "resources": ["requests": ["cpu": .string(cpu)]]]
        var spec: JSONValue = ["containers": [container]]
        if !node.isEmpty { spec["nodeName"] = .string(node) }
        if let planned {
            let term: JSONValue = [
                "matchFields": [["key": "metadata.name", "operator": "In", "values": [.string(planned)]]]
            ]
            spec["affinity"] = [
                "nodeAffinity": ["requiredDuringSchedulingIgnoredDuringExecution": ["nodeSelectorTerms": [term]]]
            ]
        }
        return try ForeignPod([
            "metadata": [
                "name": .string(name), "namespace": "team", "uid": .string(name),
                "labels": ours ? [Sluice.Label.run: "r"] : [:],
            ], "spec": spec, "status": ["phase": .string(phase.rawValue)],
        ])
    }

    private static func name(_ path: String, _ replica: Int = 0, attempt: Int = 0) -> String {
        PodIdentity(path: path, attempt: attempt, replica: replica).name(in: run)
    }

    /// The answers of one decision: "a: admitted n1 n2", "b: Reason".
    private static func decide(_ driver: inout QueueDriver, after seconds: Int64 = 0) -> [String] {
        driver.cycle(now: start + .seconds(seconds)).answers.map { answer in
            switch answer.kind {
            case .joined(let replica, let node): "\(answer.attempt.path): \(replica) joins \(node ?? "")"
            case .shrunk(let replicas, _): "\(answer.attempt.path): shrinks to \(replicas)"
            case .admitted(_, _, let nodes):
                "\(answer.attempt.path): admitted " + nodes.map { $0 ?? "-" }.joined(separator: " ")
            case .provisioning(let timeout): "\(answer.attempt.path): may take \(timeout.goText)"
            case .waiting(let reason, _, _, _): "\(answer.attempt.path): \(reason)"
            case .revoked(let reason, _): "\(answer.attempt.path): revoked \(reason)"
            }
        }
    }

    @Test func `Q2: what others have on a node is not there for us, until they end`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.setNode(Self.node("n2"))
        driver.podChanged(try Self.pod("other", node: "n1", cpu: "3"))
        driver.submit(Self.request("a", replicas: 2, cpu: "4"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: NeverFits"])
        driver.podChanged(try Self.pod("other", node: "n1", cpu: "3", phase: .succeeded))
        #expect(Self.decide(&driver) == ["a: admitted n1 n2"])
    }

    @Test func `Q1: what was kept for a run is not that of the next one of its name`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1", cpu: 4))
        func whole(_ uid: String) -> QueuedRun {
            Self.queued(RunIdentity(namespace: "team", name: "r", uid: uid)) { $0.isWhole = true }
        }
        func effects(_ cpu: String) -> RunDriver.Effects {
            var effects = RunDriver.Effects()
            effects.enqueued = [Self.request("a", cpu: cpu)]
            var demand = RunDemand()
            demand.templates = [Self.request("a", cpu: cpu).pod]
            demand.root.main = [.init(work: .pods(template: 0, replicas: 1), times: 1, dependencies: [])]
            effects.demand = demand
            return effects
        }
        driver.take(effects("3"), of: whole("u"))
        #expect(Self.decide(&driver) == ["a: admitted "])
        // It is deleted, and somebody else waits for all there is before the next one of that name comes.
        driver.submit(Self.request("b", cpu: "4"), of: Self.queued(RunIdentity(namespace: "team", name: "s", uid: "s")))
        #expect(Self.decide(&driver) == ["b: WaitingForResources"])
        var next = whole("v")
        next.arrival = Self.start + .seconds(10)
        driver.take(effects("3"), of: next, isFirst: true)
        #expect(Self.decide(&driver).contains("b: admitted "))
    }

    @Test func `Q9: a pod counts once, as planned, as bound and as held after a take-over`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.setNode(Self.node("n2"))
        driver.submit(Self.request("a", cpu: "3"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted n1"])
        // The scheduler bound it elsewhere: that is where its room is.
        driver.podChanged(try Self.pod(Self.name("a"), node: "n2", cpu: "3", ours: true))
        driver.submit(Self.request("b", cpu: "4"), of: Self.queued())
        #expect(Self.decide(&driver) == ["b: admitted n1"])

        var next = QueueDriver()
        next.setNode(Self.node("n1"))
        next.setNode(Self.node("n2"))
        next.podChanged(try Self.pod(Self.name("a"), node: "n2", cpu: "3", ours: true))
        // Not bound yet: its room is where it was planned.
        next.podChanged(try Self.pod(Self.name("b"), planned: "n1", cpu: "4", ours: true, phase: .pending))
        next.hold(Self.request("a", cpu: "3"), of: Self.queued())
        next.hold(Self.request("b", cpu: "4"), of: Self.queued())
        next.submit(Self.request("c", cpu: "2"), of: Self.queued())
        #expect(Self.decide(&next) == ["a: admitted n2", "b: admitted n1", "c: WaitingForResources"])
        #expect(next.report("team")?.used["cpu"] == 7000)
        next.podDeleted(namespace: "team", name: Self.name("b"))
        next.withdraw(AttemptKey(path: "b", attempt: 0), of: Self.run)
        #expect(Self.decide(&next) == ["c: admitted n1"])
        #expect(next.report("team")?.used["cpu"] == 5000)
    }

    @Test func `Q9: what is missing of a gang when its operator dies goes where room is kept for it`() throws {
        var driver = QueueDriver()
        for name in ["n1", "n2", "n3"] { driver.setNode(Self.node(name)) }
        driver.podChanged(try Self.pod(Self.name("a"), planned: "n3", cpu: "4", ours: true, phase: .pending))
        driver.hold(Self.request("a", replicas: 2, cpu: "4"), of: Self.queued())
        driver.submit(Self.request("b", cpu: "4"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted n3 n1", "b: admitted n2"])
        // That room counts as planned: a node that takes no pods has its attempt taken back.
        driver.nodeDeleted("n1")
        #expect(Self.decide(&driver).first == "a: revoked NodeFailure")
    }

    @Test
    func
        `Q7 and Q9: an attempt that lost replicas, and whose driver is made anew before a status says so, is told again`()
        throws
    {
        var driver = QueueDriver(QueueSettings())
        driver.setNode(Self.node("n1"))
        for name in ["a", "b"] {
            driver.queueChanged(Queue(metadata: ObjectMeta(name: name), spec: ["namespaces": [.string(name)]]))
        }
        func run(_ name: String) -> QueuedRun {
            QueuedRun(RunIdentity(namespace: name, name: "r", uid: "u-\(name)"), arrival: Self.start)
        }
        var elastic = Self.request("e", replicas: 4)
        elastic.minAvailable = 2
        driver.submit(elastic, of: run("a"))
        #expect(Self.decide(&driver) == ["e: admitted ", "e: 2 joins ", "e: 3 joins "])
        driver.submit(Self.request("z", cpu: "2"), of: run("b"))
        // Safe for the least run time, then evicted.
        #expect(Self.decide(&driver, after: 100).first == "e: shrinks to 2")
        // The status was never written: the new engine shows all four.
        driver.take(Self.effects(held: elastic), of: run("a"), isFirst: true)
        #expect(Self.decide(&driver, after: 101).filter { $0.hasPrefix("e") } == ["e: shrinks to 2", "e: admitted "])
    }

    private static func effects(held request: AdmissionRequest) -> RunDriver.Effects {
        var effects = RunDriver.Effects()
        effects.held = [request]
        return effects
    }

    @Test func `Q9: a pod that was never made takes no room once its attempt asks no more`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.submit(Self.request("a", cpu: "4"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted "])
        driver.withdraw(AttemptKey(path: "a", attempt: 0), of: Self.run)
        driver.submit(Self.request("b", cpu: "4"), of: Self.queued())
        #expect(Self.decide(&driver) == ["b: admitted "])
        // One that was seen takes it until it ends.
        driver.podChanged(try Self.pod(Self.name("b"), node: "n1", cpu: "4", ours: true))
        driver.withdraw(AttemptKey(path: "b", attempt: 0), of: Self.run)
        driver.submit(Self.request("c", cpu: "4"), of: Self.queued())
        #expect(Self.decide(&driver) == ["c: WaitingForResources"])
        driver.podChanged(try Self.pod(Self.name("b"), node: "n1", cpu: "4", ours: true, phase: .failed))
        #expect(Self.decide(&driver) == ["c: admitted "])
    }

    @Test func `Q1: what is withdrawn and asked for again in one look waits`() {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.submit(Self.request("a"), of: Self.queued())
        var effects = RunDriver.Effects()
        effects.withdrawn = [AttemptKey(path: "a", attempt: 0)]
        effects.enqueued = [Self.request("a")]
        driver.take(effects, of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted "])
    }

    @Test func `Q9: the first look of a new driver voids what one before it had asked for or was given`() {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.submit(Self.request("a", cpu: "3"), of: Self.queued())
        driver.submit(Self.request("b", cpu: "3"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted ", "b: WaitingForResources"])
        var effects = RunDriver.Effects()
        effects.enqueued = [Self.request("c", cpu: "3")]
        driver.take(effects, of: Self.queued(), isFirst: true)
        #expect(Self.decide(&driver) == ["c: admitted "])
        driver.runsGone(namespace: "team", name: "r")
        driver.submit(Self.request("d", cpu: "4"), of: Self.queued())
        #expect(Self.decide(&driver) == ["d: admitted "])
    }

    @Test func `Q9: an attempt that asked again and then shows its pods counts once, and its room comes back`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.submit(Self.request("a", cpu: "2"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted "])
        driver.podChanged(try Self.pod(Self.name("a"), node: "n1", cpu: "2", ours: true))
        // Made anew, with a cache that is behind.
        driver.submit(Self.request("a", cpu: "2"), of: Self.queued())
        driver.hold(Self.request("a", cpu: "2"), of: Self.queued())
        driver.submit(Self.request("b", cpu: "2"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted ", "b: admitted "])
        driver.podChanged(try Self.pod(Self.name("a"), node: "n1", cpu: "2", ours: true, phase: .succeeded))
        driver.withdraw(AttemptKey(path: "a", attempt: 0), of: Self.run)
        driver.submit(Self.request("c", cpu: "2"), of: Self.queued())
        #expect(Self.decide(&driver) == ["c: admitted "])
    }

    @Test func `Q9: a pod that is there before its attempt is admitted counts once`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.podChanged(try Self.pod(Self.name("a"), node: "n1", cpu: "2", ours: true))
        driver.submit(Self.request("a", cpu: "2"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted "])
        driver.submit(Self.request("b", cpu: "2"), of: Self.queued())
        #expect(Self.decide(&driver) == ["b: admitted "])
    }

    @Test func `Q5: a gang gets one topology domain where it asks for one`() {
        var driver = QueueDriver()
        for (name, zone) in [("n1", "x"), ("n2", "y"), ("n3", "y")] { driver.setNode(Self.node(name, zone: zone)) }
        var request = Self.request("a", replicas: 2, cpu: "3")
        request.topology = TopologySpec(key: "zone")
        driver.submit(request, of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted n2 n3"])
        var second = Self.request("b", replicas: 2, cpu: "1")
        second.topology = TopologySpec(key: "rack")
        driver.submit(second, of: Self.queued())
        #expect(Self.decide(&driver) == ["b: NeverFits"])
        second.topology = TopologySpec(key: "rack", mode: .preferred)
        second.key = AttemptKey(path: "c", attempt: 0)
        driver.submit(second, of: Self.queued())
        #expect(Self.decide(&driver).first?.hasPrefix("c: admitted") == true)
    }

    @Test func `Q4: a PriorityClass that is not there is waited for, and then it counts`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.submit(Self.request("a", cpu: "4"), of: Self.queued { $0.priorityClassName = "high" })
        #expect(Self.decide(&driver) == ["a: Misconfigured"])
        driver.submit(Self.request("b", cpu: "4"), of: Self.queued())
        driver.priorityClassChanged("high", 100)
        #expect(Self.decide(&driver).first == "a: admitted ")
    }

    @Test func `Q11: pods wait for nodes that are added as long as their queue says, after a take-over too`() {
        let spec: JSONValue = [
            "provisioning": "Autoscaler", "capability": ["cpu": 8, "pods": 10], "provisioningTimeout": "20m",
            "namespaces": ["team"],
        ]
        var driver = QueueDriver()
        driver.queueChanged(Queue(metadata: ObjectMeta(name: "q"), spec: spec))
        driver.submit(Self.request("a", replicas: 2), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted ", "a: may take 20m0s"])
        var next = QueueDriver()
        next.queueChanged(Queue(metadata: ObjectMeta(name: "q"), spec: spec))
        next.hold(Self.request("a", replicas: 2), of: Self.queued())
        #expect(Self.decide(&next) == ["a: admitted ", "a: may take 20m0s"])
    }

    @Test func `A node that goes takes the admission of what was planned for it, and is not waited for`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.setNode(Self.node("n2", cpu: 1))
        driver.submit(Self.request("a", cpu: "3"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted n1"])
        driver.nodeDeleted("n1")
        #expect(Self.decide(&driver) == ["a: revoked NodeFailure"])
        driver.setNode(Self.node("n3"))
        driver.submit(Self.request("a", cpu: "3", attempt: 1), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted n3"])
    }

    @Test func `A Queue that is not valid keeps what runs and starts nothing`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.queueChanged(Queue(metadata: ObjectMeta(name: "q"), spec: ["namespaces": ["team"]]))
        driver.submit(Self.request("a"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: admitted "])
        driver.queueChanged(Queue(metadata: ObjectMeta(name: "q"), spec: ["namespaces": ["team"], "weight": -1]))
        driver.submit(Self.request("b"), of: Self.queued())
        #expect(Self.decide(&driver) == ["b: QueueClosed"])
        #expect(driver.statuses()["q"]?.condition.reason == QueueReasons.invalidSpec)
        #expect(driver.statuses()["q"]?.status.admitted == 1)
    }

    @Test func `Q10: reasons that change all the time are told once in half a minute`() throws {
        var driver = QueueDriver()
        driver.setNode(Self.node("n1"))
        driver.setNode(Self.node("n2"))
        driver.podChanged(try Self.pod("other", node: "n1", cpu: "3"))
        driver.podChanged(try Self.pod("more", node: "n2", cpu: "3"))
        driver.submit(Self.request("a", cpu: "2"), of: Self.queued())
        #expect(Self.decide(&driver) == ["a: NeverFits"])
        // Some of it is ours by now: it fits in principle.
        driver.podDeleted(namespace: "team", name: "more")
        driver.submit(Self.request("b", cpu: "4"), of: Self.queued { $0.priority = 1 })
        #expect(Self.decide(&driver, after: 1) == ["b: admitted n2"])
        #expect(Self.decide(&driver, after: 20) == [])
        #expect(Self.decide(&driver, after: 31) == ["a: WaitingForResources"])
        #expect(Self.decide(&driver, after: 100) == [])
    }

    @Test func `sluice queue: a tree, what is used of what is deserved, and who waits`() {
        func queue(_ name: String, _ spec: JSONValue, _ change: (inout QueueStatus) -> Void) -> Queue {
            var queue = Queue(metadata: ObjectMeta(name: name), spec: spec)
            change(&queue.status)
            return queue
        }
        var run = PipelineRun(metadata: ObjectMeta(name: "r", namespace: "team"), spec: [:])
        run.metadata.creationTimestamp = Self.start
        run.status.phase = .queued
        run.status.queue = QueuePlace(
            name: "vision", position: 1, reason: "it asks for 2 nvidia.com/gpu, 1 of 8 are free")
        let text = QueueOverview(
            queues: [
                queue("vision", ["parent": "all"]) {
                    $0.pending = 1
                    $0.admitted = 2
                    $0.share = 875
                    $0.allocated = ["nvidia.com/gpu": Quantity(7), "cpu": Quantity(milli: 1500), "pods": Quantity(2)]
                    $0.deserved = ["nvidia.com/gpu": Quantity(4)]
                },
                queue("all", ["weight": 3]) { $0.share = 875 },
                queue("lost", ["parent": "nobody"]) {
                    $0.setReady(
                        false, reason: QueueReasons.unknownParent, message: "", previous: [], now: Self.start)
                },
            ], runs: [run], now: Self.start + .seconds(90)
        ).text
        #expect(
            text == """
                QUEUE     WEIGHT  STATE          PENDING  ADMITTED  SHARE  CPU USED/DESERVED  NVIDIA.COM/GPU USED/DESERVED
                all       3       Open           0        0         0.875  0/-                0/-
                  vision  1       Open           1        2         0.875  1500m/-            7/4
                lost      1       UnknownParent  0        0         -      0/-                0/-

                WAITING  QUEUE   PLACE  AGE  REASON
                team/r   vision  1      90s  it asks for 2 nvidia.com/gpu, 1 of 8 are free
                """)
    }
}
