import KubernetesSchema
import Testing

struct TypeTableTests {
    @Test func `Every line of the table parses, every type that is named exists, and nothing is there twice`() {
        #expect(TypeTable.kubernetes.problems == [])
        #expect(TypeTable.kubernetes.types.values.allSatisfy { !$0.fields.isEmpty })
    }

    @Test func `The keys of a list are required fields of its elements, or have a default`() throws {
        for (name, type) in TypeTable.kubernetes.types {
            for field in type.fields {
                guard case .list(.type(let element)) = field.shape else { continue }
                var keys = field.listMapKeys
                if case .merge(let key) = field.listPatch { keys.append(key) }
                for key in keys {
                    let place: Comment = "\(name).\(field.name) by \(key)"
                    let found = try #require(TypeTable.kubernetes.types[element]?.field(key), place)
                    // The API server sets these before it merges.
                    let hasDefault = key == "protocol" || ["LocalObjectReference", "ObjectReference"].contains(element)
                    #expect(found.isRequired || hasDefault, place)
                }
            }
        }
    }

    @Test func `The notation tells names, types and how lists are merged`() throws {
        let table = TypeTable(
            """
            Part! = a!:s(X|Y) b:b
                c:{q}! d:[[l]]
            Whole = +Part parts:[Part]@a,b set:[s]$ at:t data:y any:* port:p
                replaced:[Part]@a/ byA:[Part]/a plain:[i]$/
            """)
        #expect(table.problems == [])
        let part = try #require(table.types["Part"])
        #expect(part.isAtomic)
        #expect(part.fields.map(\.name) == ["a", "b", "c", "d"])
        #expect(part.fields.map(\.isRequired) == [true, false, false, false])
        #expect(
            part.fields.map(\.shape) == [
                .string(allowed: ["X", "Y"]), .boolean, .map(.quantity), .list(.list(.int64)),
            ])
        #expect(part.fields.map(\.isAtomic) == [false, false, true, false])
        let whole = try #require(table.types["Whole"])
        #expect(!whole.isAtomic)
        #expect(Array(whole.fields.prefix(4)) == part.fields)
        #expect(
            whole.fields.dropFirst(4).map(\.shape) == [
                .list(.type("Part")), .list(.string(allowed: [])), .time, .bytes, .anything, .intOrString,
                .list(.type("Part")), .list(.type("Part")), .list(.int32),
            ])
        func merging(_ name: String) -> [String] {
            whole.field(name).map { ["\($0.listType)", $0.listMapKeys.joined(separator: ","), "\($0.listPatch)"] } ?? []
        }
        #expect(merging("parts") == ["map", "a,b", #"merge(key: "a")"#])
        #expect(merging("set") == ["set", "", "add"])
        #expect(merging("replaced") == ["map", "a", "replace"])
        #expect(merging("byA") == ["atomic", "", #"merge(key: "a")"#])
        #expect(merging("plain") == ["set", "", "replace"])
        #expect(merging("d") == ["atomic", "", "replace"])
    }

    @Test(arguments: [
        ("A = a:s a:b", "A.a is there twice"), ("A = a:s\nA = b:s", "A is there twice"),
        ("A = a:[B]", "A.a: there is no B"), ("A = +B", "A: expected a field, not +B"),
        ("A = a", "A: expected a field, not a"), ("A = a:", "A: expected a field, not a:"),
        ("A = :s", "A: expected a field, not :s"), ("A = a:x", "A: expected a field, not a:x"),
        ("A = a:[s", "A: expected a field, not a:[s"), ("A = a:[s}", "A: expected a field, not a:[s}"),
        ("A = a:s$", "A: expected a field, not a:s$"), ("A = a:[s]@", "A: expected a field, not a:[s]@"),
        ("A = a:s(X", "A: expected a field, not a:s(X"), ("A = a:[s]x", "A: expected a field, not a:[s]x"),
    ])
    func `What is malformed is a problem`(_ text: String, _ problem: String) {
        #expect(TypeTable(text).problems == [problem])
    }

    @Test func `Every struct and every field has one sentence, and nothing else has`() {
        let texts = TypeTexts.kubernetes
        #expect(texts.problems == [])
        var names: Set<String> = []
        for (name, type) in TypeTable.kubernetes.types {
            names.insert(name)
            for field in type.fields { names.insert("\(name).\(field.name)") }
        }
        #expect(names.subtracting(texts.texts.keys).sorted() == [])
        #expect(Set(texts.texts.keys).subtracting(names).sorted() == [])
        for (name, text) in texts.texts { #expect(text.hasSuffix("."), "\(name)") }
    }

    @Test func `The notation of texts tells structs, their fields, and fields of another struct`() {
        let texts = TypeTexts(
            """
            A: What A is: it.
              a: What a is.
            B: What B is.
              +A
              b: What b is.
            """)
        #expect(texts.problems == [])
        #expect(
            texts.texts == [
                "A": "What A is: it.", "A.a": "What a is.", "B": "What B is.", "B.a": "What a is.", "B.b": "What b is.",
            ])
        #expect(TypeTexts("A: x.\n  a\nA: y.").problems == ["expected a name and a text, not a", "A is there twice"])
    }

    @Test(arguments: [
        // Where Kubernetes' two ways of merging differ: struct tags and list types of k8s.io/api v0.36.
        ("Container", "ports", ["containerPort", "protocol"], ListPatch.merge(key: "containerPort")),
        (
            "PodSpec", "topologySpreadConstraints", ["topologyKey", "whenUnsatisfiable"], .merge(key: "topologyKey")
        ),
        ("ResourceRequirements", "claims", ["name"], .replace), ("PodStatus", "hostIPs", [], .merge(key: "ip")),
        ("CustomResourceDefinitionStatus", "conditions", ["type"], .replace),
        ("PodSpec", "schedulingGates", ["name"], .merge(key: "name")), ("PodSpec", "tolerations", [], .replace),
        ("Container", "resizePolicy", [], .replace),
    ])
    func `Lists are merged as in Kubernetes`(_ type: String, _ field: String, _ keys: [String], _ patch: ListPatch)
        throws
    {
        let field = try #require(TypeTable.kubernetes.types[type]?.field(field))
        #expect(field.listMapKeys == keys)
        #expect(field.listPatch == patch)
    }
}
