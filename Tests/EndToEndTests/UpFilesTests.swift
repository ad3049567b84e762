import Foundation
import JSON
import Testing

/// What `sluice up` writes, and what it does not overwrite.
@Suite struct UpFilesTests {
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(directory)
    }

    /// Starts it and waits until it is up.
    private func up(_ directory: String, _ arguments: String...) async throws -> Program {
        let program = try Program(Tools.sluice, ["up", "--no-operator"] + arguments, directory: directory)
        try #require(await program.waitForOutput("Ctrl-C ends it"), "\(program.errors)")
        return program
    }

    private func end(_ program: Program) async {
        program.signal(SIGINT)
        _ = await program.waitForEnd()
    }

    private func rights(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test func `N14: A kubeconfig that sluice has not written stays as it is, and why is said in one sentence`()
        async throws
    {
        try await withDirectory { directory in
            let path = "\(directory)/config"
            let mine = """
                apiVersion: v1
                kind: Config
                clusters: [{name: work, cluster: {server: "https://10.0.0.1:6443"}}]
                users: [{name: me, user: {token: secret}}]
                """
            try Data(mine.utf8).write(to: URL(fileURLWithPath: path))
            let result = try await Program.run(Tools.sluice, ["up", "--kubeconfig", path])
            #expect(result.status == 1)
            #expect(
                result.errors
                    == "error: \(path) holds a kubeconfig or something else that Sluice has not written, and is not "
                    + "replaced: give another file with --kubeconfig\n")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == mine)
        }
    }

    @Test func `N14: What is planted where the kubeconfig goes gets no token`() async throws {
        try await withDirectory { directory in
            for name in ["pipe", "folder"] {
                let path = "\(directory)/\(name)"
                if name == "pipe" {
                    #expect(mkfifo(path, 0o600) == 0)
                } else {
                    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
                }
                let result = try await Program.run(Tools.sluice, ["up", "--kubeconfig", path])
                #expect(result.status == 1)
                #expect(result.errors == "error: \(path) is no file: expected the path of a regular file\n")
            }
            let program = try await up(directory, "--kubeconfig", "\(directory)/good")
            #expect(try rights("\(directory)/good") == 0o600)
            let left = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".tmp") }
            #expect(left.isEmpty)
            await end(program)
        }
    }

    @Test
    func `N25: A second sluice up does not take the kubeconfig of one that runs, and may take that of a killed one`()
        async throws
    {
        try await withDirectory { directory in
            let path = "\(directory)/kubeconfig"
            let first = try await up(directory, "--kubeconfig", path)
            let written = try String(contentsOfFile: path, encoding: .utf8)
            let second = try await Program.run(Tools.sluice, ["up", "--no-operator", "--kubeconfig", path])
            #expect(second.status == 1)
            #expect(
                second.errors
                    == "error: \(path) is the kubeconfig of another sluice up, which still runs: stop that one, or give "
                    + "another file with --kubeconfig\n")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == written)
            first.signal(SIGKILL)
            _ = await first.waitForEnd()
            let third = try await up(directory, "--kubeconfig", path)
            #expect(try String(contentsOfFile: path, encoding: .utf8) != written)
            await end(third)
        }
    }

    @Test func `N15: The data directory is closed to others, also one that was open`() async throws {
        try await withDirectory { directory in
            let data = "\(directory)/data"
            try await end(up(directory, "--kubeconfig", "\(directory)/a", "--data", data))
            #expect(try rights(data) == 0o700)
            #expect(chmod(data, 0o755) == 0)
            for name in ["objects.sqlite", "access.json"] {
                #expect(try rights("\(data)/\(name)") == 0o600)
                #expect(chmod("\(data)/\(name)", 0o644) == 0)
            }
            let program = try await up(directory, "--kubeconfig", "\(directory)/a", "--data", data)
            #expect(try rights(data) == 0o700)
            for name in ["objects.sqlite", "objects.sqlite-wal", "access.json"] {
                #expect(try rights("\(data)/\(name)") == 0o600)
            }
            await end(program)
        }
    }

    @Test func `N15: A directory that holds something else is refused, and its rights stay`() async throws {
        try await withDirectory { directory in
            let data = "\(directory)/home"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
            try Data().write(to: URL(fileURLWithPath: "\(data)/letter"))
            #expect(chmod(data, 0o755) == 0)
            let result = try await Program.run(
                Tools.sluice, ["up", "--kubeconfig", "\(directory)/a", "--data", data])
            #expect(result.status == 1)
            #expect(
                result.errors
                    == "error: the directory \(data) holds other files: expected an empty or a new one, or that of an "
                    + "earlier sluice up --data\n")
            #expect(try rights(data) == 0o755)
        }
    }

    @Test func `N16: With --data a kubeconfig is good after a restart, and so is the certificate in the cluster`()
        async throws
    {
        try await withDirectory { directory in
            let kubectl = try #require(Tools.kubectl)
            let old = "\(directory)/old"
            let data = "\(directory)/data"
            try await end(up(directory, "--kubeconfig", old, "--data", data))
            let program = try await up(directory, "--kubeconfig", "\(directory)/new", "--data", data)
            let result = try await Program.run(
                kubectl, ["get", "cm", "kube-root-ca.crt", "-n", "default", "-o", "jsonpath={.data.ca\\.crt}"],
                environment: ["KUBECONFIG": old, "HOME": directory])
            #expect(result.status == 0, "\(result.errors)")
            let access = try JSONValue(parsing: String(contentsOfFile: "\(data)/access.json", encoding: .utf8))
            #expect(result.output == access["certificate"]?.string)
            #expect(
                try String(contentsOfFile: old, encoding: .utf8)
                    == String(contentsOfFile: "\(directory)/new", encoding: .utf8))
            await end(program)
        }
    }

    @Test(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL"), arguments: [SIGINT, SIGTERM])
    func `sluice up ends without a warning about itself`(signal: Int32) async throws {
        try await withDirectory { directory in
            let program = try Program(Tools.sluice, ["up", "--kubeconfig", "\(directory)/k"], directory: directory)
            try #require(await program.waitForOutput("Ctrl-C ends it"), "\(program.errors)")
            // All watches of the operator are open once it has looked after a run.
            let kubectl = try #require(Tools.kubectl)
            let run = """
                apiVersion: sluice.dev/v1alpha1
                kind: PipelineRun
                metadata: {name: r}
                spec: {pipelineSpec: {tasks: [{name: a, container: {image: x, command: ['true']}}]}}
                """
            for arguments in [["apply", "-f", "-"], ["wait", "prun/r", "--for=condition=Finished", "--timeout=60s"]] {
                let result = try await Program.run(
                    kubectl, arguments, environment: ["KUBECONFIG": "\(directory)/k", "HOME": directory], input: run)
                #expect(result.status == 0, "\(result.errors)")
            }
            program.signal(signal)
            #expect(await program.waitForEnd() == 0)
            #expect(program.errors == "ended\n")
            // What it suggests is not in a repository that people may not have.
            #expect(program.output.contains("kubectl apply -f") && !program.output.contains("config/"))
        }
    }
}
