/// Compiles a text, in one pass and without recursion: what is begun and not ended yet is on a stack of frames.
struct Parser {
    /// How deep brackets may stand in one another.
    static let maximumDepth = 100
    /// The longest program.
    static let maximumInstructions = 20_000

    /// Something begun.
    enum Frame {
        case unary(isNot: Bool, offset: Int)
        case binary(BinaryOperator, offset: Int)
        case logic(isAnd: Bool, begin: Int, offset: Int)
        /// Between `?` and `:`.
        case then(branch: Int, offset: Int)
        /// Behind the `:` of a ternary.
        case otherwise(branch: Int, jump: Int, offset: Int)
        case paren(offset: Int)
        case list(count: Int, offset: Int)
        case mapKey(count: Int, offset: Int)
        case mapValue(count: Int, offset: Int)
        case index(offset: Int)
        case call(Function, isMember: Bool, count: Int, offset: Int)
        case has(offset: Int)
        case macro(loop: Int, name: String, hasCondition: Bool, offset: Int)

        /// How tightly it binds; nil for what only a bracket ends.
        var precedence: Int? {
            switch self {
            case .unary: 6
            case .binary(let operation, _): operation.precedence
            case .logic(let isAnd, _, _): isAnd ? 2 : 1
            case .otherwise: 0
            default: nil
            }
        }
    }

    let source: SourceText
    let variables: [String: CELType]
    private let tokens: [Token]
    private var at = 0
    var program = Program()
    var frames: [Frame] = []
    var depth = 0
    /// Where each value that is complete begins.
    var starts: [Int] = []
    /// The variables of the comprehensions around, the innermost last.
    var locals: [String] = []
    var loopDepth = 0
    private var nameIndexes: [String: Int] = [:]

    init(_ source: SourceText, variables: [String: CELType]) throws(CELError) {
        self.source = source
        self.variables = variables
        var lexer = Lexer(source)
        tokens = try lexer.tokenize()
    }

    /// The program. Throws at the first mistake.
    mutating func parse() throws(CELError) -> Program {
        while true {
            try operand()
            while try !operatorOrEnd() {}
            if case .end = token().kind, frames.isEmpty { return program }
        }
    }

    // MARK: tokens

    func token(_ distance: Int = 0) -> Token { tokens[min(at + distance, tokens.count - 1)] }

    func isSymbol(_ symbol: Symbol, _ distance: Int = 0) -> Bool {
        if case .symbol(let found) = token(distance).kind { found == symbol } else { false }
    }

    func name(_ distance: Int = 0) -> String? {
        if case .identifier(let name) = token(distance).kind { name } else { nil }
    }

    mutating func advance(_ count: Int = 1) { at += count }

    mutating func take(_ symbol: Symbol) -> Bool {
        guard isSymbol(symbol) else { return false }
        at += 1
        return true
    }

    func syntax(_ message: String, at offset: Int) -> CELError { source.error(.syntax, message, at: offset) }

    func unexpected(_ expected: String) -> CELError {
        let token = token()
        let found =
            switch token.kind {
            case .identifier(let name), .quotedName(let name): excerpt(name)
            case .int, .uint, .double: "a number"
            case .string, .bytes: "a text"
            case .symbol(let symbol): "'\(symbol.rawValue)'"
            case .end: "the end"
            }
        return syntax("found \(found): expected \(expected)", at: token.offset)
    }

    // MARK: instructions

    mutating func emit(_ instruction: Program.Instruction, at offset: Int) throws(CELError) {
        guard program.instructions.count < Self.maximumInstructions else {
            throw source.error(
                .limit, "the expression is too large: expected \(Self.maximumInstructions) steps at most", at: offset)
        }
        program.instructions.append(instruction)
        program.offsets.append(Int32(offset))
    }

    /// Emits what pushes a value.
    mutating func push(_ instruction: Program.Instruction, at offset: Int) throws(CELError) {
        starts.append(program.instructions.count)
        try emit(instruction, at: offset)
    }

    /// Emits what makes one value of the last ones.
    mutating func combine(_ count: Int, _ instruction: Program.Instruction, at offset: Int) throws(CELError) {
        let start = count > 0 ? starts[starts.count - count] : program.instructions.count
        starts.removeLast(count)
        starts.append(start)
        try emit(instruction, at: offset)
    }

