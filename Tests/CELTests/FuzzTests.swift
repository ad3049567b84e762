import Foundation
import JSON
import SeededRandom
import Testing

@testable import CEL

struct FuzzTests {
    private static let variables: [String: JSONValue] = [
        "a": ["b": [1, 2, 3], "c": ["d": "x"]], "n": 7, "s": "text", "l": [1, 2.5, "x", .null, true, [1], ["k": 1]],
    ]
    private static let types: [String: CELType] = [
        "a": .object(["b": .list(.int), "c": .map(.string, .string)], open: false), "n": .int, "s": .string,
        "l": .list(.dyn),
    ]
    private static let tokens = [
        "a", "n", "s", "l", "x", "b", "c", ".", ".", "(", ")", "[", "]", "{", "}", ",", ":", "?", "!", "-", "+", "*",
        "/", "%",
        "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in", "1", "0", "2u", "1.5", "'x'", "b'y'", "r'\\'", "true",
        "false", "null",
        ".all(x,", ".exists(x,", ".map(x,", ".filter(x,", ".exists_one(x,", ".transformMap(x, y,", "has(", "size(",
        "int(",
        "string(", "dyn(", "timestamp(", "duration('1s')", ".matches(", ".contains(", ".size()", "type(", "'", "\"\"\"",
        "\\", "//",
        "\n", " ", "é", "\u{0}", "9223372036854775807", "1e308", "`", "$", "#", "if", ".getHours()",
    ]

    /// Parses and evaluates; says what should not be.
    private static func problem(_ source: String, isStrict: Bool) -> String? {
        do {
            let expression = try CELExpression(source, in: CELEnvironment(types), isStrict: isStrict)
            do {
                let value = try expression.evaluate(costLimit: 20_000) { variables[$0] }
                _ = value.json
                if isStrict, !fits(value, expression.resultType) {
                    return "\(shown(value)) is no \(expression.resultType)"
                }
            } catch {
                if isStrict, error.kind == .syntax { return "syntax error while evaluating" }
                return place(error, source)
            }
        } catch {
            return place(error, source)
        }
        return nil
    }

    /// That the place of an error is within the text, or just behind it.
    private static func place(_ error: CELError, _ source: String) -> String? {
        let lines = Array(source.unicodeScalars).split(separator: "\n", omittingEmptySubsequences: false)
        guard (1...lines.count).contains(error.line), (1...(lines[error.line - 1].count + 1)).contains(error.column),
            !error.message.isEmpty
        else { return "line \(error.line), column \(error.column) is not in the text: \(error.message)" }
        return nil
    }

    /// Whether a value is of a type.
    private static func fits(_ value: CELValue, _ type: CELType) -> Bool {
        switch (value, type) {
        case (_, .dyn), (.null, .null), (.bool, .bool), (.int, .int), (.uint, .uint), (.double, .double),
            (.string, .string),
            (.bytes, .bytes), (.timestamp, .timestamp), (.duration, .duration), (.type, .type), (.map, .object):
            true
        case (.list(let list), .list(let element)): (0..<list.count).allSatisfy { fits(list[$0], element) }
        case (.map(let map), .map(let key, let value)):
            (0..<map.count).allSatisfy {
                fits(map.entry(at: $0).key.value, key) && fits(map.entry(at: $0).value, value)
            }
        default: false
        }
    }

    @Test(arguments: [UInt64](1...8))
    func `No soup of tokens crashes, and errors are within the text`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2500 {
            let source = (0..<generator.pick(1...24)).map { _ in generator.pick(Self.tokens) }.joined()
            if let problem = Self.problem(source, isStrict: generator.chance(0.5)) {
                Issue.record("seed \(seed): \(source): \(problem)")
            }
        }
    }

    @Test(arguments: [UInt64](1...8))
    func `No damaged expression crashes, and what the checker says of the type holds`(seed: UInt64) {
        var generator = SeededGenerator(seed: 100 + seed)
        for _ in 0..<1500 {
            var source = Self.expression(4, &generator)
            var scalars = Array(source.unicodeScalars)
            for _ in 0..<generator.pick(0...2) where !scalars.isEmpty {
                let at = generator.pick(0...(scalars.count - 1))
                switch generator.pick(0...2) {
                case 0: scalars.remove(at: at)
                case 1: scalars.insert(contentsOf: generator.pick(Self.tokens).unicodeScalars, at: at)
                default: scalars.swapAt(at, generator.pick(0...(scalars.count - 1)))
                }
            }
            source = String(String.UnicodeScalarView(scalars))
            if let problem = Self.problem(source, isStrict: generator.chance(0.7)) {
                Issue.record("seed \(100 + seed): \(source): \(problem)")
            }
        }
    }

    @Test(arguments: [UInt64](1...8))
    func `What the checker lets pass has the same value without it`(seed: UInt64) {
        var generator = SeededGenerator(seed: 200 + seed)
        var passed = 0
        for _ in 0..<1500 {
            let source = Self.expression(3, &generator)
            let checked = outcome(source, Self.variables, known: Self.types)
            guard checked != "type error" else { continue }
            passed += 1
            let unchecked = outcome(source, Self.variables, known: Self.types, isStrict: false)
            #expect(checked == unchecked, "seed \(200 + seed): \(source)")
        }
        #expect(passed > 40)
    }

    /// An expression that is well formed, of types that often match.
    static func expression(_ depth: Int, _ generator: inout SeededGenerator) -> String {
        func inner() -> String { expression(depth - 1, &generator) }
        guard depth > 0 else {
            return generator.pick([
                "a", "n", "s", "l", "a.b", "a.c.d", "1", "0", "-3", "2u", "1.5", "'x'", "''", "b'y'", "true", "false",
                "null", "[]",
                "[1, 2]", "{}", "{'k': 1}", "duration('1s')", "timestamp(0)", "n", "int",
            ])
        }
        switch generator.pick(0...15) {
        case 0...3:
            let operation = generator.pick(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in"])
            return "(\(inner()) \(operation) \(inner()))"
        case 4...5: return "(\(inner()) \(generator.pick(["&&", "||"])) \(inner()))"
        case 6: return "(\(inner()) ? \(inner()) : \(inner()))"
        case 7: return "\(generator.pick(["!", "-"]))(\(inner()))"
        case 8: return "[\(inner()), \(inner())]"
        case 9: return "{\(generator.pick(["'k'", "1", "n", "true"])): \(inner())}"
        case 10:
            return "(\(inner())).\(generator.pick(["all", "exists", "exists_one", "filter", "map"]))(n, \(inner()))"
        case 11: return "l.\(generator.pick(["all", "exists", "transformList", "transformMap"]))(n, s, \(inner()))"
        case 12:
            return
                "\(generator.pick(["size", "int", "uint", "double", "string", "dyn", "type", "bool", "bytes"]))(\(inner()))"
        case 13: return "(\(inner())).\(generator.pick(["contains", "startsWith", "endsWith", "matches"]))(\(inner()))"
        case 14: return "(\(inner()))[\(inner())]"
        default: return generator.pick(["has(a.b)", "has(a.x)", "(\(inner())).k", "a.c[\(inner())]"])
        }
    }
}
