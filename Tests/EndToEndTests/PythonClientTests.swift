import Foundation
import Testing

/// What the official Python client does, against the embedded cluster with a real operator.
@Suite(
    .enabled(if: Tools.pythonWithClient != nil, "no Python with the package kubernetes beside kubectl: hack/setup.sh")
)
struct PythonClientTests {
    @Test func `Discovery, watches, apply, logs, eviction, pages and deletion are as with any cluster`() async throws {
        let python = try #require(Tools.pythonWithClient)
        let script = try #require(Bundle.module.url(forResource: "Resources/client", withExtension: "py")).path
        try await LocalUp.with { cluster in
            let result = try await Program.run(python, [script, cluster.kubeconfig])
            #expect(result.output == "all right\n", "\(result.errors)")
        }
    }
}
