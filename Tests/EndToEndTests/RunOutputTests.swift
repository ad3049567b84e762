import Foundation
import Testing

/// What `sluice run` shows and keeps of the output of tasks.
@Suite(.serialized) struct RunOutputTests {
    static func manifest(_ tasks: String, extra: String = "") -> String {
        """
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata: {name: shown}
        spec:
          pipelineSpec:
        \(extra)    tasks:
        \(tasks)
        """
    }

    /// One item of three fails at both of its attempts.
    private static let flaky = manifest(
        #"""
              - name: train
                forEach: {items: [0, 1, 2]}
                retry: {limit: 1}
                container:
                  image: busybox:1
                  command: [sh, -c, 'printf "\033[31mitem $(item)\033[0m\n"; seq -f "line %g" 30 >&2; test $(item) != 1']
        """#)

    private func files(_ directory: String) throws -> [String: String] {
        var files: [String: String] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            files[name] = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
        }
        return files
    }

    @Test
    func `U1: of each failed task the last 20 lines are shown, and all attempts are kept in a folder that is named`()
        async throws
    {
        let directory = try Tools.temporaryDirectory()
        let result = try await Program.run(Tools.sluice, ["run", "-"], directory: directory, input: Self.flaky)
        #expect(result.status == 1, "\(result.errors)")
        let end = ["train[1] attempt 1 failed; the end of its output:"] + (11...30).map { "  line \($0)" }
        #expect(result.output.contains(end.joined(separator: "\n") + "\nFailed"), "\(result.output)")
        let named = try #require(result.output.split(separator: "\n").last { $0.hasPrefix("logs: ") })
        let folder = String(named.dropFirst("logs: ".count))
        #expect(folder.hasPrefix("sluice-logs/shown-"))
        let files = try files("\(directory)/\(folder)")
        #expect(
            files.keys.sorted() == ["train.0.log", "train.1.attempt-1.log", "train.1.log", "train.2.log"])
        // The file has every byte; the terminal gets no escape sequence.
        #expect(files["train.1.log"]?.hasPrefix("\u{1B}[31mitem 1\u{1B}[0m\nline 1\n") == true)
        #expect(!result.output.contains("\u{1B}"))
    }

    @Test func `U1: --logs shows every line with its task, and --log-dir keeps them there`() async throws {
        let directory = try Tools.temporaryDirectory()
        let result = try await Program.run(
            Tools.sluice, ["run", "-", "--logs", "--log-dir", "kept/here"], directory: directory, input: Self.flaky)
        #expect(result.status == 1, "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        for item in 0..<3 { #expect(lines.contains("train[\(item)] | item \(item)")) }
        #expect(lines.contains("train[1] attempt 1 | line 30"))
        #expect(lines.count { $0.hasSuffix("| line 30") } == 4)
        #expect(!result.output.contains("the end of its output") && !result.output.contains("\u{1B}"))
        #expect(result.output.contains("logs: kept/here\n"))
        #expect(try files("\(directory)/kept/here").count == 4)
    }

    @Test
    func `U1: nothing is written when no task had output, and a folder that cannot be made is the user's mistake`()
        async throws
    {
        let directory = try Tools.temporaryDirectory()
        let silent = Self.manifest("      - {name: a, container: {image: x, command: ['true']}}")
        let result = try await Program.run(Tools.sluice, ["run", "-"], directory: directory, input: silent)
        #expect(result.status == 0)
        #expect(!result.output.contains("logs:"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
        let refused = try await Program.run(
            Tools.sluice, ["run", "-", "--log-dir", "/proc/none"], directory: directory, input: silent)
        #expect(refused.status == 2)
        #expect(refused.errors == "error: --log-dir: cannot make the folder /proc/none: No such file or directory\n")
    }
}
