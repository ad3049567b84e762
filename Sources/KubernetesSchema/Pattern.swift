/// A regular expression of a schema, matched in linear time by simulating all alternatives at once (Thompson). So no
/// pattern of a CustomResourceDefinition can make validation hang.
///
/// The syntax is that of Go's regexp (RE2) as far as schemas use it: alternation, groups, repetition, character
/// classes, the classes `\d \w \s` and the POSIX ones, `^ $ \A \z \b \B`, flags `i` and `s`. A pattern matches when any
/// part of the text matches. Unicode classes (`\p{L}`) are refused.
public struct Pattern: Sendable, Hashable {
    /// The expression as it was written.
    public let text: String
    private let program: [Instruction]

    /// One step of the simulated machine.
    enum Instruction: Sendable {
        case scalar(ScalarClass)
        case split(Int, Int)
        case jump(Int)
        case assert(PatternNode.Assertion)
        case match
    }

    /// What a character of a text costs at most: the instructions and the ranges of their classes.
    public let size: Int

    /// Compiles an expression. Throws ``PatternError`` when it is malformed, not supported or too large.
    public init(_ text: String) throws {
        self.text = text
        var parser = PatternParser(text)
        var compiler = PatternCompiler()
        try compiler.emit(try parser.parse())
        compiler.program.append(.match)
        program = compiler.program
        size = program.reduce(0) { if case .scalar(let scalars) = $1 { $0 + 1 + scalars.ranges.count } else { $0 + 1 } }
    }

    public static func == (left: Pattern, right: Pattern) -> Bool { left.text == right.text }
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// Whether any part of `string` matches. O(length of the string x length of the expression), whatever the pattern.
    public func matches(_ string: String) -> Bool {
        var machine = Machine(program: program)
        var previous: Unicode.Scalar?
        var scalars = string.unicodeScalars.makeIterator()
        while true {
            let next = scalars.next()
            if machine.enter(previous: previous, next: next) { return true }
            guard let next else { return false }
            machine.step(over: next)
            previous = next
        }
    }

    private struct Machine {
        let program: [Instruction]
        /// The instructions that alternatives still in progress have reached.
        var ways: [Int] = []
        /// The position at which each instruction was last entered, so that it is entered once per position.
        var entered: [Int]
        var position = 0

        init(program: [Instruction]) {
            self.program = program
            entered = Array(repeating: -1, count: program.count)
        }

        /// Follows all instructions that consume no scalar, from the present alternatives and from the start. Returns
        /// true at a match.
        mutating func enter(previous: Unicode.Scalar?, next: Unicode.Scalar?) -> Bool {
            var open = ways
            open.append(0)
            ways = []
            while let at = open.popLast() {
                guard entered[at] != position else { continue }
                entered[at] = position
                switch program[at] {
                case .scalar: ways.append(at)
                case .jump(let target): open.append(target)
                case .split(let first, let second): open += [first, second]
                case .assert(let assertion):
                    if assertion.holds(previous: previous, next: next) { open.append(at + 1) }
                case .match: return true
                }
            }
            return false
        }

        mutating func step(over scalar: Unicode.Scalar) {
            position += 1
            ways = ways.compactMap { at in
                if case .scalar(let accepted) = program[at], accepted.contains(scalar) { at + 1 } else { nil }
            }
        }
    }
}

/// Why a regular expression cannot be used.
public struct PatternError: Error, Sendable, Hashable, CustomStringConvertible {
    public var message: String
    public var description: String { "invalid regular expression: \(message)" }
}

/// A set of scalars.
struct ScalarClass: Sendable, Hashable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) } != isNegated
    }

    mutating func insert(_ range: ClosedRange<UInt32>, ignoringCase: Bool) {
        ranges.append(range)
        guard ignoringCase else { return }
        for (letters, shift) in [(UInt32(65)...90, Int32(32)), (97...122, -32)] where letters.overlaps(range) {
            let common = letters.clamped(to: range)
            let low = UInt32(Int32(common.lowerBound) + shift)
            ranges.append(low...(low + common.upperBound - common.lowerBound))
        }
    }

    /// The scalars outside this set.
    var complement: [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        result.append(next...0x10FFFF)
        return result
    }

    static let digits = ScalarClass(ranges: [48...57])
    static let word = ScalarClass(ranges: [48...57, 65...90, 95...95, 97...122])
    static let space = ScalarClass(ranges: [9...10, 12...13, 32...32])
}

/// A parsed expression.
indirect enum PatternNode {
    case empty
    case scalar(ScalarClass)
    case assert(Assertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    case repeated(PatternNode, minimum: Int, maximum: Int?)

    /// Whether the counts of nested repetitions multiply to `limit` at most, by Go's rule: a repetition without a count,
    /// and one of zero, multiply by one.
    func repetitionsFit(_ limit: Int) -> Bool {
        switch self {
        case .empty, .scalar, .assert: true
        case .sequence(let nodes), .choice(let nodes): nodes.allSatisfy { $0.repetitionsFit(limit) }
        case .repeated(_, _, maximum: 0): true
        case .repeated(let node, let minimum, let maximum):
            maximum ?? minimum <= limit && node.repetitionsFit(limit / max(1, maximum ?? minimum))
        }
    }

    /// A condition on the two scalars around a position.
    enum Assertion: Sendable {
        case start, end, boundary, noBoundary

        func holds(previous: Unicode.Scalar?, next: Unicode.Scalar?) -> Bool {
            func isWord(_ scalar: Unicode.Scalar?) -> Bool { scalar.map(ScalarClass.word.contains) ?? false }
            switch self {
            case .start: return previous == nil
            case .end: return next == nil
            case .boundary: return isWord(previous) != isWord(next)
            case .noBoundary: return isWord(previous) == isWord(next)
            }
        }
    }
}

private struct PatternCompiler {
    /// The largest program. Nested repetitions multiply, so longer ones are refused.
    static let maximumLength = 50_000
    var program: [Pattern.Instruction] = []

    mutating func emit(_ node: PatternNode) throws {
        guard program.count < Self.maximumLength else { throw PatternError(message: "the expression is too large") }
        switch node {
        case .empty: break
        case .scalar(let scalars): program.append(.scalar(scalars))
        case .assert(let assertion): program.append(.assert(assertion))
        case .sequence(let nodes): for node in nodes { try emit(node) }
        case .choice(let nodes):
            var ends: [Int] = []
            for (index, node) in nodes.enumerated() {
                let split = program.count
                let isLast = index == nodes.count - 1
                if !isLast { program.append(.jump(0)) }
                try emit(node)
                if !isLast {
                    ends.append(program.count)
                    program.append(.jump(0))
                    program[split] = .split(split + 1, program.count)
                }
            }
            for end in ends { program[end] = .jump(program.count) }
        case .repeated(let node, let minimum, let maximum):
            for _ in 0..<minimum { try emit(node) }
            if let maximum {
                var splits: [Int] = []
                for _ in minimum..<max(minimum, maximum) {
                    splits.append(program.count)
                    program.append(.jump(0))
                    try emit(node)
                }
                for split in splits { program[split] = .split(split + 1, program.count) }
            } else {
                let split = program.count
                program.append(.jump(0))
                try emit(node)
                program.append(.jump(split))
                program[split] = .split(split + 1, program.count)
            }
        }
    }
}
