import Foundation
import JSON
import KubernetesModel
import Testing

/// Schedules that really start runs, in peace and under an operator that is killed again and again.
@Suite(.serialized, .enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL")) struct ScheduleTests {
    private static func manifest(_ name: String, _ every: String, _ policy: String, _ command: String) -> String {
        """
        apiVersion: sluice.dev/v1alpha1
        kind: ScheduledRun
        metadata: {name: \(name)}
        spec:
          schedule: "@every \(every)"
          concurrencyPolicy: \(policy)
          catchUp: All
          successfulRunsHistoryLimit: 100
          failedRunsHistoryLimit: 100
          template:
            spec:
              pipelineSpec:
                tasks:
                  - {name: a, container: {image: x, command: [sh, -c, "\(command)"]}}
        """
    }

    private static func list(_ cluster: LocalUp, _ kind: String) async throws -> [JSONValue] {
        try JSONValue(parsing: try await cluster.kubectl("get", kind, "-o", "json"))["items"]?.array ?? []
    }

    @Test(arguments: [false, true])
    func `Every slot starts one run; Forbid and Replace are seen`(kills: Bool) async throws {
        try await LocalUp.withOperator(kills: kills, every: .seconds(2)) { cluster in
            let documents = [
                Self.manifest("often", "3s", "Allow", "true"), Self.manifest("one", "2s", "Forbid", "sleep 5"),
                Self.manifest("newest", "4s", "Replace", "sleep 60"),
            ]
            try await cluster.kubectl("apply", "-f", "-", input: documents.joined(separator: "\n---\n"))
            try await Task.sleep(for: .seconds(20))
            for name in ["often", "one", "newest"] {
                try await cluster.kubectl("patch", "srun", name, "--type=merge", "-p", #"{"spec":{"suspend":true}}"#)
            }
            var runs = try await Self.list(cluster, "prun")
            var schedules = try await Self.list(cluster, "srun")
            // Until the operator has seen the suspension, and its status tells of the last run that it made.
            for _ in 0..<200 {
                let next = try await (runs: Self.list(cluster, "prun"), schedules: Self.list(cluster, "srun"))
                let isQuiet =
                    next.runs.count == runs.count
                    && next.schedules.map { $0["metadata"]?["resourceVersion"] }
                        == schedules.map { $0["metadata"]?["resourceVersion"] }
                    && next.schedules.allSatisfy {
                        $0[path: "status", "observedGeneration"] == $0[path: "metadata", "generation"]
                    }
                (runs, schedules) = next
                if isQuiet { break }
                try await Task.sleep(for: .milliseconds(500))
            }
            func slots(_ name: String) -> [String] {
                runs.filter { $0["metadata"]?["labels"]?["sluice.dev/schedule"]?.string == name }
                    .compactMap { $0["metadata"]?["annotations"]?["sluice.dev/scheduled-time"]?.string }.sorted()
            }
            for schedule in schedules {
                let name = schedule["metadata"]?["name"]?.string ?? ""
                let status = schedule["status"] ?? [:]
                let created = try #require(
                    schedule["metadata"]?["creationTimestamp"]?.string.flatMap { Timestamp(rfc3339: $0) })
                let decided = try #require(status["decidedTime"]?.string.flatMap { Timestamp(rfc3339: $0) })
                let every: Int64 = ["often": 3, "one": 2, "newest": 4][name] ?? 1
                let count = (decided.seconds - created.seconds) / every
                let started = slots(name)
                #expect(Set(started).count == started.count, "\(name): a slot twice")
                let missed = Int(status["missedCount"]?.int ?? 0)
                let waiting = status["waiting"]?.array?.count ?? 0
                #expect(started.count + missed + waiting == Int(count), "\(name): \(status.text)")
                #expect(started.count >= 3, "\(name)")
            }
            // One at a time, and what was replaced was cancelled.
            let phases = runs.filter { $0["metadata"]?["labels"]?["sluice.dev/schedule"] == "newest" }
                .compactMap { $0["status"]?["phase"]?.string }
            #expect(phases.filter { $0 == "Running" }.count <= 1 && phases.contains("Cancelled"), "\(phases)")
            let table = try await cluster.kubectl("get", "srun")
            #expect(table.contains("@every 3s"))
            let before = slots("often").count
            let trigger = try await Program.run(
                Tools.sluice, ["schedule", "trigger", "often", "--kubeconfig", cluster.kubeconfig])
            #expect(trigger.status == 0, "\(trigger.errors)")
            let made = try #require(trigger.output.split(separator: "/").last).trimmingCharacters(
                in: .whitespacesAndNewlines)
            for _ in 0..<50 {
                if try await Self.list(cluster, "prun").contains(where: { $0["metadata"]?["name"]?.string == made }) {
                    break
                }
                try await Task.sleep(for: .milliseconds(200))
            }
            try await cluster.kubectl("wait", "prun/\(made)", "--for=condition=Succeeded", "--timeout=20s")
            #expect(before > 0)
            // Deleting the schedule deletes its runs.
            try await cluster.kubectl("delete", "srun", "often", "--wait=false")
            for _ in 0..<100 {
                let left = try await Self.list(cluster, "prun")
                if !left.contains(where: { $0["metadata"]?["labels"]?["sluice.dev/schedule"] == "often" }) { return }
                try await Task.sleep(for: .milliseconds(100))
            }
            Issue.record("the runs of a deleted schedule are still there")
        }
    }
}
