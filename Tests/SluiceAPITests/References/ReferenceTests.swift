import JSON
import SluiceAPI
import Testing

/// E3: what is a reference, what it becomes, and what is left alone.
struct ReferenceTests {
    static let parameters: JSONObject = [
        "x": "value", "n": 7, "f": 0.5, "yes": true, "none": .null, "empty": "", "list": [1, "two", ["k": [3]]],
        "map": ["y": ["a", ["deep": "z"]], "0": "zero"], "with-dash_1": "w", "tricky": "$(params.x) $$(x) \"q\"",
    ]

    static func resolve(_ reference: Reference) throws -> JSONValue? {
        switch reference.root {
        case .parameter(let name):
            guard let value = parameters[name] else { throw Unknown(reference: "\(reference)") }
            guard let found = reference.descend(into: value) else { throw Unknown(reference: "\(reference)") }
            return found
        case .result(let task, let name): return .string("<\(task):\(name)>")
        case .taskPhase(let task): return .string("phase of \(task)")
        case .run(let field): return .string("run's \(field.rawValue)")
        case .attempt: return 2
        case .replicaIndex: return 5
        case .item: return nil
        }
    }

    struct Unknown: Error, Equatable { var reference: String }

    static func substitute(_ text: String) throws -> JSONValue { try ReferenceTemplate(text).substitute(resolve) }

    @Test(
        arguments: [
            ("$(params.x)", "value"), ("$(params.n)", 7), ("$(params.f)", 0.5), ("$(params.yes)", true),
            ("$(params.none)", .null), ("$(params.list)", [1, "two", ["k": [3]]]), ("$(params.list[0])", 1),
            ("$(params.list[2].k[0])", 3), ("$(params.map.y[1].deep)", "z"), ("$(params.map.0)", "zero"),
            ("$(params.with-dash_1)", "w"), ("$(tasks.a-b.results.r_1)", "<a-b:r_1>"),
            ("$(tasks.a.phase)", "phase of a"),
            ("$(run.name)", "run's name"), ("$(run.uid)", "run's uid"), ("$(run.namespace)", "run's namespace"),
            ("$(run.phase)", "run's phase"), ("$(task.attempt)", 2), ("$(replica.index)", 5), ("$(params.empty)", ""),
        ] as [(String, JSONValue)])
    func `E3: a string that is one reference keeps the value's type`(text: String, value: JSONValue) throws {
        #expect(try Self.substitute(text) == value)
    }

