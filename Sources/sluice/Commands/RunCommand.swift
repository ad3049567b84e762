import ArgumentParser
import AsyncPrimitives
import Clocks
import JSON
import KubernetesRuntime
import LocalCluster
import Logging
import PipelineEngine
import SluiceAPI
import SluiceOperator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `sluice run`: one run on a cluster that lives as long as the command.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a pipeline on this machine, with no cluster.",
        discussion: """
            The file holds one PipelineRun, or one Pipeline, and whatever else they need (ConfigMaps, Secrets, Pipelines). The
            programs of this machine run in place of those in the images. What tasks print is kept in a folder that is named at the end;
            of a task that failed the end is shown. Exit code 0 when the run Succeeded, 1 when it did not,
            2 for a file that cannot be run, 130 after Ctrl-C: the first cancels the run, the second stops at once.

            EXAMPLE
              sluice run config/samples/train-on-shards.yaml
              sluice run pipeline.yaml -p epochs=3 -p 'layers=[64, 64]' --logs
              sluice run pipeline.yaml -o json > run.json
            """)

    /// What is printed at the end.
    enum Output: String, ExpressibleByArgument, CaseIterable { case json }

    @Argument(help: "A YAML file; - reads standard input.")
    var file: String

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: "Prints the final PipelineRun, json, and nothing else on stdout.")
    var output: Output?

    @Option(
        name: [.customShort("p"), .customLong("parameter")],
        help: "A parameter, name=value; JSON where it is declared as anything but a string. May be repeated.")
    var parameters: [String] = []

    @Option(help: "A YAML file with a map of parameters; -p wins over it, and both win over the manifest.")
    var values: String?

    @Flag(help: "Shows what the tasks print, each line with its task.")
    var logs = false

    @Option(help: "Keeps the logs of all attempts in this folder; default: a new one below sluice-logs.")
    var logDir: String?

    @OptionGroup var node: NodeOptions

    @OptionGroup var log: LoggingOptions

    func run() async throws {
        let manifest: RunManifest
        let folder: LogFolder
        do {
            manifest = try RunManifest(file: file, given: .init(parameters: parameters, valuesFile: values))
            folder = try logDir.map(LogFolder.init(named:)) ?? LogFolder(run: manifest.name, now: SystemClock().now)
        } catch let error as RunManifest.Unusable {
            for line in error.lines { Console.error(line) }
            throw ExitCode(ExitStatus.badInput)
        } catch let error as LogFolder.Failure {
            Console.error("--log-dir: \(error)")
            throw ExitCode(ExitStatus.badInput)
        }
        let logger = log.logger(default: .error)
        // With -o json, stdout has the object and nothing else.
        let screen = Screen(output == nil ? STDOUT_FILENO : STDERR_FILENO)
        let interruption = Interruption()
        let follower = RunFollower(
            manifest: manifest, screen: screen, folder: folder, showsLogs: logs, interruption: interruption)
        do {
            let run = try await withTerminationSignals(
                onSignal: { count in
                    guard let text = interruption.arrived(count) else { return }
                    // On a terminal above what is drawn there.
                    if screen.isTerminal { screen.print(text) } else { Console.note(text) }
                }
            ) { try await interruption.stopping { try await follow(follower, logger: logger) } }
            if output == .json { try Console.print(run.json.prettyText) }
            if interruption.isCancelled.isOpen { throw ExitCode(ExitStatus.interrupted) }
            if run.phase != .succeeded { throw ExitCode(ExitStatus.notSucceeded) }
        } catch is CancellationError {
            follower.nameFolder()
            Console.note("stopped: the run and its processes were ended")
            throw ExitCode(ExitStatus.interrupted)
        } catch let error as RunManifest.Unusable {
            // Found when the objects of the file were created.
            for line in error.lines { Console.error("\(file): \(line)") }
            throw ExitCode(ExitStatus.badInput)
        } catch let error as ExitCode {
            throw error
        } catch {
            Console.error("\(error)")
            throw ExitCode(ExitStatus.notSucceeded)
        }
    }

    /// Nobody can add anything to this cluster: what is not there never comes.
    private static var settings: RunSettings {
        var settings = RunSettings.local
        settings.engine.startUpDeadline = missingDeadline
        settings.engine.pipelineDeadline = missingDeadline
        settings.pipelineDeadline = missingDeadline
        return settings
    }

    /// How long a Secret or ConfigMap is waited for: as long as a busy machine may take to start with what is there.
    private static let missingDeadline: Duration = .seconds(10)

    private func follow(_ follower: RunFollower, logger: Logger) async throws -> RunFollower.End {
        var configuration = EmbeddedCluster.Configuration(definitions: CustomResourceDefinitions.all)
        configuration.ignoredResources = node.ignoredResources
        configuration.isSandboxed = node.sandbox
        configuration.writable = node.writableDirectories
        configuration.hooks = [.sluice]
        return try await EmbeddedCluster.run(configuration, logger: logger) { cluster in
            try await withThrowingTaskGroup(of: RunFollower.End?.self) { group in
                group.addTask {
                    try await Operator(
                        client: cluster.client, configuration: Operator.Configuration(runs: Self.settings),
                        logger: logger
                    ).run()
                    return nil
                }
                group.addTask { try await follower.run(cluster.client) }
                defer { group.cancelAll() }
                while let end = try await group.next() {
                    if let end { return end }
                }
                throw CancellationError()
            }
        }
    }
}
