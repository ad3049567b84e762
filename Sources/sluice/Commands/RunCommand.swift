import ArgumentParser
import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import LocalCluster
import Logging
import SluiceAPI
import SluiceOperator

/// `sluice run`: one run on a cluster that lives as long as the command.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a pipeline on this machine, with no cluster.",
        discussion: """
            The file holds one PipelineRun, or one Pipeline, and whatever else they need (ConfigMaps, Secrets, Pipelines). The
            programs of this machine run in place of those in the images. Exit code 0 when the run Succeeded, 1 when it did not,
            2 for a file that cannot be run.

            EXAMPLE
              sluice run config/samples/train-on-shards.yaml
              sluice run pipeline.yaml -o json > run.json
            """)

    /// What is printed at the end.
    enum Output: String, ExpressibleByArgument, CaseIterable { case json }

    @Argument(help: "A YAML file; - reads standard input.")
    var file: String

    @Option(name: [.customShort("o"), .customLong("output")], help: "Prints the final PipelineRun: json.")
    var output: Output?

    @OptionGroup var log: LoggingOptions

    func run() async throws {
        let manifest: RunManifest
        do {
            manifest = try RunManifest(file: file)
        } catch let error as RunManifest.Unusable {
            for line in error.lines { Console.error(line) }
            throw ExitCode(ExitStatus.badInput)
        }
        let logger = log.logger(default: .error)
        do {
            let phase = try await withTerminationSignals { try await follow(manifest, logger: logger) }
            if phase != .succeeded { throw ExitCode(ExitStatus.notSucceeded) }
        } catch is CancellationError {
            Console.note("interrupted: the run and its processes were ended")
            throw ExitCode(130)
        } catch let error as ExitCode {
            throw error
        } catch {
            Console.error("\(error)")
            throw ExitCode(ExitStatus.notSucceeded)
        }
    }

    private func follow(_ manifest: RunManifest, logger: Logger) async throws -> RunPhase {
        try await EmbeddedCluster.run(
            EmbeddedCluster.Configuration(definitions: CustomResourceDefinitions.all), logger: logger
        ) { cluster in
            try await withThrowingTaskGroup(of: RunPhase?.self) { group in
                group.addTask {
                    try await Operator(
                        client: cluster.client, configuration: Operator.Configuration(runs: .local), logger: logger
                    ).run()
                    return nil
                }
                group.addTask { try await submitAndWatch(manifest, client: cluster.client) }
                defer { group.cancelAll() }
                while let phase = try await group.next() {
                    if let phase { return phase }
                }
                throw CancellationError()
            }
        }
    }

    private func submitAndWatch(_ manifest: RunManifest, client: APIClient) async throws -> RunPhase {
        let clock = SystemClock()
        try await Self.waitForNode(client, clock)
        for object in manifest.others { try await Self.create(object, client) }
        let runs = client.resource(PipelineRun.self, namespace: manifest.namespace)
        let created = try await runs.create(manifest.run)
        let name = created.metadata.name
        if output == nil {
            Console.print("running \(name); images are not pulled: the programs of this machine are used")
        }
        var view: (any ProgressView)? = output == nil ? makeView(manifest.pipeline, start: clock.now) : nil

        let changes = try await Changes(of: created, in: runs, ticks: view is LiveProgress ? clock : nil)
        var latest = created
        var isGivenUp = false
        for try await change in changes.stream {
            switch change {
            case .tick: view?.tick(now: clock.now)
            case .run(let run):
                latest = run
                view?.show(run.status, now: clock.now)
                if !isGivenUp, !run.status.phase.isFinished, Self.tooLarge(run) != nil {
                    // Not said of a moment in which the node was not heard of yet.
                    try await clock.sleep(for: .seconds(1))
                    guard let task = Self.tooLarge(try await runs.get(name)) else { continue }
                    // Nobody adds a GPU to this machine meanwhile.
                    isGivenUp = true
                    Console.error("task \(task.name): \(task.message); the run is cancelled")
                    _ = try await runs.patchForMetadata(name, .merge(["spec": ["state": "Cancelled"]]))
                }
                guard run.status.phase.isFinished else { continue }
                view?.finish(run.status, now: clock.now)
                if output == .json {
                    Console.print(
                        try await client.dynamic(Sluice.pipelineRuns, namespace: manifest.namespace).get(name).json
                            .prettyText)
                } else {
                    Self.summarise(run.status)
                }
                return run.status.phase
            }
        }
        return latest.status.phase
    }

    /// The task for which this machine has no room, were it empty, by the word of the queue.
    private static func tooLarge(_ run: PipelineRun) -> TaskStatus? {
        run.status.tasks.first { $0.reason == "NeverFits" }
    }

    /// Returns when the node of the cluster takes pods.
    private static func waitForNode(_ client: APIClient, _ clock: some RuntimeClock) async throws {
        while true {
            let nodes = try await client.resource(Node.self).listAll().items
            let isReady = nodes.contains { item in
                if case .object(let node) = item { node.isReady } else { false }
            }
            if isReady { return }
            try await clock.sleep(for: .milliseconds(10))
        }
    }

    private func makeView(_ pipeline: PipelineSpec, start: Timestamp) -> any ProgressView {
        if Console.isTerminal {
            return LiveProgress(
                pipeline, start: start, hasColour: Console.hasColour, width: { Console.width },
                output: { Console.print($0, terminator: "") })
        }
        return PlainProgress(pipeline, start: start, output: { Console.print($0) })
    }

    private static func summarise(_ status: PipelineRunStatus) {
        var line = "\(status.phase.rawValue)  \(status.progress) tasks"
        if let start = status.startTime, let end = status.completionTime {
            line += "  \(HumanDuration.elapsed(end - start))"
        }
        if status.phase != .succeeded { line += "\n\(status.reason): \(status.message)" }
        Console.print(line)
        guard !status.results.isEmpty else { return }
        Console.print("results:")
        for (name, value) in status.results { Console.print("  \(name): \(value.rendered)") }
    }

    private static func create(_ object: JSONValue, _ client: APIClient) async throws {
        let type = try await client.resourceType(
            apiVersion: object["apiVersion"]?.string ?? "", kind: object["kind"]?.string ?? "")
        let namespace = type.isNamespaced ? object["metadata"]?["namespace"]?.string ?? "default" : nil
        do {
            _ = try await client.dynamic(type, namespace: namespace).create(object)
        } catch let status as APIStatus where status.isAlreadyExists && type.plural == "namespaces" {
            // The namespaces of every cluster are there.
        }
    }
}

/// The states of a run as they come, with ticks in between for a view that shows time.
private struct Changes {
    enum Change: Sendable {
        case run(PipelineRun)
        case tick
    }

    let stream: AsyncThrowingStream<Change, any Error>

    init(of run: PipelineRun, in runs: ResourceClient<PipelineRun>, ticks clock: SystemClock?) async throws {
        let informer = Informer(
            runs.listWatch, fieldSelector: "metadata.name=\(run.metadata.name)", logger: Logger(label: "sluice.run"))
        stream = AsyncThrowingStream { continuation in
            informer.store.addHandler { event in
                if let run = event.entry.object { continuation.yield(.run(run)) }
                if case .deleted = event.change { continuation.finish() }
            }
            let work = Task {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await informer.run() }
                    if let clock {
                        group.addTask {
                            while !Task.isCancelled {
                                do { try await clock.sleep(for: .milliseconds(100)) } catch { return }
                                continuation.yield(.tick)
                            }
                        }
                    }
                }
                continuation.finish(throwing: CancellationError())
            }
            continuation.onTermination = { _ in work.cancel() }
        }
    }
}
