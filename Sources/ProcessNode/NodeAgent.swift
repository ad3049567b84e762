import AsyncPrimitives
import Clocks
import FoundationEssentials
import Glibc
import JSON
public import KubernetesClient
import KubernetesModel
import KubernetesRuntime
public import Logging
import Synchronization

/// A Kubernetes node that runs containers as processes of this machine, and the scheduler of its one-node cluster.
public final class NodeAgent: Sendable {
    /// The settings of a node.
    public struct Configuration: Sendable {
        /// The name of the Node object.
        public var name: String
        /// The directory for logs, volumes and working directories of pods.
        public var directory: String
        /// The CPU that pods may request, in thousandths of a core; nil for that of the machine.
        public var milliCPU: Int64?
        /// The memory that pods may request, in bytes; nil for that of the machine.
        public var memory: Int64?
        /// How long processes may take to end after SIGTERM when the node stops; then they are killed.
        public var stopGrace = Duration.zero
        /// The largest number of pods at a time.
        public var pods: Int64 = 500
        /// Resources of which the node has as much as anybody asks for, whatever the machine has.
        public var ignoredResources: Set<String> = []
        /// Whether containers are kept apart from the machine as far as it lets us. Else they have volumes at their paths, where that can
        /// be, and no more.
        public var isSandboxed = true
        /// Directories of the machine that containers in a sandbox may write to.
        public var writable: [String] = []
        /// Directories of which containers see nothing but what is theirs; nil for that of the node.
        public var hidden: [String]?

        /// Settings for a node with the resources of the machine and its files in `directory`.
        public init(name: String = "local", directory: String) {
            self.name = name
            self.directory = directory
        }
    }

    private let client: APIClient
    let configuration: Configuration
    private let logger: Logger
    let clock = SystemClock()
    private let groups = Mutex<ControlGroups?>(nil)
    let workers = Mutex<[String: PodWorker]>([:])

    /// Makes a node; it does nothing until ``run()`` is called.
    public init(client: APIClient, configuration: Configuration, logger: Logger) {
        self.client = client
        self.configuration = configuration
        self.logger = logger
    }

    /// Registers the node, schedules and runs pods until the task is cancelled, then ends all processes; none is left
    /// when it returns. Call it once.
    ///
    /// Throws a system error when the directory or the supervisor's thread cannot be created, and the client's error
    /// when the Node object cannot be written.
    public func run() async throws {
        try PodFiles.makeDirectory(PodFiles.stage(node: configuration.directory))
        let supervisor = try ProcessSupervisor()
        let result: Result<Void, any Error>
        do {
            result = .success(try await run(supervisor))
        } catch {
            result = .failure(error)
        }
        await supervisor.stop(grace: configuration.stopGrace)
        groups.withLock { $0?.remove() }
        try result.get()
    }

