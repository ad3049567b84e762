import Glibc
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging

/// Runs one pod: its containers in their order, its status, its end.
actor PodWorker {
    nonisolated let uid: String
    nonisolated let key: ObjectKey
    private let client: KubernetesClient
    private let nodeName: String
    private let directory: String
    private let clock: any RuntimeClock
    private let logger: Logger

    private var pod: JSONValue
    private var initContainers: [ContainerRecord] = []
    private var containers: [ContainerRecord] = []
    private var sidecars: Set<String> = []
    private let startTime: Timestamp
    private var isStopping = false
    private var isOver = false
    private var reason = ""
    private var message = ""
    private var isPublishing = false
    private var needsPublishing = false

    init(
        pod: JSONValue, metadata: ObjectMeta, client: KubernetesClient, nodeName: String, directory: String,
        clock: any RuntimeClock, logger: Logger
    ) {
        self.pod = pod
        uid = metadata.uid
        key = ObjectKey(metadata)
        self.client = client
        self.nodeName = nodeName
        self.directory = directory
        self.clock = clock
        self.logger = logger
        startTime = clock.now
        for spec in pod["spec"]?["initContainers"]?.array ?? [] {
            initContainers.append(Self.record(spec))
            if spec["restartPolicy"]?.string == "Always" { sidecars.insert(spec["name"]?.string ?? "") }
        }
        containers = (pod["spec"]?["containers"]?.array ?? []).map(Self.record)
    }

    private static func record(_ spec: JSONValue) -> ContainerRecord {
        ContainerRecord(name: spec["name"]?.string ?? "", image: spec["image"]?.string ?? "")
    }

    // MARK: The life of the pod

    /// Runs the pod to its end and says so to the API server.
    func run() async {
        makeDirectories(directory)
        if let seconds = pod["spec"]?["activeDeadlineSeconds"]?.int {
            let deadline = Task { [clock] in
                try await clock.sleep(for: .seconds(seconds))
                await self.end(
                    reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline"
                )
            }
            defer { deadline.cancel() }
            await runContainers()
        } else {
            await runContainers()
        }
        isOver = true
        publish()
        while isPublishing { await Task.yield(); try? await clock.sleep(for: .milliseconds(2)) }
        await confirmDeletion()
    }

    /// A pod that ran under an earlier process of the node: what became of it nobody knows.
    func giveUp() async {
        let now = clock.now
        func lost(_ record: ContainerRecord) -> ContainerRecord {
            var record = record
            record.state = .terminated(
                .init(
                    exitCode: 137, reason: "ContainerStatusUnknown",
                    message: "The container could not be located when the pod was terminated", finishedAt: now))
            return record
        }
        initContainers = initContainers.map(lost)
        containers = containers.map(lost)
        isOver = true
        publish()
        while isPublishing { try? await clock.sleep(for: .milliseconds(2)) }
        await confirmDeletion()
    }

    private func runContainers() async {
        await withTaskGroup(of: Void.self) { group in
            for (index, spec) in (pod["spec"]?["initContainers"]?.array ?? []).enumerated() {
                guard !isStopping else { break }
                if sidecars.contains(initContainers[index].name) {
                    let started = Started()
                    group.addTask { await self.runSidecar(index, spec, started) }
                    await started.wait()
                } else {
                    await runToEnd(spec, policy: restartPolicy == "Always" ? "OnFailure" : restartPolicy) {
                        $0.initContainers[index] = $1
                    } record: {
                        $0.initContainers[index]
                    }
                    if initContainers[index].ending?.exitCode != 0 { break }
                }
            }
            let isInitialised = initContainers.allSatisfy { sidecars.contains($0.name) || $0.ending?.exitCode == 0 }
            if isInitialised, !isStopping {
                await withTaskGroup(of: Void.self) { mains in
                    for (index, spec) in (pod["spec"]?["containers"]?.array ?? []).enumerated() {
                        mains.addTask {
                            await self.runToEnd(spec, policy: self.restartPolicy) {
                                $0.containers[index] = $1
                            } record: {
                                $0.containers[index]
                            }
                        }
                    }
                }
            }
            isStopping = true
            await endProcesses(initContainers)
        }
    }

    private var restartPolicy: String { pod["spec"]?["restartPolicy"]?.string ?? "Always" }

    /// Lets the next container start once a sidecar has.
    private final class Started: Sendable {
        private let stream = AsyncStream.makeStream(of: Void.self)
        func set() { stream.continuation.finish() }
        func wait() async { for await _ in stream.stream {} }
    }

    private func runSidecar(_ index: Int, _ spec: JSONValue, _ started: Started) async {
        await runToEnd(spec, policy: "Always", onStart: { started.set() }) {
            $0.initContainers[index] = $1
        } record: {
            $0.initContainers[index]
        }
        started.set()
    }

    /// Runs a container until its restart policy is satisfied or the pod is stopped.
    private func runToEnd(
        _ spec: JSONValue, policy: String, onStart: @escaping @Sendable () -> Void = {},
        set: @Sendable (isolated PodWorker, ContainerRecord) -> Void,
        record: @Sendable (isolated PodWorker) -> ContainerRecord
    ) async {
        var backoff: Duration = .seconds(1)
        while !isStopping {
            var current = record(self)
            if let ending = current.ending {
                current.last = ending
                current.restartCount += 1
            }
            let ending = await runOnce(spec, current, onStart: onStart, set: set)
            var ended = record(self)
            ended.state = .terminated(ending)
            set(self, ended)
            publish()
            guard !isStopping, policy == "Always" || (policy == "OnFailure" && ending.exitCode != 0) else { return }
            try? await clock.sleep(for: backoff)
            backoff = min(backoff * 2, .seconds(300))
        }
    }

    private func runOnce(
        _ spec: JSONValue, _ initial: ContainerRecord, onStart: @Sendable () -> Void,
        set: @Sendable (isolated PodWorker, ContainerRecord) -> Void
    ) async -> ContainerRecord.Ending {
        var record = initial
        func failed(_ message: String) -> ContainerRecord.Ending {
            .init(exitCode: 128, reason: "StartError", message: message, finishedAt: clock.now)
        }
        // A missing ConfigMap may come after the pod: the container waits for it, as on a real node.
        var variables: [(name: String, value: String)] = []
        while true {
            do {
                if let problem = Self.imageProblem(record.image) { throw problem }
                let environment = environment()
                variables = try await environment.variables(of: spec)
                break
            } catch let problem as MissingReference {
                record.state = .waiting(reason: "CreateContainerConfigError", message: problem.message)
            } catch let problem as ImageProblem {
                record.state = .waiting(reason: "InvalidImageName", message: problem.message)
            } catch {
                record.state = .waiting(reason: "CreateContainerConfigError", message: "\(error)")
            }
            set(self, record)
            publish()
            try? await clock.sleep(for: .seconds(2))
            if isStopping { return failed("the pod was ended before the container could be made") }
        }
        let launch: ProcessSupervisor.Launch
        do {
            launch = try self.launch(spec, variables, restart: record.restartCount)
        } catch let failure as ProcessSupervisor.LaunchFailure {
            return failed(failure.message)
        } catch {
            return failed("\(error)")
        }
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        let process: Int32
        do {
            process = try await ProcessSupervisor.shared.start(launch) { code in
                continuation.yield(code)
                continuation.finish()
            }
        } catch {
            return failed((error as? ProcessSupervisor.LaunchFailure)?.message ?? "\(error)")
        }
        let since = clock.now
        record.state = .running(process: process, since: since)
        set(self, record)
        onStart()
        publish()
        if isStopping { Glibc.kill(-process, SIGTERM) }
        var code: Int32 = 255
        for await end in ends { code = end }
        // What the container left behind in its process group ends with it.
        Glibc.kill(-process, SIGKILL)
        var ending = ContainerRecord.Ending(
            exitCode: Int64(code), reason: code == 0 ? "Completed" : "Error", startedAt: since, finishedAt: clock.now)
        ending.message = terminationMessage(spec, code: code, logPath: launch.logPath)
        return ending
    }

    // MARK: Ending

    /// The pod as it is now: its deletion may have been asked for.
    func update(_ pod: JSONValue) {
        let wasBeingDeleted = self.pod["metadata"]?["deletionTimestamp"] != nil
        self.pod = pod
        guard pod["metadata"]?["deletionTimestamp"] != nil else { return }
        if isOver, !isPublishing {
            Task { await self.confirmDeletion() }
        } else if !wasBeingDeleted || !isStopping {
            Task { await self.end() }
        }
    }

    /// Ends the pod: SIGTERM, the grace period, SIGKILL.
    func end(reason: String = "", message: String = "") async {
        guard !isStopping else { return }
        isStopping = true
        self.reason = reason
        self.message = message
        await endProcesses(initContainers.filter { !sidecars.contains($0.name) } + containers)
    }

    private func endProcesses(_ records: [ContainerRecord]) async {
        let grace =
            pod["metadata"]?["deletionGracePeriodSeconds"]?.int ?? pod["spec"]?["terminationGracePeriodSeconds"]?.int
            ?? 30
        let processes = records.compactMap { record in
            if case .running(let process, _) = record.state { process } else { nil }
        }
        guard !processes.isEmpty else { return }
        for process in processes { Glibc.kill(-process, SIGTERM) }
        let deadline = clock.monotonic + .seconds(max(0, grace))
        while clock.monotonic < deadline, processes.contains(where: isRunning) {
            try? await clock.sleep(for: .milliseconds(20))
        }
        for process in processes where isRunning(process) { Glibc.kill(-process, SIGKILL) }
    }

    private func isRunning(_ process: Int32) -> Bool {
        (initContainers + containers).contains { record in
            if case .running(process, _) = record.state { true } else { false }
        }
    }

    /// Ends every process at once: the node stops.
    func killAll() {
        isStopping = true
        for record in initContainers + containers {
            if case .running(let process, _) = record.state { Glibc.kill(-process, SIGKILL) }
        }
    }

    func isRunning(_ container: String) -> Bool {
        !isOver && (initContainers + containers).contains { $0.name == container && $0.ending == nil }
    }

    func restartCount(of container: String) -> Int64 {
        (initContainers + containers).first { $0.name == container }?.restartCount ?? 0
    }

    /// Tells the API server that nothing of a deleted pod runs any more.
    func confirmDeletion() async {
        guard pod["metadata"]?["deletionTimestamp"] != nil else { return }
        do {
            _ = try await client.dynamic(Pod.resourceType, namespace: key.namespace)
                .delete(key.name, DeleteOptions(uid: uid, gracePeriodSeconds: 0))
        } catch let status as APIStatus where status.isNotFound || status.isConflict {
            // Gone already.
        } catch {
            logger.warning("a deleted pod could not be confirmed", metadata: ["pod": "\(key)", "error": "\(error)"])
        }
    }

    // MARK: Status

    /// Has the status written, as it is when the write before it is through.
    private func publish() {
        needsPublishing = true
        guard !isPublishing else { return }
        isPublishing = true
        Task { await self.publishAll() }
    }

    private func publishAll() async {
        var backoff: Duration = .milliseconds(50)
        while needsPublishing {
            needsPublishing = false
            let status = NodePodStatus(
                initContainers: initContainers, containers: containers, sidecars: sidecars,
                restartPolicy: restartPolicy,
                startTime: startTime, reason: reason, message: message, isOver: isOver
            ).json(previous: pod["status"], now: clock.now)
            do {
                let written = try await client.dynamic(Pod.resourceType, namespace: key.namespace)
                    .patch(
                        key.name, .merge(["metadata": ["uid": .string(uid)], "status": status]), subresource: "status")
                pod["status"] = written.json["status"]
                backoff = .milliseconds(50)
            } catch let status as APIStatus where status.isNotFound || status.isConflict {
                // The pod is gone: nobody to tell.
            } catch {
                logger.warning("a pod's status could not be written", metadata: ["pod": "\(key)", "error": "\(error)"])
                needsPublishing = true
                try? await clock.sleep(for: backoff)
                backoff = min(backoff * 2, .seconds(5))
                if Task.isCancelled { break }
            }
        }
        isPublishing = false
    }

    // MARK: Starting a container

    private struct ImageProblem: Error { var message: String }

    private static func imageProblem(_ image: String) -> ImageProblem? {
        let repository = image.split(separator: "@").first.map(String.init) ?? image
        let name =
            repository.lastIndex(of: "/").map {
                String(repository[..<$0]) + "/" + repository[$0...].dropFirst().prefix { $0 != ":" }
            }
            ?? String(repository.prefix { $0 != ":" })
        let isValid =
            !name.isEmpty && name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || "._-/:".contains($0)) }
        guard !isValid else { return nil }
        return ImageProblem(
            message:
                "Failed to apply default image tag \"\(image)\": couldn't parse image name \"\(image)\": invalid reference format"
        )
    }

    private func environment() -> ContainerEnvironment {
        let namespace = key.namespace
        let client = client
        @Sendable func fetch(_ kind: String, _ plural: String, _ name: String) async throws -> JSONValue? {
            do {
                return try await client.dynamic(
                    ResourceType(version: "v1", kind: kind, plural: plural), namespace: namespace
                )
                .get(name).json
            } catch let status as APIStatus where status.isNotFound {
                return nil
            }
        }
        return ContainerEnvironment(
            pod: pod, nodeName: nodeName,
            configMap: { name in try await fetch("ConfigMap", "configmaps", name).map { $0["data"]?.stringMap ?? [:] }
            },
            secret: { name in
                try await fetch("Secret", "secrets", name).map { secret in
                    (secret["data"]?.stringMap ?? [:]).compactMapValues {
                        Base64.decode($0).map { String(decoding: $0, as: UTF8.self) }
                    }
                }
            })
    }

    private func terminationPath(_ spec: JSONValue) -> (inContainer: String, real: String) {
        let name = spec["name"]?.string ?? ""
        return (
            spec["terminationMessagePath"]?.string ?? "/dev/termination-log",
            "\(directory)/containers/\(name)/termination-log"
        )
    }

    private func launch(
        _ spec: JSONValue, _ variables: [(name: String, value: String)], restart: Int64
    ) throws -> ProcessSupervisor.Launch {
        let name = spec["name"]?.string ?? ""
        let values = Dictionary(variables.map { ($0.name, $0.value) }) { _, last in last }
        let command = ((spec["command"]?.strings ?? []) + (spec["args"]?.strings ?? [])).map { argument in
            ContainerEnvironment.expand(argument) { values[$0] }
        }
        guard spec["command"]?.strings?.isEmpty == false, let program = command.first else {
            throw ProcessSupervisor.LaunchFailure(
                message:
                    "container \(name) has no command: images are not pulled on this node, so it must name the program to run"
            )
        }
        if let mount = spec["volumeMounts"]?.array?.first(where: { !isInPlace($0) }) {
            throw ProcessSupervisor.LaunchFailure(
                message:
                    "volume \(mount["name"]?.string ?? "") cannot be mounted at \(mount["mountPath"]?.string ?? ""): "
                    + "containers on this node see the machine's own files; only a hostPath at the same path is possible"
            )
        }
        let containerDirectory = "\(directory)/containers/\(name)"
        makeDirectories(containerDirectory)
        let termination = terminationPath(spec)
        unlink(termination.real)
        close(open(termination.real, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600))

        var environment: [String: String] = [
            "PATH": getenv("PATH").map { String(cString: $0) }
                ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": getenv("HOME").map { String(cString: $0) } ?? "/", "LANG": "C.UTF-8", "HOSTNAME": key.name,
        ]
        for (name, value) in variables {
            // There is no mount of the termination log here: whoever is told its path is told the real one.
            environment[name] = value == termination.inContainer ? termination.real : value
        }
        let workingDirectory = spec["workingDir"]?.string
        guard let path = Self.find(program, in: environment["PATH"] ?? "", directory: workingDirectory ?? directory)
        else {
            throw ProcessSupervisor.LaunchFailure(message: "exec: \"\(program)\": executable file not found in $PATH")
        }
        return ProcessSupervisor.Launch(
            path: path, arguments: command, environment: environment.map { "\($0.key)=\($0.value)" }.sorted(),
            directory: workingDirectory ?? directory, logPath: "\(containerDirectory)/\(restart).log")
    }

    private func isInPlace(_ mount: JSONValue) -> Bool {
        let volume = pod["spec"]?["volumes"]?.array?.first { $0["name"] == mount["name"] }
        return volume?["hostPath"]?["path"] == mount["mountPath"] && mount["subPath"] == nil
    }

    private static func find(_ program: String, in path: String, directory: String) -> String? {
        if program.contains("/") { return program.hasPrefix("/") ? program : "\(directory)/\(program)" }
        return path.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
    }

    /// The kubelet's rules: the file, at most 4096 bytes; else, where it is asked for and the container failed, the end of the log.
    private func terminationMessage(_ spec: JSONValue, code: Int32, logPath: String) -> String {
        let message = FileText.read(terminationPath(spec).real, first: 4096)
        if !message.isEmpty { return message }
        guard code != 0, spec["terminationMessagePolicy"]?.string == "FallbackToLogsOnError" else { return "" }
        let tail = FileText.read(logPath, last: 2048)
        return tail.split(separator: "\n", omittingEmptySubsequences: false).suffix(81).joined(separator: "\n")
    }
}

/// Makes a directory with those above it.
func makeDirectories(_ path: String) {
    var made = ""
    for part in path.split(separator: "/") {
        made += "/\(part)"
        mkdir(made, 0o755)
    }
}

/// Small files.
enum FileText {
    /// The first or the last bytes of a file; empty when there is none.
    static func read(_ path: String, first: Int? = nil, last: Int? = nil) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        if let last {
            let size = lseek(descriptor, 0, SEEK_END)
            lseek(descriptor, max(0, size - off_t(last)), SEEK_SET)
        }
        var buffer = [UInt8](repeating: 0, count: first ?? last ?? 1 << 16)
        var filled = 0
        while filled < buffer.count {
            let count = buffer.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled)
            }
            if count <= 0 { break }
            filled += count
        }
        return String(decoding: buffer[..<filled], as: UTF8.self)
    }
}
