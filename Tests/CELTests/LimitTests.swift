import Foundation
import JSON
import Testing

@testable import CEL

struct LimitTests {
    /// Runs something on a thread with little stack and gives what it returns.
    private func withSmallStack<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            let thread = Thread { continuation.resume(returning: body()) }
            thread.stackSize = 256 * 1024
            thread.start()
        }
    }

    private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    /// Texts that nest or go on, with what becomes of them.
    static let texts: [(source: String, expected: String)] = [
        (repeated("(", 60_000), "limit error"), (repeated("(", 90) + "7" + repeated(")", 90), "7"),
        (repeated("!", 10_000) + "true", "true"), (repeated("!", 60_000) + "true", "limit error"),
        (repeated("- ", 5001) + "(1)", "-1"),
        (repeated("[", 60_000), "limit error"),
        (repeated("[", 90) + repeated("]", 90), repeated("[", 90) + repeated("]", 90)),
        (repeated("{1:", 20_000), "limit error"), ("m" + repeated(".a", 9000), "missing m.a"),
        ("m" + repeated("['a']", 9000), "missing m.a"),
        (repeated("1+", 9000) + "1", "9001"), (repeated("1+", 32_000) + "1", "limit error"),
        (repeated("true&&", 6000) + "true", "true"),
        (repeated("1/0==1||", 2800) + "true", "true"), (repeated("false?1:", 3900) + "2", "2"),
        (repeated("true?1:", 3900) + "2", "1"),
        ("m" + repeated("[m", 60_000 / 2), "limit error"), (repeated("size(", 12_000), "limit error"),
        (repeated("[1].map(x,", 6000), "limit error"),
        (repeated("[1].all(x,", 99) + "true" + repeated(")", 99), "true"),
        ("[1]" + repeated(".map(x,[x])", 150), "limit error"),
        ("[1]" + repeated(".map(x,[x])", 60) + ".size()", "1"), ("[1]" + repeated(".map(x,x+1)", 1500), "[1501]"),
        ("[" + repeated("1,", 15_000) + "1].size()", "15001"),
        ("'" + repeated("a", 65_530) + "'.size()", "limit error"), ("'" + repeated("a", 65_000) + "'.size()", "65000"),
        ("'a'.matches('" + repeated("(", 30_000) + "')", "evaluation error"),
        ("'a'.matches('" + repeated("(", 51) + "a" + repeated(")", 51) + "')", "evaluation error"),
        ("'a'.matches('" + repeated("(", 50) + "a" + repeated(")*", 50) + "')", "true"),
        (repeated("has(", 16_000), "limit error"), ("m" + repeated("?m:m", 10_000), "limit error"),
        (repeated("'", 60_001), "syntax error"),
    ]

    @Test(arguments: texts.indices)
    func `No text overflows a quarter of a megabyte of stack`(index: Int) async {
        let result = await withSmallStack { outcome(Self.texts[index].source, ["m": [:]]) }
        #expect(result == Self.texts[index].expected, "\(Self.texts[index].source.prefix(40))")
    }

    @Test
    func `Values that nest as deep as JSON may do not overflow a quarter of a megabyte of stack`() async {
        let result = await withSmallStack {
            var (left, right): (JSONValue, JSONValue) = (1, 1)
            for _ in 0..<500 { (left, right) = ([left], ["a": right]) }
            let variables = ["l": left, "r": right]
            return [
                outcome("l == l && r == r && l != r && r != l", variables),
                outcome("[l] == [[l[0]]] && {'a': r} == {'a': {'a': r.a}}", variables),
                outcome("l in [l[0], r, l] && r in [l, r]", variables),
            ]
        }
        #expect(result == ["true", "true", "true"])
    }

    @Test(arguments: [
        "l.all(x, l.all(y, l.all(z, x + y + z >= 0)))", "l.map(x, l.map(y, [x, y])).size() == 0",
        "l.all(x, t.contains('aaab') || true)",
        "l.all(x, t.matches('(a|b)*c') || true)", "l.all(x, l.map(y, t + t).size() > 0)", "l.all(x, l == l)",
        "l.all(x, size(t) > 0)",
        "l.all(x, l.exists(y, y / 0 > 1) || true)", "l.all(x, l + l != [])", "l.all(x, t < t + 'b')",
        "l.all(x, {t: 1}[t] == 1)",
        "l.all(x, !'a'.matches('(a{100}){9' + '}'))", "l.all(x, l.all(y, x in l))", "l.all(x, bytes(t) == bytes(t))",
        "l.all(x, (t + t) != '')",
        "[t].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a)",
        "[l].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a)",
        "l.transformMap(i, v, l.transformMap(j, w, w)) == {}", "l.all(x, l.transformMapEntry(i, v, {v: i}) != {})",
        "t.matches('(a{30}){30}b')", "t.matches('[' + t + ']')",
    ])
    func `What would take long is ended by its cost`(source: String) {
        let variables: [String: JSONValue] = [
            "l": .array((0..<2000).map { .int($0) }), "t": .string(Self.repeated("a", 60_000)),
        ]
        // A tenth of what is usual, since tests are not optimised.
        #expect(outcome(source, variables, costLimit: 100_000) == "limit error")
    }

    @Test
    func `A value whose parts are shared is compared and written within bounds`() throws {
        let doubling = "[1]" + Self.repeated(".map(x, [x, x])", 80)
        #expect(outcome("\(doubling) == \(doubling)", costLimit: 100_000) == "limit error")
        #expect(outcome("\(doubling).size()") == "1")
        #expect(try CELExpression(doubling, in: CELEnvironment([:])).evaluate { _ in nil }.json == nil)
    }

    @Test
    func `The cost of an evaluation is its steps, and nothing absorbs that it is too high`() {
        for (source, cost) in [("1", 1), ("1 + 2 == 3", 5), ("[1, 2].all(x, x > 0)", 15)] {
            #expect(outcome(source, costLimit: cost) != "limit error", "\(source)")
            #expect(outcome(source, costLimit: cost - 1) == "limit error", "\(source)")
        }
        #expect(outcome("[1, 2, 3].all(x, x > 0) || true", costLimit: 10) == "limit error")
        #expect(outcome("1", costLimit: -1) == "limit error")
    }
}