    mutating func pushConstant(_ value: CELValue, at offset: Int) throws(CELError) {
        program.constants.append(value)
        try push(.constant(program.constants.count - 1), at: offset)
    }

    mutating func index(of name: String) -> Int {
        if let index = nameIndexes[name] { return index }
        program.names.append(name)
        nameIndexes[name] = program.names.count - 1
        return program.names.count - 1
    }

    /// Begins something with brackets.
    mutating func open(_ frame: Frame, at offset: Int) throws(CELError) {
        guard depth < Self.maximumDepth else {
            throw source.error(
                .limit, "brackets stand in one another too deep: expected \(Self.maximumDepth) levels at most",
                at: offset)
        }
        depth += 1
        frames.append(frame)
    }

    mutating func close() {
        depth -= 1
        frames.removeLast()
    }

    /// Ends the operators that bind at least so tightly.
    mutating func reduce(_ precedence: Int) throws(CELError) {
        while let frame = frames.last, let own = frame.precedence, own >= precedence {
            frames.removeLast()
            switch frame {
            case .unary(let isNot, let offset): try emit(isNot ? .not : .negate, at: offset)
            case .binary(let operation, let offset):
                starts.removeLast()
                try emit(.binary(operation), at: offset)
            case .logic(let isAnd, let begin, let offset):
                let end = program.instructions.count
                starts.removeLast()
                let start = starts[starts.count - 1]
                program.instructions[begin] = .logic(isAnd: isAnd, end: end)
                addRegion(start, begin + 1, .left(logic: begin))
                addRegion(begin + 1, end, .right(logic: begin))
                try emit(.logicEnd(isAnd: isAnd, begin: begin), at: offset)
            case .otherwise(let branch, let jump, let offset):
                starts.removeLast(2)
                program.instructions[branch] = .branch(otherwise: jump + 1)
                program.instructions[jump] = .jump(program.instructions.count)
                try emit(.join, at: offset)
            default: break
            }
        }
    }

    mutating func addRegion(_ start: Int, _ end: Int, _ handler: Program.Region.Handler) {
        program.regions.append(.init(start: start, end: end, handler: handler, loopDepth: loopDepth))
    }

    // MARK: what stands between values

    /// Takes what may follow a value. Returns whether another value has to follow, or all is done.
    private mutating func operatorOrEnd() throws(CELError) -> Bool {
        let token = token()
        guard case .symbol(let symbol) = token.kind else {
            if case .end = token.kind {
                try reduce(0)
                if let frame = frames.last { throw unclosed(frame) }
                return true
            }
            throw unexpected("an operator or the end")
        }
        switch symbol {
        case .dot: return try selection()
        case .openBracket:
            advance()
            if isSymbol(.question) { throw unexpected("an index: optional values are not supported") }
            try open(.index(offset: token.offset), at: token.offset)
            return true
        case .openBrace:
            throw syntax(
                "messages cannot be constructed: expected a map, as in {'name': value}", at: token.offset)
        case .openParen: throw unexpected("an operator or the end: only a function can be called")
        case .and, .or:
            advance()
            let isAnd = symbol == .and
            try reduce(isAnd ? 2 : 1)
            let begin = program.instructions.count
            try emit(.logic(isAnd: isAnd, end: 0), at: token.offset)
            frames.append(.logic(isAnd: isAnd, begin: begin, offset: token.offset))
            return true
        case .question:
            try reduce(1)
            if case .then? = frames.last { throw unexpected("':': a ternary before it needs parentheses") }
            advance()
            let branch = program.instructions.count
            try emit(.branch(otherwise: 0), at: token.offset)
            frames.append(.then(branch: branch, offset: token.offset))
            return true
        case .colon: try colon(token)
        case .comma: return try comma(token)
        case .closeParen, .closeBracket, .closeBrace:
            try closing(symbol)
            return false
        case .not: throw unexpected("an operator or the end")
        default:
            guard let operation = BinaryOperator(rawValue: symbol.rawValue) else {
                throw unexpected("an operator or the end")
            }
            advance()
            try reduce(operation.precedence)
            frames.append(.binary(operation, offset: token.offset))
            return true
        }
        return symbol == .colon
    }

