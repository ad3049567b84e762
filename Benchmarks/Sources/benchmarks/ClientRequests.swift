import Foundation
import JSON
import KubernetesClient
import KubernetesModel

/// Requests a second of the client against `sluice up` in a process of its own, and the client's own CPU for each.
enum ClientRequests {
    static func run() async throws -> JSONValue {
        let up = try await Up(["--no-operator"])
        defer { up.stop() }
        let client = up.client
        let maps = client.dynamic(
            ResourceType(version: "v1", kind: "ConfigMap", plural: "configmaps"), namespace: "default")
        _ = try await maps.create(["metadata": ["name": "bench"], "data": ["key": "value"]] as JSONValue)
        var rows: [JSONValue] = []
        for width in [1, 16, 64] { rows.append(try await measure(maps, width: width, count: width == 1 ? 1000 : 8000)) }
        return .array(rows)
    }

    private static func measure(
        _ maps: ResourceClient<DynamicObject>, width: Int, count: Int
    ) async throws -> JSONValue {
        _ = try await maps.get("bench")
        let cpuBefore = cpuSeconds()
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<width {
                group.addTask { for _ in 0..<count / width { _ = try await maps.get("bench") } }
            }
            try await group.waitForAll()
        }
        let seconds = (ContinuousClock.now - begin).milliseconds / 1000
        let requests = Double(count / width * width)
        return [
            "inFlight": .int(Int64(width)), "requestsPerSecond": .double(rounded(requests / seconds)),
            "clientCPUMicrosecondsPerRequest": .double(rounded((cpuSeconds() - cpuBefore) / requests * 1_000_000)),
        ]
    }

    private static func cpuSeconds() -> Double {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        return usage.cpuSeconds
    }
}
