import ArgumentParser
import Clocks
import JSON
import KubernetesClient
import KubernetesModel
import Scheduling
import SluiceAPI

/// `sluice schedule trigger`: starts a run of a ScheduledRun now.
struct ScheduleTriggerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trigger",
        abstract: "Starts a run of a ScheduledRun now.",
        discussion: """
            Past suspension, policy, deadline and window. The rhythm stays as it is; the run counts as active and is kept as
            the others are. It is the annotation \(ScheduleEngine.triggerAnnotation) that asks for it: each new value starts one run.

            EXAMPLE
              sluice schedule trigger nightly -n team-a
            """)

    @OptionGroup var connection: ClientOptions

    @Argument(help: "The ScheduledRun.")
    var name: String

    @Option(name: .shortAndLong, help: "Its namespace; default: that of the context.")
    var namespace: String?

    func run() async throws {
        do {
            let configuration = try connection.configuration()
            let client = try APIClient(configuration: configuration)
            let namespace = namespace ?? configuration.namespace
            let token = SystemClock().now.rfc3339Micro
            let patch: JSONValue = [
                "metadata": ["annotations": .object([ScheduleEngine.triggerAnnotation: .string(token)])]
            ]
            let metadata = try await client.resource(ScheduledRun.self, namespace: namespace)
                .patchForMetadata(name, .merge(patch))
            let run = ScheduleEngine.manualName(name, metadata.uid, token)
            try Console.print("scheduledrun.sluice.dev/\(name) triggered: pipelinerun.sluice.dev/\(run)")
        } catch let error as ConfigurationError {
            Console.error("\(error)")
            throw ExitCode(ExitStatus.badInput)
        } catch {
            Console.error("\(error)")
            throw ExitCode(ExitStatus.notSucceeded)
        }
    }
}
