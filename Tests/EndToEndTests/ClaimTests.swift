import Foundation
import Testing

/// PersistentVolumeClaims on the embedded cluster: directories that outlive pods and restarts.
@Suite(.enabled(if: Tools.kubectl != nil, "no kubectl: set KUBECTL")) struct ClaimTests {
    private static let claim = """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: models}
        spec: {accessModes: [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: 3Gi}}}
        """

    private static func pod(_ name: String, _ script: String, volume: String = "{claimName: models}") -> String {
        """
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: \(name)}
        spec:
          restartPolicy: Never
          volumes: [{name: m, persistentVolumeClaim: \(volume)}]
          containers:
          - {name: c, image: x, command: [sh, -c, "\(script)"], volumeMounts: [{name: m, mountPath: /models}]}

        """
    }

    private static func folders(_ data: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: data + "/cluster/node/claims")) ?? []
    }

    @Test func `A claim is bound; what one pod leaves there the next one finds, after a restart as well`() async throws
    {
        let data = try Tools.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: data) }
        let first = try await LocalUp.start(["--data", data + "/cluster"])
        try await first.kubectl(
            "apply", "-f", "-", input: Self.claim + "\n" + Self.pod("write", "echo weights > /models/w"))
        try await first.kubectl("wait", "pod/write", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=30s")
        let line = try await first.kubectl("get", "pvc", "models", "--no-headers")
        #expect(line.contains("Bound") && line.contains("3Gi") && line.contains("RWO") && line.contains("fast"))
        await first.stop()

        let second = try await LocalUp.start(["--data", data + "/cluster"])
        let read = Self.pod(
            "read", "cat /models/w; echo x > /models/x || echo read only; while test -e /models/w; do sleep 0.05; done",
            volume: "{claimName: models, readOnly: true}")
        try await second.kubectl("apply", "-f", "-", input: read)
        try await second.kubectl("wait", "pod/read", "--for=condition=Ready", "--timeout=30s")
        // It is in use: it goes when its last pod has ended.
        try await second.kubectl("delete", "pvc", "models", "--wait=false")
        try await second.kubectl(
            "wait", "pvc/models", "--for=jsonpath={.metadata.deletionTimestamp}", "--timeout=10s")
        #expect(Self.folders(data).count == 1)
        #expect(try await second.kubectl("logs", "read").hasPrefix("weights\n"))
        try await second.kubectl("delete", "pod", "read", "--grace-period=1")
        try await second.kubectl("wait", "pvc/models", "--for=delete", "--timeout=30s")
        #expect(Self.folders(data) == [])
        await second.stop()
    }

    @Test func `A pod whose claim is not there waits and says so, and starts when it comes`() async throws {
        try await LocalUp.with { cluster in
            try await cluster.kubectl("apply", "-f", "-", input: Self.pod("early", "true"))
            for _ in 0..<300 {
                let events = try await cluster.kubectl("get", "events", "-o", "jsonpath={.items[*].message}")
                if events.contains(#"persistentvolumeclaim "models" not found"#) { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(
                try await cluster.kubectl("get", "events", "-o", "jsonpath={.items[*].message}")
                    .contains(#"persistentvolumeclaim "models" not found"#))
            try await cluster.kubectl("apply", "-f", "-", input: Self.claim)
            try await cluster.kubectl(
                "wait", "pod/early", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        }
    }
}
