import JSON
import Testing

@testable import CEL

struct MacroTests {
    @Test(arguments: [
        ("[1, 2].all(x, x > 0)", "true"), ("[1, 2].all(x, x > 1)", "false"), ("[].all(x, 1 / 0 == 1)", "true"),
        ("[1, 0, 2].all(x, 4 / x != 2)", "false"), ("[1, 0].all(x, 4 / x == 4)", "evaluation error"),
        ("[0, 1].all(x, 4 / x == 5)", "false"), ("{'a': 1, 'b': 2}.all(k, k != 'c')", "true"),
        ("[1, 2].exists(x, x == 2)", "true"), ("[1, 2].exists(x, x == 3)", "false"), ("[].exists(x, true)", "false"),
        ("[0, 2].exists(x, 4 / x == 2)", "true"), ("[0, 2].exists(x, 4 / x == 3)", "evaluation error"),
        ("{'a': 1}.exists(k, k == 'a')", "true"), ("[1, 'a'].exists(x, x == 'a')", "true"),
        ("[1].all(x, dyn(x))", "type error"), ("[1, 2].all(x, x == 1 ? dyn('a') : dyn(false))", "false"),
        ("[1, 2, 1].exists_one(x, x == 2)", "true"), ("[1, 2, 1].exists_one(x, x == 1)", "false"),
        ("[1].exists_one(x, x == 2)", "false"), ("[1, 0].exists_one(x, 1 / x == 1)", "evaluation error"),
        ("[1, 2, 3].existsOne(x, x == 3)", "true"),
        ("[1, 2, 3].filter(x, x != 2)", "[1, 3]"), ("[].filter(x, true)", "[]"),
        ("[1, 0].filter(x, 1 / x == 1)", "evaluation error"),
        ("{'a': 1, 'b': 2}.filter(k, k == 'b')", "['b']"), ("[1].filter(x, x)", "type error"),
        ("[1, 2, 3].map(x, x * x)", "[1, 4, 9]"), ("[].map(x, x)", "[]"), ("[1, 0].map(x, 1 / x)", "evaluation error"),
        ("[1, 2, 3].map(x, x > 1, x * 10)", "[20, 30]"), ("[0, 2].map(x, x > 0, 4 / x)", "[2]"),
        ("{'a': 1}.map(k, k + 'b')", "['ab']"), ("[1].map(x, dyn(1), x)", "type error"),
    ])
    func `The macros of one variable`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("[5, 6].all(i, v, v == i + 5)", "true"), ("[5, 7].all(i, v, v == i + 5)", "false"),
        ("[5, 6].exists(i, v, i == 1 && v == 6)", "true"), ("{'a': 1}.exists(k, v, k == 'a' && v == 2)", "false"),
        ("{'a': 1, 'b': 2}.all(k, v, v > 0 && k < 'c')", "true"), ("[5, 6].existsOne(i, v, v > 5)", "true"),
        ("[5, 6].existsOne(i, v, v > 4)", "false"), ("[2, 4].transformList(i, v, v / 2 + i)", "[1, 3]"),
        ("[2, 4, 6].transformList(i, v, i != 1, v)", "[2, 6]"), ("{'a': 1}.transformList(k, v, k)", "['a']"),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v * 10)", "{'a': 10, 'b': 20}"),
        ("{'a': 1, 'b': 2}.transformMap(k, v, k == 'b', v)", "{'b': 2}"),
        ("['x', 'y'].transformMap(i, v, v)", "{0: 'x', 1: 'y'}"),
        ("{'a': 'x'}.transformMapEntry(k, v, {v: k})", "{'x': 'a'}"),
        ("{'a': 'x', 'b': 'x'}.transformMapEntry(k, v, {v: k})", "evaluation error"),
        ("['a'].transformMapEntry(i, v, {})", "type error"), ("['a'].transformMapEntry(i, v, i)", "type error"),
        ("[1].transformList(v, v)", "syntax error"), ("[1].all(i, i, true)", "syntax error"),
    ])
    func `The macros of two variables`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("[1, 2].map(x, [x, x + 1].map(x, x * 10))", "[[10, 20], [20, 30]]"),
        ("[1, 2].all(x, [3, 4].all(y, x < y))", "true"),
        ("[[1], [2, 3]].map(l, l.map(x, x + l.size()))", "[[2], [4, 5]]"),
        ("[1, 2].map(x, .x + x)", "[101, 102]"), ("[x].map(x, x + 1)", "[101]"), ("[1].map(int, int + 1)", "[2]"),
        ("[1, 2].filter(y, [0].exists(z, 1 / z == 1 || y == 2))", "evaluation error"),
        ("[2, 2].filter(y, [0].exists(z, 1 / z == 1 || y == 2))", "[2, 2]"),
        ("[[0, 1], [1]].exists(l, l.all(z, 1 / z == 1))", "true"),
        ("[1, 2, 3].map(x, x * 2).filter(x, x > 2).exists(x, x == 6)", "true"), ("[1].map(y, y) + [y]", "type error"),
    ])
    func `A variable hides those around it, and a leading dot those of the macros`(source: String, expected: String) {
        #expect(outcome(source, ["x": 100]) == expected)
    }

    @Test(arguments: [
        ("1 .all(x, true)", "type error"), ("(1).all(x, true)", "type error"), ("dyn(1).all(x, true)", "type error"),
        ("'abc'.map(x, x)", "type error"), ("[1].all(x)", "syntax error"), ("[1].all(x, true, true)", "syntax error"),
        ("[1].filter(x, true, x)", "syntax error"), ("[1].map(x, true, x, x)", "syntax error"),
        ("[1].all(1, true)", "syntax error"), ("[1].all(a.b, true)", "syntax error"), ("[1].all()", "syntax error"),
        ("all(x, true)", "type error"), ("[1].all(if, true)", "syntax error"), ("[1].all(true, true)", "syntax error"),
        ("[1].all(x, true", "syntax error"),
    ])
    func `A macro wants a list or a map, names and an expression`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test
    func `has asks for a field without needing it, but needs what is before`() {
        let variables: [String: JSONValue] = ["a": ["b": ["c": .null]], "n": 1]
        for (source, expected) in [
            ("has(a.b)", "true"), ("has(a.x)", "false"), ("has(a.b.c)", "true"), ("has(a.b.x)", "false"),
            ("has(a.x.y)", "missing a.x"), ("has(n.x)", "type error"), ("has({'k': 1}.k)", "true"),
            ("has(a.`b`)", "true"), ("!has(a.x) || a.x == 1", "true"), ("has(a.x) && a.x == 1", "false"),
            ("has(a)", "syntax error"), ("has(a['b'])", "syntax error"), ("has()", "syntax error"),
            ("has(a.b, a.b)", "syntax error"), ("has(1)", "syntax error"), ("a.has(b)", "type error"),
        ] {
            #expect(outcome(source, variables) == expected, "\(source)")
        }
    }
}
