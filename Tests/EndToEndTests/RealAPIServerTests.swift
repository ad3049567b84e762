import Foundation
import KubernetesClient
import KubernetesModel
import SluiceAPI
import Testing

/// The same operator, unchanged, on a real kube-apiserver, with pods played from recordings.
@Suite(
    .serialized,
    .enabled(
        if: RealAPIServer.isGiven && Tools.kubectl != nil,
        "no real API server: set KUBEBUILDER_ASSETS or KUBECONFIG, and KUBECTL"))
struct RealAPIServerTests {
    /// A run with one task, the recording that its attempts follow, and how it must end.
    private struct Case {
        var name: String
        /// By attempt; the last one holds for all further ones.
        var recordings: [String]
        var task = ""
        var phase = "Succeeded"
        var reason = "Succeeded"
    }

    private static let cases = [
        Case(name: "succeeded", recordings: ["succeeded"]),
        Case(name: "results", recordings: ["succeeded-termination-message"], task: "results: [accuracy]"),
        Case(name: "failed", recordings: ["failed-exit-3"], phase: "Failed", reason: "Error"),
        Case(name: "oom", recordings: ["oom-killed"], phase: "Failed", reason: "OOMKilled"),
        Case(
            name: "deadline", recordings: ["deadline-exceeded"], task: "timeout: 10m", phase: "Failed",
            reason: "Timeout"),
        Case(name: "killed", recordings: ["killed-by-signal-9"], phase: "Failed", reason: "Error"),
        Case(name: "bad-image", recordings: ["invalid-image-name"], phase: "Failed", reason: "InvalidImageName"),
        Case(name: "retried", recordings: ["failed-exit-3", "oom-killed", "succeeded"], task: "retry: {limit: 2}"),
        Case(name: "evicted", recordings: ["evicted-by-api", "succeeded"]),
        Case(name: "preempted", recordings: ["preempted-by-scheduler", "succeeded"]),
    ]

    @Test func `E7: Runs end on a real API server as their recorded pods say`() async throws {
        try await RealAPIServer.with { server in
            let crds = try await Program.run(Tools.sluice, ["crds"])
            #expect(crds.status == 0)
            try await server.kubectl("apply", "-f", "-", input: crds.output)
            try await server.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
            let namespace = "e2e-\(UUID().uuidString.prefix(8).lowercased())"
            try await server.kubectl("create", "namespace", namespace)

            let operation = try Program(
                Tools.sluice,
                Tools.operatorCommand(
                    kubeconfig: server.kubeconfig, "--namespace", namespace, "--lease-namespace", namespace))
            let client = try APIClient(configuration: .load(kubeconfig: server.kubeconfig))
            let kubelet = RecordedKubelet(client: client) { task, attempt in
                let recordings = Self.cases.first { $0.name == task }?.recordings ?? ["succeeded"]
                return recordings[min(attempt, recordings.count - 1)]
            }
            let playing = Task { await kubelet.run(namespace: namespace) }
            let manifests = Self.cases.map { row in
                """
                apiVersion: sluice.dev/v1alpha1
                kind: PipelineRun
                metadata: {name: \(row.name), namespace: \(namespace)}
                spec:
                  pipelineSpec:
                    tasks: [{name: \(row.name), container: {image: "busybox:1", command: ["true"]}\(row.task.isEmpty ? "" : ", ")\(row.task)}]
                    finally: [{name: bye, container: {image: "busybox:1", command: ["true"]}}]
                """
            }
            try await server.kubectl("apply", "-f", "-", input: manifests.joined(separator: "\n---\n"))
            try await server.kubectl(
                "wait", "prun", "--all", "-n", namespace, "--for=condition=Finished", "--timeout=120s")
            for row in Self.cases {
                let status = try await server.kubectl(
                    "get", "prun", row.name, "-n", namespace, "-o", "jsonpath={.status.phase} {.status.reason}")
                #expect(status.output == "\(row.phase) \(row.reason)", "\(row.name)")
            }
            // No pod is held any more, and an event told of each end.
            let held = try await server.kubectl(
                "get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.finalizers}")
            #expect(held.output.isEmpty)
            let events = try await server.kubectl("get", "events", "-n", namespace)
            #expect(events.output.contains("TaskFailed") && events.output.contains("TaskRetrying"))

            operation.signal(SIGTERM)
            #expect(await operation.waitForEnd() == 0, "\(operation.errors)")
            let holder = try await server.kubectl(
                "get", "lease", "sluice-operator", "-n", namespace, "-o", "jsonpath={.spec.holderIdentity}")
            #expect(holder.output.isEmpty, "the lease was not given back")
            playing.cancel()
        }
    }

    @Test func `A run's spec cannot be changed once it is there, its state can`() async throws {
        try await RealAPIServer.with { server in
            let crds = try await Program.run(Tools.sluice, ["crds"])
            try await server.kubectl("apply", "-f", "-", input: crds.output)
            try await server.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
            let namespace = "e2e-\(UUID().uuidString.prefix(8).lowercased())"
            try await server.kubectl("create", "namespace", namespace)
            try await server.kubectl("apply", "-n", namespace, "-f", Tools.sample("hello.yaml"))
            let refused = try await server.kubectl(
                "patch", "prun", "hello", "-n", namespace, "--type", "merge", "-p", #"{"spec":{"parallelism":3}}"#,
                expect: 1)
            #expect(refused.output.contains("only state and ttlSecondsAfterFinished may change"), "\(refused.output)")
            try await server.kubectl(
                "patch", "prun", "hello", "-n", namespace, "--type", "merge", "-p", #"{"spec":{"state":"Suspended"}}"#)
            let generation = try await server.kubectl(
                "get", "prun", "hello", "-n", namespace, "-o", "jsonpath={.status.observedGeneration}")
            #expect(generation.output == "-1")
        }
    }
}
