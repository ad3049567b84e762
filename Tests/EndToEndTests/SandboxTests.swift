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
            ls -d /proc/[0-9]* | wc -l
            pwd
            ls -A /tmp
            echo '{"a": 1}' > $SLUICE_RESULTS && echo $SLUICE_RESULTS
            id -u
            """, as: user)
        #expect(result.status == 0)
        #expect(result.output == "4\n/tmp\n/dev/termination-log\n\(user ?? getuid())\n", "\(result.output)")
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
}
