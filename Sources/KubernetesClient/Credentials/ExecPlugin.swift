import Clocks
import CurlHTTP
import FoundationEssentials
import JSON
import KubernetesModel

/// A program that prints credentials: `users[].user.exec` of a kubeconfig (client.authentication.k8s.io, v1 and
/// v1beta1).
struct ExecPlugin: Sendable, Hashable {
    /// Whether the program inherits standard input.
    enum InteractiveMode: String, Sendable, Hashable {
        case never = "Never"
        case ifAvailable = "IfAvailable"
        case always = "Always"
    }

    /// The command as given; a path relative to the kubeconfig has been made absolute.
    var command: String
    var arguments: [String] = []
    var environment: [String: String] = [:]
    var apiVersion: String
    var installHint = ""
    var interactiveMode = InteractiveMode.ifAvailable
    /// The description of the cluster for the program, if it asks for one.
    var cluster: JSONValue?

    static let apiVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]

    /// The result of running the program.
    struct Output: Sendable, Hashable {
        var credentials: Credentials
        /// When the credentials expire; nil if they are valid until the server refuses them.
        var expires: Timestamp?
    }

    /// Runs the program. Throws ``CredentialError`` when it fails or prints something else.
    func run(environment inherited: [String: String], hasTerminal: Bool) async throws -> Output {
        guard interactiveMode != .always || hasTerminal else {
            throw CredentialError(
                "the exec plug-in \(command) needs a terminal as standard input (interactiveMode Always)")
        }
        let isInteractive = interactiveMode != .never && hasTerminal
        var variables = inherited.merging(environment) { $1 }
        variables["KUBERNETES_EXEC_INFO"] = request(isInteractive: isInteractive).text
        do {
            let printed = try await ChildProcess.run(
                command, arguments, environment: variables, inheritsInput: isInteractive)
            return try parse(printed)
        } catch let failure as ChildProcess.Failure {
            throw CredentialError(explain(failure))
        }
    }

    /// The ExecCredential object that is passed to the program.
    func request(isInteractive: Bool) -> JSONValue {
        var spec: JSONObject = ["interactive": .bool(isInteractive)]
        if let cluster { spec["cluster"] = cluster }
        return ["apiVersion": .string(apiVersion), "kind": "ExecCredential", "spec": .object(spec)]
    }

    private func explain(_ failure: ChildProcess.Failure) -> String {
        switch failure {
        case .notStarted(let code):
            let hint = installHint.isEmpty ? "" : "\n\(installHint)"
            return "the exec plug-in \(command) could not be started: \(ChildProcess.reason(code))\(hint)"
        case .exit(let code): return "the exec plug-in \(command) ended with exit code \(code)"
        case .signal(let signal): return "the exec plug-in \(command) was ended by signal \(signal)"
        case .unreadable(let code):
            return "what the exec plug-in \(command) printed could not be read: \(ChildProcess.reason(code))"
        }
    }

    /// Reads the ExecCredential object that the program has printed. Throws ``CredentialError`` when it is malformed.
    func parse(_ printed: [UInt8]) throws -> Output {
        func wrong(_ what: String) -> CredentialError {
            CredentialError("the exec plug-in \(command) did not print a valid ExecCredential: \(what)")
        }
        let json: JSONValue
        do {
            json = try JSONValue(parsing: printed)
        } catch {
            throw wrong("it is not JSON: \(error)")
        }
        guard json["kind"]?.string == "ExecCredential" else { throw wrong("kind must be ExecCredential") }
        guard json["apiVersion"]?.string == apiVersion else {
            throw wrong(
                "apiVersion is \(json["apiVersion"]?.string ?? "missing"), the kubeconfig asks for \(apiVersion)")
        }
        guard let status = json["status"], status.object != nil else { throw wrong("status is missing") }
        func text(_ field: String) throws -> String? {
            guard let value = status[field], !value.isNull else { return nil }
            guard let text = value.string else { throw wrong("status.\(field) must be a string") }
            return text.isEmpty ? nil : text
        }
        var output = Output(credentials: Credentials())
        if let token = try text("token") { output.credentials.authorization = "Bearer \(token)" }
        switch (try text("clientCertificateData"), try text("clientKeyData")) {
        case (let certificate?, let key?):
            output.credentials.identity = .init(certificate: Array(certificate.utf8), key: Array(key.utf8))
        case (nil, nil):
            guard output.credentials.authorization != nil else {
                throw wrong("status has neither token nor clientCertificateData and clientKeyData")
            }
        default: throw wrong("status.clientCertificateData and status.clientKeyData must be given together")
        }
        if let expiration = try text("expirationTimestamp") {
            guard let time = Timestamp(rfc3339: expiration) else {
                throw wrong("status.expirationTimestamp is not a valid RFC 3339 time: \(expiration)")
            }
            output.expires = time
        }
        return output
    }
}

/// Credentials from an exec plug-in. They are kept until they expire or are refused; concurrent requests share one run,
/// and the program is killed when all of them have been cancelled.
actor ExecCredentials: CredentialSource {
    private let plugin: ExecPlugin
    private let clock: any RuntimeClock
    private let environment: [String: String]
    private var last: ExecPlugin.Output?
    private var running: Task<Void, Never>?
    private var waiters: [Int: CheckedContinuation<Credentials, any Error>] = [:]
    private var lastWaiter = 0

    init(_ plugin: ExecPlugin, environment: [String: String], clock: any RuntimeClock) {
        self.plugin = plugin
        self.environment = environment
        self.clock = clock
    }

    func credentials() async throws -> Credentials {
        if let last, last.expires.map({ clock.now < $0 }) ?? true { return last.credentials }
        lastWaiter += 1
        let id = lastWaiter
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // A handler that ran before this had nothing to resume.
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                waiters[id] = continuation
                if running == nil { start() }
            }
        } onCancel: {
            Task { await self.giveUp(id) }
        }
    }

    private func start() {
        running = Task { [plugin, environment] in
            let result: Result<ExecPlugin.Output, any Error>
            do {
                result = .success(
                    try await plugin.run(environment: environment, hasTerminal: ChildProcess.hasTerminal))
            } catch {
                result = .failure(error)
            }
            // One that nobody waited for any more has been replaced, or will be.
            if !Task.isCancelled { finish(result) }
        }
    }

    private func finish(_ result: Result<ExecPlugin.Output, any Error>) {
        running = nil
        if case .success(let output) = result { last = output }
        let waiting = waiters.sorted { $0.key < $1.key }.map(\.value)
        waiters = [:]
        for waiter in waiting { waiter.resume(with: result.map(\.credentials)) }
    }

    private func giveUp(_ id: Int) {
        guard let waiter = waiters.removeValue(forKey: id) else { return }
        waiter.resume(throwing: CancellationError())
        guard waiters.isEmpty else { return }
        running?.cancel()
        running = nil
    }

    func refresh(after refused: Credentials) async -> Bool {
        if last?.credentials == refused { last = nil }
        return true
    }
}