    private mutating func colon(_ token: Token) throws(CELError) {
        try reduce(1)
        if case .then(let branch, let offset)? = frames.last {
            advance()
            frames.removeLast()
            let jump = program.instructions.count
            try emit(.jump(0), at: token.offset)
            frames.append(.otherwise(branch: branch, jump: jump, offset: offset))
            return
        }
        try reduce(0)
        guard case .mapKey(let count, let offset)? = frames.last else {
            throw unexpected("an operator or the end")
        }
        advance()
        frames[frames.count - 1] = .mapValue(count: count, offset: offset)
    }

    /// Takes a comma. Returns whether a value has to follow.
    private mutating func comma(_ token: Token) throws(CELError) -> Bool {
        try reduce(0)
        switch frames.last {
        case .list(let count, let offset)?:
            advance()
            frames[frames.count - 1] = .list(count: count + 1, offset: offset)
            guard isSymbol(.closeBracket) else { return true }
            try endList(count + 1, offset)
            return false
        case .mapValue(let count, let offset)?:
            advance()
            frames[frames.count - 1] = .mapKey(count: count + 1, offset: offset)
            guard isSymbol(.closeBrace) else { return true }
            try endMap(count + 1, offset)
            return false
        case .call(let function, let isMember, let count, let offset)?:
            advance()
            frames[frames.count - 1] = .call(function, isMember: isMember, count: count + 1, offset: offset)
            return true
        case .macro(let loop, let name, let hasCondition, let offset)?:
            advance()
            try macroComma(loop: loop, name: name, hasCondition: hasCondition, offset: offset)
            return true
        case .then(_, let offset)?: throw syntax("a '?' has no ':'", at: offset)
        case .has?: throw unexpected("')': has() takes one selection")
        default: throw unexpected("an operator or the end")
        }
    }

    private mutating func closing(_ symbol: Symbol) throws(CELError) {
        try reduce(0)
        switch (symbol, frames.last) {
        case (.closeParen, .paren?):
            advance()
            close()
        case (.closeParen, .call(let function, let isMember, let count, let offset)?):
            advance()
            close()
            try endCall(function, isMember: isMember, count: count + 1, offset: offset)
        case (.closeParen, .has(let offset)?):
            advance()
            close()
            guard case .select(let name)? = program.instructions.last else {
                throw syntax("has() has no selection: expected one as in has(a.b)", at: offset)
            }
            program.instructions[program.instructions.count - 1] = .test(name)
        case (.closeParen, .macro(let loop, let name, let hasCondition, let offset)?):
            advance()
            close()
            try endMacro(loop: loop, name: name, hasCondition: hasCondition, offset: offset)
        case (.closeBracket, .index(let offset)?):
            advance()
            close()
            starts.removeLast()
            try emit(.index, at: offset)
        case (.closeBracket, .list(let count, let offset)?): try endList(count + 1, offset)
        case (.closeBrace, .mapValue(let count, let offset)?): try endMap(count + 1, offset)
        case (.closeBrace, .mapKey?): throw unexpected("':' and the value of a key")
        case (_, .then(_, let offset)?): throw syntax("a '?' has no ':'", at: offset)
        case (_, let frame?): throw unclosed(frame)
        default: throw unexpected("an operator or the end")
        }
    }

    mutating func endList(_ count: Int, _ offset: Int) throws(CELError) {
        advance()
        close()
        try combine(count, .list(count), at: offset)
    }

    mutating func endMap(_ count: Int, _ offset: Int) throws(CELError) {
        advance()
        close()
        try combine(2 * count, .map(count), at: offset)
    }

    func unclosed(_ frame: Frame) -> CELError {
        switch frame {
        case .then(_, let offset): return syntax("a '?' has no ':'", at: offset)
        case .list(_, let offset), .index(let offset): return syntax("a '[' is not closed", at: offset)
        case .mapKey(_, let offset), .mapValue(_, let offset): return syntax("a '{' is not closed", at: offset)
        case .paren(let offset): return syntax("a '(' is not closed", at: offset)
        case .call(let function, _, _, let offset):
            return syntax("the '(' of \(function.rawValue) is not closed", at: offset)
        case .has(let offset): return syntax("the '(' of has is not closed", at: offset)
        case .macro(_, let name, _, let offset): return syntax("the '(' of \(name) is not closed", at: offset)
        case .unary(_, let offset), .binary(_, let offset), .logic(_, _, let offset), .otherwise(_, _, let offset):
            return syntax("an operator has no right side", at: offset)
        }
    }
}
