import ArgumentParser

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
}

/// Which Sluice this is.
enum Version {
    static let text = "0.1.0"
}
