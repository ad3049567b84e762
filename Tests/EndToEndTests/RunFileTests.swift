import Foundation
import Testing

/// What stands beside a run in its file.
@Suite struct RunFileTests {
    private static let run =
        "apiVersion: sluice.dev/v1alpha1\nkind: PipelineRun\nmetadata: {name: r}\nspec: {pipelineSpec: {tasks: [{name: a, container: {image: x, command: ['true']}}]}}\n"

    @Test(arguments: [
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n",
            "error: -: Deployment d: the cluster of sluice run has no Deployment of apps/v1: it takes what runs read, as ConfigMaps, Secrets and Pipelines\n"
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 3}\n",
            "error: -:4:8: data.a: Invalid value: 3: must be a string: write it in quotes\n"
        ),
    ])
    func `U8: what the cluster of sluice run cannot take is told in one sentence, with exit code 2`(
        other: String, message: String
    ) async throws {
        let result = try await Program.run(Tools.sluice, ["run", "-"], input: other + "---\n" + Self.run)
        #expect(result.status == 2)
        #expect(result.errors == message)
    }

    @Test func `U3: what the file lacks and nobody can add later is told at once, with exit code 2`() async throws {
        let needing = Self.run.replacing(
            "command: ['true']", with: "command: ['true'], envFrom: [{secretRef: {name: s}}]")
        let result = try await Program.run(Tools.sluice, ["run", "-"], input: needing)
        #expect(result.status == 2)
        #expect(
            result.errors
                == "error: -:4:105: spec.pipelineSpec.tasks[0].container.envFrom[0].secretRef.name: Not found: \"s\": the file has no such Secret, without which the pod does not start\n"
        )
        let whole = try await Program.run(
            Tools.sluice, ["run", "-"], input: needing + "---\n{apiVersion: v1, kind: Secret, metadata: {name: s}}\n")
        #expect(whole.status == 0, "\(whole.errors)")
    }

    @Test func `U7: a byte order mark at the start of a file is passed over`() async throws {
        let result = try await Program.run(Tools.sluice, ["run", "-"], input: "\u{FEFF}" + Self.run)
        #expect(result.status == 0, "\(result.errors)")
    }
}