    private func run(_ supervisor: ProcessSupervisor) async throws {
        let accelerators = Accelerators.found()
        let sandbox = await Sandbox.found(
            configuration.isSandboxed
                ? .whole(
                    writable: configuration.writable, hidden: configuration.hidden ?? [configuration.directory])
                : .mounts,
            in: configuration.directory, supervisor, logger)
        let (labels, allocatable) = try await register(sandbox, accelerators)
        let groups = await ControlGroups.found { await Self.start(in: $0, supervisor, self.configuration.directory) }
        switch groups {
        case .success(let found):
            self.groups.withLock { $0 = found }
            logger.info("containers have limits of CPU and memory in control groups at \(found.root)")
        case .failure(let missing):
            logger.info("the memory of containers is looked at, and their use of CPU has no limit: \(missing.reason)")
        }
        let scheduler = NodeScheduler(
            requests: .init(client: client, node: configuration.name, clock: clock, logger: logger),
            node: configuration.name, labels: labels, allocatable: allocatable)
        let events = EventRecorder(
            client.eventSink, component: "kubelet", instance: configuration.name, clock: clock, logger: logger)
        let actions = try ActionRunner(supervisor: supervisor, clock: clock)
        defer { actions.shutDown() }
        let node = PodWorker.Node(
            client: client, supervisor: supervisor, actions: actions, ports: GangPorts(),
            directory: configuration.directory,
            sandbox: sandbox, groups: groups,
            accelerators: accelerators, ignoresGPUs: configuration.ignoredResources.contains(Self.gpu), clock: clock,
            events: events, logger: logger)
        let informer = Informer(client.resource(NodePod.self).listWatch, logger: logger)
        let changes = AsyncStream.makeStream(of: StoreEvent<NodePod>.self)
        let rings = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        informer.store.addHandler { changes.continuation.yield($0) }
        let claims = VolumeClaims(
            client: client, node: configuration.directory, pods: informer, clock: clock, logger: logger)
        await withDiscardingTaskGroup { group in
            group.addTask { await informer.run() }
            group.addTask { await claims.run() }
            group.addTask { await self.heartbeat() }
            group.addTask { await events.run() }
            group.addTask { await self.removeOldFiles(informer) }
            group.addTask {
                for await _ in rings.stream {
                    guard await scheduler.schedule() else { continue }
                    // The sleep throws when the task is cancelled; then the stream has ended too.
                    try? await self.clock.sleep(for: .seconds(1))
                    rings.continuation.yield()
                }
            }
            group.addTask {
                await withDiscardingTaskGroup { pods in
                    for await event in changes.stream {
                        await self.take(event, scheduler, node, &pods)
                        rings.continuation.yield()
                    }
                }
            }
        }
    }

    /// Passes an event to the scheduler and to the pod's worker, which is started if there is none yet.
    private func take(
        _ event: StoreEvent<NodePod>, _ scheduler: NodeScheduler, _ node: PodWorker.Node,
        _ pods: inout DiscardingTaskGroup
    ) async {
        let metadata = event.entry.metadata
        let uid = metadata.uid
        if case .updated(let old, _) = event.change, old.metadata.uid != uid { await forget(old.metadata, scheduler) }
        if case .deleted = event.change { return await forget(metadata, scheduler) }
        guard let pod = event.entry.object else {
            logger.warning("pod \(event.key) cannot be read: \(event.entry.decodingError.map { "\($0)" } ?? "")")
            return
        }
        await scheduler.update(pod)
        guard pod.nodeName == configuration.name else { return }
        if let worker = workers.withLock({ $0[uid] }) { return worker.post(.pod(pod)) }
        if pod.isFinished {
            // Deleting a finished pod removes it at once. Only a pod that was marked before it finished is left: remove
            // it here.
            guard metadata.deletionTimestamp != nil, metadata.deletionGracePeriodSeconds != 0 else { return }
            pods.addTask { await self.confirmDeletion(metadata) }
            return
        }
        let worker = PodWorker(pod, node: node)
        workers.withLock { $0[uid] = worker }
        pods.addTask { await worker.run() }
    }

    /// Forgets a pod that is gone, and tells its worker.
    private func forget(_ metadata: ObjectMeta, _ scheduler: NodeScheduler) async {
        await scheduler.remove(metadata.uid)
        let worker = workers.withLock { $0.removeValue(forKey: metadata.uid) }
        guard let worker else { return }
        worker.post(.gone)
    }

    private static let gpu = "nvidia.com/gpu"

    /// Starts a container that does nothing in a control group; why it could not be started, nil where it could.
    private static func start(in group: String, _ supervisor: ProcessSupervisor, _ directory: String) async
        -> ProcessSupervisor.LaunchError?
    {
        let log = "\(directory)/probe.log"
        defer { PodFiles.removeLog(log) }
        return await withCheckedContinuation { continuation in
            supervisor.launch(
                ProcessSupervisor.Launch(
                    path: "/proc/self/exe/nothing", arguments: ["nothing"], environment: [], directory: "",
                    logPath: log,
                    memoryLimit: 1 << 40, milliCPU: 1_000_000, weight: 1, cgroup: group,
                    onStart: { result in
                        // There is no such program: what was to be tried was done before.
                        guard case .failure(let error) = result, error.isOfGroup else {
                            return continuation.resume(returning: nil)
                        }
                        continuation.resume(returning: error)
                    }, onExit: { _ in }))
        }
    }

