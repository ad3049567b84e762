import JSON
import Testing

@testable import CEL

struct CheckerTests {
    static let types: [String: CELType] = [
        "params": .object(["count": .int, "name": .string, "rate": .double, "tags": .list(.string)], open: false),
        "tasks": .object(["train": .object(["phase": .string], open: true)], open: true),
        "labels": .map(.string, .string), "item": .dyn, "flags": .map(.int, .bool), "at": .timestamp,
    ]

    @Test(arguments: [
        (
            "1 + 'a'",
            "column 3: '+' does not take int and string: expected two numbers of one type, two of string, bytes, list or duration, or a timestamp and a duration"
        ), ("size(3)", "column 1: size() does not take int: expected one of string, bytes, list, map"),
        ("'a' == 1", "column 5: '==' does not take string and int: expected two values of one type"),
        ("1 && true", "column 3: the left side of '&&' is int: expected bool"),
        ("true || 'a'", "column 6: the right side of '||' is string: expected bool"),
        ("1 ? 2 : 3", "column 3: the condition before '?' is int: expected bool"),
        ("true ? 1 : 'a'", "column 6: the values of a ternary are int and string: expected one type"),
        ("parms.count", "column 1: the variable 'parms' is not known: did you mean 'params'?"),
        (
            "x",
            "column 1: the variable 'x' is not known: expected 'at', 'flags', 'item', 'labels', 'params' or 'tasks'"
        ), ("sizes('a')", "column 1: the function 'sizes' is not known: did you mean 'size'?"),
        ("frobnicate()", "column 1: the function 'frobnicate' is not known"),
        ("size()", "column 1: size() has 0 arguments: expected 1"),
        ("'a'.startsWith('a', 'b')", "column 5: startsWith() has 2 arguments: expected 1"),
        (
            "startsWith('a', 'b')",
            "column 1: startsWith() is a method: expected it behind a value and a dot, as in x.startsWith(…)"
        ), ("'1'.int()", "column 5: int() is no method: expected int(…)"),
        ("'a'.contains(1)", "column 5: contains() does not take string and int: expected string, string"),
        (
            "params.cuont",
            "column 8: there is no field 'cuont': expected 'count', 'name', 'rate' or 'tags'; did you mean 'count'?"
        ), ("params['x']", "column 7: there is no field 'x': expected 'count', 'name', 'rate' or 'tags'"),
        (
            "params.count > '9'",
            "column 14: '>' does not take int and string: expected two numbers, or two of bool, string, bytes, timestamp or duration"
        ),
        (
            "'a' in params.count",
            "column 5: 'in' does not take string and int: expected a list or a map on the right, whose elements or keys may be what is on the left"
        ), ("params.name.x", "column 13: 'x' is no field of string: expected a map before it"),
        ("params.tags['a']", "column 12: a list has no index 'a': expected int"),
        ("params.tags[true]", "column 12: a list has no index of type bool: expected int"),
        ("labels[1]", "column 7: the map has no key of type int: expected string"),
        ("flags.x", "column 7: the keys of the map are int: expected string"),
        ("params.tags.all(t, t)", "column 13: the condition of all() is string: expected bool"),
        (
            "params.tags.all(t, t > 1)",
            "column 22: '>' does not take string and int: expected two numbers, or two of bool, string, bytes, timestamp or duration"
        ),
        ("params.count.map(x, x)", "column 14: map() does not take int: expected a list or a map before it"),
        ("!params.count", "column 1: what '!' negates is int: expected bool"),
        ("-params.name", "column 1: '-' does not take string: expected int or double"),
        ("at.getHours(1)", "column 4: getHours() does not take timestamp and int: expected timestamp, string"),
        ("item &&\n  (params.count + 1)", "column 6: the right side of '&&' is int: expected bool"),
        (
            "true &&\n  params.x == 1",
            "line 2, column 10: there is no field 'x': expected 'count', 'name', 'rate' or 'tags'"
        ),
        (
            "Config{a: 1}",
            "column 1: the variable 'Config' is not known: expected 'at', 'flags', 'item', 'labels', 'params' or 'tasks'"
        ),
        ("params{a: 1}", "column 7: messages cannot be constructed: expected a map, as in {'name': value}"),
        ("'a'.matches('(')", "column 5: '(' is no regular expression: missing closing )"),
        ("{1.5: 1}", "column 1: double is no key of a map: expected bool, int, uint or string"),
        ("all(x, true)", "column 1: all() is a macro: expected it behind a list or a map, as in x.all(y, …)"),
    ])
    func `A mistake is one sentence at its column`(source: String, expected: String) {
        #expect(message(source, Self.types) == expected)
    }

