import AsyncPrimitives
import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import PipelineEngine
import RunDisplay
import SluiceAPI
import Synchronization

/// Submits a run to a cluster, shows how it goes on, and tells how it ended.
struct RunFollower: Sendable {
    /// A run that has ended.
    struct End: Sendable {
        var phase: RunPhase
        var json: JSONValue
    }

    var manifest: RunManifest
    var screen: Screen
    var folder: LogFolder
    var showsLogs: Bool
    var interruption: Interruption

    private let clock = SystemClock()

    init(manifest: RunManifest, screen: Screen, folder: LogFolder, showsLogs: Bool, interruption: Interruption) {
        self.manifest = manifest
        self.screen = screen
        self.folder = folder
        self.showsLogs = showsLogs
        self.interruption = interruption
    }

    /// Runs it to its end. Throws what the client throws, and `CancellationError`.
    func run(_ client: APIClient) async throws -> End {
        try await waitForNode(client)
        for object in manifest.others { try await create(object, client) }
        let runs = client.resource(PipelineRun.self, namespace: manifest.namespace)
        // Nothing is there to be cancelled yet.
        if interruption.isCancelled.isOpen { throw CancellationError() }
        let created: PipelineRun
        do {
            created = try await runs.create(manifest.run)
        } catch let status as APIStatus where (400..<500).contains(status.code) {
            throw RunManifest.Unusable(lines: ["PipelineRun \(manifest.name): \(status.message)"])
        }
        screen.print(
            "running \(created.metadata.name); images are not pulled: the programs of this machine are used")
        let changes = AsyncThrowingStream.makeStream(of: Change.self)
        let (events, sending) = (changes.stream, changes.continuation)
        let show: @Sendable ([String]) -> Void = { [screen] lines in screen.print(lines) }
        let keeper = LogKeeper(
            client: client, run: RunIdentity(created.metadata), folder: folder, show: showsLogs ? show : nil,
            onStart: { pod in _ = sending.yield(.started(pod: pod)) })
        return try await withThrowingTaskGroup(of: End?.self, returning: End.self) { group in
            group.addTask {
                await keeper.run()
                // The loop below ends with the run, not with its logs.
                return nil
            }
            group.addTask {
                await send(created, runs, sending)
                return nil
            }
            group.addTask {
                try await interruption.isCancelled.wait()
                // Finally runs, and the run ends in its own time. One that has ended meanwhile stays as it is.
                _ = try await runs.patchForMetadata(created.metadata.name, .merge(["spec": ["state": "Cancelled"]]))
                return nil
            }
            group.addTask {
                try await watch(created, runs, events, keeper, client)
            }
            defer { group.cancelAll() }
            while let end = try await group.next() {
                if let end { return end }
            }
            throw CancellationError()
        }
    }

    /// Names the folder of the logs, when there is one.
    func nameFolder() {
        if let path = folder.path { screen.print("logs: \(path)") }
    }

    // MARK: Watching

    private enum Change: Sendable {
        case run(PipelineRun)
        case started(pod: String)
        case tick
    }

