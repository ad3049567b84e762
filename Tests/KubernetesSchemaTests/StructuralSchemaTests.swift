import JSON
import KubernetesModel
import KubernetesSchema
import Testing

struct StructuralSchemaTests {
    private func schema() throws -> StructuralSchema {
        let spec = try StructuralSchema(openAPI: JSONValue(parsing: ServerRecordings.schema))
        var root = StructuralSchema.Fields()
        root.type = .object
        root.properties = ["spec": spec]
        return StructuralSchema(root)
    }

    @Test
    func `Errors, unknown fields and defaults are those of kube-apiserver`() throws {
        let schema = try schema()
        for recorded in try JSONValue(parsing: ServerRecordings.cases).array ?? [] {
            var object: JSONValue = ["spec": recorded["input"] ?? .null]
            let unknown = schema.prune(&object)
            schema.dropNulls(&object)
            schema.applyDefaults(&object)
            let found = schema.validate(object).map { [$0.cause.field, $0.cause.reason, $0.cause.message] }
            let errors = (recorded["errors"]?.array ?? []).compactMap(\.strings)
            #expect(
                found.sorted { $0.lexicographicallyPrecedes($1) } == errors.sorted { $0.lexicographicallyPrecedes($1) },
                "\(recorded["input"]?.text ?? "")")
            guard errors.isEmpty else { continue }
            #expect(unknown.map(\.description) == recorded["unknown"]?.strings ?? [])
            #expect((object["spec"] ?? .null).text == (recorded["output"] ?? .null).text)
        }
    }

    @Test
    func `A schema that was read is written as it was`() throws {
        let json = try JSONValue(parsing: ServerRecordings.schema)
        #expect(try StructuralSchema(openAPI: json).json == json)
        let other: JSONValue = [
            "title": "t", "externalDocs": ["url": "u"], "x-kubernetes-validations": [["rule": "true", "reason": "x"]],
            "additionalProperties": true, "x-kubernetes-map-type": "atomic",
        ]
        #expect(try StructuralSchema(openAPI: other).json == other)
    }

    @Test(arguments: [
        (#"{"type":"objekt"}"#, "type: must be one of object, array, string, integer, number, boolean"),
        (#"{"properties":{"a":{"maxItems":-1}}}"#, "properties.a.maxItems: must be a whole number, 0 or more"),
        (#"{"items":5}"#, "items: a schema must be an object"),
        (#"{"pattern":"("}"#, "pattern: invalid regular expression: missing closing )"),
        ("5", "a schema must be an object"),
    ])
    func `An invalid schema is refused with the place of the mistake`(text: String, message: String) throws {
        let json = try JSONValue(parsing: text)
        do {
            _ = try StructuralSchema(openAPI: json)
            Issue.record("accepted")
        } catch let error as SchemaError {
            #expect(error.description == message)
        }
    }

    @Test
    func `An unknown field is worded as strict decoding words it`() throws {
        var object: JSONValue = ["apiVersion": "v1", "spec": ["lm": [["name": "a", "x": 1]]], "more": 1]
        let unknown = try schema().prune(&object).map { FieldError.unknown($0).description }
        #expect(unknown == [#"unknown field "more""#, #"unknown field "spec.lm[0].x""#])
        #expect(object == ["apiVersion": "v1", "spec": ["lm": [["name": "a"]]]])
    }

    @Test
    func `Many errors, many fields and deep values take linear time`() throws {
        let schema = try schema()
        let elements = (0..<20_000).map { JSONValue.object(["name": .string("n\($0)"), "w": "x", "u\($0)": 1]) }
        var object: JSONValue = ["spec": ["lm": .array(elements), "arr": .array(Array(repeating: "x", count: 20_000))]]
        #expect(schema.prune(&object).count == 20_000)
        #expect(schema.validate(object).count == 40_001)
        var deep: JSONValue = 1
        for _ in 0..<500 { deep = ["a": [deep]] }
        var tree: JSONValue = ["spec": ["any": deep, "free": ["x": deep]]]
        #expect(schema.prune(&tree).isEmpty)
        #expect(schema.validate(tree).isEmpty)
    }
}

struct PatternTests {
    @Test(arguments: [
        ("^[a-z]+$", ["a", "abc"], ["", "A", "a1", "a\n"]), ("b", ["abc", "b"], ["ac"]),
        ("^a(b|c)*d?$", ["a", "abcbd", "acd"], ["ad!", "bd"]), ("^x{2,3}$", ["xx", "xxx"], ["x", "xxxx"]),
        ("^x{2,}$", ["xx", "xxxxx"], ["x"]), ("x{,2}", ["x{,2}"], ["xx"]), ("^\\d\\w\\s$", ["1a "], ["a1 "]),
        ("^[^\\d]$", ["a", "é"], ["1", ""]), ("^(?i)AbC$", ["abc", "ABC"], ["abd"]), ("^(?:a|)$", ["a", ""], ["b"]),
        ("\\bfoo\\b", ["a foo b", "foo"], ["foobar"]), ("^[]a]+$", ["]a"], ["b"]), ("^[[:alpha:]_-]+$", ["a-_"], ["1"]),
        ("^.{3}$", ["abc", "äöü"], ["ab", "a\nb"]), ("^\\.\\x41\\x{1F600}$", [".A😀"], ["aA😀"]),
        ("^([a-z0-9]([-a-z0-9]*[a-z0-9])?)$", ["a", "a-b"], ["-a", "a-"]), ("a+?b*?$", ["aab", "a"], ["b"]),
        ("^(?P<n>a)\\z", ["a"], ["ab"]), ("", ["", "x"], []),
    ])
    func `A pattern matches what Go's regexp matches`(pattern: String, good: [String], bad: [String]) throws {
        let pattern = try Pattern(pattern)
        for text in good { #expect(pattern.matches(text), "\(pattern.text) \(text)") }
        for text in bad { #expect(!pattern.matches(text), "\(pattern.text) \(text)") }
    }

    @Test(arguments: [
        "(", ")", "[a", "a**", "*", "a{2,1}", "a{1001}", "\\", "\\q", "(?=a)", "\\p{L}", "[b-a]", "[[:x:]]", "\\1",
    ])
    func `What cannot be matched is refused`(pattern: String) {
        #expect(throws: PatternError.self) { try Pattern(pattern) }
    }

    @Test
    func `Patterns that make backtracking matchers hang take linear time`() throws {
        let text = String(repeating: "a", count: 5000) + "!"
        #expect(try !Pattern("^(a+)+$").matches(text))
        #expect(try !Pattern("^(a|a)*$").matches(text))
        #expect(throws: PatternError.self) { try Pattern("((a{1000}){1000}){1000}") }
        // As Go: the product of nested counts is at most 1,000, whatever is repeated.
        for text in ["((((){1000}){1000}){10})", "((){2}){501}", "(a{2,}){501}", "(a{0,2}b){501}", "x|(a{2}){501}"] {
            #expect(throws: PatternError.self, "\(text)") { try Pattern(text) }
        }
        for text in [
            "((){2}){500}", "(a{2,}){500}", "(a*){1000}", "(a{1000})*", "(a{1000}|b{1000}){0}", "(a{10}b{100}){10}",
        ] {
            #expect(throws: Never.self, "\(text)") { try Pattern(text) }
        }
        #expect(throws: PatternError.self) { try Pattern(String(repeating: "(", count: 100_000)) }
    }
}
