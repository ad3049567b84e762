import CurlHTTP
import Foundation
import JSON
import KubernetesModel
import Testing

@testable import KubernetesClient

@Suite(.timeLimit(.minutes(1)))
struct ExecPluginTests {
    private let directory: TemporaryDirectory
    private let now = Locked(Timestamp(seconds: 1000))

    init() throws { directory = try TemporaryDirectory() }

    private func configuration(_ script: String, exec: String = "", version: String = "v1") throws
        -> ClientConfiguration
    {
        try directory.write("bin/plugin", "#!/bin/sh\necho run >> \(directory.path)/runs\n" + script, isProgram: true)
        let file = try directory.write(
            "config",
            """
            current-context: c
            clusters:
            - name: k
              cluster:
                server: https://k:6443
                extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: us}}]
            users:
            - name: u
              user:
                exec: {apiVersion: client.authentication.k8s.io/\(version), interactiveMode: Never, command: ./bin/plugin\(exec)}
            contexts: [{name: c, context: {cluster: k, user: u}}]
            """)
        return try ClientConfiguration.load(
            kubeconfig: file,
            environment: ClientEnvironment(
                variables: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "KEPT": "kept"],
                clock: NotingClock(time: now)))
    }

    private var runs: Int {
        ((try? String(contentsOfFile: directory.path + "/runs", encoding: .utf8)) ?? "").split(separator: "\n").count
    }

    private static func credential(_ status: String, version: String = "v1") -> String {
        "cat <<EOF\n"
            + #"{"apiVersion":"client.authentication.k8s.io/\#(version)","kind":"ExecCredential","status":\#(status)}"#
            + "\nEOF\n"
    }

    @Test(arguments: ["v1", "v1beta1"])
    func `A plug-in gets arguments, environment and cluster, and its token is used`(version: String) async throws {
        let script =
            "printf '%s' \"$KUBERNETES_EXEC_INFO\" > \(directory.path)/info\n"
            + Self.credential(#"{"token":"$1-$2-$GIVEN-$KEPT"}"#, version: version)
        let configuration = try configuration(
            script, exec: ", args: [a, b c], env: [{name: GIVEN, value: g}], provideClusterInfo: true", version: version
        )
        let credentials = try await configuration.credentials.credentials()
        #expect(credentials.authorization == "Bearer a-b c-g-kept")
        let info = try JSONValue(parsing: String(contentsOfFile: directory.path + "/info", encoding: .utf8))
        #expect(
            info["kind"] == "ExecCredential"
                && info["apiVersion"] == "client.authentication.k8s.io/\(JSONValue.string(version).rendered)")
        #expect(info[path: "spec", "interactive"] == false)
        #expect(info[path: "spec", "cluster", "server"] == "https://k:6443")
        #expect(info[path: "spec", "cluster", "config", "audience"] == "us")
    }

    @Test func `What a plug-in gave is kept until it expires, and dropped when it is refused`() async throws {
        let configuration = try configuration(
            Self.credential(
                #"{"token":"t$(wc -l < \#(directory.path)/runs | tr -d ' ')","expirationTimestamp":"1970-01-01T00:30:00Z"}"#
            ))
        let source = configuration.credentials
        // Concurrent requests run the program once.
        let tokens = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<20 { group.addTask { try await source.credentials().authorization } }
            return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(tokens == ["Bearer t1"] && runs == 1)
        now.change { $0 = Timestamp(seconds: 1799) }
        #expect(try await source.credentials().authorization == "Bearer t1")
        now.change { $0 = Timestamp(seconds: 1800) }
        #expect(try await source.credentials().authorization == "Bearer t2")
        now.change { $0 = Timestamp(seconds: 1000) }
        #expect(await source.refresh(after: .bearer("t1")))
        #expect(try await source.credentials().authorization == "Bearer t2")
        #expect(await source.refresh(after: .bearer("t2")))
        #expect(try await source.credentials().authorization == "Bearer t3")
        #expect(runs == 3)
    }

    @Test func `A plug-in may give a client certificate`() async throws {
        let configuration = try configuration(
            Self.credential(#"{"clientCertificateData":"cert","clientKeyData":"key"}"#))
        let credentials = try await configuration.credentials.credentials()
        #expect(credentials.authorization == nil)
        #expect(credentials.identity == .init(certificate: Array("cert".utf8), key: Array("key".utf8)))
    }

    @Test(arguments: [
        ("exit 3", "ended with exit code 3"), ("kill -9 $$", "was ended by signal 9"), ("echo no", "it is not JSON"),
        ("echo '{}'", "kind must be ExecCredential"), (credential("{}", version: "v1beta1"), "the kubeconfig asks for"),
        (credential("null"), "status is missing"), (credential("{}"), "status has neither token nor"),
        (credential(#"{"token":5}"#), "status.token must be a string"),
        (credential(#"{"clientKeyData":"k"}"#), "must be given together"),
        (credential(#"{"token":"t","expirationTimestamp":"soon"}"#), "is not a valid RFC 3339 time: soon"),
        ("head -c 2000000 /dev/zero", "could not be read: File too large"),
    ])
    func `A plug-in that fails is named with what it did`(script: String, says: String) async throws {
        let server = try ScriptedServer(.init(200))
        var configuration = try configuration(script)
        configuration.server = server.url
        let client = try APIClient(configuration: configuration)
        await #expect { _ = try await client.request("GET", "/") } throws: { error in
            let text = "\(error)"
            return (error as? KubernetesClientError)?.code == .credentials && text.contains(says)
                && text.contains("/bin/plugin")
        }
        #expect(server.requests.isEmpty)
    }

    /// Reads a pipe until something comes or all writers are gone; nil at the end.
    private static func read(_ file: FileHandle) async -> String? {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let data = file.availableData
                continuation.resume(returning: data.isEmpty ? nil : String(decoding: data, as: UTF8.self))
            }
        }
    }

    @Test func `A request that waits for a plug-in can be cancelled, and the last one ends the program`() async throws {
        let pipe = directory.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        let configuration = try configuration(
            "if [ -e \(directory.path)/works ]; then\n" + Self.credential(#"{"token":"t"}"#)
                + "exit; fi\nexec 9> \(pipe)\necho started >&9\nsleep 1000\n")
        let source = configuration.credentials
        let first = Task { try await source.credentials() }
        let output: FileHandle = await withCheckedContinuation { continuation in
            // Opening waits for the program.
            Thread.detachNewThread { continuation.resume(returning: FileHandle(forReadingAtPath: pipe) ?? .nullDevice) }
        }
        #expect(await Self.read(output) == "started\n")
        let second = Task { try await source.credentials() }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        // The shell and its child held the pipe open.
        #expect(await Self.read(output) == nil)
        try directory.write("works", "")
        #expect(try await source.credentials().authorization == "Bearer t")
        #expect(runs == 2)
    }

    @Test func `A plug-in that is not there is missed with its install hint`() async throws {
        let plugin = ExecPlugin(
            command: "no-such-program-here", apiVersion: ExecPlugin.apiVersions[0], installHint: "Get it from X.")
        await #expect { _ = try await plugin.run(environment: [:], hasTerminal: false) } throws: {
            "\($0)"
                == "the exec plug-in no-such-program-here could not be started: No such file or directory\nGet it from X."
        }
        let interactive = ExecPlugin(
            command: "sh", apiVersion: ExecPlugin.apiVersions[0], interactiveMode: .always)
        await #expect { _ = try await interactive.run(environment: [:], hasTerminal: false) } throws: {
            "\($0)".contains("needs a terminal")
        }
    }
}