    /// Sends the states of the run as they come, with ticks in between for a view that shows time.
    private func send(
        _ run: PipelineRun, _ runs: ResourceClient<PipelineRun>,
        _ changes: AsyncThrowingStream<Change, any Error>.Continuation
    ) async {
        let informer = Informer(
            runs.listWatch, fieldSelector: "metadata.name=\(run.metadata.name)", logger: Logger(label: "sluice.run"))
        informer.store.addHandler { event in
            if let run = event.entry.object { changes.yield(.run(run)) }
            if case .deleted = event.change { changes.finish(throwing: Deleted()) }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await informer.run() }
            if screen.isTerminal {
                group.addTask {
                    while !Task.isCancelled {
                        do { try await clock.sleep(for: .milliseconds(100)) } catch { return }
                        changes.yield(.tick)
                    }
                }
            }
        }
        changes.finish(throwing: CancellationError())
    }

    private struct Deleted: Error, CustomStringConvertible {
        var description: String { "the run was deleted" }
    }

    private func watch(
        _ created: PipelineRun, _ runs: ResourceClient<PipelineRun>, _ changes: AsyncThrowingStream<Change, any Error>,
        _ keeper: LogKeeper, _ client: APIClient
    ) async throws -> End {
        let name = created.metadata.name
        let start = clock.now
        var view = RunView(manifest.pipeline, name: name, screen: screen, now: start)
        var isGivenUp = false
        for try await change in changes {
            switch change {
            case .tick: view.tick(now: clock.now)
            case .started(let pod): view.noteStarted(pod, now: clock.now)
            case .run(let run) where run.status.phase.isFinished:
                let end = clock.now
                // What tasks have still to say comes before the last look of the tree.
                await keeper.finish(silence: .seconds(10))
                view.show(run.status, now: end)
                screen.keepFrame()
                if !showsLogs { screen.print(keeper.endsOfFailed(run.status)) }
                for line in try await mountFailures(run.status, client) { screen.print(line) }
                screen.print(RunSummary.lines(run.status, elapsed: end - start))
                nameFolder()
                if let failure = keeper.failure { Console.error("not all logs are kept: \(failure)") }
                let json = try await client.dynamic(Sluice.pipelineRuns, namespace: manifest.namespace).get(name).json
                return End(phase: run.status.phase, json: json)
            case .run(let run):
                view.show(run.status, now: clock.now)
                guard !isGivenUp, Self.tooLarge(run) != nil else { continue }
                // Not said of a moment in which the node was not heard of yet.
                try await clock.sleep(for: .seconds(1))
                guard let task = Self.tooLarge(try await runs.get(name)) else { continue }
                // Nobody adds a GPU to this machine meanwhile.
                isGivenUp = true
                Console.error(
                    "task \(task.name): \(task.message); the run is cancelled (--ignore-resources NAME runs it all the same)"
                )
                _ = try await runs.patchForMetadata(name, .merge(["spec": ["state": "Cancelled"]]))
            }
        }
        throw CancellationError()
    }

    /// Why tasks have not started for want of a volume: the node tells it in events alone, and after the end nobody can ask for these.
    private func mountFailures(_ status: PipelineRunStatus, _ client: APIClient) async throws -> [String] {
        let failed = status.tasks.filter { $0.phase == .failed && $0.reason == "ContainerCreating" }
        guard !failed.isEmpty else { return [] }
        let events = try await client.dynamic(Self.events, namespace: manifest.namespace)
            .list(ListOptions(fieldSelector: "reason=FailedMount")).items
        var lines: [String] = []
        for task in failed {
            for case .object(let event) in events {
                let pod = event.json[path: "involvedObject", "name"]?.string ?? ""
                guard task.pods.contains(pod), let message = event.json["message"]?.string else { continue }
                let line = "task \(task.name): \(message)"
                if !lines.contains(line) { lines.append(line) }
            }
        }
        return lines
    }

    private static let events = ResourceType(version: "v1", kind: "Event", plural: "events")

    /// The task for which this machine has no room, were it empty, by the word of the queue.
    private static func tooLarge(_ run: PipelineRun) -> TaskStatus? {
        run.status.tasks.first { $0.reason == "NeverFits" }
    }

    // MARK: Setting up

    /// Returns when the node of the cluster takes pods.
    private func waitForNode(_ client: APIClient) async throws {
        while true {
            let nodes = try await client.resource(Node.self).listAll().items
            let isReady = nodes.contains { item in
                if case .object(let node) = item { node.isReady } else { false }
            }
            if isReady { return }
            try await clock.sleep(for: .milliseconds(10))
        }
    }

    private func create(_ object: JSONValue, _ client: APIClient) async throws {
        let (version, kind) = (object["apiVersion"]?.string ?? "", object["kind"]?.string ?? "")
        let what = "\(kind) \(object["metadata"]?["name"]?.string ?? "")"
        let type: ResourceType
        do {
            type = try await client.resourceType(apiVersion: version, kind: kind)
        } catch  where !(error is CancellationError) {
            throw RunManifest.Unusable(lines: [
                "\(what): the cluster of sluice run has no \(kind) of \(version): it takes what runs read, as ConfigMaps, Secrets and Pipelines"
            ])
        }
        let namespace = type.isNamespaced ? object["metadata"]?["namespace"]?.string ?? "default" : nil
        do {
            _ = try await client.dynamic(type, namespace: namespace).create(object)
        } catch let status as APIStatus where status.isAlreadyExists && type.plural == "namespaces" {
            // The namespaces of every cluster are there.
        } catch let status as APIStatus where (400..<500).contains(status.code) {
            throw RunManifest.Unusable(lines: ["\(what): \(status.message)"])
        }
    }
}

/// Shows how a run goes on: a tree that is drawn over itself on a terminal, a line for each change elsewhere.
struct RunView {
    private let screen: Screen
    private var tree: RunTree?
    private var plain: PlainLines

    init(_ pipeline: PipelineSpec, name: String, screen: Screen, now: Timestamp) {
        self.screen = screen
        tree = screen.isTerminal ? RunTree(pipeline, name: name, created: now) : nil
        plain = PlainLines(pipeline, created: now)
    }

    /// The run looks like this now.
    mutating func show(_ status: PipelineRunStatus, now: Timestamp) {
        guard tree != nil else { return screen.print(plain.lines(status, now: now)) }
        tree?.update(status)
        tick(now: now)
    }

    /// The main container of a pod has started.
    mutating func noteStarted(_ pod: String, now: Timestamp) {
        guard tree != nil else { return screen.print(plain.lines(startedPod: pod, now: now)) }
        tree?.tasks.noteStarted(pod: pod)
    }

    /// Time has passed and nothing else.
    func tick(now: Timestamp) {
        guard let tree else { return }
        screen.draw(tree.lines(now: now, size: screen.size, hasColour: screen.hasColour))
    }
}
