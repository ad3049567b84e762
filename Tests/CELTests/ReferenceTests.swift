import JSON
import Testing

@testable import CEL

struct ReferenceTests {
    private static let environment = CELEnvironment(["tasks": .dyn, "params": .dyn, "item": .dyn])

    @Test(arguments: [
        ("tasks.a.results.r == 'x'", ["tasks.a.results.r@1"]), ("tasks['a'].results['r'] > 1", ["tasks.a.results.r@1"]),
        ("params.n > 1 && params.m > 2", ["params.n@1", "params.m@17"]),
        ("has(tasks.a.results.r)", ["tasks.a.results.r?@5"]),
        ("has(tasks.a.r) && tasks.a.r", ["tasks.a.r?@5", "tasks.a.r@19"]),
        ("tasks[item].phase", ["tasks@1", "item@7"]),
        ("tasks[params.name].x", ["tasks@1", "params.name@7"]), ("tasks.a.results.r[0].x", ["tasks.a.results.r@1"]),
        ("[tasks].all(t, t.x == 1)", ["tasks@2"]), ("[1].all(item, item == params.n)", ["params.n@23"]),
        ("size(tasks.a.list)", ["tasks.a.list@6"]), ("(tasks.a).b", ["tasks.a.b@2"]), ("1 == 1", []),
        ("item", ["item@1"]),
        ("(true ? tasks : params).x", ["tasks@9", "params@17"]), ("tasks.`a-b`.c", ["tasks.a-b.c@1"]),
        (".tasks.a", ["tasks.a@2"]),
    ])
    func `The chains that an expression reads are told with their columns`(source: String, expected: [String]) throws {
        let references = try CELExpression(source, in: Self.environment).references
        #expect(
            references.map { "\($0.path.joined(separator: "."))\($0.isTest ? "?" : "")@\($0.column)" } == expected)
    }

    @Test
    func `What is missing is told by its path from the variable`() {
        let variables: [String: JSONValue] = [
            "tasks": ["a": ["results": ["n": 1]]], "params": ["name": "b"], "item": [["k": 1]],
        ]
        for (source, expected) in [
            ("tasks.a.results.r", "missing tasks.a.results.r"), ("tasks.b.results.r", "missing tasks.b"),
            ("tasks['a']['results']['r']", "missing tasks.a.results.r"),
            ("tasks[params.name].phase", "missing tasks.b"),
            ("tasks.a[params.name]", "missing tasks.a.b"), ("item[0].x", "missing "),
            ("[tasks].map(t, t.x)", "missing "),
            ("{'a': 1}.b", "missing "), ("true || tasks.x", "true"), ("tasks.x == 1 || true", "true"),
            ("tasks.x == 1 && true", "missing tasks.x"), ("[1].exists(i, tasks.x == i)", "missing tasks.x"),
            ("[1, 2].exists(i, tasks.x == 1 || i == 2)", "true"), ("has(tasks.b) ? tasks.b.r : 'none'", "'none'"),
        ] {
            #expect(outcome(source, variables) == expected, "\(source)")
        }
    }

    @Test
    func `A variable without a value is missing when it is needed, and asked for once`() throws {
        let expression = try CELExpression("item == 1 || tasks == 2 || tasks == 3 || params == 4", in: Self.environment)
        var asked: [String] = []
        let answer = try expression.evaluateBool { name in
            asked.append(name)
            return name == "tasks" ? 3 : nil
        }
        #expect(answer)
        #expect(asked == ["item", "tasks"])
        #expect(outcome("item", known: ["item": .dyn]) == "missing item")
    }

    @Test
    func `A condition of another type than bool is an error`() throws {
        let expression = try CELExpression("item", in: Self.environment)
        #expect(try expression.evaluateBool { _ in true })
        let error = #expect(throws: CELError.self) { _ = try expression.evaluateBool { _ in "true" } }
        #expect(error?.kind == .type)
        #expect(error?.message == "the expression is string: expected bool")
    }

    @Test(arguments: [
        ("inputs.parameter_values['pipelinechannel--x'] == 'heads'", "true"),
        ("inputs.parameter_values['pipelinechannel--x'] == 'heads' && int(inputs.parameter_values['n']) > 9", "true"),
        ("inputs.parameter_values['pipelinechannel--x'] == 'tails' || int(inputs.parameter_values['n']) > 12", "false"),
        ("!(inputs.parameter_values['n'] == '12')", "false"),
        ("double(inputs.parameter_values['rate']) >= 0.5", "true"),
        ("inputs.parameter_values['flag'] == true", "true"),
        ("inputs.parameter_values['missing'] == 'x'", "missing inputs.parameter_values.missing"),
    ])
    func `The conditions that KFP writes evaluate`(source: String, expected: String) {
        let inputs: JSONValue = [
            "parameter_values": ["pipelinechannel--x": "heads", "n": "12", "rate": 0.75, "flag": true]
        ]
        #expect(outcome(source, ["inputs": inputs]) == expected)
    }
}
