import AsyncPrimitives
import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging

/// Runs one pod on the node: carries out what its ``PodMachine`` wants.
///
/// All events arrive as messages in one mailbox and are handled one at a time. Work that takes long runs in a task of its own and reports
/// back with another message.
actor PodWorker {
    /// What a worker uses of its node.
    struct Node: Sendable {
        var client: APIClient
        var supervisor: ProcessSupervisor
        var actions: ActionRunner
        var ports: GangPorts
        var directory: String
        /// What keeps containers apart from the machine.
        var sandbox: Sandbox
        /// Where containers have limits of CPU and memory; or why there are none.
        var groups: Result<ControlGroups, ControlGroups.Missing>
        var accelerators: Accelerators
        /// Whether containers may use all GPUs, whatever they ask for.
        var ignoresGPUs: Bool
        var clock: any RuntimeClock
        var events: EventRecorder
        var logger: Logger
    }

    typealias Message = PodMachine.Message

    private let node: Node
    private let files: PodFiles
    private let gang: GangAddresses?
    private let inbox: AsyncStream<Message>
    nonisolated let post: @Sendable (Message) -> Void
    private var machine: PodMachine
    /// The commands of probes and hooks that are under way.
    private var processes: [Int: ActionRunner.Process] = [:]

    /// A worker for a pod that is bound to the node.
    init(_ pod: NodePod, node: Node) {
        self.node = node
        let metadata = pod.metadata
        files = PodFiles(
            node: node.directory, namespace: metadata.namespace, name: metadata.name, uid: metadata.uid)
        gang = GangAddresses(pod, ports: node.ports)
        let stream = AsyncStream.makeStream(of: Message.self)
        inbox = stream.stream
        let continuation = stream.continuation
        post = { continuation.yield($0) }
        machine = PodMachine(pod, at: Self.moment(node.clock))
    }

    private static func moment(_ clock: any RuntimeClock) -> PodMachine.Moment {
        PodMachine.Moment(wall: clock.now, monotonic: clock.monotonic)
    }

    /// Runs until the pod is gone or the task is cancelled. In the second case ``ProcessSupervisor/stop()`` has to end
    /// the processes.
    func run() async {
        if let gang { gang.ports.join(gang.gang, pod: gang.pod) }
        defer {
            if let gang { gang.ports.leave(gang.gang, pod: gang.pod) }
            for index in machine.containers.indices { node.accelerators.giveBack(machine.owner(of: index)) }
        }
        await withDiscardingTaskGroup { group in
            for effect in machine.begin(at: Self.moment(node.clock)) { perform(effect, &group) }
            guard !machine.hasFinished else { return group.cancelAll() }
            for await message in inbox {
                if case .acted(_, _, let action, _) = message { processes[action.number] = nil }
                for effect in machine.take(message, at: Self.moment(node.clock)) { perform(effect, &group) }
                if machine.hasFinished { break }
            }
            group.cancelAll()
        }
        guard machine.hasFinished else { return }
        do {
            try await DetachedThread.run { [files] in try files.remove() }
        } catch {
            node.logger.warning("the files of pod \(machine.pod.key) cannot be removed: \(error)")
        }
    }

    /// The logs of a container; nil for an unknown one.
    func logs(of name: String) -> PodMachine.Logs? { machine.logs(of: name) }

    // MARK: Effects

    private func perform(_ effect: PodMachine.Effect, _ group: inout DiscardingTaskGroup) {
        let (pod, post, node, files) = (machine.pod, post, node, files)
        switch effect {
        case .prepare: group.addTask { await self.prepare(pod) }
        case .start(let index): start(index, &group)
        case .signal(let pid, let number): node.supervisor.signal(pid, number)
        case .act(let index, let attempt, let action, let what, let limit, let pid, let launch):
            let process = ActionRunner.Process(node.supervisor)
            if case .exec = what { processes[action.number] = process }
            let isHook = if case .probe = action.purpose { false } else { true }
            let log = files.actionLog(
                machine.containers[index].spec.name, "\(action.purpose.name)-\(action.number)")
            group.addTask {
                let outcome = await node.actions.run(
                    what, isHook: isHook, limit: limit, in: launch, of: pid, log: log, process: process)
                post(.acted(index, attempt: attempt, action, outcome))
            }
        case .endAction(let number): processes[number]?.end()
        case .readMessage(let index, let exit):
            let container = machine.containers[index]
            group.addTask {
                let message = try? await DetachedThread.run {
                    files.terminationMessage(container.spec, attempt: container.attempt, exitCode: exit.code)
                }
                post(.read(index, exit, message: message ?? ""))
            }
        case .releaseDevices(let index): node.accelerators.giveBack(machine.owner(of: index))
        case .measure:
            guard let storage = machine.storage else { break }
            group.addTask {
                let problem = try? await DetachedThread.run {
                    storage.problem(
                        volume: { StorageLimits.usage(files.volume($0)) },
                        container: { StorageLimits.usage(files.own($0).root) })
                }
                // Where no thread can be had it is looked at again.
                post(.measured(problem ?? nil))
            }
        case .wake(let delay, let message):
            group.addTask {
                // The sleep throws when the worker has finished; the message is not needed then.
                guard (try? await node.clock.sleep(for: delay)) != nil else { return }
                post(message)
            }
        case .event(let isWarning, let reason, let message):
            node.events.record(isWarning ? .warning : .normal, reason: reason, message: message, on: pod)
        case .log(let text): node.logger.info("pod \(pod.key): \(text)")
        case .write(let status, let patch): group.addTask { await self.write(status, patch, pod.metadata) }
        case .confirmDeletion: group.addTask { await self.confirmDeletion(pod.metadata) }
        }
    }

    /// Creates the pod's files.
    private nonisolated func prepare(_ pod: NodePod) async {
        do {
            try await DetachedThread.run { [node, files] in
                try files.prepare(containers: pod.containers.map(\.name), hasWork: !node.sandbox.hasFiles)
            }
            let paths = try await files.materialise(pod, from: source(pod)) { [gang] text in
                gang?.rewrite(text, withPorts: false) ?? text
            }
            post(.prepared(.success(paths)))
        } catch {
            post(.prepared(.failure(Self.problem(error))))
        }
    }

    private func start(_ index: Int, _ group: inout DiscardingTaskGroup) {
        let (pod, container) = (machine.pod, machine.containers[index])
        let spec = container.spec
        var launch = ContainerLaunch(
            container: spec, pod: pod, files: files, volumes: machine.volumes ?? [:], attempt: container.attempt,
            sandbox: node.sandbox, groups: try? node.groups.get(), gang: gang)
        if case .failure(let missing) = node.groups, ContainerLimits(spec).milliCPU != nil, container.attempt == 0 {
            node.events.record(
                .warning, reason: "CPULimitNotHeld",
                message: "container \(spec.name): its limit of CPU is not held on this machine: \(missing.reason)",
                on: pod)
        }
        let accelerators = node.accelerators
        if accelerators.devices.isEmpty || node.ignoresGPUs {
            launch.deviceFiles = accelerators.files(accelerators.devices)
        } else if let devices = accelerators.take(spec.gpus, for: machine.owner(of: index)) {
            launch.gpus = devices
            launch.deviceFiles = accelerators.files(devices)
        } else {
            let problem = ContainerProblem(
                reason: "CreateContainerError", message: "\(spec.gpus) GPUs are wanted, others have them still")
            return post(.started(index, .failure(problem)))
        }
        let grace = Duration.seconds(machine.grace)
        group.addTask { [node, post, source = source(pod), launch] in
            do {
                let ready = try await launch.prepared(from: source)
                post(.launching(index, ready))
                node.supervisor.launch(
                    ProcessSupervisor.Launch(
                        path: ready.path, arguments: ready.arguments, environment: ready.environment,
                        directory: ready.directory, logPath: ready.log, mounts: ready.mounts,
                        stage: PodFiles.stage(node: node.directory),
                        isolation: ready.isolation, user: ready.user, memoryLimit: ready.limits?.memory,
                        milliCPU: ready.limits?.milliCPU, weight: ready.limits?.weight ?? 0, cgroup: ready.cgroup,
                        grace: grace,
                        onStart: { result in
                            post(.started(index, result.mapError { ready.problem($0) }))
                        }, onExit: { post(.exited(index, $0)) }))
            } catch {
                post(.started(index, .failure(Self.problem(error))))
            }
        }
    }

    private static func problem(_ error: any Error) -> ContainerProblem {
        error as? ContainerProblem ?? ContainerProblem(reason: "CreateContainerError", message: "\(error)")
    }

    // MARK: The API server

    private nonisolated func source(_ pod: NodePod) -> ConfigurationSource {
        let client = node.client
        let namespace = pod.metadata.namespace
        @Sendable func get(_ kind: String, _ plural: String, _ name: String) async throws -> JSONValue? {
            do {
                let type = ResourceType(version: "v1", kind: kind, plural: plural)
                return try await client.dynamic(type, namespace: namespace).get(name).json
            } catch let status as APIStatus where status.isNotFound {
                return nil
            }
        }
        return ConfigurationSource(
            configMap: { try await get("ConfigMap", "configmaps", $0) },
            secret: { try await get("Secret", "secrets", $0) },
            claim: { [directory = node.directory] name in
                let claim = try await get("PersistentVolumeClaim", "persistentvolumeclaims", name)
                return claim.map { ($0, VolumeClaims.directory(of: $0, node: directory)) }
            })
    }

    private nonisolated func write(_ status: JSONValue, _ patch: JSONValue, _ metadata: ObjectMeta) async {
        do {
            // The UID keeps the patch from hitting a later pod of that name.
            _ = try await node.client.dynamic(NodePod.resourceType, namespace: metadata.namespace).patchStatus(
                metadata.name, .strategic(["metadata": ["uid": .string(metadata.uid)], "status": patch]))
            post(.written(status, isSuccess: true))
        } catch let status as APIStatus where status.code == 404 || status.code == 409 {
            post(.gone)
        } catch {
            if Task.isCancelled { return }
            node.logger.warning("writing the status of pod \(metadata.namespace)/\(metadata.name): \(error)")
            post(.written(status, isSuccess: false))
        }
    }

    private nonisolated func confirmDeletion(_ metadata: ObjectMeta) async {
        do {
            _ = try await node.client.dynamic(NodePod.resourceType, namespace: metadata.namespace)
                .delete(metadata.name, DeleteOptions(uid: metadata.uid, gracePeriodSeconds: 0))
            post(.deleted(isSuccess: true))
        } catch let status as APIStatus where status.code == 404 || status.code == 409 {
            post(.deleted(isSuccess: true))
        } catch {
            if Task.isCancelled { return }
            node.logger.warning("deleting pod \(metadata.namespace)/\(metadata.name): \(error)")
            post(.deleted(isSuccess: false))
        }
    }
}
