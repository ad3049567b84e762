import JSON
import KubernetesModel
import KubernetesSchema
import Testing

@testable import EmbeddedAPIServer

/// The CEL rules of custom resource definitions.
struct ValidationRuleTests {
    private func messages(_ rule: String, _ value: JSONValue, old: JSONValue? = nil) throws -> [String] {
        let schema = try StructuralSchema(
            openAPI: [
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "x-kubernetes-validations": [["rule": .string(rule)]],
            ])
        return try #require(RuleCheck(schema)).errors(value, old: old, schema).map(\.detail)
    }

    @Test(
        arguments: [
            ("self.a == oldSelf.a && self.b == oldSelf.b", #"{"a":1,"b":2}"#, #"{"a":1,"b":2}"#, true),
            ("self.a == oldSelf.a", #"{"a":1}"#, #"{"a":2}"#, false), ("self.a == oldSelf.a", #"{"a":1}"#, nil, true),
            ("has(self.a) == has(oldSelf.a)", #"{"a":1}"#, "{}", false),
            ("has(self.a) != has(self.b)", #"{"a":1}"#, nil, true),
            ("has(self.a) != has(self.b)", #"{"a":1,"b":1}"#, nil, false),
            ("size(self.a) <= 3", #"{"a":"äbc"}"#, nil, true),
            ("size(self.a) <= 3", #"{"a":[1,2,3,4]}"#, nil, false),
            ("self.min <= self.max", #"{"min":1,"max":1.5}"#, nil, true),
            ("self.list.all(x, x > 0) && self.name.matches('^[a-z]+$')", #"{"list":[1,2],"name":"abc"}"#, nil, true),
            ("!has(self.a) || self.a in ['x','y']", #"{"a":"z"}"#, nil, false),
        ] as [(String, String, String?, Bool)])
    func `A rule is asked as CEL has it, one that compares with before only at a change`(
        rule: String, value: String, old: String?, holds: Bool
    ) throws {
        let found = try messages(rule, JSONValue(parsing: value), old: old.map { try JSONValue(parsing: $0) })
        #expect(found == (holds ? [] : ["failed rule: \(rule)"]))
    }

    @Test func `A rule that cannot be worked out is broken, not met`() throws {
        let found = try messages("self.a.b == 1", ["a": 1])
        #expect(found.count == 1 && found[0].contains("cannot be evaluated: column"))
    }

    @Test(arguments: [true, false])
    func `Only where there are rules an invalid object is told that they were not asked`(hasRules: Bool) throws {
        var size: JSONValue = ["type": "integer"]
        if hasRules { size["x-kubernetes-validations"] = [["rule": "self > 0"]] }
        let strategy = try CustomResourceStrategy(version: [
            "name": "v1", "served": true, "storage": true,
            "schema": ["openAPIV3Schema": ["type": "object", "properties": ["size": size]]],
        ])
        let fields = strategy.validate(["size": "large"], old: nil, subresource: nil).map(\.field)
        #expect(fields == (hasRules ? ["size", "<nil>"] : ["size"]))
    }

    @Test func `A definition whose rule is not CEL is refused, with the place`() async throws {
        let test = try TestServer()
        let schema: JSONValue = [
            "type": "object",
            "properties": [
                "spec": ["type": "object", "x-kubernetes-validations": [["rule": "true"], ["rule": "self.a = 1"]]]
            ],
        ]
        let answer = await test.send(
            "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            [
                "metadata": ["name": "things.example.dev"],
                "spec": [
                    "group": "example.dev", "scope": "Namespaced", "names": ["plural": "things", "kind": "Thing"],
                    "versions": [
                        ["name": "v1", "served": true, "storage": true, "schema": ["openAPIV3Schema": schema]]
                    ],
                ],
            ])
        #expect(answer.status == 422)
        let cause = answer.json["details"]?["causes"]?[0]
        #expect(
            cause?["field"]?.string?.hasSuffix("openAPIV3Schema.properties.spec.x-kubernetes-validations[1].rule")
                == true)
        #expect(cause?["message"]?.string?.contains("compilation failed: column 8") == true)
    }
}
