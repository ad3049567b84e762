import ArgumentParser
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import Monitoring
import SluiceOperator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `sluice operator`: the controller, in a cluster or outside it.
struct OperatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operator",
        abstract: "Runs the controller against an API server.",
        discussion: """
            In a cluster it uses the service account of its pod; elsewhere the kubeconfig, as kubectl does. Several operators may
            run at once: one leads, the others wait for its lease. Over plain HTTP it answers /healthz, /livez and /readyz for
            probes and /metrics for Prometheus. With --webhook-address it is an admission webhook too, which refuses objects
            that could never work; its certificate is its own and is kept in the Secret sluice-webhook-tls. Operators that share a machine need different addresses for these, or none.

            EXAMPLE
              sluice operator
              sluice operator --kubeconfig ~/.kube/config --context staging --namespace team-a
              sluice operator --release-pods       # before Sluice is uninstalled, when no operator runs any more
            """)

    @OptionGroup var connection: ClientOptions

    @Option(name: .shortAndLong, help: "Looks after this namespace only; default: all.")
    var namespace: String?

    @Flag(inversion: .prefixedNo, help: "Takes a lease before it works, so that only one of several operators does.")
    var leaderElection = true

    @Option(
        help:
            "The namespace of the lease and of the webhook's Secret; default: $POD_NAMESPACE, else that of the context."
    )
    var leaseNamespace: String?

    @Option(parsing: .unconditional, help: "Runs that are worked on at the same time.")
    var workers = 16

    @Option(help: ArgumentHelp("Where probes are answered; 0: nowhere.", valueName: "host:port"))
    var healthAddress = ":8081"

    @Option(help: ArgumentHelp("Where Prometheus finds the metrics; 0: nowhere.", valueName: "host:port"))
    var metricsAddress = ":8080"

    @Option(
        help: ArgumentHelp(
            "Where API servers ask whether objects may be stored, over TLS; 0: nowhere.", valueName: "host:port"))
    var webhookAddress = "0"

    @Flag(help: "Lets go of all pods of runs and ends: for uninstalling, when no operator runs any more.")
    var releasePods = false

    @OptionGroup var log: LoggingOptions

    func validate() throws {
        guard workers > 0 else { throw ValidationError("--workers \(workers): expected 1 or more") }
        for (option, text) in [
            ("--health-address", healthAddress), ("--metrics-address", metricsAddress),
            ("--webhook-address", webhookAddress),
        ] {
            do { _ = try ListenAddress.parse(text) } catch { throw ValidationError("\(option): \(error)") }
        }
    }

    func run() async throws {
        let logger = log.logger(default: .info)
        do {
            let configuration = try connection.configuration()
            let client = try APIClient(configuration: configuration)
            if releasePods {
                let count = try await PodRelease.releaseAll(client, namespace: namespace)
                return try Console.print(count == 1 ? "1 pod released" : "\(count) pods released")
            }
            var settings = Operator.Configuration()
            settings.namespace = namespace
            settings.workers = workers
            settings.healthAddress = try ListenAddress.parse(healthAddress)
            settings.metricsAddress = try ListenAddress.parse(metricsAddress)
            settings.webhookAddress = try ListenAddress.parse(webhookAddress)
            let home = leaseNamespace ?? Self.environment("POD_NAMESPACE") ?? configuration.namespace
            settings.webhookNamespace = home
            if leaderElection {
                settings.leaderElection = try LeaderElector.Configuration(
                    lease: ObjectKey(namespace: home, name: "sluice-operator"),
                    identity: Self.identity())
            }
            logger.info(
                "sluice operator", metadata: ["version": "\(Version.text)", "server": "\(configuration.server)"])
            let final = settings
            try await withTerminationSignals {
                async let _ = warnOfMissingNamespace(client, logger)
                try await Operator(client: client, configuration: final, logger: logger).run()
            }
        } catch is CancellationError {
            // Asked to end, and ended.
        } catch {
            Console.error("\(error)")
            throw ExitCode(ExitStatus.notSucceeded)
        }
    }

    /// A namespace by a mistyped name has no runs, and nothing else would tell. One that may not be asked for passes.
    private func warnOfMissingNamespace(_ client: APIClient, _ logger: Logger) async {
        guard let namespace else { return }
        let options = ListOptions(fieldSelector: "metadata.name=\(namespace)")
        guard let found = try? await client.resource(Namespace.self).list(options), found.items.isEmpty else { return }
        logger.warning("the namespace does not exist yet", metadata: ["namespace": "\(namespace)"])
    }

    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Who this operator is on the lease: the pod, and something that no earlier process of that name had.
    private static func identity() -> String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let host =
            environment("POD_NAME")
            ?? String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return "\(host)_\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    }
}
