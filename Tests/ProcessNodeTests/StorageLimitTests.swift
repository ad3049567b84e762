import Foundation
import JSON
import KubernetesModel
import Testing

@testable import ProcessNode

/// What pods may have on the disk, and further conditions of their readiness.
@Suite struct StorageLimitTests {
    private static let pod: JSONValue = [
        "volumes": [
            ["name": "a", "emptyDir": ["sizeLimit": "1Mi"]], ["name": "b", "emptyDir": [:]],
            ["name": "c", "configMap": ["name": "c"]],
        ],
        "initContainers": [["name": "i"]],
        "containers": [
            ["name": "x", "resources": ["limits": ["ephemeral-storage": "2Mi"]]],
            ["name": "y", "resources": ["limits": ["ephemeral-storage": "3Mi"]]],
        ],
    ]

    private static func problem(_ usage: [String: Int64], _ pod: JSONValue = pod) -> String? {
        StorageLimits(pod)?.problem(volume: { usage[$0] ?? 0 }, container: { usage[$0] ?? 0 })
    }

    @Test func `A pod is evicted for a volume, a container or all of it, in a kubelet's words`() {
        let mebibyte: Int64 = 1 << 20
        #expect(Self.problem(["a": mebibyte, "x": 2 * mebibyte, "y": 2 * mebibyte]) == nil)
        #expect(Self.problem(["a": mebibyte + 1]) == "Usage of EmptyDir volume \"a\" exceeds the limit \"1Mi\". ")
        #expect(
            Self.problem(["x": 2 * mebibyte + 1]) == "Container x exceeded its local ephemeral storage limit \"2Mi\". ")
        // What has no limit counts in the sum.
        #expect(
            Self.problem(["b": 3 * mebibyte, "i": 2 * mebibyte, "y": 1])
                == "Pod ephemeral local storage usage exceeds the total limit of containers 5Mi. ")
        #expect(StorageLimits(["containers": [["name": "x"]]]) == nil)
        // An init container's counts where it is more than that of all others, and volumes of memory are none on the disk.
        let larger: JSONValue = [
            "volumes": [["name": "m", "emptyDir": ["medium": "Memory"]], ["name": "d", "emptyDir": [:]]],
            "initContainers": [["name": "i", "resources": ["limits": ["ephemeral-storage": "4Mi"]]]],
            "containers": [["name": "x", "resources": ["limits": ["ephemeral-storage": "2Mi"]]]],
        ]
        #expect(Self.problem(["m": 9 * mebibyte, "d": 4 * mebibyte], larger) == nil)
        #expect(Self.problem(["d": 4 * mebibyte + 1], larger)?.contains("total limit of containers 4Mi") == true)
    }

    @Test func `Usage is what is on the disk, without what links lead to`() throws {
        let root = FileManager.default.temporaryDirectory.path + "/sluice-usage-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        try PodFiles.makeDirectory(root + "/deep/er")
        try Data(count: 300_000).write(to: URL(fileURLWithPath: root + "/deep/er/file"))
        // One file, however many names it has.
        for number in 0..<4 {
            try FileManager.default.linkItem(atPath: root + "/deep/er/file", toPath: root + "/\(number)")
        }
        try FileManager.default.createSymbolicLink(atPath: root + "/link", withDestinationPath: "/usr")
        let usage = StorageLimits.usage(root)
        #expect((300_000..<600_000).contains(usage), "\(usage)")
        #expect(StorageLimits.usage(root + "/none") == 0)
    }

    private static func ready(_ conditions: [JSONValue]) -> JSONValue? {
        let spec = ContainerSpec(["name": "c", "image": "x"], isInit: false)
        var record = ContainerRecord(spec, waiting: "ContainerCreating")
        record.state = .running(since: Timestamp(seconds: 5))
        (record.isStarted, record.isPassing) = (true, true)
        let status = NodePodStatus(
            generation: 1, restartPolicy: .always, containers: [record], isPrepared: true, isOver: false,
            startTime: Timestamp(seconds: 1), gates: ["a.b/c"])
        let json = status.json(previous: ["conditions": .array(conditions)], now: Timestamp(seconds: 9))
        #expect(json["conditions"]?.array?.first { $0["type"] == "ContainersReady" }?["status"] == "True")
        return json["conditions"]?.array?.first { $0["type"] == "Ready" }
    }

    @Test func `A pod with readiness gates is ready when these conditions hold as well`() {
        let missing = Self.ready([])
        #expect(missing?["status"] == "False" && missing?["reason"] == "ReadinessGatesNotReady")
        #expect(
            missing?["message"] == "corresponding condition of pod readiness gate \"a.b/c\" does not exist.")
        let shut = Self.ready([["type": "a.b/c", "status": "False"]])
        #expect(shut?["message"] == "the status of pod readiness gate \"a.b/c\" is not \"True\", but False")
        #expect(Self.ready([["type": "a.b/c", "status": "True"]])?["status"] == "True")
    }
}
