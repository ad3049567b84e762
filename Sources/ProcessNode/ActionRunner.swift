import AsyncPrimitives
import Clocks
import CurlHTTP
import KubernetesModel
import Synchronization

/// Carries out what probes and hooks do.
struct ActionRunner: Sendable {
    /// What came of an action, with the words for people where it is no success.
    struct Outcome: Sendable, Hashable {
        var result: ProbeSchedule.Outcome
        var text = ""

        static let success = Outcome(result: .success)
        static func failure(_ text: String) -> Outcome { Outcome(result: .failure, text: text) }
        /// The action could not be carried out.
        static func unknown(_ text: String) -> Outcome { Outcome(result: .unknown, text: text) }
    }

    /// One process of an action, which may be ended before its time.
    final class Process: Sendable {
        private struct State {
            var pid: Int32?
            var isEnded = false
        }

        private let supervisor: ProcessSupervisor
        private let state = Mutex(State())

        init(_ supervisor: ProcessSupervisor) { self.supervisor = supervisor }

        /// Ends it and all that comes of it, now or as soon as it is there.
        func end() {
            let pid = state.withLock { state in
                state.isEnded = true
                return state.pid
            }
            if let pid { supervisor.signal(pid, 9) }
        }

        fileprivate func started(_ pid: Int32) {
            let isEnded = state.withLock { state in
                state.pid = pid
                return state.isEnded
            }
            if isEnded { supervisor.signal(pid, 9) }
        }
    }

    private enum End: Sendable {
        case failed(ContainerProblem)
        case exited(ProcessSupervisor.Exit)
        case overdue
        case cancelled
    }

    /// How much of what a command prints is kept, as with a kubelet.
    private static let outputLimit = 10_240

    private let supervisor: ProcessSupervisor
    private let client: HTTPClient
    private let clock: any RuntimeClock

    init(supervisor: ProcessSupervisor, clock: any RuntimeClock) throws {
        self.supervisor = supervisor
        self.clock = clock
        var configuration = HTTPClient.Configuration()
        // Probes go to the pods of this machine, each over a connection of its own.
        configuration.proxy = .none
        configuration.usesHTTP2 = false
        client = try HTTPClient(configuration: configuration)
    }

    /// Ends what is under way.
    func shutDown() { client.shutDown() }

    /// Carries out a probe, or the hook of a container. A command runs as `process` in the place of the container, whose
    /// process is `pid`, and prints to `log`.
    func run(
        _ action: ContainerAction, isHook: Bool, limit: Duration?, in container: ContainerLaunch.Ready, of pid: Int32,
        log: String, process: Process
    ) async -> Outcome {
        switch action {
        case .exec(let command): return await exec(command, limit, container, pid, log, process)
        case .http(let target): return await get(target, limit, isHook: isHook)
        case .tcp(let host, let port):
            do {
                let problem = try await DetachedThread.run {
                    TCPProbe.connect(host, port, limit: limit ?? .seconds(60))
                }
                return problem.map { .failure($0) } ?? .success
            } catch {
                return .unknown("\(error)")
            }
        case .sleep(let duration): return await sleep(min(duration, limit ?? duration), duration)
        case .impossible(let reason): return .unknown(reason)
        }
    }

    private func sleep(_ time: Duration, _ wanted: Duration) async -> Outcome {
        do {
            try await clock.sleep(for: time)
        } catch {
            return .unknown("the container was ended")
        }
        return time < wanted ? .failure("container terminated before sleep hook finished") : .success
    }

    // MARK: HTTP

