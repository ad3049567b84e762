import Foundation
import Glibc
import JSON
import Testing

@testable import ProcessNode

/// Control groups and GPUs, by files that stand for those of a kernel. With a real cgroup v2 they were tried by hand (CONTRIBUTING.md).
@Suite struct LimitTests {
    /// A directory with these files.
    private static func tree(_ files: [String: String]) throws -> String {
        let root = FileManager.default.temporaryDirectory.path + "/sluice-limits-\(UUID().uuidString)"
        for (name, text) in files {
            let path = "\(root)/\(name)"
            try PodFiles.makeDirectory(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }
        return root
    }

    private static func limits(_ resources: JSONValue) -> ContainerLimits {
        ContainerLimits(ContainerSpec(["name": "c", "resources": resources], isInit: false))
    }

    @Test func `Limits are read as a kubelet reads them, and its shares are weights`() {
        let all = Self.limits(["limits": ["cpu": "1500m", "memory": "64Mi"], "requests": ["cpu": "250m"]])
        #expect(all.memory == 64 << 20 && all.milliCPU == 1500 && all.requestedMilliCPU == 250)
        // Kubernetes' own figures: 2 shares are 1, 1,024 are 39, 262,144 are 10,000.
        #expect(Self.limits([:]).weight == 1)
        #expect(Self.limits(["requests": ["cpu": 1]]).weight == 39)
        #expect(Self.limits(["requests": ["cpu": 256]]).weight == 10_000)
        #expect(Self.limits(["requests": ["cpu": 100_000]]).weight == 10_000)
        #expect(Self.limits(["limits": ["cpu": 1]]).weight == 39)
        // Whoever names the node in a pod passes by the scheduler, and may ask for anything.
        #expect(Self.limits(["requests": ["cpu": "9000P"]]).weight == 10_000)
        #expect(Self.limits(["requests": ["cpu": "-9000P"]]).weight == 1)
    }

    @Test func `Without cgroup v2, or its controllers, there are no groups, and why is told`() async throws {
        func reason(_ files: [String: String], own: String? = "/a") async throws -> String? {
            let root = try Self.tree(files)
            defer { try? FileManager.default.removeItem(atPath: root) }
            let found = await ControlGroups.found(mount: root, own: own) { _ in
                Issue.record("nothing is to be started")
                return nil
            }
            guard case .failure(let missing) = found else { return nil }
            return missing.reason.replacing(root, with: "ROOT")
        }
        #expect(try await reason(["x": ""]) == "there is no cgroup v2 at ROOT")
        #expect(
            try await reason(["cgroup.controllers": "hugetlb\n"])
                == "cgroup v2 at ROOT has no controllers for CPU and memory")
        #expect(
            try await reason(["cgroup.controllers": "cpu memory\n", "cgroup.subtree_control": "memory\n"])
                == "no control group above that of this program lets it make another with limits")
    }

    @Test func `The group is the nearest above in which a container can be started, and those of the dead go`()
        async throws
    {
        let root = try Self.tree([
            "cgroup.controllers": "cpuset cpu memory\n", "cgroup.subtree_control": "cpu memory\n",
            "user/cgroup.subtree_control": "cpu memory pids\n", "user/me/cgroup.subtree_control": "pids\n",
            // Written where the kernel would have such files.
            "user/sluice-77/cgroup.subtree_control": "", "sluice-77/cgroup.subtree_control": "",
        ])
        defer { try? FileManager.default.removeItem(atPath: root) }
        try PodFiles.makeDirectory(root + "/user/sluice-999999999/uid-c-0")
        var tried: [String] = []
        let found = await ControlGroups.found(mount: root, own: "/user/me/app", process: 77) { group in
            tried.append(group)
            return group.contains("/user/") ? ProcessSupervisor.LaunchError(code: 5_000 + EACCES) : nil
        }
        #expect(tried == ["\(root)/user/sluice-77/probe-c-0", "\(root)/sluice-77/probe-c-0"])
        #expect(found == .success(ControlGroups(root: root + "/sluice-77")))
        #expect(!FileManager.default.fileExists(atPath: root + "/user/sluice-999999999"))
        #expect(
            try String(contentsOfFile: root + "/sluice-77/cgroup.subtree_control", encoding: .utf8) == "+cpu +memory")
    }

    @Test func `A group that cannot be entered fails the start, and says so`() async throws {
        let root = try Self.tree(["x": ""])
        defer { try? FileManager.default.removeItem(atPath: root) }
        let supervisor = try ProcessSupervisor()
        let result = await withCheckedContinuation { continuation in
            supervisor.launch(
                ProcessSupervisor.Launch(
                    path: "/bin/true", arguments: ["true"], environment: [], directory: root, logPath: root + "/log",
                    cgroup: root + "/none/below", onStart: { continuation.resume(returning: $0) }, onExit: { _ in }))
        }
        await supervisor.stop()
        guard case .failure(let error) = result else { return #expect(Bool(false), "it has started") }
        #expect(error.isOfGroup && !error.isOfMount && error.reason == "No such file or directory")
    }

    @Test func `GPUs are found by the files of their driver`() throws {
        let root = try Self.tree([
            "dev/nvidia0": "", "dev/nvidia10": "", "dev/nvidia2": "", "dev/nvidiactl": "", "dev/nvidia-uvm": "",
            "dev/null": "",
            "driver/0000:01:00.0/information": "Model: \t\t NVIDIA\nGPU UUID: \t GPU-aa\nDevice Minor: \t 10\n",
            "driver/0000:02:00.0/information": "GPU UUID: GPU-bb\nDevice Minor: 0\n",
        ])
        defer { try? FileManager.default.removeItem(atPath: root) }
        let found = Accelerators.found(devices: root + "/dev", driver: root + "/driver")
        #expect(
            found.devices == [
                .init(minor: 0, uuid: "GPU-bb"), .init(minor: 2, uuid: nil), .init(minor: 10, uuid: "GPU-aa"),
            ])
        #expect(Accelerators.variable(found.devices) == "GPU-bb,2,GPU-aa")
        #expect(
            found.files([found.devices[1]]) == [
                root + "/dev/nvidia2", root + "/dev/nvidia-uvm", root + "/dev/nvidiactl",
            ])
        #expect(found.files([]) == [])
        #expect(Accelerators.found(devices: root + "/none", driver: root + "/none").devices == [])
    }

    @Test func `No GPU is given twice, and a container has its own again`() {
        let all = Accelerators(devices: (0..<4).map { .init(minor: $0, uuid: nil) })
        #expect(all.take(2, for: "a")?.map(\.minor) == [0, 1])
        #expect(all.take(2, for: "a")?.map(\.minor) == [0, 1])
        #expect(all.take(3, for: "b") == nil)
        #expect(all.take(2, for: "b")?.map(\.minor) == [2, 3])
        #expect(all.take(0, for: "c") == [])
        all.giveBack("a")
        #expect(all.take(1, for: "c")?.map(\.minor) == [0])
    }

    @Test(arguments: [(1, "GPU-bb", "GPU-bb"), (0, "", "void")])
    func `A container is told which GPUs are its own, and has their files`(count: Int, cuda: String, nvidia: String)
        async throws
    {
        let root = FileManager.default.temporaryDirectory.path + "/sluice-gpu-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        let pod = try NodePod([
            "metadata": ["name": "p", "namespace": "n", "uid": "u"],
            "spec": ["containers": [["name": "c", "image": "x", "command": ["true"]]]],
        ])
        let files = PodFiles(node: root, namespace: "n", name: "p", uid: "u")
        try files.prepare(containers: ["c"], hasWork: false)
        let all = Accelerators(devices: [.init(minor: 0, uuid: "GPU-bb")], common: ["/dev/nvidiactl"])
        let own = try #require(all.take(count, for: "u/c"))
        let launch = ContainerLaunch(
            container: pod.containers[0], pod: pod, files: files, volumes: [:], attempt: 0,
            sandbox: .whole(writable: [], hidden: []), gpus: own, deviceFiles: all.files(own))
        let ready = try await launch.prepared(
            from: ConfigurationSource(configMap: { _ in nil }, secret: { _ in nil }))
        #expect(ready.environment.contains("CUDA_VISIBLE_DEVICES=\(cuda)"))
        #expect(ready.environment.contains("NVIDIA_VISIBLE_DEVICES=\(nvidia)"))
        #expect(
            ready.mounts.map(\.path).filter { $0.hasPrefix("/dev/nvidia") }
                == (count == 0 ? [] : ["/dev/nvidia0", "/dev/nvidiactl"]))
    }
}