    @Test(arguments: [
        ("a $(params.x) b", "a value b"), ("$(params.n)$(params.n)", "77"), ("n=$(params.n)", "n=7"),
        ("$(params.f).", "0.5."), (" $(params.yes)", " true"), ("<$(params.none)>", "<null>"),
        ("l=$(params.list)", #"l=[1,"two",{"k":[3]}]"#), ("$(params.empty)!", "!"),
        ("\u{1F600}$(params.x)\u{1F600}", "\u{1F600}value\u{1F600}"), ("$(params.x)\u{301}", "value\u{301}"),
        ("e\u{301}$(params.x)", "e\u{301}value"), ("$(params.x)\r\n", "value\r\n"), ("$(params.x)\u{0}", "value\u{0}"),
    ])
    func `E3: inside text strings are rendered bare and the rest as compact JSON`(text: String, expected: String) throws
    {
        #expect(try Self.substitute(text) == .string(expected))
    }

    @Test func `E3: what a value contains is not looked at again`() throws {
        #expect(try Self.substitute("$(params.tricky)") == "$(params.x) $$(x) \"q\"")
        #expect(try Self.substitute("> $(params.tricky)") == "> $(params.x) $$(x) \"q\"")
    }

    @Test(arguments: [
        "", "$", "$$", "$(", "$)", "$()", ")", "$(date)", "$(date +%s)", "$((1 + 2))", "${HOME}", "$HOME",
        "$(ls *.txt | wc -l)",
        "$(params)", "$(tasks)", "$(run)", "$(task)", "$(replica)", "$(run tests)", "$(task list)", "$(params .x)",
        "$( params.x)", "$(Params.x)", "$(param.x)", "$(paramsx.y)", "$(items)", "$(item ls)", "$(params.x",
        "$ (params.x)",
        "$(echo \"$(date)\")", "$(cat <<E\n$(hostname)\nE\n)", "a$$b", "$$", "$$(date)", "$(MY_VAR)", "$(params-x.y)",
        "$\u{301}(params.x)", "$(\u{301}params.x)", "\u{1F468}\u{200D}\u{1F469} $(x)",
    ])
    func `E3: everything else in $(...) is left alone for the shell and the kubelet`(text: String) throws {
        #expect(try Self.substitute(text) == .string(text))
        #expect(ReferenceTemplate(text).references.isEmpty)
    }

    @Test(arguments: [
        ("$(echo $(params.x))", "$(echo value)"), ("$(echo $(date) $(params.n))", "$(echo $(date) 7)"),
        ("$(($(params.n) + 1))", "$((7 + 1))"), ("${A:-$(params.x)}", "${A:-value}"),
        ("$(params.x)(params.x)", "value(params.x)"),
        ("$(params.x))", "value)"), ("(($(params.n)))", "((7))"),
    ])
    func `E3: a reference inside the shell's own substitution is still one`(text: String, expected: String) throws {
        #expect(try Self.substitute(text) == .string(expected))
    }

    @Test(arguments: [
        ("$$(params.x)", "$(params.x)"), ("a $$(params.x) b $(params.x)", "a $(params.x) b value"),
        ("$$(run.name)$(run.name)", "$(run.name)run's name"), ("$$(params.list[0])", "$(params.list[0])"),
        ("$$(tasks.a.results.r)", "$(tasks.a.results.r)"), ("$$(item)", "$(item)"),
    ])
    func `E3: $$( escapes a reference`(text: String, expected: String) throws {
        #expect(try Self.substitute(text) == .string(expected))
        #expect(ReferenceTemplate(text).parts.count <= 2)
    }

    @Test(arguments: [
        "$(params.)", "$(params..x)", "$(params.x.)", "$(params.x[)", "$(params.x[])", "$(params.x[0)",
        "$(params.x[a])",
        "$(params.x[-1])", "$(params.x[+1])", "$(params.x[99999999999999999999])", "$(params.x y)", "$(params.x[0]y)",
        "$(params.é)", "$(params.[0])", "$(tasks.a)", "$(tasks.a.results)", "$(tasks.a.results.)",
        "$(tasks.a.results[0])",
        "$(tasks.a.phases)", "$(tasks.a.phase.x)", "$(tasks.a.result.r)", "$(run.foo)", "$(run.)", "$(run.name.x)",
        "$(run.name[0])", "$(task.attempts)", "$(task.attempt.x)", "$(replica.count)", "$(replica.index[0])",
        "$(params.x\n)", "$(item.)", "$(item[x])",
    ])
    func `E3: what begins as a reference and is none is told apart, and stays as it stands`(text: String) throws {
        let template = ReferenceTemplate("<" + text + ">")
        let malformed = template.parts.compactMap { if case .malformed(let malformed) = $0 { malformed } else { nil } }
        #expect(malformed.count == 1)
        #expect(malformed.first.map { "$(\($0.text))" } == text)
        #expect(malformed.first?.problem.isEmpty == false)
        #expect(malformed.first?.description.hasPrefix(text) == true)
        #expect(try template.substitute(Self.resolve) == .string("<" + text + ">"))
    }

    @Test func `E3: item is a reference of its own, left alone where there is none`() throws {
        #expect(ReferenceTemplate("$(item)").references == [Reference(root: .item)])
        #expect(
            ReferenceTemplate("$(item.a[1])").references == [Reference(root: .item, steps: [.field("a"), .index(1)])])
        #expect(try Self.substitute("$(item) $(item.a[1])") == "$(item) $(item.a[1])")
        #expect(try Self.substitute("$(item)") == "$(item)")
    }

    @Test func `E3: the errors of the resolver pass through`() {
        #expect(throws: Unknown(reference: "params.nobody")) { _ = try Self.substitute("a $(params.nobody)") }
        #expect(throws: Unknown(reference: "params.x.y")) { _ = try Self.substitute("$(params.x.y)") }
        #expect(throws: Unknown(reference: "params.list[9]")) { _ = try Self.substitute("$(params.list[9])") }
    }

    @Test func `E3: references are replaced in every string of a tree, at any depth, and not in keys`() throws {
        let tree: JSONValue = [
            "$(params.x)": "$(params.n)", "a": ["$(params.x)", ["b": "<$(params.x)>"], 1, true, .null], "c": "$(date)",
        ]
        #expect(
            try tree.substitutingReferences(Self.resolve) == [
                "$(params.x)": 7, "a": ["value", ["b": "<value>"], 1, true, .null], "c": "$(date)",
            ])
        var found: [String: [Reference.Step]] = [:]
        tree.forEachString { found[$0] = $1 }
        #expect(found["<$(params.x)>"] == [.field("a"), .index(1), .field("b")])
        #expect(found.keys.sorted() == ["$(date)", "$(params.n)", "$(params.x)", "<$(params.x)>"])
    }

    @Test func `A long text of open parentheses takes time in step with its length`() {
        let clock = ContinuousClock()
        func time(_ text: String) -> Duration { clock.measure { _ = ReferenceTemplate(text) } }
        for tail in ["", ")"] {
            let unit = String(repeating: "$(", count: 4_000)
            let short = (0..<3).map { _ in time(unit + tail) }.min() ?? .zero
            let long = time(String(repeating: unit, count: 16) + tail)
            // In step: 16 times; quadratic: 256 times.
            #expect(long < short * 100)
        }
    }
}
