// What a value begins with, and what selects from one or calls it.

extension Parser {
    /// Words that other languages use; they may name fields, no variables.
    private static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    ]
    /// The values that are types, by the name in the text.
    static let typeNames: [String: String] = [
        "bool": "bool", "int": "int", "uint": "uint", "double": "double", "string": "string", "bytes": "bytes",
        "list": "list", "map": "map", "type": "type", "null_type": "null_type",
    ]

    /// Takes one value with what stands before it, or what opens the brackets around it.
    mutating func operand() throws(CELError) {
        while true {
            let token = token()
            switch token.kind {
            case .int(let magnitude):
                advance()
                guard let value = Int64(exactly: magnitude) else {
                    throw syntax(
                        "the number '\(magnitude)' is out of range: expected 64 bits at most", at: token.offset)
                }
                return try pushConstant(.int(value), at: token.offset)
            case .uint(let value):
                advance()
                return try pushConstant(.uint(value), at: token.offset)
            case .double(let value):
                advance()
                return try pushConstant(.double(value), at: token.offset)
            case .string(let value):
                advance()
                return try pushConstant(.string(value), at: token.offset)
            case .bytes(let value):
                advance()
                return try pushConstant(.bytes(value), at: token.offset)
            case .symbol(let symbol): if try opening(symbol, at: token.offset) { return }
            case .identifier(let word): if try identifier(word, at: token.offset, isRoot: false) { return }
            case .quotedName, .end: throw unexpected("a value")
            }
        }
    }

    /// Takes a symbol before a value. Returns whether a value is complete.
    private mutating func opening(_ symbol: Symbol, at offset: Int) throws(CELError) -> Bool {
        switch symbol {
        case .minus: return try minus(at: offset)
        case .not:
            try unary(isNot: true, at: offset)
            return false
        case .openParen:
            advance()
            try open(.paren(offset: offset), at: offset)
            return false
        case .openBracket:
            advance()
            try open(.list(count: 0, offset: offset), at: offset)
            guard isSymbol(.closeBracket) else { return false }
            try endList(0, offset)
            return true
        case .openBrace:
            advance()
            try open(.mapKey(count: 0, offset: offset), at: offset)
            guard isSymbol(.closeBrace) else { return false }
            try endMap(0, offset)
            return true
        case .dot:
            advance()
            guard let word = name() else { throw unexpected("a name") }
            return try identifier(word, at: token().offset, isRoot: true)
        case .question: throw unexpected("a value: optional values are not supported")
        default: throw unexpected("a value")
        }
    }

    private mutating func unary(isNot: Bool, at offset: Int) throws(CELError) {
        if case .unary(let other, _)? = frames.last, other != isNot {
            throw unexpected("a value: '!' and '-' do not follow one another without parentheses")
        }
        advance()
        frames.append(.unary(isNot: isNot, offset: offset))
    }

    /// Takes a minus: the sign of a literal, or the operator. Returns whether a value is complete.
    private mutating func minus(at offset: Int) throws(CELError) -> Bool {
        switch token(1).kind {
        case .int(let magnitude):
            advance(2)
            // 2^63 has no positive counterpart of 64 bits.
            try pushConstant(.int(Int64(truncatingIfNeeded: 0 &- magnitude)), at: offset)
            return true
        case .double(let value):
            advance(2)
            try pushConstant(.double(-value), at: offset)
            return true
        default:
            try unary(isNot: false, at: offset)
            return false
        }
    }

    /// Takes a word at the place of a value. Returns whether the value is complete.
    private mutating func identifier(_ word: String, at offset: Int, isRoot: Bool) throws(CELError) -> Bool {
        if !isRoot {
            let constant: CELValue? =
                switch word {
                case "true": .bool(true)
                case "false": .bool(false)
                case "null": .null
                default: nil
                }
            if let constant {
                advance()
                try pushConstant(constant, at: offset)
                return true
            }
        }
        if Self.reserved.contains(word) {
            throw syntax("the word '\(word)' is reserved: expected another name for a variable", at: offset)
        }
        if isSymbol(.openParen, 1) { return try call(word, at: offset, isMember: false) }
        advance()
        if !isRoot, let slot = locals.lastIndex(of: word) {
            try push(.local(slot), at: offset)
        } else if variables[word] != nil {
            try push(.variable(index(of: word)), at: offset)
        } else if let type = Self.typeNames[word] {
            try pushConstant(.type(type), at: offset)
        } else if word == "google", isSymbol(.dot), name(1) == "protobuf", isSymbol(.dot, 2), let kind = name(3),
            ["Timestamp", "Duration"].contains(kind), !isSymbol(.openBrace, 4)
        {
            advance(4)
            try pushConstant(.type("google.protobuf.\(kind)"), at: offset)
        } else {
            throw unknownVariable(word, at: offset)
        }
        return true
    }

    private func unknownVariable(_ word: String, at offset: Int) -> CELError {
        let known = variables.keys.sorted()
        var message = "the variable \(excerpt(word)) is not known"
        if let near = nearest(to: word, among: locals + known) {
            message += ": did you mean '\(near)'?"
        } else if !known.isEmpty {
            message += ": expected \(listed(known))"
        }
        return source.error(.type, message, at: offset)
    }

    /// Takes a name and the parenthesis behind it. Returns whether the call is complete, having no arguments.
    private mutating func call(_ word: String, at offset: Int, isMember: Bool) throws(CELError) -> Bool {
        if isMember, let loop = try macro(word, at: offset) { return loop }
        if word == "has", !isMember {
            advance(2)
            try open(.has(offset: offset), at: offset)
            return false
        }
        guard let function = Function(rawValue: word) else {
            var message = "the function \(excerpt(word)) is not known"
            if Self.macros[word] != nil {
                message = "\(word)() is a macro: expected it behind a list or a map, as in x.\(word)(y, …)"
            } else if word == "has" {
                message = "has() stands behind no value: expected has(a.b)"
            } else if let near = nearest(
                to: word, among: Function.allCases.map(\.rawValue) + ["has"] + Self.macros.keys.sorted())
            {
                message += ": did you mean '\(near)'?"
            }
            throw source.error(.type, message, at: offset)
        }
        advance(2)
        let frame = Frame.call(function, isMember: isMember, count: 0, offset: offset)
        try open(frame, at: offset)
        guard isSymbol(.closeParen) else { return false }
        advance()
        close()
        try endCall(function, isMember: isMember, count: 0, offset: offset)
        return true
    }

    mutating func endCall(_ function: Function, isMember: Bool, count: Int, offset: Int) throws(CELError) {
        let count = isMember ? count + 1 : count
        // The style is held here, where it is still known; without arguments the types are looked at as well.
        let unknown = Array(repeating: CELType.dyn, count: count)
        do { _ = try function.check(isMember: isMember, unknown) } catch {
            throw source.error(error.kind, error.message, at: offset)
        }
        try combine(count, .call(function, count: count), at: offset)
    }

    /// Takes a dot and what follows. Returns whether a value has to follow.
    mutating func selection() throws(CELError) -> Bool {
        advance()
        let token = token()
        switch token.kind {
        case .identifier(let word):
            if ["true", "false", "null"].contains(word) {
                throw unexpected("a name: a field of this name is read by ['\(word)']")
            }
            if isSymbol(.openParen, 1) { return try !call(word, at: token.offset, isMember: true) }
            advance()
            try emit(.select(index(of: word)), at: token.offset)
        case .quotedName(let word):
            advance()
            try emit(.select(index(of: word)), at: token.offset)
        case .symbol(.in): throw unexpected("a name: a field of this name is read by ['in']")
        case .symbol(.question): throw unexpected("a name: optional values are not supported")
        default: throw unexpected("a name")
        }
        return false
    }

    // MARK: macros

    static let macros: [String: Program.Loop.Kind] = [
        "all": .all, "exists": .exists, "exists_one": .existsOne, "existsOne": .existsOne, "filter": .filter,
        "map": .map, "transformList": .transformList, "transformMap": .transformMap,
        "transformMapEntry": .transformMapEntry,
    ]

    /// Takes the begin of a macro up to its last variable. Returns nil where none stands, else false: a value follows.
    private mutating func macro(_ word: String, at offset: Int) throws(CELError) -> Bool? {
        guard let kind = Self.macros[word] else { return nil }
        let mayHaveTwo = kind != .map && kind != .filter
        let mustHaveTwo = kind == .transformList || kind == .transformMap || kind == .transformMapEntry
        guard let first = name(2), isSymbol(.comma, 3) else {
            throw syntax(
                "\(word)() has no variable: expected \(mustHaveTwo ? "two names" : "a name") and an expression",
                at: offset)
        }
        var names = [first]
        if mayHaveTwo, let second = name(4), isSymbol(.comma, 5) { names.append(second) }
        if mustHaveTwo, names.count < 2 {
            throw syntax("\(word)() has one variable: expected two names and an expression", at: offset)
        }
        for (index, name) in names.enumerated()
        where Self.reserved.contains(name) || ["true", "false", "null"].contains(name) {
            throw syntax(
                "the word '\(name)' is reserved: expected another name for a variable",
                at: token(2 + 2 * index).offset)
        }
        if names.count == 2, names[0] == names[1] {
            throw syntax("\(word)() has the variable \(excerpt(first)) twice: expected two names", at: offset)
        }
        advance(names.count == 2 ? 6 : 4)
        let loop = program.loops.count
        try emit(.loop(loop), at: offset)
        program.loops.append(
            .init(
                kind: kind, slot: locals.count, hasTwoVariables: names.count == 2, body: program.instructions.count,
                next: 0))
        try open(.macro(loop: loop, name: word, hasCondition: false, offset: offset), at: offset)
        locals += names
        loopDepth += 1
        program.slotCount = max(program.slotCount, locals.count)
        return false
    }

    mutating func macroComma(loop: Int, name: String, hasCondition: Bool, offset: Int) throws(CELError) {
        switch program.loops[loop].kind {
        case .map, .transformList, .transformMap, .transformMapEntry:
            guard !hasCondition else { throw syntax("\(name)() has too many arguments", at: offset) }
            starts.removeLast()
            try emit(.loopCondition(loop), at: offset)
            frames[frames.count - 1] = .macro(loop: loop, name: name, hasCondition: true, offset: offset)
        default: throw syntax("\(name)() has too many arguments", at: offset)
        }
    }

    mutating func endMacro(loop: Int, name: String, hasCondition: Bool, offset: Int) throws(CELError) {
        let next = program.instructions.count
        let body = program.loops[loop].body
        program.loops[loop].next = next
        if [.all, .exists].contains(program.loops[loop].kind) { addRegion(body, next, .body(loop: loop)) }
        locals.removeLast(program.loops[loop].hasTwoVariables ? 2 : 1)
        loopDepth -= 1
        try combine(2, .next(loop), at: offset)
    }
}

/// Names in a sentence, the first few of many.
func listed(_ names: [String]) -> String {
    guard names.count > 1 else { return names.first.map(excerpt) ?? "nothing" }
    guard names.count <= 8 else {
        return names.prefix(8).map(excerpt).joined(separator: ", ") + " or another of \(names.count)"
    }
    return names.dropLast().map(excerpt).joined(separator: ", ") + " or " + excerpt(names[names.count - 1])
}
