import ArgumentParser
import Clocks
import KubernetesRuntime
import LocalCluster
import Logging
import SluiceAPI
import SluiceOperator

/// `sluice up`: a small cluster for kubectl.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Starts a small cluster on this machine that kubectl can use.",
        discussion: """
            An API server on loopback, a node that runs containers as processes, and the operator, in one process. Ctrl-C ends it,
            and everything that it runs.

            EXAMPLE
              sluice up
              sluice up --data ~/.sluice --port 6443
            """)

    @Option(help: "Where the kubeconfig is written.")
    var kubeconfig = "sluice.kubeconfig"

    @Option(help: "Keeps objects and logs in this directory; default: in memory, until the end.")
    var data: String?

    @Option(
        parsing: .unconditional,
        help: "The port on 127.0.0.1; default: with --data that of the last time, else any that is free.")
    var port: Int?

    @Flag(
        inversion: .prefixedNo, help: "Runs the operator too. Without it, start one with sluice operator --kubeconfig.")
    var `operator` = true

    @Flag(
        inversion: .prefixedNo,
        help: "Refuses objects that could never work when they are applied. Without it their status tells.")
    var admission = true

    @OptionGroup var node: NodeOptions

    @OptionGroup var log: LoggingOptions

    func validate() throws {
        guard (0...65535).contains(port ?? 0) else { throw ValidationError("--port \(port ?? 0): expected 0 to 65535") }
    }

    func run() async throws {
        let logger = log.logger(default: .warning)
        do {
            try await withTerminationSignals { try await serve(logger) }
            Console.note("ended")
        } catch is CancellationError {
            Console.note("ended")
        } catch {
            Console.error("\(error)")
            throw ExitCode(ExitStatus.notSucceeded)
        }
    }

    private func serve(_ logger: Logger) async throws {
        try KubeconfigFile.check(kubeconfig)
        var configuration = EmbeddedCluster.Configuration(
            dataDirectory: data, port: port, definitions: CustomResourceDefinitions.all)
        configuration.stopGrace = .seconds(10)
        configuration.ignoredResources = node.ignoredResources
        configuration.isSandboxed = node.sandbox
        configuration.writable = node.writableDirectories
        // Who has it may start containers that are kept apart from nothing.
        configuration.hidden = [PrivateFile.absolutePath(kubeconfig)]
        if admission { configuration.hooks = [.sluice] }
        try await EmbeddedCluster.run(configuration, logger: logger) { cluster in
            let file = try KubeconfigFile.publish(cluster.kubeconfig, at: kubeconfig)
            defer { withExtendedLifetime(file) {} }
            try Console.print(
                """
                The cluster is up at \(cluster.url). Containers run as processes of this machine; images are not pulled.

                  export KUBECONFIG=\(PrivateFile.absolutePath(kubeconfig))
                  kubectl apply -f pipeline.yaml
                  kubectl get prun -w

                Ctrl-C ends it and all that it runs.
                """)
            if self.operator {
                try await Operator(
                    client: cluster.client, configuration: Operator.Configuration(runs: .local), logger: logger
                ).run()
            } else {
                while true { try await SystemClock().sleep(for: .seconds(3600)) }
            }
        }
    }
}
