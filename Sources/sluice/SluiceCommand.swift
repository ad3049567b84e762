import ArgumentParser
import SluiceAPI

@main
struct SluiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "Runs machine-learning pipelines on Kubernetes, or on this machine with no cluster at all.",
        discussion: """
            EXAMPLES
              sluice run config/samples/hello.yaml      run a pipeline here and now
              sluice simulate runs.yaml scenario.yaml   see what would happen, in virtual time
              sluice up                                 a small cluster for kubectl on this machine
              sluice queue                              who waits in the cluster, and why
              sluice schedule next '30 2 * * MON-FRI'   what a cron expression means, and when it fires
              sluice lint pipelines/*.yaml              find mistakes before a cluster does
              sluice crds | kubectl apply -f -          teach a cluster the resources
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, SimulateCommand.self, UpCommand.self, OperatorCommand.self, QueueCommand.self,
            ScheduleCommand.self, LintCommand.self, CRDsCommand.self,
        ])

    /// As every other error begins.
    static var _errorPrefix: String { "error: " }

    static func main() async {
        if let mistake = mistakenCommand(Array(CommandLine.arguments.dropFirst())) {
            exit(withError: ValidationError(mistake))
        }
        await main(nil)
    }

    /// What is wrong with the names of commands with which arguments begin; nil when all are known.
    private static func mistakenCommand(_ arguments: [String]) -> String? {
        var command: any ParsableCommand.Type = Self.self
        var path = "sluice"
        for name in arguments where !command.configuration.subcommands.isEmpty {
            if name.hasPrefix("-") || name == "help" { return nil }
            let known = command.configuration.subcommands
            if let next = known.first(where: { $0.configuration.commandName == name }) {
                command = next
                path += " \(name)"
                continue
            }
            let names = known.compactMap { $0.configuration.commandName }
            let hint = Suggestion.nearest(to: name, in: names).map { "did you mean \(path) \($0)?" }
            return "\(path) has no command \(name); \(hint ?? "expected \(names.joined(separator: ", "))")"
        }
        return nil
    }
}

/// Which Sluice this is.
enum Version {
    static let text = "0.1.0"
}