    private func get(_ target: ContainerAction.HTTPTarget, _ limit: Duration?, isHook: Bool) async -> Outcome {
        var headers = target.headers.map { HTTPHeader($0.name, $0.value) }
        func add(_ name: String, _ value: String) {
            let isGiven = headers.contains { $0.name.lowercased() == name.lowercased() }
            if !isGiven { headers.append(HTTPHeader(name, value)) }
        }
        add("User-Agent", isHook ? "kube-lifecycle/1.36" : "kube-probe/1.36")
        add("Accept", "*/*")
        add("Connection", "close")
        let request = HTTPRequest(
            url: target.url, headers: headers,
            timeouts: HTTPTimeouts(connect: limit ?? .seconds(60), response: limit),
            tls: TLSConfiguration(verifiesServer: false), needsNewConnection: true, isRepeatable: false)
        do {
            let stream = try await client.stream(request)
            // Its head says all.
            stream.cancel()
            // As with a kubelet a hook has done its part when it is answered.
            if isHook || (200..<400).contains(stream.status) { return .success }
            return .failure("HTTP probe failed with statuscode: \(stream.status)")
        } catch let error as HTTPError {
            let reason =
                switch error.code {
                case .connect where target.host == "127.0.0.1":
                    "dial tcp \(target.authority): connect: connection refused"
                case .connect: "dial tcp \(target.authority): cannot connect"
                case .connectTimeout, .responseTimeout, .idleTimeout:
                    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
                default: error.message
                }
            return .failure("Get \"\(target.url)\": \(reason)")
        } catch {
            return .unknown("\(error)")
        }
    }

    // MARK: Commands

    private func exec(
        _ command: [String], _ limit: Duration?, _ container: ContainerLaunch.Ready, _ pid: Int32,
        _ log: String, _ process: Process
    ) async -> Outcome {
        let end = await withTaskGroup(of: End.self) { group in
            group.addTask { await self.end(of: command, container, pid, log, process) }
            if let limit {
                group.addTask {
                    do {
                        try await self.clock.sleep(for: limit)
                        return .overdue
                    } catch {
                        return .cancelled
                    }
                }
            }
            var isOverdue = false
            for await end in group {
                switch end {
                case .failed, .exited:
                    group.cancelAll()
                    return isOverdue ? .overdue : end
                case .overdue:
                    isOverdue = true
                    process.end()
                // Then the process is ended as well.
                case .cancelled: break
                }
            }
            return .cancelled
        }
        let output = await takeOutput(log)
        switch end {
        case .failed(let problem): return .unknown(problem.message)
        case .exited(let exit) where exit.code == 0: return .success
        case .exited: return .failure(output)
        case .overdue:
            let text = command.joined(separator: " ")
            return .failure("command timed out: \"\(text)\" timed out after \((limit ?? .zero).goText)")
        case .cancelled: return .unknown("the container was ended")
        }
    }

    private func end(
        of command: [String], _ container: ContainerLaunch.Ready, _ pid: Int32, _ log: String, _ process: Process
    ) async -> End {
        let path: String
        do {
            path = try container.path(of: command[0])
        } catch {
            return .failed(error)
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                supervisor.launch(
                    ProcessSupervisor.Launch(
                        path: path, arguments: command, environment: container.environment,
                        directory: container.directory, logPath: log, user: container.user, joined: pid,
                        cgroup: container.cgroup, grace: .zero,
                        onStart: { result in
                            switch result {
                            case .success(let pid): process.started(pid)
                            case .failure(let error):
                                continuation.resume(returning: .failed(container.problem(error, starting: path)))
                            }
                        }, onExit: { continuation.resume(returning: .exited($0)) }))
            }
        } onCancel: {
            process.end()
        }
    }

    /// What a command has printed; it is kept nowhere else.
    private func takeOutput(_ path: String) async -> String {
        do {
            return try await DetachedThread.run {
                defer { PodFiles.removeLog(path) }
                let log = try ContainerLog(path, .init(limit: Self.outputLimit))
                var text: [UInt8] = []
                while case let bytes = try log.next(), !bytes.isEmpty { text += bytes }
                return String(decoding: text + log.finish(), as: UTF8.self)
            }
        } catch {
            return "what it printed cannot be read: \(error)"
        }
    }
}
