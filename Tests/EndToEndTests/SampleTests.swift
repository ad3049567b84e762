import Foundation
import Testing

@Suite(.serialized) struct SampleTests {
    @Test func `sluice run runs the sample to Succeeded and prints its results`() async throws {
        let result = try await Program.run(Tools.sluice, ["run", Tools.sample("train-on-shards.yaml")])
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("Succeeded  8/8 tasks"))
        #expect(result.output.contains("accuracy: 0."))
        // The shards train side by side and the models meet in one place.
        let order = [
            "make-data  Succeeded", "split  Succeeded", "train-1  Succeeded", "evaluate  Succeeded",
            "report  Succeeded",
        ]
        let positions = order.map { result.output.range(of: $0)?.lowerBound }
        #expect(positions.allSatisfy { $0 != nil })
        #expect(positions.compactMap(\.self) == positions.compactMap(\.self).sorted())
    }

    @Test func `sluice run -o json prints the finished object and nothing else`() async throws {
        let result = try await Program.run(Tools.sluice, ["run", Tools.sample("hello.yaml"), "-o", "json"])
        #expect(result.status == 0, "\(result.errors)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        let status = try #require(object["status"] as? [String: Any])
        #expect(status["phase"] as? String == "Succeeded")
        #expect((status["results"] as? [String: Any])?["letters"] as? Int == 5)
    }

    @Test func `sluice run exits 1 when the run fails, and says why`() async throws {
        let manifest = """
            apiVersion: sluice.dev/v1alpha1
            kind: PipelineRun
            metadata: {name: fails}
            spec:
              pipelineSpec:
                tasks:
                  - name: a
                    container: {image: "busybox:1", command: [sh, -c, "echo disk on fire >&2; exit 3"]}
            """
        let result = try await Program.run(Tools.sluice, ["run", "-"], input: manifest)
        #expect(result.status == 1)
        #expect(result.output.contains("exit code 3: disk on fire"), "\(result.output)\(result.errors)")
    }
}
