public import ArgumentParser
import KubernetesClient
public import Logging

/// Flags that say which API server and how much to say about it; named as kubectl's.
struct ClientOptions: ParsableArguments {
    @Option(help: "The kubeconfig file; else $KUBECONFIG, ~/.kube/config, or the service account when in a cluster.")
    var kubeconfig: String?

    @Option(help: "The context of the kubeconfig.")
    var context: String?

    /// What they come to; throws `ConfigurationError`.
    func configuration() throws -> ClientConfiguration {
        var configuration = try ClientConfiguration.load(kubeconfig: kubeconfig, context: context)
        configuration.userAgent = "sluice/\(Version.text)"
        return configuration
    }
}

/// Flags about the log.
struct LoggingOptions: ParsableArguments {
    @Option(
        name: .customLong("log-level"),
        help: "Least level of the log on stderr: trace, debug, info, notice, warning, error.")
    var level: Logger.Level?

    /// A logger to stderr, at that level where the user gave none.
    func logger(default level: Logger.Level) -> Logger {
        var logger = Logger(label: "sluice") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = self.level ?? level
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
