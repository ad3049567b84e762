import Testing

@testable import CEL

struct OperatorTests {
    @Test(arguments: [
        ("1 + 2", "3"), ("7 - 9", "-2"), ("6 * 7", "42"), ("7 / 2", "3"), ("-7 / 2", "-3"), ("7 % 3", "1"),
        ("-7 % 3", "-1"), ("7 % -3", "1"), ("1u + 2u", "3u"), ("7u / 2u", "3u"), ("7u % 4u", "3u"), ("7u - 3u", "4u"),
        ("1.5 + 2.25", "3.75"), ("1.0 - 0.25", "0.75"), ("1.5 * 2.0", "3.0"), ("1.0 / 4.0", "0.25"),
        ("1.0 / 0.0", "inf"), ("-1.0 / 0.0", "-inf"), ("-(1 + 2)", "-3"), ("--3", "3"), ("-(1.5)", "-1.5"),
        ("'a' + 'b'", "'ab'"), ("b'a' + b'b'", "b[97, 98]"), ("[1] + [2, 3]", "[1, 2, 3]"), ("[] + [1]", "[1]"),
        ("1 + 2 * 3 - 4 / 2 % 3", "5"), ("(1 + 2) * 3", "9"), ("10 - 4 - 3", "3"), ("100 / 10 / 5", "2"),
    ])
    func `Arithmetic stays in its type, from left to right`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        "9223372036854775807 + 1", "-9223372036854775808 - 1", "9223372036854775807 * 2",
        "-9223372036854775808 / -1", "-9223372036854775808 % -1", "-(-9223372036854775808)", "1 / 0", "1 % 0",
        "0u - 1u", "18446744073709551615u + 1u", "18446744073709551615u * 2u", "1u / 0u", "1u % 0u",
    ])
    func `Overflow and a division by zero are errors`(source: String) {
        #expect(outcome(source) == "evaluation error")
    }

    @Test(arguments: [
        "1 + 1.0", "1 + 1u", "1.0 - 1", "'a' + 1", "1 * 'a'", "1.0 % 2.0", "true + true", "'a' - 'a'", "'a' * 2",
        "[1] - [1]", "{} + {}", "null + null", "-'a'", "-true", "-[1]", "!1", "!'a'", "b'a' + 'a'", "int + int",
    ])
    func `There is no conversion: what does not match is an error when it is checked and when it is evaluated`(
        source: String
    ) {
        #expect(outcome(source) == "type error")
        #expect(outcome(source, isStrict: false) == "type error")
    }

    @Test(arguments: [
        ("1 == 1", "true"), ("1 == 2", "false"), ("1 != 2", "true"), ("1.0 == 1.0", "true"), ("'a' == 'a'", "true"),
        ("'a' == 'b'", "false"), ("b'a' == b'a'", "true"), ("null == null", "true"), ("true == true", "true"),
        ("[1, 2] == [1, 2]", "true"), ("[1, 2] == [2, 1]", "false"), ("[1] == [1, 1]", "false"),
        ("[] == []", "true"), ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true"), ("{'a': 1} == {'a': 2}", "false"),
        ("{'a': 1} == {'b': 1}", "false"),
        ("{'a': 1} == {'a': 1, 'b': 2}", "false"), ("{'a': 1, 'b': 2} == {'a': 1}", "false"), ("int == int", "true"),
        ("0.0 / 0.0 == 0.0 / 0.0", "false"),
        ("0.0 / 0.0 != 0.0 / 0.0", "true"), ("0.0 == -0.0", "true"), (#"'\u00e9' == 'e\u0301'"#, "false"),
        (#"'\u212B' == 'A\u030A'"#, "false"),
        (#"{'\u212B': 1, 'A\u030A': 2}.size() == 2"#, "true"), (#"'\u212B' in {'A\u030A': 1}"#, "false"),
        ("dyn(1) == 1.0", "true"), ("dyn(1) == 1u", "true"), ("dyn(1.0) == 1u", "true"), ("dyn(1) == 1.5", "false"),
        ("dyn(-1) == 18446744073709551615u", "false"), ("dyn(1) == 'a'", "false"), ("dyn(1) != 'a'", "true"),
        ("dyn(null) == 1", "false"), ("dyn([1]) == {}", "false"), ("[1, dyn(2)] == [1.0, 2u]", "true"),
        ("dyn({1: 1}) == {1u: 1.0}", "true"), ("{'a': [1, {'b': dyn(2)}]} == {'a': [1, {'b': 2.0}]}", "true"),
        ("dyn(0.0 / 0.0) == 1", "false"), ("[0.0 / 0.0] == [0.0 / 0.0]", "false"),
    ])
    func `Equality goes by value, and across the types of numbers`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("1 < 2", "true"), ("2 < 1", "false"), ("1 < 1", "false"), ("1 <= 1", "true"), ("2 > 1", "true"),
        ("1 >= 2", "false"), ("1 >= 1", "true"), ("1 > 1", "false"), ("2 <= 1", "false"),
        ("false < true", "true"), ("true <= false", "false"), ("'a' < 'b'", "true"), ("'B' < 'a'", "true"),
        ("'a' < 'aa'", "true"), (#"'\uFFFF' < '\U00010000'"#, "true"), ("b'a' < b'b'", "true"),
        ("b'b' <= b'a'", "false"),
        ("1 < 2u", "true"), ("-1 < 0u", "true"), ("1u > -1", "true"), ("1 < 1.5", "true"), ("2u > 1.5", "true"),
        ("1.5 < 2", "true"), ("1.5 >= 2u", "false"), ("-1.5 < 0u", "true"), ("1 <= 1.0", "true"),
        ("0.0 / 0.0 < 1.0", "false"), ("0.0 / 0.0 >= 1.0", "false"), ("1 < 0.0 / 0.0", "false"),
        ("9223372036854775807 < 1.0e30", "true"), ("18446744073709551615u > -1", "true"),
        ("timestamp(0) < timestamp(1)", "true"), ("timestamp(1) <= timestamp(0)", "false"),
        ("duration('1s') > duration('999ms')", "true"), ("duration('1m') >= duration('60s')", "true"),
        ("true <= true", "true"), ("true < true", "false"), ("false >= false", "true"), ("true > true", "false"),
        ("'a' <= 'a'", "true"), ("'a' < 'a'", "false"), ("b'a' >= b'a'", "true"), ("b'a' > b'a'", "false"),
        ("timestamp(1) <= timestamp(1)", "true"), ("duration('1s') > duration('1s')", "false"),
        ("1 < 'a'", "type error"), ("dyn(1) < 'a'", "type error"), ("[1] < [2]", "type error"),
        ("null < null", "type error"), ("{} < {}", "type error"), ("dyn([1]) < dyn([2])", "type error"),
        ("true < 1", "type error"), ("dyn(null) >= dyn(null)", "type error"),
    ])
    func `Order is there for numbers of all types and within the other types`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("1 in [1, 2]", "true"), ("3 in [1, 2]", "false"), ("'a' in []", "false"), ("dyn(1.0) in [1, 2]", "true"),
        ("dyn('a') in [1, 2]", "false"), ("'a' in {'a': 1}", "true"), ("'b' in {'a': 1}", "false"),
        ("dyn(1u) in {1: 2}", "true"), ("1.0 in {1: 2}", "true"), ("1.5 in {1: 2}", "false"),
        ("null in [null]", "true"),
        ("dyn([1]) in {1: 2}", "false"), ("[1] in [[1], [2]]", "true"), ("'a' in 'abc'", "type error"),
        ("1 in dyn(1)", "type error"), ("'a' in [1]", "type error"), ("!(1 in [1])", "false"),
    ])
    func `in asks a list for an element and a map for a key`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("[7, 8][1]", "8"), ("[7, 8][0u]", "7"), ("[7, 8][1.0]", "8"), ("[7][dyn(0.5)]", "type error"),
        ("[7][1]", "evaluation error"), ("[7][-1]", "evaluation error"), ("[][0]", "evaluation error"),
        ("[7][18446744073709551615u]", "evaluation error"), ("[7]['a']", "type error"), ("[7][dyn('a')]", "type error"),
        ("{'a': 1}['a']", "1"), ("{'a': 1}.a", "1"), ("{'a': {'b': 2}}.a.b", "2"), ("{1: 'x'}[1u]", "'x'"),
        ("{1u: 'x'}[1]", "'x'"), ("{1: 'x'}[1.0]", "'x'"), ("{true: 'x'}[true]", "'x'"), ("{'a': 1}['b']", "missing "),
        ("{'a': 1}.b", "missing "), ("{1: 2}[3]", "missing "), ("{1: 2}[1.5]", "missing "), ("{1: 2}.a", "type error"),
        ("'abc'[0]", "type error"), ("dyn('abc')[0]", "type error"), ("dyn(1).a", "type error"),
        ("dyn({'a': 1})[null]", "type error"), ("{'a-b': 1}.`a-b`", "1"), ("{'if': 1}.if", "1"),
        ("[[1, 2], [3]][0][1]", "2"), ("{'a': [1, {'b': 9}]}.a[1].b", "9"), ("{'in': 1}.in", "syntax error"),
    ])
    func `Elements are had by index, by key and by name`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }
}
