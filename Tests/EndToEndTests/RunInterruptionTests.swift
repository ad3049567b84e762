import Foundation
import Testing

/// Ctrl-C on `sluice run`.
@Suite(.serialized) struct RunInterruptionTests {
    /// A task that goes on for ever, and says so, and one of finally.
    private static let endless = """
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata: {name: endless}
        spec:
          pipelineSpec:
            tasks:
              - {name: work, container: {image: x, command: [sh, -c, 'echo begun; exec sleep 1000']}}
            finally:
              - {name: tidy, container: {image: x, command: [sh, -c, 'echo tidied; exec sleep $(params.last)']}}
            parameters: [{name: last, default: LAST}]
        """

    private func start(last: String) async throws -> Program {
        let program = try Program(
            Tools.sluice, ["run", "-", "--logs"], directory: try Tools.temporaryDirectory(),
            input: Self.endless.replacingOccurrences(of: "LAST", with: "\"\(last)\""))
        #expect(await program.waitForOutput("work | begun"), "\(program.output)\(program.errors)")
        return program
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `U2: the first signal cancels the run: finally runs, a summary is printed, the exit code is 130`(signal: Int32)
        async throws
    {
        let program = try await start(last: "0")
        program.signal(signal)
        #expect(await program.waitForEnd() == 130)
        #expect(program.errors == "cancelling, once more to stop at once\n")
        #expect(program.output.contains("tidy | tidied"))
        #expect(program.output.contains("work  Cancelled"), "\(program.output)")
        #expect(program.output.contains("Cancelled  2/2 tasks"), "\(program.output)")
        #expect(program.output.contains("logs: sluice-logs/endless-"))
    }

    @Test func `U2: the second signal stops at once, with exit code 130, and leaves no process`() async throws {
        let last = String(Int.random(in: 100_000...999_999))
        let program = try await start(last: last)
        program.signal(SIGINT)
        #expect(await program.waitForOutput("tidy | tidied"), "\(program.output)\(program.errors)")
        program.signal(SIGINT)
        #expect(await program.waitForEnd() == 130)
        #expect(program.errors.hasSuffix("stopped: the run and its processes were ended\n"), "\(program.errors)")
        #expect(program.output.contains("logs: sluice-logs/endless-"))
        let left = try await Program.run("/bin/sh", ["-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"])
        #expect(!left.output.contains("sleep \(last)"))
    }
}
