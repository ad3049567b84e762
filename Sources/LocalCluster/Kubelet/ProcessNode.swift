import Glibc
public import KubernetesClient
import KubernetesModel
public import KubernetesRuntime
public import Logging
import Synchronization

/// A node of the embedded cluster: binds the pods that fit to itself and runs their containers as processes.
public final class ProcessNode: Sendable {
    /// How the node is set up.
    public struct Configuration: Sendable {
        public var name: String
        /// Where logs and files of pods are.
        public var directory: String
        public var maximumPods = 500

        /// A node that keeps its files there.
        public init(name: String = "local", directory: String) {
            self.name = name
            self.directory = directory
        }
    }

    /// A pod, whole.
    struct NodePod: KubernetesObject {
        static var resourceType: ResourceType { Pod.resourceType }
        var metadata: ObjectMeta
        var json: JSONValue

        init(from reader: inout JSONReader) throws {
            let object = try DynamicObject(from: &reader)
            (metadata, json) = (object.metadata, object.json)
        }
    }

    private let client: KubernetesClient
    private let configuration: Configuration
    private let clock: any RuntimeClock
    private let logger: Logger
    private let workers = Mutex<[String: PodWorker]>([:])
    private let scheduler: NodeScheduler

    /// A node; it does nothing until ``run()``.
    public init(
        client: KubernetesClient, configuration: Configuration, clock: any RuntimeClock = SystemClock(), logger: Logger
    ) throws {
        self.client = client
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        scheduler = NodeScheduler(
            client: client, nodeName: configuration.name,
            capacity: NodeCapacity.ofThisMachine(pods: configuration.maximumPods),
            logger: logger)
    }

    /// Runs pods until the task is cancelled; then ends every container.
    public func run() async throws {
        try await register()
        let informer = Informer(client.resource(NodePod.self).listWatch, logger: logger)
        let (events, continuation) = AsyncStream.makeStream(of: KubernetesRuntime.StoreEvent<NodePod>.self)
        informer.store.addHandler { continuation.yield($0) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await informer.run() }
            group.addTask { await self.scheduler.run() }
            group.addTask { await self.heartbeat() }
            group.addTask {
                await withDiscardingTaskGroup { pods in
                    for await event in events { await self.handle(event, &pods) }
                }
            }
            await group.waitForAll()
        }
        continuation.finish()
        for worker in workers.withLock({ Array($0.values) }) { await worker.killAll() }
    }

    private func handle(_ event: KubernetesRuntime.StoreEvent<NodePod>, _ pods: inout DiscardingTaskGroup) async {
        guard let pod = event.entry.object else { return }
        if case .deleted = event.change {
            await scheduler.remove(pod.metadata.uid)
            if let worker = workers.withLock({ $0[pod.metadata.uid] }) { pods.addTask { await worker.end() } }
            return
        }
        await scheduler.update(pod.metadata, pod.json)
        guard pod.json["spec"]?["nodeName"]?.string == configuration.name else { return }
        if let worker = workers.withLock({ $0[pod.metadata.uid] }) {
            await worker.update(pod.json)
            return
        }
        let phase = pod.json["status"]?["phase"]?.string
        let isFinished = phase == "Succeeded" || phase == "Failed"
        if isFinished, pod.metadata.deletionTimestamp == nil { return }
        let worker = PodWorker(
            pod: pod.json, metadata: pod.metadata, client: client, nodeName: configuration.name,
            directory: directory(pod.metadata), clock: clock, logger: logger)
        workers.withLock { $0[pod.metadata.uid] = worker }
        let hasStarted = pod.json["status"]?["containerStatuses"] != nil
        pods.addTask {
            if isFinished {
                await worker.confirmDeletion()
            } else if hasStarted {
                await worker.giveUp()
            } else {
                await worker.run()
            }
        }
    }

    private func directory(_ metadata: ObjectMeta) -> String {
        "\(configuration.directory)/pods/\(metadata.namespace)_\(metadata.name)_\(metadata.uid)"
    }

    // MARK: The node object

    private func register() async throws {
        let nodes = client.dynamic(ResourceType(version: "v1", kind: "Node", plural: "nodes", isNamespaced: false))
        do {
            let node: JSONValue = [
                "metadata": [
                    "name": .string(configuration.name),
                    "labels": ["kubernetes.io/hostname": .string(configuration.name), "kubernetes.io/os": "linux"],
                ]
            ]
            _ = try await nodes.create(node)
        } catch let status as APIStatus where status.isAlreadyExists {
            // From an earlier start on the same data.
        }
        try await writeStatus()
    }

    private func writeStatus() async throws {
        let capacity = scheduler.capacity.json
        let now: JSONValue = .string(clock.now.rfc3339)
        _ = try await client.dynamic(ResourceType(version: "v1", kind: "Node", plural: "nodes", isNamespaced: false))
            .patch(
                configuration.name,
                .merge([
                    "status": [
                        "capacity": capacity, "allocatable": capacity,
                        "addresses": [
                            ["type": "InternalIP", "address": "127.0.0.1"],
                            ["type": "Hostname", "address": .string(configuration.name)],
                        ],
                        "conditions": [
                            [
                                "type": "Ready", "status": "True", "reason": "KubeletReady",
                                "message": "containers run as processes of this machine", "lastHeartbeatTime": now,
                                "lastTransitionTime": now,
                            ]
                        ],
                        "nodeInfo": [
                            "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "osImage": "Linux",
                            "containerRuntimeVersion": "process://1", "kubeletVersion": "sluice",
                            "kubeProxyVersion": "",
                            "operatingSystem": "linux", "architecture": "amd64",
                        ],
                    ]
                ]), subresource: "status")
    }

    private func heartbeat() async {
        while !Task.isCancelled {
            do { try await clock.sleep(for: .seconds(60)) } catch { return }
            do {
                try await writeStatus()
            } catch {
                logger.warning("the node's status could not be written", metadata: ["error": "\(error)"])
            }
        }
    }
}

