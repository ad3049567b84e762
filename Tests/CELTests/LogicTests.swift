import JSON
import Testing

@testable import CEL

struct LogicTests {
    @Test(arguments: [
        ("true && true", "true"), ("true && false", "false"), ("false && true", "false"), ("false && false", "false"),
        ("true || false", "true"), ("false || true", "true"), ("false || false", "false"), ("true || true", "true"),
        ("!true", "false"), ("!false", "true"), ("!!true", "true"), ("true || false && false", "true"),
        ("(true || false) && false", "false"), ("1 < 2 && 2 < 3 || false", "true"), ("!true || true", "true"),
    ])
    func `The truth tables hold, and && binds tighter`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("false && 1 / 0 == 1", "false"), ("1 / 0 == 1 && false", "false"), ("true && 1 / 0 == 1", "evaluation error"),
        ("1 / 0 == 1 && true", "evaluation error"), ("true || 1 / 0 == 1", "true"), ("1 / 0 == 1 || true", "true"),
        ("false || 1 / 0 == 1", "evaluation error"), ("1 / 0 == 1 || false", "evaluation error"),
        ("1 / 0 == 1 && 1 / 0 == 1", "evaluation error"), ("dyn('a') && false", "false"),
        ("false && dyn('a')", "false"),
        ("dyn('a') || true", "true"), ("true && dyn('a')", "type error"), ("dyn('a') && true", "type error"),
        ("dyn(1) || dyn('a')", "type error"), ("1 / 0 == 1 && dyn('a')", "evaluation error"),
        ("1 / 0 == 1 || 2 / 0 == 1 || true", "true"), ("(1 / 0 == 1 && true) || true", "true"),
        ("(1 / 0 == 1 || false) && false", "false"), ("true || (1 / 0 == 1 && true)", "true"),
        ("1 / 0 == 1 || (2 / 0 == 1 && false) || true", "true"), ("[1, 1 / 0 == 1 || true] == []", "false"),
        ("{'a': 1 / 0 == 1 && false}.a", "false"), ("!(1 / 0 == 1) || true", "true"),
        ("(true ? 1 / 0 == 1 : true) || true", "true"), ("[1].map(x, x / 0).size() == 0 || true", "true"),
        ("[1 / 0 == 1 || true, 1 / 0 == 1 && false]", "[true, false]"),
        ("[0, 1].map(x, 1 / x == 1 || x == 0)", "[true, true]"),
        ("[0, 2].map(x, 1 / x == 1 || x == 0)", "[true, false]"),
        ("[0, 1].map(x, 1 / x == 1 && x != 0)", "[false, true]"),
        ("[0, 1, 0].map(x, 1 / x == 1 && x == 1 || true)", "[true, true, true]"),
    ])
    func `An error on one side is absorbed when the other side decides`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test
    func `Of two errors the left one is told`() {
        let types: [String: CELType] = ["a": .dyn]
        #expect(message("a.x && 1 / 0 == 1", types, ["a": [:]]) == "column 3: there is no 'x' in a")
        #expect(message("1 / 0 == 1 || a.x", types, ["a": [:]]) == "column 3: 1 is divided by zero")
        #expect(message("[0].exists(i, a.x || 1 / i == 1)", types, ["a": [:]]) == "column 17: there is no 'x' in a")
    }

    @Test(arguments: [
        ("true ? 1 : 2", "1"), ("false ? 1 : 2", "2"), ("true ? 1 : 1 / 0", "1"), ("false ? 1 / 0 : 2", "2"),
        ("1 / 0 == 1 ? 1 : 2", "evaluation error"), ("dyn('a') ? 1 : 2", "type error"),
        ("true ? false ? 1 : 2 : 3", "syntax error"), ("true ? (false ? 1 : 2) : 3", "2"),
        ("false ? 1 : false ? 2 : 3", "3"), ("false || true ? 1 : 2", "1"), ("true ? 1 : 2 + 3", "1"),
        ("true ? 1 : 'a'", "type error"), ("true ? dyn(1) : 'a'", "1"), ("1 ? 2 : 3", "type error"),
        ("[true ? 1 : 2, false ? 3 : 4]", "[1, 4]"),
    ])
    func `A ternary evaluates one of its values`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }
}
