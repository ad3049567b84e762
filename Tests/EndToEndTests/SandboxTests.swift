import Foundation
import Glibc
import JSON
import Testing

/// What tasks of `sluice run` see and leave of the machine.
@Suite struct SandboxTests {
    /// Runs a pipeline of one task as that user; what it printed and the exit code of `sluice run`.
    private static func run(
        _ script: String, as user: uid_t?, task: String = "", pod: String = "", options: [String] = []
    ) async throws -> (output: String, status: Int32) {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let manifest = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: sandboxed}
            spec:
              podTemplate: {spec: {\(pod)}}
              pipelineSpec:
                tasks:
                - name: t
                  container:
                    image: x
            \(task.isEmpty ? "" : "        \(task)\n")\
                    command: [sh, -c]
                    args:
                    - |
            \(script.split(separator: "\n").map { "          \($0)" }.joined(separator: "\n"))
            """
        let file = directory + "/run.yaml"
        try Data(manifest.utf8).write(to: URL(fileURLWithPath: file))
        var command = [Tools.sluice, "run", file, "--logs"] + options
        if let user {
            for path in [directory, file] { chown(path, user, user) }
            command = ["setpriv", "--reuid", "\(user)", "--regid", "\(user)", "--clear-groups"] + command
        }
        let result = try await Program.run(
            "/usr/bin/env", command, environment: ["HOME": directory], directory: directory)
        let lines = (result.output + result.errors).split(separator: "\n", omittingEmptySubsequences: false)
        return (
            lines.filter { $0.hasPrefix("t | ") }.map { $0.dropFirst(4) + "\n" }.joined(), result.status
        )
    }

    private static let hasNamespaces: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments = ["-Urmpf", "--mount-proc", "true"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    private static let users: [uid_t?] = getuid() == 0 ? [nil, 65_534] : [nil]

    @Test(.enabled(if: hasNamespaces, "this machine gives users no namespaces"), arguments: users)
    func `A task can read the machine's files, and write to none; its processes are its own`(user: uid_t?) async throws
    {
        let result = try await Self.run(
            """
            touch /etc/made /usr/made /var/made 2> /dev/null
            ls /etc/made /usr/made /var/made 2> /dev/null
            set -- /proc/[0-9]*; echo $#
            pwd
            ls -A /tmp
            echo '{"a": 1}' > $SLUICE_RESULTS && echo $SLUICE_RESULTS
            id -u
            """, as: user)
        #expect(result.status == 0)
        #expect(result.output == "2\n/tmp\n/dev/termination-log\n\(user ?? getuid())\n", "\(result.output)")
    }

    @Test(.enabled(if: hasNamespaces, "this machine gives users no namespaces"), arguments: users)
    func `A task runs as whom it says, with its volumes`(user: uid_t?) async throws {
        let result = try await Self.run(
            """
            id -u; id -g
            echo x > /data/x; ls -n /data | tail -1 | cut -d' ' -f3,4
            """, as: user,
            task:
                "securityContext: {runAsUser: 1234, runAsGroup: 5678, runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}\n"
                + "        volumeMounts: [{name: d, mountPath: /data}]",
            pod: "volumes: [{name: d, emptyDir: {}}]")
        #expect(result.output == "1234\n5678\n1234 5678\n", "\(result.output)")
        #expect(result.status == 0)
    }

    @Test func `With --no-sandbox a task may write to what its user may`() async throws {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let result = try await Self.run("echo x > \(directory)/made", as: nil, options: ["--no-sandbox"])
        #expect(result.status == 0)
        #expect(FileManager.default.fileExists(atPath: directory + "/made"))
    }

    @Test(.enabled(if: hasNamespaces, "this machine gives users no namespaces"))
    func `With --writable a task may write there`() async throws {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let result = try await Self.run("echo x > \(directory)/made", as: nil, options: ["--writable", directory])
        #expect(result.status == 0)
        #expect(FileManager.default.fileExists(atPath: directory + "/made"))
        let without = try await Self.run("echo x > \(directory)/other", as: nil)
        #expect(without.status == 1)
        let wrong = try await Program.run(Tools.sluice, ["run", "x.yaml", "--writable", "/sluice/none"])
        #expect(wrong.status != 0 && wrong.errors.contains("--writable: there is no directory /sluice/none"))
    }

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"))
    func `What cannot be had is refused by its reason, long names are run, and the kubeconfig is nobody's business`()
        async throws
    {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let long = String(repeating: "n", count: 252)
            func pod(_ name: String, _ container: String, _ spec: String = "") -> String {
                """
                apiVersion: v1
                kind: Pod
                metadata: {name: \(name)}
                spec:
                  restartPolicy: Never
                  \(spec.isEmpty ? "hostname: a" : spec)
                  containers: [{name: c, image: x, \(container)}]
                """
            }
            let documents = [
                "apiVersion: v1\nkind: Secret\nmetadata: {name: bytes}\ndata: {k: //5B}",
                pod(long, "command: [cat, \(cluster.kubeconfig)]"),
                pod("bytes", "command: [\"true\"], env: [{name: A, valueFrom: {secretKeyRef: {name: bytes, key: k}}}]"),
                pod("nul", #"command: ["true"], env: [{name: A, value: "a\0b"}]"#),
                pod("terminal", "command: [\"true\"], tty: true"),
                pod("root", "command: [\"true\"]", "securityContext: {runAsNonRoot: true, runAsUser: 0}"),
                pod(
                    "modest",
                    "command: [sh, -c, head -c 9000000 /dev/zero > /tmp/x; sleep 1000], resources: {limits: {ephemeral-storage: 8Mi}}"
                ),
                pod("kata", "command: [\"true\"]", "runtimeClassName: kata"),
                pod(
                    "lost", "command: [\"true\"], volumeMounts: [{name: v, mountPath: /v}]",
                    "volumes: [{name: v, hostPath: {path: /none/such, type: Directory}}]"),
            ]
            try await cluster.kubectl("apply", "-f", "-", input: documents.joined(separator: "\n---\n"))
            try await cluster.kubectl(
                "wait", "pod/\(long)", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
            if Self.hasNamespaces { #expect(try await cluster.kubectl("logs", long) == "") }
            for (name, kind, field, text) in [
                ("bytes", "waiting", "CreateContainerError", "invalid UTF-8"),
                ("nul", "terminated", "StartError", "NUL"),
                ("terminal", "waiting", "CreateContainerConfigError", "tty is not honoured by this node"),
                ("root", "waiting", "CreateContainerConfigError", "breaks non-root policy"),
                ("kata", "waiting", "CreateContainerConfigError", "spec.runtimeClassName is not honoured"),
            ] {
                let path = "{.status.containerStatuses[0].state.\(kind)}"
                try await cluster.kubectl("wait", "pod/\(name)", "--for=jsonpath=\(path)", "--timeout=60s")
                // The first state is another one.
                var state = ""
                for _ in 0..<200 where !state.contains(field) {
                    state = try await cluster.kubectl("get", "pod", name, "-o", "jsonpath=\(path)")
                }
                #expect(state.contains(field) && state.contains(text), "\(name): \(state)")
            }
            try await cluster.kubectl("wait", "pod/modest", "--for=jsonpath={.status.reason}=Evicted", "--timeout=60s")
            var events = ""
            for _ in 0..<200 where !events.contains("hostPath type check failed") {
                events = try await cluster.kubectl("get", "events", "--field-selector", "involvedObject.name=lost")
            }
            #expect(events.contains("hostPath type check failed: /none/such is not a directory"), "\(events)")
            try await cluster.kubectl("delete", "pod", "--all", "--timeout=60s")
        }
    }

    @Test(arguments: [SIGHUP, SIGTERM])
    func `A terminal that is closed leaves no directory`(number: Int32) async throws {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let program = try Program(
            Tools.sluice, ["up", "--kubeconfig", "\(directory)/kubeconfig"], environment: ["TMPDIR": directory],
            directory: directory)
        try #require(await program.waitForOutput("Ctrl-C ends it"), "\(program.errors)")
        program.signal(number)
        #expect(await program.waitForEnd() == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["kubeconfig"])
    }
}
