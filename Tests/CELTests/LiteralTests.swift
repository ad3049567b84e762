import Testing

@testable import CEL

struct LiteralTests {
    @Test(arguments: [
        ("null", "null"), ("true", "true"), ("false", "false"), ("0", "0"), ("42", "42"), ("-42", "-42"),
        ("0xff", "255"), ("-0xFF", "-255"), ("0X1F", "31"), ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"), ("0x7fffffffffffffff", "9223372036854775807"),
        ("0u", "0u"), ("42U", "42u"), ("0x55u", "85u"), ("18446744073709551615u", "18446744073709551615u"),
        ("1.5", "1.5"), (".5", "0.5"), ("-2.3e+1", "-23.0"), ("1e3", "1000.0"), ("1E-3", "0.001"), ("-0.0", "-0.0"),
        ("9223372036854775808", "syntax error"), ("-9223372036854775809", "syntax error"),
        ("18446744073709551616u", "syntax error"), ("1e999", "syntax error"), ("0x", "syntax error"),
        ("1e", "syntax error"), ("1x", "syntax error"), ("0b1", "syntax error"), ("1.", "syntax error"),
        ("-1u", "type error"),
    ])
    func `A number is read with its type, and refused beyond its 64 bits`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        (#"'a'"#, "'a'"), (#""a""#, "'a'"), (#"''"#, "''"), (#"'"'"#, #"'"'"#), (#""'""#, "'''"),
        (#"'\a\b\f\n\r\t\v'"#, "'\u{7}\u{8}\u{C}\n\r\t\u{B}'"), (#"'\\\?\"\'\`'"#, #"'\?"'`'"#),
        (#"'\x41\X42'"#, "'AB'"), (#"'\101\060'"#, "'A0'"), (#"'\u00e9'"#, "'é'"), (#"'\U0001F431'"#, "'🐱'"),
        (#"'\377'"#, "'ÿ'"), (#"r'\n'"#, #"'\n'"#), (#"R"\x41""#, #"'\x41'"#), ("'''a'b\nc'''", "'a'b\nc'"),
        (#""""a"b""""#, #"'a"b'"#), (#"r'''\'''"#, #"'\'"#), (#"b'abc'"#, "b[97, 98, 99]"), (#"B'é'"#, "b[195, 169]"),
        (#"b'\xff\000\377'"#, "b[255, 0, 255]"), (#"br'\n'"#, "b[92, 110]"), (#"b''"#, "b[]"), ("'é漢🐱'", "'é漢🐱'"),
        ("'a", "syntax error"), ("'a\n'", "syntax error"), ("'''a''", "syntax error"), (#"'\'"#, "syntax error"),
        (#"'\q'"#, "syntax error"), (#"'\x4'"#, "syntax error"), (#"'\u12'"#, "syntax error"),
        (#"'\ud800'"#, "syntax error"), (#"'\U00110000'"#, "syntax error"), (#"'\400'"#, "syntax error"),
        (#"b'\u0041'"#, "syntax error"), (#"'\x+1'"#, "syntax error"),
    ])
    func `A text is read with its escapes, in all its forms`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("[]", "[]"), ("[1, 'a', null]", "[1, 'a', null]"), ("[1, 2,]", "[1, 2]"), ("[[1], [2, 3]]", "[[1], [2, 3]]"),
        ("{}", "{}"), ("{'a': 1, 2: 'b', true: 3u, 4u: []}", "{'a': 1, 2: 'b', true: 3u, 4u: []}"),
        ("{'a': 1,}", "{'a': 1}"), ("{true ? 'a' : 'b': 1}", "{'a': 1}"), ("{'a': true ? 1 : 2}", "{'a': 1}"),
        ("{'a': 1, 'a': 2}", "evaluation error"), ("{1: 1, 1u: 2}", "evaluation error"),
        ("{1.5: 1}", "type error"), ("{null: 1}", "type error"), ("{dyn(1.5): 1}", "type error"),
        ("{[1]: 1}", "type error"), ("[,]", "syntax error"), ("{,}", "syntax error"), ("{'a'}", "syntax error"),
        ("{'a': }", "syntax error"), ("[1 2]", "syntax error"), ("{1: 2: 3}", "syntax error"),
    ])
    func `Lists and maps are written out; a key is there once`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("bool", "bool"), ("type(1)", "int"), ("type(1u)", "uint"), ("type(1.0)", "double"), ("type('')", "string"),
        ("type(b'')", "bytes"), ("type(null)", "null_type"), ("type([])", "list"), ("type({})", "map"),
        ("type(int)", "type"), ("type(type)", "type"), ("type(1) == int", "true"), ("type(1) == uint", "false"),
        ("type(timestamp(0)) == google.protobuf.Timestamp", "true"),
        ("type(duration('1s')) == google.protobuf.Duration", "true"), ("google.protobuf.Any", "type error"),
    ])
    func `Types are values`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }
}
