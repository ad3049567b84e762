import JSON
import Testing

@testable import CEL

struct ConversionTests {
    @Test(arguments: [
        ("int(1u)", "1"), ("int(1.9)", "1"), ("int(-1.9)", "-1"), ("int('-42')", "-42"), ("int('+42')", "42"),
        ("int(7)", "7"),
        ("int(timestamp('1970-01-01T00:01:00Z'))", "60"), ("int(18446744073709551615u)", "evaluation error"),
        ("int(1e99)", "evaluation error"), ("int(-1e99)", "evaluation error"),
        ("int(9223372036854775808.0)", "evaluation error"),
        ("int(-9223372036854775808.0)", "evaluation error"), ("int(0.0 / 0.0)", "evaluation error"),
        ("int('')", "evaluation error"), ("int('1.0')", "evaluation error"), ("int(' 1')", "evaluation error"),
        ("int('0x1')", "evaluation error"), ("int('9223372036854775808')", "evaluation error"),
        ("int(true)", "type error"), ("int(dyn(null))", "type error"), ("int([])", "type error"),
        ("uint(1)", "1u"), ("uint(1u)", "1u"), ("uint(25.9)", "25u"), ("uint('300')", "300u"),
        ("uint(-1)", "evaluation error"),
        ("uint(-0.5)", "evaluation error"), ("uint('-1')", "evaluation error"), ("uint(1.9e19)", "evaluation error"),
        ("uint(true)", "type error"),
        ("double(1)", "1.0"), ("double(2u)", "2.0"), ("double('6.5e2')", "650.0"), ("double(0.5)", "0.5"),
        ("double('-0.0')", "-0.0"), ("double('x')", "evaluation error"), ("double('')", "evaluation error"),
        ("double('1e999')", "evaluation error"), ("double(' 1')", "evaluation error"), ("double(true)", "type error"),
        ("bool('true')", "true"), ("bool('F')", "false"), ("bool('1')", "true"), ("bool(true)", "true"),
        ("bool('yes')", "evaluation error"), ("bool('')", "evaluation error"), ("bool(1)", "type error"),
        ("bytes('é')", "b[195, 169]"), ("bytes(b'a')", "b[97]"), ("bytes(1)", "type error"),
        ("dyn(1)", "1"), ("dyn([1])", "[1]"), ("type(dyn(1u))", "uint"),
    ])
    func `Conversions are exact or say that they are not`(source: String, expected: String) {
        #expect(outcome(source) == expected)
        #expect(outcome(source, isStrict: false) == expected)
    }

    @Test(arguments: [
        ("string(true)", "true"), ("string(-42)", "-42"), ("string(42u)", "42"), ("string('a')", "a"),
        ("string(b'\\xc3\\xa9')", "é"), ("string(timestamp('2026-01-31T12:00:00.5Z'))", "2026-01-31T12:00:00.5Z"),
        ("string(duration('1m1.5s'))", "61.5s"), ("string(duration('-1ns'))", "-0.000000001s"),
        ("string(duration('0'))", "0s"),
        ("string(1.0)", "1"), ("string(0.1)", "0.1"), ("string(-4.5e-3)", "-0.0045"),
        ("string(123456.75)", "123456.75"),
        ("string(1e6)", "1e+06"), ("string(1234567.0)", "1.234567e+06"), ("string(0.0001)", "0.0001"),
        ("string(0.00001)", "1e-05"), ("string(1.5e300)", "1.5e+300"), ("string(100000.0)", "100000"),
        ("string(0.0)", "0"), ("string(-0.0)", "-0"), ("string(1.0 / 0.0)", "+Inf"), ("string(0.0 / 0.0)", "NaN"),
        ("string(5e-324)", "5e-324"), ("string(20.0)", "20"),
    ])
    func `A text of a value is the one that cel-go writes`(source: String, expected: String) {
        #expect(outcome(source) == "'\(expected)'")
    }

    @Test
    func `Bytes that are no text, and what has no text, are refused`() {
        #expect(outcome("string(b'\\xff')") == "evaluation error")
        #expect(outcome("string([])") == "type error")
        #expect(outcome("string(null)") == "type error")
    }

    @Test
    func `JSON becomes values of CEL, and values become JSON`() throws {
        let variables: [String: JSONValue] = [
            "v": ["i": 1, "d": 1.5, "s": "x", "n": .null, "b": true, "l": [1], "o": ["a": 2]]
        ]
        let expression = try CELExpression("v.map(k, type(v[k]))", in: CELEnvironment(["v": .dyn]))
        #expect(shown(try expression.evaluate { variables[$0] }) == "[bool, double, int, list, null_type, map, string]")
        for (source, expected) in [
            ("v", variables["v"]), ("[1, 2u, 1.5, 'a', null, true]", [1, 2, 1.5, "a", .null, true]),
            ("{'a': [v.o], 1: 2, true: 3}", ["a": [["a": 2]], "1": 2, "true": 3]),
            ("b'\\x00\\xff\\x10\\x20'", "AP8QIA=="),
            ("b'a'", "YQ=="), ("b'abc'", "YWJj"), ("timestamp(0)", "1970-01-01T00:00:00Z"), ("duration('90s')", "90s"),
            ("1.0 / 0.0", nil), ("18446744073709551615u", nil), ("[int]", nil), ("{1: 'a', '1': 'b'}", nil),
            ("v.l + [2]", [1, 2]),
        ] as [(String, JSONValue?)] {
            let expression = try CELExpression(source, in: CELEnvironment(["v": .dyn]))
            #expect(try expression.evaluate { variables[$0] }.json == expected, "\(source)")
        }
    }

    @Test
    func `Values are the same when they have one type and are equal`() {
        #expect(CELValue.int(1) == .int(1))
        #expect(CELValue.int(1) != .uint(1))
        #expect(CELValue([1, ["a": "b"]]) == .list(CELList([.int(1), CELValue(["a": "b"])])))
        #expect(CELValue.string("\u{E9}") != .string("e\u{301}"))
        #expect(Set([CELValue.int(1), .int(1), .uint(1), .null]).count == 3)
    }
}
