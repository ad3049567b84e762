import Foundation
import SeededRandom
import Testing

@Suite(.serialized, .enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL")) struct OperatorKillTests {
    /// How often the operator is killed; SLUICE_KILLS changes it.
    static let kills = ProcessInfo.processInfo.environment["SLUICE_KILLS"].flatMap { Int($0) } ?? 200

    /// What the moments of the kills follow from; SLUICE_SEED changes it.
    static let seed = ProcessInfo.processInfo.environment["SLUICE_SEED"].flatMap { UInt64($0) } ?? 1

    private static func run(_ number: Int) -> String {
        """
        apiVersion: sluice.dev/v1alpha1
        kind: PipelineRun
        metadata: {name: batch-\(number)}
        spec:
          pipelineSpec:
            tasks:
              - {name: a, container: {image: x, command: [sh, -c, 'sleep 0.1; echo "{\\"number\\": \(number)}" > $SLUICE_RESULTS']}, results: [number]}
              - {name: b, container: {image: x, command: [sh, -c, "sleep 0.2; test $(tasks.a.results.number) = \(number)"]}}
              - {name: c, dependsOn: [a], container: {image: x, command: [sleep, "0.05"]}}
              - name: flaky
                dependsOn: [a]
                retry: {limit: 1, backoff: {initial: 100ms}}
                container: {image: x, command: [sh, -c, "sleep 0.1; test $(task.attempt) = 1"]}
              - {name: d, dependsOn: [b, c, flaky], container: {image: x, command: ["true"]}}
            finally:
              - {name: bye, container: {image: x, command: ["true"]}}
        ---

        """
    }

    @Test func `E4: when no operator runs any more, --release-pods lets go of all pods`() async throws {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let operation = try Program(
                Tools.sluice, Tools.operatorCommand(kubeconfig: cluster.kubeconfig, "--no-leader-election"))
            try await cluster.kubectl(
                "apply", "-f", "-",
                input: """
                    apiVersion: sluice.dev/v1alpha1
                    kind: PipelineRun
                    metadata: {name: long}
                    spec: {pipelineSpec: {tasks: [{name: a, container: {image: x, command: [sleep, "600"]}}]}}
                    """)
            try await cluster.kubectl("wait", "pods", "-l", "sluice.dev/task=a", "--for=create", "--timeout=30s")
            operation.signal(SIGKILL)
            _ = await operation.waitForEnd()
            try await cluster.kubectl("delete", "prun", "long")
            try await cluster.kubectl(
                "wait", "pods", "--all", "--for=jsonpath={.status.phase}=Failed", "--timeout=60s", expect: nil)
            #expect(try await cluster.kubectl("get", "pods", "-o", "name").contains("pod/"))
            let release = try await Program.run(
                Tools.sluice, ["operator", "--kubeconfig", cluster.kubeconfig, "--release-pods"])
            #expect(release.status == 0)
            #expect(release.output == "1 pod released\n", "\(release.output)\(release.errors)")
            try await cluster.kubectl("wait", "pods", "--all", "--for=delete", "--timeout=60s")
            #expect(try await cluster.kubectl("get", "pods").contains("No resources found"))
        }
    }

    /// Issue 2: "Kill the operator with SIGKILL at any of 200 random moments during a batch of runs and start it again".
    @Test func `E4 and E14: A batch of runs ends as it should under an operator that is killed again and again`()
        async throws
    {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let kubectl = try #require(Tools.kubectl)
            let watch = try Program(
                kubectl, ["get", "pods", "-w", "-o", #"jsonpath={.metadata.name} {.metadata.uid}{"\n"}"#],
                environment: ["KUBECONFIG": cluster.kubeconfig, "HOME": cluster.directory])
            let count = max(4, Self.kills / 5)
            let batches = (0..<count).map(Self.run)
            var random = SeededGenerator(seed: Self.seed)
            for kill in 0..<Self.kills {
                // The batch comes in while the killing goes on.
                if kill % 5 == 0, kill / 5 < count {
                    try await cluster.kubectl("apply", "-f", "-", input: batches[kill / 5])
                }
                let operation = try Program(
                    Tools.sluice, Tools.operatorCommand(kubeconfig: cluster.kubeconfig, "--no-leader-election"))
                try await Task.sleep(for: .milliseconds(random.pick(5...400)))
                operation.signal(SIGKILL)
                #expect(await operation.waitForEnd() == -SIGKILL, "the operator ended by itself: \(operation.errors)")
            }
            let operation = try Program(
                Tools.sluice, Tools.operatorCommand(kubeconfig: cluster.kubeconfig, "--no-leader-election"))
            try await cluster.kubectl("wait", "prun", "--all", "--for=condition=Finished", "--timeout=180s")
            operation.signal(SIGTERM)
            #expect(await operation.waitForEnd() == 0)

            let phases = try await cluster.kubectl(
                "get", "prun", "-o", #"jsonpath={range .items[*]}{.status.phase} {.status.progress}{"\n"}{end}"#)
            let lines = phases.split(separator: "\n")
            #expect(lines.count == count, "SLUICE_SEED=\(Self.seed)")
            #expect(lines.allSatisfy { $0 == "Succeeded 6/6" }, "\(phases)")

            watch.signal(SIGTERM)
            _ = await watch.waitForEnd()
            var uids: [String: Set<String>] = [:]
            for line in watch.output.split(separator: "\n") {
                let words = line.split(separator: " ")
                if words.count == 2 { uids[String(words[0]), default: []].insert(String(words[1])) }
            }
            // a, b, c, two attempts of flaky, d, bye.
            #expect(uids.count == count * 7)
            #expect(uids.values.allSatisfy { $0.count == 1 }, "\(uids.filter { $0.value.count > 1 })")
        }
    }
}
