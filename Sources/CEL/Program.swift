internal import KubernetesSchema

/// What an expression is compiled to: instructions for a machine with a stack of values. Nothing nests in it, so neither the
/// checker nor the evaluator recurses, whatever the expression.
struct Program: Sendable {
    enum Instruction: Sendable {
        /// Pushes a constant, a variable or the variable of a comprehension.
        case constant(Int)
        case variable(Int)
        case local(Int)
        /// Replaces a map by the value of a name in it, or by whether it has that name.
        case select(Int)
        case test(Int)
        case index
        case list(Int)
        case map(Int)
        case not
        case negate
        case binary(BinaryOperator)
        case call(Function, count: Int)
        /// `matches` with a pattern that is known.
        case match(Int)
        /// After the left side of `&&` or `||`: goes on with the right side, or to behind `end` with the answer.
        case logic(isAnd: Bool, end: Int)
        /// Behind the right side. `begin` is its `logic`.
        case logicEnd(isAnd: Bool, begin: Int)
        /// After the condition of a ternary.
        case branch(otherwise: Int)
        /// After its first value.
        case jump(Int)
        /// After its second value.
        case join
        /// After the range of a comprehension.
        case loop(Int)
        /// After the condition of one that has a condition and a value.
        case loopCondition(Int)
        /// At its end.
        case next(Int)
    }

    /// A comprehension.
    struct Loop: Sendable {
        enum Kind: String, Sendable {
            case all, exists, existsOne, filter, map, transformList, transformMap, transformMapEntry
        }
        var kind: Kind
        /// Its first variable's slot; a second one has the next.
        var slot: Int
        var hasTwoVariables: Bool
        var body: Int
        var next: Int
    }

    /// Instructions whose failure is not the end: the sides of `&&` and `||`, and what `all` and `exists` ask of each
    /// element.
    struct Region: Sendable {
        enum Handler: Sendable {
            case left(logic: Int)
            case right(logic: Int)
            case body(loop: Int)
        }
        var start: Int
        var end: Int
        var handler: Handler
        /// How many comprehensions are under way around it.
        var loopDepth: Int
        // By the checker:
        /// How many values are on the stack when the handler takes over.
        var height = 0
        /// The region around this one.
        var parent: Int?
    }

    /// A chain of names from a variable: that many names of a reference.
    struct Chain: Sendable {
        var reference: Int
        var length: Int
    }

    var instructions: [Instruction] = []
    /// Where each stands in the text.
    var offsets: [Int32] = []
    var constants: [CELValue] = []
    var names: [String] = []
    var loops: [Loop] = []
    var regions: [Region] = []
    var slotCount = 0
    // By the checker:
    var patterns: [Pattern] = []
    /// What each selection or index selects, where that is a chain. Of an index that is no constant, what it is asked of.
    var chains: [Int: Chain] = [:]
    var references: [CELReference] = []
    /// The innermost region around each instruction.
    var innermost: [Int?] = []
}

/// A chain of selections from a variable, as far as it is constant: `tasks.a.results['r']` is
/// `["tasks", "a", "results", "r"]`.
public struct CELReference: Sendable, Hashable {
    /// The variable and the names.
    public var path: [String]
    /// Whether `has()` asks for it, so that it need not be there.
    public var isTest: Bool
    /// The line of the variable, from 1.
    public var line: Int
    /// The column of the variable, from 1, in Unicode scalars.
    public var column: Int
}

enum BinaryOperator: String, Sendable {
    case add = "+", subtract = "-", multiply = "*", divide = "/", modulo = "%"
    case equal = "==", notEqual = "!=", less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
    case `in` = "in"

    var precedence: Int {
        switch self {
        case .add, .subtract: 4
        case .multiply, .divide, .modulo: 5
        default: 3
        }
    }

    /// What it takes, for messages.
    var expectation: String {
        switch self {
        case .add: "two numbers of one type, two of string, bytes, list or duration, or a timestamp and a duration"
        case .subtract: "two numbers of one type, timestamps or durations"
        case .multiply, .divide: "two numbers of one type"
        case .modulo: "two of int or two of uint"
        case .equal, .notEqual: "two values of one type"
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            "two numbers, or two of bool, string, bytes, timestamp or duration"
        case .in: "a list or a map on the right, whose elements or keys may be what is on the left"
        }
    }

    func mismatch(_ left: String, _ right: String) -> Failure {
        .type("'\(rawValue)' does not take \(left) and \(right): expected \(expectation)")
    }
}
