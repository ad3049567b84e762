import GangQueue
import JSON
import KubernetesModel
import PipelineEngine
import Queueing
import SluiceAPI
import Testing

struct QueueDriverPodTests {
    private static let now = Timestamp(seconds: 1_767_225_600)

    private static func node(_ name: String, cpu: Int64) -> NodeSpec {
        NodeSpec(name, allocatable: ["cpu": cpu * 1000, "pods": 110])
    }

    private static func pod(_ name: String, node: String, cpu: Int64, phase: PodStatus.Phase = .running) -> ForeignPod {
        var pod = ForeignPod()
        pod.namespace = "other"
        pod.name = name
        pod.nodeName = node
        pod.phase = phase
        pod.requests = PodRequests(["cpu": Quantity(cpu)])
        return pod
    }

    private static func run(_ name: String) -> QueuedRun {
        QueuedRun(RunIdentity(namespace: "team", name: name, uid: "uid-\(name)"), arrival: now)
    }

    private static func request(cpu: Int64) -> AdmissionRequest {
        var request = AdmissionRequest(key: AttemptKey(path: "a", attempt: 0), replicas: 1, minAvailable: 1)
        request.pod = [
            "spec": ["containers": [["name": "main", "resources": ["requests": ["cpu": .int(cpu)]]]]]
        ]
        return request
    }

    private static func admitted(_ driver: inout QueueDriver) -> [String] {
        driver.cycle(now: now).answers.compactMap { answer in
            if case .admitted = answer.kind { answer.run.name } else { nil }
        }
    }

    @Test
    func `Q2: pods of others take room on their node until they have ended or are gone`() {
        var driver = QueueDriver()
        driver.setNode(Self.node("n", cpu: 4))
        driver.podChanged(Self.pod("one", node: "n", cpu: 1))
        driver.podChanged(Self.pod("two", node: "n", cpu: 1))
        driver.submit(Self.request(cpu: 3), of: Self.run("three"))
        #expect(Self.admitted(&driver) == [])
        driver.podChanged(Self.pod("one", node: "n", cpu: 1, phase: .succeeded))
        #expect(Self.admitted(&driver) == ["three"])

        driver.submit(Self.request(cpu: 1), of: Self.run("one"))
        #expect(Self.admitted(&driver) == [])
        driver.podDeleted(namespace: "other", name: "two")
        #expect(Self.admitted(&driver) == ["one"])
    }

    @Test(arguments: [true, false])
    func `Q9: what runs takes its room from the first decision on, whatever was heard of first`(isNodeFirst: Bool) {
        var driver = QueueDriver()
        let run = Self.run("old")
        var pod = Self.pod(
            PodIdentity(path: "a", attempt: 0, replica: 0).name(in: run.identity), node: "n", cpu: 3)
        pod.namespace = "team"
        pod.run = "old"
        if isNodeFirst { driver.setNode(Self.node("n", cpu: 4)) }
        driver.podChanged(pod)
        driver.hold(Self.request(cpu: 3), of: run)
        if !isNodeFirst { driver.setNode(Self.node("n", cpu: 4)) }
        driver.submit(Self.request(cpu: 2), of: Self.run("new"))
        #expect(Self.admitted(&driver) == ["old"])
        pod.phase = .succeeded
        driver.podChanged(pod)
        #expect(Self.admitted(&driver) == ["new"])
    }

    @Test
    func `What a workload is in and why it waits is known by its key`() {
        var driver = QueueDriver()
        driver.setNode(Self.node("n", cpu: 2))
        driver.submit(Self.request(cpu: 3), of: Self.run("r"))
        _ = driver.cycle(now: Self.now)
        let key = QueueDriver.key(AttemptKey(path: "a", attempt: 0), of: Self.run("r").identity)
        #expect(driver.queue(of: key) == "team")
        #expect(driver.reason(of: key)?.kind == .neverFits)
        #expect(driver.queue(of: "x") == nil && driver.reason(of: "x") == nil)
    }
}
