import Foundation
import JSON
import KubernetesModel
import Testing

@testable import ProcessNode

@Test func `Variables are expanded as the kubelet does it`() {
    let environment = ContainerEnvironment(["A": "x", "B": "$(A)"])
    #expect(environment.expand("$(A) $$(A) $(NO) $ $(A $x$(B)") == "x $(A) $(NO) $ $(A $x$(B)")
    #expect(environment.expand("$(A)$$$$") == "x$$")
    #expect(environment.expand("$(B)") == "$(A)")
}

@Test func `Sidecars count beside the main containers in what a pod needs`() throws {
    let spec = try JSONValue(
        parsing: """
            {"initContainers":[{"resources":{"requests":{"cpu":"3"}}},
              {"restartPolicy":"Always","resources":{"requests":{"cpu":"500m"}}}],
             "containers":[{"resources":{"requests":{"cpu":"1","memory":"1Ki"}}}]}
            """)
    let needed = NodeScheduler.requests(spec)
    #expect(needed.keys.sorted() == ["cpu", "memory", "pods"])
    #expect(needed["cpu"] == 3_000_000_000)
    #expect(needed["memory"] == 1_024_000_000_000)
    #expect(needed["pods"] == 1_000_000_000)
}

@Test(arguments: [
    (EAGAIN, "CreateContainerError"), (ENOMEM, "CreateContainerError"), (ENOSPC, "CreateContainerError"),
    (EMFILE, "CreateContainerError"), (ENOENT, "StartError"), (EACCES, "StartError"),
    (Int32(10_000) + EPERM, "CreateContainerError"), (Int32(20_000) + EPERM, "CreateContainerError"),
])
func `A machine that is short of something is waited for, a program that cannot be started is not`(
    code: Int32, reason: String
) {
    let ready = ContainerLaunch.Ready(
        path: "/bin/x", arguments: [], environment: [], directory: "/", log: "",
        mounts: [.init(source: "/a", path: "/b", kind: .readOnly)])
    #expect(ready.problem(ProcessSupervisor.LaunchError(code: code)).reason == reason)
}

@Test func `When the supervisor has stopped, its processes are dead`() async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-stop-\(UUID().uuidString)")
        .path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    for round in 0..<10 {
        let supervisor = try ProcessSupervisor()
        let started = AsyncStream.makeStream(of: Int32.self)
        for number in 0..<4 {
            supervisor.launch(
                ProcessSupervisor.Launch(
                    path: "/bin/sleep", arguments: ["sleep", "1000"], environment: [], directory: directory,
                    logPath: "\(directory)/\(round)-\(number)",
                    onStart: { started.continuation.yield((try? $0.get()) ?? 0) }, onExit: { _ in }))
        }
        var processes: [Int32] = []
        for await process in started.stream {
            processes.append(process)
            if processes.count == 4 { break }
        }
        #expect(processes.allSatisfy { $0 > 0 })
        // Also for a task that is cancelled, as the node's is.
        let stopping = Task { await supervisor.stop() }
        stopping.cancel()
        await stopping.value
        for process in processes where process > 0 { #expect(kill(process, 0) == -1, "process \(process) lives") }
        await supervisor.stop()
    }
}

/// Binds pods; the first bind of pod `a` fails after the pod is gone.
private actor FailingCluster {
    private var scheduler: NodeScheduler?
    private(set) var bound: [String] = []

    func use(_ scheduler: NodeScheduler) { self.scheduler = scheduler }

    func bind(_ uid: String) async -> Bool {
        bound.append(uid)
        guard uid == "a", bound.count == 1 else { return true }
        await scheduler?.remove(uid)
        return false
    }
}

@Test func `A pod that is removed while its bind fails takes no room`() async throws {
    let cluster = FailingCluster()
    let scheduler = NodeScheduler(
        requests: .init(bind: { await cluster.bind($0.uid) }, tell: { _, _ in true }), node: "local", labels: [:],
        allocatable: ["pods": 1_000_000_000])
    await cluster.use(scheduler)
    for uid in ["a", "b"] {
        await scheduler.update(try NodePod(["metadata": ["name": .string(uid), "uid": .string(uid)]]))
        // `b` is there only when `a` has been tried.
        if uid == "a" { #expect(await scheduler.schedule()) }
    }
    #expect(await !scheduler.schedule())
    #expect(await cluster.bound == ["a", "b"])
}
