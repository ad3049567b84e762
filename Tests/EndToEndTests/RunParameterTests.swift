import Foundation
import Testing

/// Parameters of `sluice run`.
@Suite(.serialized) struct RunParameterTests {
    private static let manifest = """
        apiVersion: sluice.dev/v1alpha1
        kind: Pipeline
        metadata: {name: fit}
        spec:
          parameters:
            - {name: data}
            - {name: epochs, type: integer, default: 1}
            - {name: layers, type: array, default: []}
          tasks:
            - name: fit
              container: {image: x, command: [sh, -c, 'echo "$0"', '$(params.data)|$(params.epochs)|$(params.layers)']}
        """

    private func run(_ arguments: [String], values: String? = nil, manifest: String = Self.manifest) async throws -> (
        status: Int32, output: String, errors: String
    ) {
        let directory = try Tools.temporaryDirectory()
        if let values { try Data(values.utf8).write(to: URL(fileURLWithPath: "\(directory)/values.yaml")) }
        return try await Program.run(
            Tools.sluice, ["run", "-"] + arguments, directory: directory, input: manifest)
    }

    @Test func `U4: -p and --values give parameters, and -p wins`() async throws {
        let result = try await run(
            ["--logs", "--values", "values.yaml", "-p", "data=a=1 \"b\"", "--parameter", "layers=[64, 32]"],
            values: "epochs: 7\ndata: other\n")
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("fit | a=1 \"b\"|7|[64,32]\n"), "\(result.output)")
    }

    @Test func `U4: what is given wins over the run of the file`() async throws {
        let run = Self.manifest.replacingOccurrences(of: "kind: Pipeline\n", with: "kind: PipelineRun\n")
            .replacingOccurrences(of: "spec:\n", with: "spec:\n  parameters: {data: old, epochs: 5}\n  pipelineSpec:\n")
            .replacingOccurrences(of: "\n  parameters:\n    -", with: "\n    parameters:\n    -")
            .replacingOccurrences(of: "\n  tasks:", with: "\n    tasks:")
        let result = try await self.run(["--logs", "-p", "data=new"], manifest: run)
        #expect(result.output.contains("fit | new|5|[]\n"), "\(result.output)\(result.errors)")
    }

    @Test(
        arguments: [
            (
                ["-p", "dtaa=x"], nil,
                "error: -p dtaa: the pipeline has no such parameter (did you mean data?); it has data, epochs, layers\n"
            ),
            (["-p", "data=x", "-p", "epochs=ten"], nil, "error: -p epochs=ten: epochs must be an integer\n"),
            (
                ["-p", "epochs=1"], nil,
                "error: -: spec.parameters.data: Required value: the parameter has no default\n"
            ),
            (
                ["--values", "values.yaml"], "data: x\nepoch: 3\n",
                "error: values.yaml: epoch: the pipeline has no such parameter (did you mean epochs?); it has data, epochs, layers\n"
            ),
            (
                ["--values", "values.yaml"], "data: 3\n",
                "error: values.yaml: data: Invalid value: 3: must be a string\n"
            ),
            (
                ["--values", "values.yaml"], "[1]\n",
                "error: values.yaml: expected one map of parameters, as in epochs: 3\n"
            ),
            (["--values", "none.yaml"], nil, "error: none.yaml: No such file or directory\n"),
        ] as [([String], String?, String)])
    func `U4: a wrong parameter gets one sentence and exit code 2`(
        arguments: [String], values: String?, message: String
    )
        async throws
    {
        let result = try await run(arguments, values: values)
        #expect(result.status == 2)
        #expect(result.errors == message)
        #expect(result.output.isEmpty)
    }

    @Test func `-o json prints the final run on stdout and the progress on stderr`() async throws {
        let result = try await run(["-p", "data=x", "-o", "json", "--logs"])
        #expect(result.status == 0)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect((object["status"] as? [String: Any])?["phase"] as? String == "Succeeded")
        #expect(result.errors.contains("fit | x|1|[]\n"))
        #expect(result.errors.contains("Succeeded  1/1 task"))
    }
}
