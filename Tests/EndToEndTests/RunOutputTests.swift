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

    @Test func `U1: the logs of init containers and sidecars are kept and shown too, by their names`() async throws {
        let directory = try Tools.temporaryDirectory()
        // The sidecar ends once; the task goes on when it has come back.
        let proxy =
            "test -e \(directory)/once && { echo second; : > \(directory)/go; exec sleep 1000; }; : > \(directory)/once; echo first; exit 1"
        let manifest = Self.manifest(
            """
                  - name: train
                    container: {image: x, command: [sh, -c, 'until test -e \(directory)/go; do sleep 0.02; done; echo trained']}
                    podTemplate:
                      spec:
                        initContainers: [{name: fetch, image: x, command: [sh, -c, 'echo fetched']}]
                        containers: [{name: proxy, image: x, command: [sh, -c, '\(proxy)']}]
                  - {name: plain, container: {image: x, command: [sh, -c, 'echo plain']}}
            """)
        let result = try await Program.run(
            Tools.sluice, ["run", "-", "--logs", "--log-dir", "kept", "--writable", directory], directory: directory,
            input: manifest)
        #expect(result.status == 0, "\(result.errors)")
        let shown = result.output.split(separator: "\n").filter { $0.contains(" | ") }.sorted()
        #expect(
            shown == [
                "plain | plain", "train (fetch) | fetched", "train (main) | trained",
                "train (proxy) restart 1 | second",
                "train (proxy) | first",
            ])
        #expect(
            try files("\(directory)/kept") == [
                "plain.log": "plain\n", "train.log": "trained\n", "train.container-fetch.log": "fetched\n",
                "train.container-proxy.log": "first\n", "train.container-proxy.restart-1.log": "second\n",
            ])
    }

    @Test
    func
        `U1: the screen of a failure's end: the lines of the container that failed, why, how long, where the logs are`()
        async throws
    {
        let manifest = Self.manifest(
            """
                  - name: train
                    container: {image: x, command: [sh, -c, 'echo never']}
                    podTemplate:
                      spec:
                        initContainers: [{name: fetch, image: x, command: [sh, -c, 'seq -f "line %g" 30; exit 3']}]
                        containers: [{name: proxy, image: x, command: [sh, -c, 'echo proxy; exec sleep 1000']}]
            """)
        let result = try await Program.run(
            Tools.sluice, ["run", "-"], directory: try Tools.temporaryDirectory(), input: manifest)
        #expect(result.status == 1)
        #expect(result.errors.isEmpty, "\(result.errors)")
        let screen = result.output.replacing(/\d+\.\ds/, with: "0.0s").replacing(
            /shown-\d{8}-\d{6}(-\d+)?/, with: "shown-TIME")
        #expect(
            screen == """
                running shown; images are not pulled: the programs of this machine are used
                0.0s  train  Failed, after 0.0s (Error: init container fetch: exit code 3)
                train (fetch) failed; the end of its output:
                  line 11
                  line 12
                  line 13
                  line 14
                  line 15
                  line 16
                  line 17
                  line 18
                  line 19
                  line 20
                  line 21
                  line 22
                  line 23
                  line 24
                  line 25
                  line 26
                  line 27
                  line 28
                  line 29
                  line 30
                Failed  1/1 task  0.0s
                Error: task train failed: init container fetch: exit code 3
                logs: sluice-logs/shown-TIME

                """)
    }

    @Test func `U9: what tasks wrote that ran out of time, or whose gang failed, is shown and kept`() async throws {
        let directory = try Tools.temporaryDirectory()
        let go = "\(directory)/go"
        let manifest = Self.manifest(
            """
                  - {name: slow, timeout: 8s, container: {image: x, command: [sh, -c, 'echo begun; exec sleep 1000']}}
                  - name: gang
                    replicas: 2
                    container:
                      image: x
                      command: [sh, -c, 'test $(replica.index) = 0 && { echo waits; : > \(go); exec sleep 1000; }; until test -e \(go); do sleep 0.02; done; echo breaks; exit 1']
            """
        ).replacing("spec:\n  pipelineSpec:", with: "spec:\n  failurePolicy: Continue\n  pipelineSpec:")
        let result = try await Program.run(
            Tools.sluice, ["run", "-", "--log-dir", "kept", "--writable", directory], directory: directory,
            input: manifest)
        #expect(result.status == 1)
        #expect(result.output.contains("slow failed; the end of its output:\n  begun\n"), "\(result.output)")
        #expect(result.output.contains("failed; the end of its output:\n  breaks\n"), "\(result.output)")
        #expect(try files("\(directory)/kept").values.sorted() == ["begun\n", "breaks\n", "waits\n"])
    }
}
