import Foundation
import JSON
import Testing

/// What the operator asks of the API server, counted by the embedded one (DESIGN.md, section 9), with real processes for pods: the
/// figures depend on how long those take, so that they are told and held on a quiet machine only.
@Suite(
    .serialized,
    .enabled(
        if: Tools.kubectl != nil && ProcessInfo.processInfo.environment["SLUICE_LOAD"] != nil,
        "by hand: set KUBECTL and SLUICE_LOAD=1"))
struct WriteTests {
    private struct Finished {
        /// Answered requests, as "PATCH pods" or "PATCH pipelineruns/status".
        var requests: [String: Int]
        var runs: [JSONValue]
    }

    /// Has the runs waiting when the operator starts, and gives what became of them.
    private static func finish(runs count: Int, chain length: Int) async throws -> Finished {
        try await LocalUp.with(["--no-operator"]) { cluster in
            let tasks = (0..<length).map { index in
                "{name: t\(index), container: {image: x, command: ['true']}\(index > 0 ? ", dependsOn: [t\(index - 1)]" : "")}"
            }
            let manifests = (0..<count).map { index in
                """
                apiVersion: sluice.dev/v1alpha1
                kind: PipelineRun
                metadata: {name: r\(index)}
                spec: {pipelineSpec: {tasks: [\(tasks.joined(separator: ", "))]}}
                """
            }
            try await cluster.kubectl("create", "-f", "-", input: manifests.joined(separator: "\n---\n"))
            let before = try await requests(cluster)
            let operation = try Program(Tools.sluice, ["operator", "--kubeconfig", cluster.kubeconfig])
            defer { operation.signal(SIGKILL) }
            try await cluster.kubectl("wait", "prun", "--all", "--for=condition=Finished", "--timeout=300s")
            // Finalizers are taken off in the background: the last of them, and nothing is written any more.
            try await cluster.kubectl(
                "wait", "pods", "--all", "--for=jsonpath={.metadata.finalizers}=", "--timeout=60s", expect: nil)
            let list = try JSONValue(parsing: try await cluster.kubectl("get", "prun", "-o", "json"))
            let after = try await requests(cluster)
            return Finished(requests: after.merging(before) { $0 - $1 }, runs: list["items"]?.array ?? [])
        }
    }

    private static func requests(_ cluster: LocalUp) async throws -> [String: Int] {
        var sums: [String: Int] = [:]
        let expression = /resource="(.*?)",subresource="(.*?)",verb="(.*?)",.*} (\d+)/
        for line in try await cluster.kubectl("get", "--raw", "/metrics").split(separator: "\n") {
            guard let match = line.firstMatch(of: expression), let count = Int(match.4) else { continue }
            sums["\(match.3) \(match.1)\(match.2.isEmpty ? "" : "/\(match.2)")", default: 0] += count
        }
        return sums
    }

    /// What the operator writes; the node and the scheduler have subresources of pods of their own.
    private static let writes = [
        "POST pods", "PATCH pods", "PUT pods", "DELETE pods", "PATCH pipelineruns", "PUT pipelineruns",
        "PATCH pipelineruns/status", "PUT pipelineruns/status", "POST events", "PATCH events", "PUT events",
    ]

    @Test func `200 chains of 5 tasks cost at most 2.5 writes a task`() async throws {
        let finished = try await Self.finish(runs: 200, chain: 5)
        #expect(finished.runs.count == 200)
        #expect(finished.runs.allSatisfy { $0["status"]?["phase"] == "Succeeded" })
        let counts = Self.writes.compactMap { name in finished.requests[name].map { (name, $0) } }
        #expect(finished.requests["POST pods"] == 1_000)
        // The scheduler tells of each pod that it binds.
        let sum = counts.reduce(0) { $0 + $1.1 } - (finished.requests["POST pods/binding"] ?? 0)
        print("writes a task: \(Double(sum) / 1_000) \(counts)")
        #expect(sum <= 2_500, "\(counts)")
    }

    @Test func `Of 2,000 runs that came at once the median one has ended by half of the time of all`() async throws {
        let finished = try await Self.finish(runs: 2_000, chain: 1)
        func time(_ run: JSONValue, _ field: String) throws -> Double {
            let text = try #require(run["status"]?[field]?.string)
            return try Date(text, strategy: .iso8601).timeIntervalSince1970
        }
        let started = try finished.runs.map { try time($0, "startTime") }.min() ?? 0
        let ends = try finished.runs.map { try time($0, "completionTime") - started }.sorted()
        let makespan = try #require(ends.last)
        print("median at \(ends[1_000]) s of \(makespan) s")
        // Times are whole seconds.
        #expect(ends[1_000] <= makespan / 2 + 1)
        #expect(finished.runs.allSatisfy { $0["status"]?["phase"] == "Succeeded" })
    }
}
