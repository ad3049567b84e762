import ArgumentParser
import Clocks
import KubernetesClient
import KubernetesModel
import Queueing
import SluiceAPI

/// `sluice queue`: how the queues of a cluster stand, who waits and why.
struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Shows the queues with their shares, and who waits and why.",
        discussion: """
            Queues come as the tree that they are, each with what it uses of what it deserves now. Below it every run that waits,
            in the order of its line.

            EXAMPLE
              sluice queue
              sluice queue -n team-a --context production
            """)

    @OptionGroup var connection: ClientOptions

    @Option(name: .shortAndLong, help: "Shows the waiting runs of this namespace only; default: all.")
    var namespace: String?

    func run() async throws {
        do {
            let client = try APIClient(configuration: try connection.configuration())
            var queues: [Queue] = []
            for item in try await client.resource(Queue.self).listAll().items {
                if case .object(let queue) = item { queues.append(queue) }
            }
            var runs: [PipelineRun] = []
            for item in try await client.resource(PipelineRun.self, namespace: namespace).listAll().items {
                if case .object(let run) = item { runs.append(run) }
            }
            try Console.print(QueueOverview(queues: queues, runs: runs, now: SystemClock().now).text)
        } catch let error as ConfigurationError {
            Console.error("\(error)")
            throw ExitCode(ExitStatus.badInput)
        } catch {
            Console.error("\(error)")
            throw ExitCode(ExitStatus.notSucceeded)
        }
    }
}
