import Testing

@testable import CEL

struct TextTests {
    @Test(arguments: [
        ("size('')", "0"), ("size('é漢🐱')", "3"), ("'abc'.size()", "3"), ("size(b'é')", "2"), ("size([1, 2])", "2"),
        ("[].size()", "0"), ("size({'a': 1})", "1"), ("{}.size()", "0"), ("size(1)", "type error"),
        ("size(dyn(null))", "type error"), ("size()", "type error"), ("size('a', 'b')", "type error"),
        (#"size('e\u0301')"#, "2"),
    ])
    func `size counts characters, bytes, elements and entries`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("'abc'.contains('b')", "true"), ("'abc'.contains('')", "true"), ("''.contains('')", "true"),
        ("''.contains('a')", "false"), ("'abc'.contains('abcd')", "false"), ("'aaab'.contains('aab')", "true"),
        ("'ababac'.contains('abac')", "true"), ("'ababad'.contains('abac')", "false"),
        ("'aabaaab'.contains('aaab')", "true"),
        ("'abcabd'.contains('abd')", "true"), (#"'e\u0301'.contains('e')"#, "true"),
        ("'abc'.startsWith('ab')", "true"), ("'abc'.startsWith('b')", "false"), ("'abc'.startsWith('')", "true"),
        ("'a'.startsWith('ab')", "false"), ("'abc'.endsWith('bc')", "true"), ("'abc'.endsWith('b')", "false"),
        ("'abc'.endsWith('')", "true"), ("'c'.endsWith('bc')", "false"), (#"'e\u0301'.startsWith('e')"#, "true"),
        ("'abc'.contains(1)", "type error"), ("[1].contains(1)", "type error"), ("contains('a', 'b')", "type error"),
        ("'a'.startsWith()", "type error"), ("dyn(1).endsWith('a')", "type error"),
    ])
    func `Texts are searched by their characters`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }

    @Test(arguments: [
        ("'abc'.matches('b')", "true"), ("'abc'.matches('^b')", "false"), ("matches('abc', 'a.c')", "true"),
        ("'k8s-pod'.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')", "true"), ("'Ab'.matches('(?i)^ab$')", "true"),
        ("'abc'.matches('')", "true"), ("'漢'.matches('^.$')", "true"), ("'abc'.matches('^' + 'abc' + '$')", "true"),
        ("'abc'.matches('(')", "evaluation error"), ("'abc'.matches('(' + '')", "evaluation error"),
        ("'a'.matches('(?=a)')", "evaluation error"), ("'a'.matches(1)", "type error"),
        ("dyn(1).matches('a')", "type error"),
    ])
    func `matches looks for a pattern of RE2 in any part`(source: String, expected: String) {
        #expect(outcome(source) == expected)
    }
}
