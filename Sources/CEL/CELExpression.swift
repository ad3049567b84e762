public import JSON

/// A parsed and checked expression. Making one takes time proportional to the text; keep it to evaluate it often.
public struct CELExpression: Sendable {
    /// The text.
    public let source: String
    /// What is known of the type of its value.
    public let resultType: CELType
    let program: Program
    let text: SourceText

    /// Parses and checks an expression that reads those variables.
    ///
    /// Throws ``CELError``: of kind `syntax` or `type` with the place of the mistake, of kind `limit` for a text of more than
    /// 64 KiB, brackets in one another more than 100 deep or more than 20,000 steps, of kind `evaluation` for a
    /// constant pattern of `matches` that is none.
    public init(_ source: String, in environment: CELEnvironment) throws(CELError) {
        try self.init(source, in: environment, isStrict: true)
    }

    /// Without strictness types are left to the evaluation, as if each value was in `dyn()`.
    init(_ source: String, in environment: CELEnvironment, isStrict: Bool) throws(CELError) {
        self.source = source
        text = try SourceText(source)
        var parser = try Parser(text, variables: environment.variables)
        var checker = Checker(
            try parser.parse(), source: text, environment: environment, isStrict: isStrict)
        (program, resultType) = try checker.check()
    }

    /// Every chain of selections from a variable, as far as it is constant, in the order of the text. The same chain
    /// stands here as often as there.
    public var references: [CELReference] { program.references }

    /// Evaluates the expression.
    ///
    /// `variables` is asked once for each variable that is needed; nil is a variable that is missing. Each step costs one,
    /// and so does what is read or made beyond a fixed size: an element, some bytes of a text, a state of a pattern at a
    /// character. Throws ``CELError``; more than `costLimit` is an error of kind `limit`. O(costLimit).
    public func evaluate(costLimit: Int = 1_000_000, _ variables: (String) -> JSONValue?) throws(CELError) -> CELValue {
        var machine = Machine(program, costLimit: costLimit)
        return try machine.run(variables, text)
    }

    /// Evaluates to a bool. Throws as ``evaluate(costLimit:_:)`` does, and an error of kind `type` for another value.
    public func evaluateBool(costLimit: Int = 1_000_000, _ variables: (String) -> JSONValue?) throws(CELError) -> Bool {
        let value = try evaluate(costLimit: costLimit, variables)
        guard case .bool(let answer) = value else {
            throw CELError(kind: .type, message: "the expression is \(value.kindName): expected bool")
        }
        return answer
    }
}
