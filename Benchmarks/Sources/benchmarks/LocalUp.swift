import Foundation
import JSON
import KubernetesClient
import KubernetesModel

/// 1,000 pods that run `true`, as one run on `sluice up`, in its sandbox and without it, and how long reads and writes of somebody else take
/// meanwhile. The client is on the same machine.
enum LocalUp {
    private static let pods = 1_000

    static func run() async throws -> JSONValue {
        let sandbox = try await measure([])
        let plain = try await measure(["--no-sandbox"])
        return [
            "pods": .int(Int64(pods)), "sandbox": sandbox.json, "noSandbox": plain.json,
            "sandboxToNoSandbox": .double(rounded(sandbox.seconds / plain.seconds)),
        ]
    }

    private struct Figures {
        var seconds: Double
        var reads: [Double]
        var writes: [Double]

        var json: JSONValue {
            func times(_ values: [Double]) -> JSONValue {
                let sorted = values.sorted()
                return [
                    "count": .int(Int64(sorted.count)), "p50Milliseconds": .double(rounded(sorted[sorted.count / 2])),
                    "p99Milliseconds": .double(rounded(sorted[sorted.count * 99 / 100])),
                ]
            }
            return [
                "seconds": .double(rounded(seconds)), "podsPerSecond": .double(rounded(Double(pods) / seconds)),
                "reads": times(reads), "writes": times(writes),
            ]
        }
    }

    private static func measure(_ options: [String]) async throws -> Figures {
        let up = try await Up(options)
        defer { up.stop() }
        let client = up.client
        let maps = client.dynamic(
            ResourceType(version: "v1", kind: "ConfigMap", plural: "configmaps"), namespace: "default")
        let runs = client.dynamic(
            ResourceType(group: "sluice.dev", version: "v1alpha1", kind: "PipelineRun", plural: "pipelineruns"),
            namespace: "default")
        _ = try await maps.create(["metadata": ["name": "bench"], "data": ["key": "value"]] as JSONValue)
        let tasks: JSONValue = [
            [
                "name": "t", "forEach": ["items": .array((0..<pods).map { .int(Int64($0)) })],
                "container": ["image": "x", "command": ["true"]],
            ]
        ]
        let begin = ContinuousClock.now
        _ = try await runs.create(
            [
                "apiVersion": "sluice.dev/v1alpha1", "kind": "PipelineRun", "metadata": ["name": "bench"],
                "spec": ["pipelineSpec": ["tasks": tasks]],
            ] as JSONValue)
        func time(_ body: () async throws -> Void) async throws -> Double {
            let begin = ContinuousClock.now
            try await body()
            return (ContinuousClock.now - begin).milliseconds
        }
        var figures = Figures(seconds: 0, reads: [], writes: [])
        while true {
            figures.reads.append(try await time { _ = try await maps.get("bench") })
            let value = JSONValue.string("\(figures.writes.count)")
            figures.writes.append(
                try await time { _ = try await maps.patch("bench", .merge(["data": ["key": value]])) })
            if figures.reads.count % 10 == 0 {
                let phase = try await runs.get("bench").json[path: "status", "phase"]?.string
                if phase == "Succeeded" { break }
                if phase == "Failed" { throw Failure("the run has failed") }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        figures.seconds = (ContinuousClock.now - begin).milliseconds / 1000
        return figures
    }
}