extension ProcessNode: PodLogSource {
    public func logs(
        namespace: String, pod: String, uid: String, container: String, options: PodLogOptions
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        let base = "\(configuration.directory)/pods/\(namespace)_\(pod)_\(uid)/containers/\(container)"
        let worker = workers.withLock { $0[uid] }
        var restart = await worker?.restartCount(of: container) ?? 0
        if options.previous {
            guard restart > 0 else {
                throw APIStatus(
                    code: 400, reason: "BadRequest",
                    message: "previous terminated container \"\(container)\" in pod \"\(pod)\" not found")
            }
            restart -= 1
        }
        let path = "\(base)/\(restart).log"
        guard access(path, R_OK) == 0 else {
            throw APIStatus(
                code: 400, reason: "BadRequest",
                message: "container \"\(container)\" in pod \"\(pod)\" is waiting to start: ContainerCreating")
        }
        let clock = clock
        let follows = options.follow && !options.previous
        return AsyncThrowingStream { continuation in
            let reading = Task {
                var reader = LogReader(path: path, tailLines: options.tailLines, limit: options.limitBytes)
                while true {
                    // Asked before reading: what was written before the end is read after it.
                    let isRunning = follows ? await worker?.isRunning(container) ?? false : false
                    while let chunk = reader.next() { continuation.yield(chunk) }
                    guard isRunning, !reader.isAtLimit else { break }
                    do { try await clock.sleep(for: .milliseconds(50)) } catch { break }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in reading.cancel() }
        }
    }
}

/// Reads a log file from where it was left.
struct LogReader: Sendable {
    private let path: String
    private var offset: off_t = 0
    private var left: Int

    init(path: String, tailLines: Int?, limit: Int?) {
        self.path = path
        left = limit ?? .max
        if let tailLines {
            let all = Array(FileText.read(path, last: 16 << 20).utf8)
            var lines = 0
            var start = all.count
            var index = all.count
            // The newline at the very end closes a line and begins none.
            if all.last == 0x0A { index -= 1 }
            while index > 0, lines < tailLines {
                index -= 1
                if all[index] == 0x0A { lines += 1 }
                start = lines == tailLines ? index + 1 : index
            }
            if tailLines == 0 { start = all.count }
            offset = off_t(start)
        }
    }

    var isAtLimit: Bool { left == 0 }

    mutating func next() -> [UInt8]? {
        guard left > 0 else { return nil }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: min(left, 1 << 16))
        let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, offset) }
        guard count > 0 else { return nil }
        offset += off_t(count)
        left -= count
        return Array(buffer[..<count])
    }
}