    /// Removes what a node that was killed has left of pods that are gone since.
    private func removeOldFiles(_ informer: Informer<NodePod>) async {
        do {
            try await informer.waitUntilSynced()
            try await DetachedThread.run { [configuration] in
                try PodFiles.removeAll(node: configuration.directory) {
                    Set(informer.store.entries().map(\.metadata.uid))
                }
            }
        } catch is CancellationError {
        } catch {
            logger.warning("files of pods that are gone cannot be removed: \(error)")
        }
    }

    /// Removes a pod that is marked for deletion and has no process.
    private func confirmDeletion(_ metadata: ObjectMeta) async {
        do {
            _ = try await client.dynamic(NodePod.resourceType, namespace: metadata.namespace)
                .delete(metadata.name, DeleteOptions(uid: metadata.uid, gracePeriodSeconds: 0))
        } catch let status as APIStatus where status.code == 404 || status.code == 409 {
            // The pod is gone, or a new one has its name.
        } catch {
            logger.warning("deleting pod \(metadata.namespace)/\(metadata.name): \(error)")
        }
    }

    // MARK: The Node object

    private var nodes: ResourceClient<DynamicObject> {
        client.dynamic(ResourceType(version: "v1", kind: "Node", plural: "nodes", isNamespaced: false))
    }

