import Foundation
import Testing

/// What the official Python client does, against the embedded cluster with a real operator.
@Suite(
    .enabled(if: PythonClientTests.python != nil, "no Python with the package kubernetes beside kubectl: hack/setup.sh")
)
struct PythonClientTests {
    /// That of the environment in which kubectl is, where it has the client.
    fileprivate static let python: String? = {
        guard let kubectl = Tools.kubectl else { return nil }
        let path = URL(fileURLWithPath: kubectl).deletingLastPathComponent().appendingPathComponent("python").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["-c", "import kubernetes"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        process.waitUntilExit()
        return process.terminationStatus == 0 ? path : nil
    }()

    @Test func `Discovery, watches, apply, logs, eviction, pages and deletion are as with any cluster`() async throws {
        let python = try #require(Self.python)
        let script = try #require(Bundle.module.url(forResource: "Resources/client", withExtension: "py")).path
        try await LocalUp.with { cluster in
            let result = try await Program.run(python, [script, cluster.kubeconfig])
            #expect(result.output == "all right\n", "\(result.errors)")
        }
    }
}
