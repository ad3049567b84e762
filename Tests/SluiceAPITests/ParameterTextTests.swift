import JSON
import SluiceAPI
import Testing

@Suite struct ParameterTextTests {
    private static let pipeline: PipelineSpec = {
        var pipeline = PipelineSpec()
        pipeline.parameters = [
            ParameterSpec(name: "text"), ParameterSpec(name: "epochs", type: .integer),
            ParameterSpec(name: "rate", type: .number), ParameterSpec(name: "fast", type: .boolean),
            ParameterSpec(name: "layers", type: .array), ParameterSpec(name: "options", type: .object),
        ]
        return pipeline
    }()

    @Test(
        arguments: [
            ("text=a=b", "a=b"), ("text=", ""), ("text=3", "3"), (#"text={"a": 1}"#, #"{"a": 1}"#), ("epochs=3", 3),
            ("rate=0.5", 0.5), ("rate=1e-3", 0.001), ("fast=true", true), ("layers=[64, 32]", [64, 32]),
            (#"options={"a": 1}"#, ["a": 1]),
        ] as [(String, JSONValue)])
    func `A value is the text of a string, and JSON of anything else`(text: String, value: JSONValue) throws {
        #expect(try ParameterText.read(text, for: Self.pipeline).value == value)
    }

    @Test(arguments: [
        ("epochs", "epochs: expected name=value"),
        ("=3", "=3: expected name=value"),
        (
            "epcohs=3",
            "epcohs: the pipeline has no such parameter (did you mean epochs?); it has text, epochs, rate, fast, layers, options"
        ),
        ("epochs=ten", "epochs=ten: epochs must be an integer"),
        ("epochs=1.5", "epochs=1.5: epochs must be an integer"),
        ("fast=yes", "fast=yes: fast must be true or false"),
        ("layers=64", #"layers=64: layers must be an array, as in layers='["a", "b"]'"#),
    ])
    func `A mistake is told in a sentence, with the parameters that there are`(text: String, message: String) {
        #expect(throws: ParameterText.Mistake(description: message)) {
            try ParameterText.read(text, for: Self.pipeline)
        }
    }

    @Test func `A pipeline without parameters says so`() {
        #expect(throws: ParameterText.Mistake(description: "a: the pipeline has no such parameter; it has none")) {
            try ParameterText.read("a=1", for: PipelineSpec())
        }
    }
}