    /// Creates or updates the Node object.
    private func register(_ sandbox: Sandbox, _ accelerators: Accelerators) async throws -> (
        labels: [String: String], allocatable: NodeScheduler.Amounts
    ) {
        let labels = [
            "kubernetes.io/hostname": configuration.name, "kubernetes.io/os": "linux",
            "kubernetes.io/arch": Self.architecture,
        ]
        let metadata: JSONValue = [
            "name": .string(configuration.name), "labels": JSONValue(labels),
            // For `kubectl describe node`.
            "annotations": ["sluice.dev/sandbox": .string(sandbox.summary)],
        ]
        do {
            _ = try await nodes.create(["metadata": metadata] as JSONValue)
        } catch let status as APIStatus where status.isAlreadyExists {
            _ = try await nodes.patch(configuration.name, .merge(["metadata": metadata]))
        }
        // A new node is tainted until a lifecycle controller finds it ready; this cluster has none, so the taint goes here. Others are the
        // user's.
        let taints = try await nodes.get(configuration.name).json[path: "spec", "taints"]?.array ?? []
        let kept = taints.filter { $0["key"] != "node.kubernetes.io/not-ready" }
        if kept.count < taints.count {
            _ = try await nodes.patch(
                configuration.name, .merge(["spec": ["taints": kept.isEmpty ? .null : .array(kept)]]))
        }
        let cpu = Quantity(milli: configuration.milliCPU ?? Int64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) * 1000)
        let memory = Quantity(configuration.memory ?? Self.machineMemory, format: .binary)
        var amounts = ["cpu": cpu, "memory": memory, "pods": Quantity(configuration.pods)]
        // A limit of it is a request as well, and so asks for room.
        amounts["ephemeral-storage"] = Quantity(Self.diskSize(configuration.directory), format: .binary)
        if !accelerators.devices.isEmpty { amounts[Self.gpu] = Quantity(Int64(accelerators.devices.count)) }
        for name in configuration.ignoredResources { amounts[name] = Quantity(Self.unlimited) }
        var json = JSONValue.object(JSONObject(amounts.map { ($0.key, $0.value.json) }))
        // What an earlier node of that name had, and this one has not.
        let before = try await nodes.get(configuration.name).json[path: "status", "capacity"]?.object ?? JSONObject()
        for (name, _) in before where amounts[name] == nil { json[name] = .null }
        // Before the node says that it is ready.
        try await renewLease()
        _ = try await nodes.patchStatus(
            configuration.name,
            .strategic([
                "status": [
                    "capacity": json, "allocatable": json, "conditions": [readyCondition], "nodeInfo": Self.information,
                    "addresses": [
                        ["type": "InternalIP", "address": "127.0.0.1"],
                        ["type": "Hostname", "address": .string(configuration.name)],
                    ],
                ]
            ]))
        return (labels, amounts.mapValues(\.nanoUnits))
    }

    /// More than any pod asks for: an exbibyte, or so many cores or devices.
    private static let unlimited: Int64 = 1 << 60

    private var readyCondition: JSONValue {
        let now = JSONValue.string(clock.now.rfc3339)
        return [
            "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "processes can be started",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        ]
    }

    private func heartbeat() async {
        // The sleep throws when the task is cancelled.
        while (try? await clock.sleep(for: .seconds(60))) != nil {
            do {
                var condition = readyCondition
                condition["lastTransitionTime"] = nil
                _ = try await nodes.patchStatus(
                    configuration.name, .strategic(["status": ["conditions": [condition]]]))
                try await renewLease()
            } catch is CancellationError {
                return
            } catch {
                logger.warning("the heartbeat of node \(configuration.name) failed: \(error)")
            }
        }
    }

    /// The sign of life that `kubectl describe node` shows. Renewed with the heartbeat.
    private func renewLease() async throws {
        let leases = client.dynamic(
            ResourceType(group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases"),
            namespace: "kube-node-lease")
        let spec: JSONValue = [
            "holderIdentity": .string(configuration.name), "leaseDurationSeconds": 120,
            "renewTime": .string(clock.now.rfc3339Micro),
        ]
        do {
            _ = try await leases.patch(configuration.name, .merge(["spec": spec]))
        } catch let status as APIStatus where status.isNotFound {
            _ = try await leases.create(["metadata": ["name": .string(configuration.name)], "spec": spec] as JSONValue)
        }
    }

    /// What `kubectl get nodes -o wide` and `describe node` show of the machine.
    private static var information: JSONValue {
        var names = utsname()
        uname(&names)
        let kernel = withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        func first(_ path: String) -> String {
            // Not there on some machines, as in containers: then it is empty, as with a kubelet.
            FileManager.default.contents(atPath: path)
                .map { String(decoding: $0.prefix { $0 != 0x0A }, as: UTF8.self) } ?? ""
        }
        let release = FileManager.default.contents(atPath: "/etc/os-release").map {
            String(decoding: $0, as: UTF8.self)
        }
        let pretty = release?.split(separator: "\n").first { $0.hasPrefix("PRETTY_NAME=") }?.dropFirst(12)
        return [
            "architecture": .string(architecture), "bootID": .string(first("/proc/sys/kernel/random/boot_id")),
            "containerRuntimeVersion": "process://sluice", "kernelVersion": .string(kernel),
            "kubeProxyVersion": "", "kubeletVersion": "v1.36.2-sluice",
            "machineID": .string(first("/etc/machine-id")), "operatingSystem": "linux",
            "osImage": .string(pretty.map { String($0.filter { $0 != "\"" }) } ?? ""), "systemUUID": "",
        ]
    }

    private static var architecture: String {
        #if arch(arm64)
            "arm64"
        #else
            "amd64"
        #endif
    }

    /// How large the file system of a directory is; without bounds where that is not known.
    private static func diskSize(_ directory: String) -> Int64 {
        var information = statvfs()
        guard statvfs(directory, &information) == 0 else { return unlimited }
        return Int64(clamping: Int128(information.f_blocks) * Int128(information.f_frsize))
    }

    private static var machineMemory: Int64 {
        Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }
}
