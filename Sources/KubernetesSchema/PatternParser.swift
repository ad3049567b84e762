/// Parses the syntax of ``Pattern``.
struct PatternParser {
    private static let maximumDepth = 100
    private static let maximumRepetition = 1000
    private static let namedClasses: [String: ScalarClass] = [
        "alnum": .init(ranges: [48...57, 65...90, 97...122]), "alpha": .init(ranges: [65...90, 97...122]),
        "digit": .digits, "lower": .init(ranges: [97...122]), "upper": .init(ranges: [65...90]), "space": .space,
        "punct": .init(ranges: [33...47, 58...64, 91...96, 123...126]), "word": .word,
        "xdigit": .init(ranges: [48...57, 65...70, 97...102]),
    ]

    private let scalars: [Unicode.Scalar]
    private var at = 0
    private var depth = 0
    private var ignoresCase = false
    private var dotMatchesNewline = false

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func parse() throws -> PatternNode {
        let node = try choice()
        guard at == scalars.count else { throw PatternError(message: "unexpected )") }
        // Before anything is compiled: the work of nested repetitions is their product, even around an empty group.
        guard node.repetitionsFit(Self.maximumRepetition) else { throw PatternError(message: "invalid repeat count") }
        return node
    }

    private var next: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        at += 1
        return true
    }

    private mutating func choice() throws -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw PatternError(message: "nested too deep") }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let node = try atom()
            nodes.append(try repetition(of: node))
        }
        return .sequence(nodes)
    }

    private mutating func repetition(of node: PatternNode) throws -> PatternNode {
        var result = node
        var isRepeated = false
        while let scalar = next {
            let bounds: (Int, Int?)
            switch scalar {
            case "*": bounds = (0, nil)
            case "+": bounds = (1, nil)
            case "?": bounds = (0, 1)
            case "{":
                guard let (minimum, maximum, end) = try braces() else { return result }
                bounds = (minimum, maximum)
                at = end - 1
            default: return result
            }
            guard !isRepeated else { throw PatternError(message: "a repetition of a repetition") }
            isRepeated = true
            at += 1
            _ = take("?")  // lazy repetitions match the same texts
            result = .repeated(result, minimum: bounds.0, maximum: bounds.1)
        }
        return result
    }

    /// Parses `{n}`, `{n,}` or `{n,m}`; nil when the brace is a literal. Throws ``PatternError``.
    private func braces() throws -> (minimum: Int, maximum: Int?, end: Int)? {
        guard let close = scalars[at...].firstIndex(of: "}") else { return nil }
        let inner = scalars[(at + 1)..<close].map(Character.init)
        let parts = inner.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        guard let first = parts.first, let minimum = Int(first), minimum >= 0 else { return nil }
        var maximum: Int? = minimum
        if parts.count == 2 {
            if parts[1].isEmpty {
                maximum = nil
            } else {
                guard let number = Int(parts[1]), number >= 0 else { return nil }
                maximum = number
            }
        }
        guard minimum <= Self.maximumRepetition, maximum ?? 0 <= Self.maximumRepetition, maximum ?? minimum >= minimum
        else { throw PatternError(message: "invalid repeat count") }
        return (minimum, maximum, close + 1)
    }

    private mutating func atom() throws -> PatternNode {
        guard let scalar = next else { return .empty }
        at += 1
        switch scalar {
        case "(": return try group()
        case "[": return .scalar(try bracket())
        case ".": return .scalar(ScalarClass(ranges: dotMatchesNewline ? [] : [10...10], isNegated: true))
        case "^": return .assert(.start)
        case "$": return .assert(.end)
        case "\\": return try escape()
        case "*", "+", "?": throw PatternError(message: "nothing to repeat before \(scalar)")
        default: return literal(scalar)
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> PatternNode {
        var accepted = ScalarClass()
        accepted.insert(scalar.value...scalar.value, ignoringCase: ignoresCase)
        return .scalar(accepted)
    }

    private mutating func group() throws -> PatternNode {
        let saved = (ignoresCase, dotMatchesNewline)
        if take("?") {
            if take("P") || next == "<" {
                guard take("<"), let close = scalars[at...].firstIndex(of: ">") else {
                    throw PatternError(message: "invalid group")
                }
                at = close + 1
            } else {
                var isOn = true
                flags: while let flag = next {
                    at += 1
                    switch flag {
                    case "-": isOn = false
                    case "i": ignoresCase = isOn
                    case "s": dotMatchesNewline = isOn
                    case "U": break
                    case ":": break flags
                    case ")": return .empty  // `(?i)`: for the rest of the enclosing group
                    default: throw PatternError(message: "invalid or unsupported group (?\(flag)")
                    }
                }
            }
        }
        let node = try choice()
        guard take(")") else { throw PatternError(message: "missing closing )") }
        (ignoresCase, dotMatchesNewline) = saved
        return node
    }

    private mutating func escape() throws -> PatternNode {
        guard let scalar = next else { throw PatternError(message: "trailing backslash") }
        switch scalar {
        case "A": at += 1; return .assert(.start)
        case "z": at += 1; return .assert(.end)
        case "b": at += 1; return .assert(.boundary)
        case "B": at += 1; return .assert(.noBoundary)
        default:
            if let named = namedEscape() { return .scalar(named) }
            return literal(try escapedScalar())
        }
    }

    /// Parses `\d` and similar escapes. Returns nil and consumes nothing for any other escape.
    private mutating func namedEscape() -> ScalarClass? {
        let result: ScalarClass
        switch next {
        case "d": result = .digits
        case "w": result = .word
        case "s": result = .space
        case "D": result = ScalarClass(ranges: ScalarClass.digits.complement)
        case "W": result = ScalarClass(ranges: ScalarClass.word.complement)
        case "S": result = ScalarClass(ranges: ScalarClass.space.complement)
        default: return nil
        }
        at += 1
        return result
    }

    private mutating func escapedScalar() throws -> Unicode.Scalar {
        guard let scalar = next else { throw PatternError(message: "trailing backslash") }
        at += 1
        switch scalar {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "f": return "\u{C}"
        case "v": return "\u{B}"
        case "a": return "\u{7}"
        case "x":
            var digits = ""
            if take("{") {
                while let digit = next, digit != "}" {
                    digits.unicodeScalars.append(digit)
                    at += 1
                }
                guard take("}") else { throw PatternError(message: "invalid escape \\x") }
            } else {
                while digits.count < 2, let digit = next {
                    digits.unicodeScalars.append(digit)
                    at += 1
                }
            }
            guard let value = UInt32(digits, radix: 16), let result = Unicode.Scalar(value) else {
                throw PatternError(message: "invalid escape \\x")
            }
            return result
        case _ where ScalarClass.word.contains(scalar):
            throw PatternError(message: "unknown or unsupported escape \\\(scalar)")
        default: return scalar
        }
    }

    private mutating func bracket() throws -> ScalarClass {
        var result = ScalarClass()
        result.isNegated = take("^")
        var isFirst = true
        while true {
            guard let scalar = next else { throw PatternError(message: "missing closing ]") }
            if scalar == "]", !isFirst {
                at += 1
                return result
            }
            isFirst = false
            if scalar == "[", at + 1 < scalars.count, scalars[at + 1] == ":" {
                result.ranges += try posixClass()
                continue
            }
            if scalar == "\\" {
                at += 1
                if let named = namedEscape() {
                    result.ranges += named.ranges
                    continue
                }
                at -= 1
            }
            let low = try bracketScalar()
            var high = low
            if next == "-", at + 1 < scalars.count, scalars[at + 1] != "]" {
                at += 1
                high = try bracketScalar()
            }
            guard low <= high else { throw PatternError(message: "invalid range \(low)-\(high)") }
            result.insert(low.value...high.value, ignoringCase: ignoresCase)
        }
    }

    private mutating func bracketScalar() throws -> Unicode.Scalar {
        guard let scalar = next else { throw PatternError(message: "missing closing ]") }
        at += 1
        return scalar == "\\" ? try escapedScalar() : scalar
    }

    private mutating func posixClass() throws -> [ClosedRange<UInt32>] {
        guard let close = scalars[at...].firstIndex(of: "]"), close >= at + 4, scalars[close - 1] == ":" else {
            throw PatternError(message: "invalid character class")
        }
        var name = scalars[(at + 2)..<(close - 1)].map(Character.init)
        let isNegated = name.first == "^"
        if isNegated { name.removeFirst() }
        guard let named = Self.namedClasses[String(name)] else {
            throw PatternError(message: "unknown character class [:\(String(name)):]")
        }
        at = close + 1
        return isNegated ? named.complement : named.ranges
    }
}
