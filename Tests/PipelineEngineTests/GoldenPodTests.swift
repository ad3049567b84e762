import Foundation
import JSON
import KubernetesModel
import PipelineEngine
import Testing

@testable import SluiceAPI

/// E7 and E8 on pods recorded from a real kubelet and control plane (Resources/pods): each through ``Pod/verdict`` and through
/// the whole engine.
struct GoldenPodTests {
    struct Event {
        var isDeletion: Bool
        var object: JSONValue
        func pod() throws -> Pod { try Pod(object) }
    }

    static func recording(_ name: String) throws -> [Event] {
        let url = try #require(Bundle.module.url(forResource: "Resources/pods/\(name)", withExtension: "jsonl"))
        return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map { line in
            let json = try JSONValue(parsing: String(line))
            return Event(isDeletion: json["type"] == "DELETED", object: try #require(json["object"]))
        }
    }

    /// What a recording comes to.
    struct Case: CustomTestStringConvertible {
        var name: String
        /// Succeeded, or the failure's class; "Running" when the recording ends with the pod alive.
        var end: String
        var reason = ""
        var message = ""
        var exitCode: Int?
        /// The task's reason while the pod is alive, where it is not `reason`.
        var waiting: String?
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "command-not-found", end: "Failed", reason: "StartError", message: "/no/such/binary", exitCode: 128),
        Case(
            name: "create-container-config-error", end: "Running", reason: "CreateContainerConfigError",
            message: "configmap \"absent\" not found"),
        Case(
            name: "deadline-exceeded", end: "Timeout", reason: "Timeout", message: "longer than the specified deadline",
            exitCode: 137),
        Case(name: "deleted-while-pending", end: "Infrastructure", reason: "PodDeleted", message: "the pod "),
        Case(name: "deleted-while-running", end: "Infrastructure", reason: "PodDeleted", message: "the pod "),
        Case(name: "deleted-with-finalizer", end: "Infrastructure", reason: "PodDeleted", message: "the pod "),
        Case(
            name: "evicted-by-api", end: "Infrastructure", reason: "EvictionByEvictionAPI",
            message: "Eviction API: evicting"),
        Case(name: "failed-exit-3", end: "Failed", reason: "Error", message: "exit code 3: boom", exitCode: 3),
        Case(name: "force-deleted", end: "Infrastructure", reason: "PodDeleted", message: "the pod "),
        Case(
            name: "image-never-present", end: "ImageError", reason: "ErrImageNeverPull",
            message: "is not present with pull policy of Never"),
        Case(
            name: "image-pull-back-off", end: "Running", reason: "ErrImagePull",
            message: "failed to pull and unpack image"),
        Case(
            name: "init-container-failed", end: "Failed", reason: "Error", message: "init container setup: exit code 7",
            exitCode: 7),
        Case(
            name: "invalid-image-name", end: "ImageError", reason: "InvalidImageName",
            message: "couldn't parse image name \"Not A Name\""),
        Case(name: "killed-by-signal-9", end: "Failed", reason: "Error", message: "exit code 1", exitCode: 1),
        Case(name: "native-sidecar", end: "Succeeded"),
        Case(
            name: "node-lost-then-deleted", end: "Infrastructure", reason: "DeletionByPodGC",
            message: "node no longer exists"),
        Case(name: "oom-killed", end: "OOMKilled", reason: "OOMKilled", message: "out of memory", exitCode: 137),
        Case(
            name: "preempted-by-scheduler", end: "Infrastructure", reason: "PreemptionByScheduler",
            message: "preempting"),
        Case(name: "readiness", end: "Succeeded"),
        Case(name: "scheduling-gated-then-released", end: "Succeeded"),
        Case(name: "slow-start-and-long-log", end: "Succeeded"),
        Case(
            name: "stopped-by-deadline", end: "Timeout", reason: "Timeout",
            message: "longer than the specified deadline", exitCode: 0),
        Case(
            name: "stopped-by-deadline-ignores-term", end: "Timeout", reason: "Timeout",
            message: "longer than the specified deadline", exitCode: 137),
        Case(
            // The pod of a missing volume does not react to its deadline.
            name: "stopped-by-deadline-while-creating", end: "Running", reason: "ContainerCreating",
            message: "a volume or the network may be missing", waiting: ""),
        Case(
            name: "stopped-by-deadline-with-native-sidecar", end: "Timeout", reason: "Timeout",
            message: "longer than the specified deadline", exitCode: 137),
        Case(name: "succeeded", end: "Succeeded"),
        Case(name: "succeeded-termination-message", end: "Succeeded", message: #"{"accuracy":0.93}"#),
        Case(
            // The container beside the task's own is not the task: a webhook has put it there.
            name: "two-containers-one-fails", end: "Succeeded"),
        Case(name: "unschedulable-cpu", end: "Waiting", reason: "Unschedulable", message: "Insufficient cpu"),
        Case(
            name: "unschedulable-gpu", end: "Waiting", reason: "Unschedulable", message: "Insufficient nvidia.com/gpu"),
    ]

    @Test func `Every recording has its row`() throws {
        let folder = try #require(Bundle.module.url(forResource: "Resources/pods", withExtension: nil))
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(Set(files.map { $0.replacing(".jsonl", with: "") }) == Set(Self.cases.map(\.name)))
    }

    @Test(arguments: cases)
    func `E7 and E8: no state on the way is judged otherwise than the end`(golden: Case) throws {
        var decided: String?
        for event in try Self.recording(golden.name) {
            let pod = try event.pod()
            let verdict: String? =
                switch pod.verdict {
                case .failed(let failure): failure.failureClass.rawValue
                case .succeeded: "Succeeded"
                case .starting, .running, .stuck: nil
                }
            if let verdict {
                #expect(verdict == golden.end, "resourceVersion \(pod.metadata.resourceVersion)")
                decided = verdict
            } else {
                #expect(decided == nil, "a verdict is not taken back")
                // No verdict, but the object is gone: only the deletion of a pod that ran explains that.
                if event.isDeletion { #expect(golden.end == "Infrastructure") }
            }
            if pod.hasEnded {
                let live = pod.status.containers.contains { if case .running = $0.state { true } else { false } }
                #expect(
                    !live || ["node-lost-then-deleted", "force-deleted"].contains(golden.name),
                    "resourceVersion \(pod.metadata.resourceVersion)")
            }
        }
    }

    /// The recorded object as the pod of a task.
    private func disguise(_ object: JSONValue, as metadata: ObjectMeta, since start: Timestamp) throws -> Pod {
        var pod = try Pod(object)
        pod.metadata.name = metadata.name
        pod.metadata.namespace = metadata.namespace
        pod.metadata.labels = metadata.labels
        pod.metadata.ownerReferences = metadata.ownerReferences
        pod.metadata.finalizers = metadata.finalizers
        return pod
    }

    enum Telling: String, CaseIterable { case everyEvent, lastEventOnly, everyEventTwice, restartAfterEach }

    @Test(arguments: cases, Telling.allCases)
    func `E7, E8 and E14: the engine comes to the same end however much of a recording it is told`(
        golden: Case, telling: Telling
    ) throws {
        let events = try Self.recording(golden.name)
        let first = try events[0].pod()
        let created = try #require(first.metadata.creationTimestamp)
        let results: JSONValue = golden.message.hasPrefix("{") ? ["accuracy"] : []
        var bench = Bench(
            [task("a", ["retry": ["limit": 0, "on": ["Failed"]], "results": results])], run: ["state": "Suspended"])
        bench.now = created
        bench.want(.running)
        let name = bench.name("a")
        let metadata = try #require(bench.pods[name]).metadata
        for (index, event) in events.enumerated() {
            if telling == .lastEventOnly, index < events.count - 1 { continue }
            var pod = try disguise(event.object, as: metadata, since: created)
            pod.metadata.uid = metadata.uid
            bench.pods[name] = pod
            bench.now = bench.now + .seconds(1)
            if bench.status.phase.isFinished { break }
            if event.isDeletion, !pod.hasEnded {
                bench.pods[name] = nil
                bench.driver.podObserved(pod)
                bench.driver.podDeleted(name: name, uid: metadata.uid)
            } else {
                bench.observe(name)
            }
            bench.settle()
            if telling == .everyEventTwice, bench.pods[name] != nil {
                bench.observe(name)
                bench.settle()
            }
            if telling == .restartAfterEach { bench.restart() }
            if index < events.count - 1, !["Running", "Waiting"].contains(golden.end), bench.task("a").phase == .running
            {
                #expect(bench.task("a").stopping == nil || golden.end != "Succeeded")
            }
        }
        let task = bench.task("a")
        switch golden.end {
        case "Running":
            #expect(task.phase == .running)
            #expect(task.reason == golden.waiting ?? golden.reason)
            bench.pass(600)
            #expect(bench.task("a").phase == .failed)
            #expect(bench.task("a").reason == golden.reason)
            #expect(bench.task("a").message.contains(golden.message), "\(bench.task("a").message)")
        case "Waiting":
            #expect(task.phase == .running)
            bench.pass(300)
            #expect(bench.state("a") == "Running/GangTimeout")
            #expect(bench.task("a").message.contains(golden.message), "\(bench.task("a").message)")
            return
        case "Succeeded":
            #expect(task.phase == .succeeded)
            if !golden.message.isEmpty { #expect(task.results == ["accuracy": 0.93]) }
        default:
            #expect(task.phase == .failed)
            #expect(task.reason == golden.reason)
            #expect(task.message.contains(golden.message), "\(task.message)")
            #expect(task.exitCode == golden.exitCode)
            let isInfrastructure = golden.end == "Infrastructure"
            #expect(task.failures == (isInfrastructure ? 0 : 1))
            #expect(task.disruptions == (isInfrastructure ? 1 : 0))
        }
        #expect(bench.driver.isDone)
    }

    // MARK: What was not recorded

    @Test(arguments: [(143, 0), (137, 1), (1, 1), (0, 5)])
    func `E7: the kubelet's last delete, which overwrites when the first was, does not turn a deletion into a failure`(
        code: Int, lag: Int64
    ) {
        var pod = Pod()
        pod.metadata.name = "p"
        let requested = Bench.start
        pod.run(at: requested)
        pod.markDeleted(at: requested, grace: 30)
        pod.end(code: code, at: requested + .seconds(10))
        let before = pod.verdict
        pod.metadata.deletionTimestamp = requested + .seconds(10 + lag)
        pod.metadata.deletionGracePeriodSeconds = 0
        #expect(pod.verdict == before)
    }

    @Test func `E7: a container that had failed by itself well before its pod was deleted has failed`() {
        var pod = Pod()
        pod.end(code: 3, at: Bench.start)
        pod.markDeleted(at: Bench.start + .seconds(60), grace: 0)
        guard case .failed(let failure) = pod.verdict else {
            Issue.record("no failure: \(pod.verdict)")
            return
        }
        #expect(failure.failureClass == .failed)
    }

    @Test(arguments: [
        "Evicted", "NodeShutdown", "Terminated", "NodeLost", "OutOfcpu", "OutOfpods", "UnexpectedAdmissionError",
        "NodeAffinity",
    ])
    func `E7: what a kubelet refuses or ends for its own reasons is the infrastructure's`(reason: String) {
        var pod = Pod()
        pod.bind()
        pod.status.phase = .failed
        pod.status.reason = reason
        pod.status.message = "the node's words"
        #expect(pod.verdict == .failed(PodFailure(.infrastructure, reason: reason, message: "the node's words")))
    }

    @Test(arguments: [137, 143])
    func `A sidecar that was ended with its pod is no failure`(code: Int) {
        var pod = Pod()
        pod.end(code: 0, at: Bench.start)
        var sidecar = pod.status.containers[0]
        sidecar.name = "proxy"
        var termination = ContainerStatus.Termination()
        termination.exitCode = code
        termination.finishedAt = Bench.start
        sidecar.state = .terminated(termination)
        pod.status.containers.append(sidecar)
        pod.status.phase = .failed
        guard case .succeeded = pod.verdict else {
            Issue.record("\(pod.verdict)")
            return
        }
    }
}
