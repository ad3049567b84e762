import Foundation
import Testing

/// What every command says of mistakes on its line, and of output that nobody could write.
@Suite struct CommandLineTests {
    private func sluice(_ arguments: String...) async throws -> (status: Int32, output: String, errors: String) {
        try await Program.run(Tools.sluice, arguments)
    }

    @Test(arguments: [
        (["lnit", "x"], "sluice has no command lnit; did you mean sluice lint?"),
        (["schedule", "nxt"], "sluice schedule has no command nxt; did you mean sluice schedule next?"),
        (
            ["frobnicate"],
            "sluice has no command frobnicate; expected run, simulate, up, operator, queue, schedule, lint, crds"
        ),
        (["operator", "--workers", "-1"], "--workers -1: expected 1 or more"),
        (["operator", "--workers", "0"], "--workers 0: expected 1 or more"),
        (["up", "--port", "-1"], "--port -1: expected 0 to 65535"),
        (["lint"], "Missing expected argument '<files> ...'"),
    ])
    func `A mistake on the command line is told like every other error`(arguments: [String], message: String)
        async throws
    {
        let result = try await Program.run(Tools.sluice, arguments)
        #expect(result.status == 64)
        #expect(result.errors.hasPrefix("error: \(message)\n"), "\(result.errors)")
        #expect(result.output.isEmpty)
    }

    @Test func `Numbers below what is counted are told as any other mistake`() async throws {
        let result = try await sluice("schedule", "next", "@daily", "--count", "-1")
        #expect(result.status == 2)
        #expect(result.errors == "error: --count -1: expected 1 to 1000\n")
    }

    @Test(arguments: [["--help"], ["help", "lint"], ["schedule", "--help"], ["--version"]])
    func `What is no command is not taken for one`(arguments: [String]) async throws {
        let result = try await Program.run(Tools.sluice, arguments)
        #expect(result.status == 0, "\(result.errors)")
        #expect(!result.output.isEmpty && result.errors.isEmpty)
    }

    private static let run = """
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata: {name: full}
        spec: {pipelineSpec: {tasks: [{name: a, needs: [], container: {image: x, command: ['true']}}]}}
        """

    @Test(arguments: [
        ["crds"], ["schedule", "next", "@daily"], ["schedule", "next", "@daily", "-o", "json"], ["simulate", "-"],
        ["simulate", "-", "-o", "yaml"], ["run", "-", "-o", "json"],
    ])
    func `Output that cannot be written is an error`(arguments: [String]) async throws {
        let result = try await Program.run(
            "/bin/sh", ["-c", "\"$@\" > /dev/full", "sh", Tools.sluice] + arguments,
            directory: try Tools.temporaryDirectory(), input: Self.run.replacing("needs: [], ", with: ""))
        #expect(result.status == 1)
        let message = "error: cannot write to standard output: No space left on device\n"
        #expect(result.errors.hasSuffix(message), "\(result.errors)")
    }

    @Test func `What lint finds and cannot write is an error, and a reader that has gone away is none`() async throws {
        let full = try await Program.run(
            "/bin/sh", ["-c", "\"$0\" lint - > /dev/full", Tools.sluice], input: Self.run)
        #expect(full.status == 1)
        #expect(full.errors == "error: cannot write to standard output: No space left on device\n")
        let gone = try await Program.run(
            "/bin/bash", ["-c", "\"$0\" crds | head -n 1; echo ${PIPESTATUS[0]}", Tools.sluice])
        #expect(gone.errors.isEmpty, "\(gone.errors)")
    }

    @Test func `The screen of lint: a line a mistake, with the line of the file and a caret`() async throws {
        let result = try await Program.run(Tools.sluice, ["lint", "-"], input: Self.run)
        #expect(result.status == 2)
        #expect(
            result.output == """
                -:4:41: spec.pipelineSpec.tasks[0].needs: unknown field (write dependsOn: [task, ...])
                  4 | spec: {pipelineSpec: {tasks: [{name: a, needs: [], container: {image: x, command: ['true']}}]}}
                    |                                         ^

                """)
    }
}
