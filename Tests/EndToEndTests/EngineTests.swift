import Foundation
import JSON
import Testing

/// What a graph can say, with real processes on the embedded cluster; each once in peace, and once under an operator that is killed
/// by SIGKILL again and again.
@Suite(.serialized, .enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL")) struct EngineTests {
    /// Applies a run named `r` and waits for its end.
    private static func finish(
        _ cluster: LocalUp, _ spec: String, meanwhile: () async throws -> Void = {}
    ) async throws -> JSONValue {
        try await cluster.kubectl(
            "apply", "-f", "-",
            input: """
                apiVersion: sluice.dev/v1alpha1
                kind: PipelineRun
                metadata: {name: r}
                spec:
                \(spec.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }.joined(separator: "\n"))
                """)
        try await meanwhile()
        try await cluster.kubectl("wait", "prun/r", "--for=condition=Finished", "--timeout=120s")
        return try JSONValue(parsing: try await cluster.kubectl("get", "prun", "r", "-o", "json"))
    }

    private static func row(_ run: JSONValue, _ name: String) -> JSONValue {
        run["status"]?["tasks"]?.array?.first { $0["name"]?.string == name } ?? .null
    }

    private static func states(_ run: JSONValue, _ names: String...) -> [String] {
        names.map { name in
            let row = row(run, name)
            return [row["phase"], row["reason"]].compactMap { $0?.string }.joined(separator: "/")
        }
    }

    @Test(arguments: [false, true])
    func `E7: a task that succeeds on the third attempt, and one that is killed on its first`(kills: Bool) async throws
    {
        try await LocalUp.withOperator(kills: kills) { cluster in
            let run = try await Self.finish(
                cluster,
                """
                pipelineSpec:
                  tasks:
                    - name: third
                      retry: {limit: 2, backoff: {initial: 200ms}}
                      container: {image: x, command: [sh, -c, "sleep 0.2; test $(task.attempt) = 2"]}
                    - name: killed
                      retry: {limit: 1}
                      container: {image: x, command: [sh, -c, "test $(task.attempt) = 1 || kill -9 $$"]}
                """)
            #expect(run["status"]?["phase"] == "Succeeded", "\(run["status"]?.text ?? "")")
            #expect(Self.row(run, "third")["attempt"] == 2)
            #expect(Self.row(run, "killed")["attempt"] == 1)
        }
    }

    @Test(arguments: [false, true])
    func `E13: a task that takes too long is stopped, and its log can be read`(kills: Bool) async throws {
        try await LocalUp.withOperator(kills: kills) { cluster in
            let mark = "sleep 86\(Int.random(in: 100_000...999_999))"
            let run = try await Self.finish(
                cluster,
                """
                pipelineSpec:
                  tasks:
                    - {name: slow, timeout: 3s, container: {image: x, command: [sh, -c, "echo as far as here; \(mark)"]}}
                  finally:
                    - {name: bye, when: "run.phase == 'Failed'", container: {image: x, command: ["true"]}}
                """)
            #expect(Self.states(run, "slow", "bye") == ["Failed/Timeout", "Succeeded"])
            #expect(run["status"]?["reason"] == "Timeout")
            let log = try await cluster.kubectl("logs", "-l", "sluice.dev/task=slow")
            #expect(log.contains("as far as here"))
            #expect(try await Program.run("/usr/bin/env", ["pgrep", "-f", mark]).status == 1, "the process still runs")
        }
    }

    @Test(arguments: [false, true])
    func `E13: a cancel half way ends the processes at every depth, and finally runs`(kills: Bool) async throws {
        try await LocalUp.withOperator(kills: kills) { cluster in
            let mark = "sleep 87\(Int.random(in: 100_000...999_999))"
            let run = try await Self.finish(
                cluster,
                """
                pipelineSpec:
                  tasks:
                    - name: outer
                      forEach: {items: [1, 2]}
                      pipelineSpec:
                        tasks:
                          - {name: busy, container: {image: x, command: [sh, -c, "\(mark)"]}}
                          - {name: next, dependsOn: [busy], container: {image: x, command: ["true"]}}
                        finally:
                          - {name: tidy, container: {image: x, command: ["true"]}}
                  finally:
                    - {name: bye, container: {image: x, command: ["true"]}}
                """
            ) {
                try await cluster.kubectl(
                    "wait", "pods", "-l", "sluice.dev/task=outer", "--for=condition=Ready", "--timeout=60s", expect: nil
                )
                try await cluster.kubectl("wait", "prun/r", "--for=jsonpath={.status.phase}=Running", "--timeout=60s")
                try await cluster.kubectl(
                    "patch", "prun", "r", "--type", "merge", "-p", #"{"spec":{"state":"Cancelled"}}"#)
            }
            #expect(run["status"]?["phase"] == "Cancelled", "\(run["status"]?.text ?? "")")
            #expect(
                Self.states(run, "outer", "outer[0]/next", "bye") == [
                    "Cancelled/RunCancelled", "Skipped/RunCancelled", "Succeeded",
                ])
            #expect(try await Program.run("/usr/bin/env", ["pgrep", "-f", mark]).status == 1, "a process still runs")
        }
    }

    @Test(arguments: [false, true])
    func `E13: a suspended run starts nothing, and goes on where it was`(kills: Bool) async throws {
        try await LocalUp.withOperator(kills: kills) { cluster in
            let run = try await Self.finish(
                cluster,
                """
                state: Suspended
                pipelineSpec:
                  tasks:
                    - {name: a, container: {image: x, command: ["true"]}}
                    - {name: b, dependsOn: [a], container: {image: x, command: ["true"]}}
                """
            ) {
                try await cluster.kubectl("wait", "prun/r", "--for=jsonpath={.status.phase}=Suspended", "--timeout=60s")
                #expect(try await cluster.kubectl("get", "pods").contains("No resources found"))
                try await cluster.kubectl(
                    "patch", "prun", "r", "--type", "merge", "-p", #"{"spec":{"state":"Running"}}"#)
            }
            #expect(Self.states(run, "a", "b") == ["Succeeded", "Succeeded"])
        }
    }

    @Test(arguments: [false, true])
    func `E10: 200 items, their results in order, conditions for each of them`(kills: Bool) async throws {
        try await LocalUp.withOperator(kills: kills) { cluster in
            let items = (0..<200).map(String.init).joined(separator: ",")
            let run = try await Self.finish(
                cluster,
                """
                pipelineSpec:
                  tasks:
                    - name: list
                      results: [items]
                      container: {image: x, command: [sh, -c, 'echo "{\\"items\\":[\(items)]}" > $SLUICE_RESULTS']}
                    - name: square
                      forEach: {items: $(tasks.list.results.items), as: number, parallelism: 20}
                      when: number != 7
                      results: [value]
                      container: {image: x, command: [sh, -c, 'echo "{\\"value\\":$(($(number) * $(number)))}" > $SLUICE_RESULTS']}
                  results:
                    - {name: squares, value: $(tasks.square.results.value)}
                """)
            #expect(run["status"]?["phase"] == "Succeeded", "\(run["status"]?.text.prefix(2000) ?? "")")
            let squares = run["status"]?["results"]?["squares"]?.array ?? []
            #expect(squares.count == 200)
            #expect(squares.enumerated().allSatisfy { $1 == ($0 == 7 ? .null : .int(Int64($0 * $0))) })
            #expect(run["status"]?["progress"] == "201/201")
            #expect(run["status"]?["counts"] == ["Succeeded": 200, "Skipped": 1])
        }
    }

    @Test(arguments: [false, true])
    func `E11: a Pipeline for each item, which comes after the run, and a retry of the whole of it`(kills: Bool)
        async throws
    {
        try await LocalUp.withOperator(kills: kills) { cluster in
            let run = try await Self.finish(
                cluster,
                """
                pipelineSpec:
                  tasks:
                    - name: each
                      forEach: {items: [red, green]}
                      pipelineRef: {name: paint}
                      parameters: {colour: $(item)}
                      retry: {limit: 1}
                """
            ) {
                try await cluster.kubectl(
                    "wait", "prun/r", "--for=jsonpath={.status.reason}=PipelineNotFound", "--timeout=60s")
                try await cluster.kubectl(
                    "apply", "-f", "-",
                    input: """
                        apiVersion: sluice.dev/v1alpha1
                        kind: Pipeline
                        metadata: {name: paint}
                        spec:
                          parameters: [{name: colour}]
                          tasks:
                            - name: mix
                              results: [tone]
                              container: {image: x, command: [sh, -c, 'echo "{\\"tone\\":\\"dark $(params.colour)\\"}" > $SLUICE_RESULTS']}
                            - name: brush
                              container: {image: x, command: [sh, -c, 'test "$(params.colour)-$(task.attempt)" != red-0']}
                              dependsOn: [mix]
                          results: [{name: tone, value: $(tasks.mix.results.tone)}]
                        """)
            }
            #expect(run["status"]?["phase"] == "Succeeded", "\(run["status"]?.text ?? "")")
            #expect(Self.row(run, "each")["results"] == ["tone": ["dark red", "dark green"]])
            #expect(Self.row(run, "each[0]")["attempt"] == 1)
            #expect(Self.row(run, "each[0]/mix")["attempt"] == 1)
            #expect(Self.row(run, "each[1]/mix")["attempt"] == nil)
        }
    }
}