    @Test(arguments: [
        ("params.count", CELType.int), ("params.count + 1", .int), ("params.rate * 2.0", .double),
        ("params.tags", .list(.string)),
        ("params.tags[0]", .string), ("params.tags.map(t, size(t))", .list(.int)),
        ("params.tags + ['a']", .list(.string)),
        ("tasks.train.phase", .string), ("tasks.train.results.x", .dyn), ("tasks.other", .dyn), ("labels.a", .string),
        ("labels.map(k, labels[k])", .list(.string)), ("labels.transformMap(k, v, size(v))", .map(.string, .int)),
        ("params.map(k, params[k])", .list(.dyn)), ("item", .dyn), ("item + 1", .int), ("item == 1", .bool),
        ("item.x.y[0]", .dyn),
        ("[1, 'a']", .list(.dyn)), ("[1, 2]", .list(.int)), ("[]", .list(.dyn)), ("{'a': 1}", .map(.string, .int)),
        ("{'a': 1, 2: 'b'}", .map(.dyn, .dyn)), ("true ? 1 : 2", .int), ("true ? item : 2", .dyn),
        ("at - at", .duration),
        ("at + duration('1s')", .timestamp), ("type(1)", .type), ("null", .null), ("has(params.x)", .bool),
        ("size(item)", .int),
        ("dyn(1)", .dyn), ("params == null", .bool), ("[[1], []]", .list(.list(.dyn))), ("b'a'", .bytes), ("1u", .uint),
        ("params.tags.filter(t, t != '')", .list(.string)), ("params.tags.transformList(i, t, i)", .list(.int)),
    ])
    func `The type of an expression is known as far as those of its variables`(source: String, type: CELType) throws {
        #expect(try CELExpression(source, in: CELEnvironment(Self.types)).resultType == type)
    }

    @Test
    func `has lets a closed object be asked for any field`() {
        #expect(outcome("has(params.x)", ["params": ["count": 1]], known: Self.types) == "false")
        #expect(outcome("has(params.count)", ["params": ["count": 1]], known: Self.types) == "true")
    }

    @Test(arguments: [
        ("", "column 1: found the end: expected a value"), ("1 +", "column 4: found the end: expected a value"),
        ("(1", "column 1: a '(' is not closed"), ("[1", "column 1: a '[' is not closed"),
        ("{1: 2", "column 1: a '{' is not closed"),
        ("size('a'", "column 1: the '(' of size is not closed"),
        ("1)", "column 2: found ')': expected an operator or the end"),
        ("(1]", "column 1: a '(' is not closed"), ("1 2", "column 3: found a number: expected an operator or the end"),
        ("a = 1", "column 3: the character '=' has no meaning here: equality is written '=='"),
        ("true & false", "column 6: the character '&' has no meaning here: a conjunction is written '&&'"),
        ("$(a)", "column 1: the character '$' has no meaning here: variables are named without it"),
        ("true ? 1", "column 6: a '?' has no ':'"), ("1 : 2", "column 3: found ':': expected an operator or the end"),
        ("a.?b", "column 1: the variable 'a' is not known"),
        ("[?1]", "column 2: found '?': expected a value: optional values are not supported"),
        ("if", "column 1: the word 'if' is reserved: expected another name for a variable"),
        ("'a\n'", "column 1: a text is not closed: expected a quote"),
        ("1, 2", "column 2: found ',': expected an operator or the end"),
        ("!-1 == 1", "column 1: what '!' negates is int: expected bool"),
        ("1 // + 2\n +\n", "line 3, column 1: found the end: expected a value"),
        ("'é漢' + )", "column 8: found ')': expected a value"),
        ("1()", "column 2: found '(': expected an operator or the end: only a function can be called"),
        ("[1].all(x)", "column 5: all() has no variable: expected a name and an expression"),
        ("{}.true", "column 4: found 'true': expected a name: a field of this name is read by ['true']"),
        ("!", "column 2: found the end: expected a value"),
    ])
    func `A text that is no expression is refused at its column`(source: String, expected: String) {
        #expect(message(source) == expected)
    }

    @Test(arguments: [
        ("1 // a comment", "1"), ("// one\n1 +\n// two\n2", "3"), (" \t\r\n 1", "1"), (".size('a')", "1"),
        ("1 + // a\n 1", "2"),
    ])
    func `White space and comments are skipped`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }
}
