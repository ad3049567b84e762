import ArgumentParser
import Clocks
import KubernetesRuntime
import LocalCluster
import Logging
import SluiceAPI
import SluiceOperator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

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

    @Option(help: "The port on 127.0.0.1; default: any that is free.")
    var port = 0

    @Flag(
        inversion: .prefixedNo, help: "Runs the operator too. Without it, start one with sluice operator --kubeconfig.")
    var `operator` = true

    @OptionGroup var log: LoggingOptions

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must be between 0 and 65535") }
    }

    func run() async throws {
        let logger = log.logger(default: .warning)
        do {
            try await withTerminationSignals { try await serve(logger) }
        } catch is CancellationError {
            Console.note("ended")
        } catch {
            Console.error("\(error)")
            throw ExitCode(ExitStatus.notSucceeded)
        }
    }

    private func serve(_ logger: Logger) async throws {
        var configuration = EmbeddedCluster.Configuration(
            dataDirectory: data, port: port, definitions: CustomResourceDefinitions.all)
        configuration.stopGrace = .seconds(10)
        try await EmbeddedCluster.run(configuration, logger: logger) { cluster in
            try PrivateFile.write(cluster.kubeconfig, to: kubeconfig)
            Console.print(
                """
                The cluster is up at \(cluster.url). Containers run as processes of this machine; images are not pulled.

                  export KUBECONFIG=\(PrivateFile.absolutePath(kubeconfig))
                  kubectl apply -f config/samples/hello.yaml
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

/// Files that only their owner may read, since they hold a token.
enum PrivateFile {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Writes the file whole or not at all.
    static func write(_ text: String, to path: String) throws {
        let temporary = "\(path).\(getpid()).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot write \(temporary)") }
        let bytes = Array(text.utf8)
        let written = bytes.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
        guard close(descriptor) == 0, written == bytes.count, rename(temporary, path) == 0 else {
            let failure = failure("cannot write \(path)")
            unlink(temporary)
            throw failure
        }
    }

    private static func failure(_ what: String) -> Failure {
        Failure(description: "\(what): \(String(cString: strerror(errno)))")
    }

    static func absolutePath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
