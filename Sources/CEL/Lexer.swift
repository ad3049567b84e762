/// A piece of the text.
struct Token {
    enum Kind {
        case identifier(String)
        /// A name between backquotes, for selections.
        case quotedName(String)
        case int(UInt64)
        case uint(UInt64)
        case double(Double)
        case string(String)
        case bytes([UInt8])
        case symbol(Symbol)
        case end
    }
    var kind: Kind
    /// Where it begins, in scalars.
    var offset: Int
}

enum Symbol: String {
    case openParen = "(", closeParen = ")", openBracket = "[", closeBracket = "]", openBrace = "{", closeBrace = "}"
    case dot = ".", comma = ",", colon = ":", question = "?"
    case not = "!", minus = "-", plus = "+", times = "*", divide = "/", modulo = "%"
    case equal = "==", notEqual = "!=", less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
    case and = "&&", or = "||", `in` = "in"
}

/// The text of an expression and the places in it.
struct SourceText {
    let scalars: [Unicode.Scalar]

    /// The longest text, in bytes.
    static let maximumBytes = 65_536

    init(_ text: String) throws(CELError) {
        guard text.utf8.count <= Self.maximumBytes else {
            throw CELError(
                kind: .limit,
                message: "the expression has \(text.utf8.count) bytes: expected \(Self.maximumBytes) at most")
        }
        scalars = Array(text.unicodeScalars)
    }

    /// Line and column of an offset, from 1.
    func place(of offset: Int) -> (line: Int, column: Int) {
        var line = 1
        var start = 0
        for index in 0..<min(offset, scalars.count) where scalars[index] == "\n" {
            line += 1
            start = index + 1
        }
        return (line, min(offset, scalars.count) - start + 1)
    }

    func error(_ kind: CELError.Kind, _ message: String, at offset: Int) -> CELError {
        let place = place(of: offset)
        return CELError(kind: kind, message: message, line: place.line, column: place.column)
    }
}

/// Cuts a text into tokens.
struct Lexer {
    let source: SourceText
    private var at = 0
    private var tokens: [Token] = []

    init(_ source: SourceText) { self.source = source }

    private func scalar(_ distance: Int = 0) -> Unicode.Scalar? {
        at + distance < source.scalars.count ? source.scalars[at + distance] : nil
    }

    private func syntax(_ message: String, at offset: Int) -> CELError { source.error(.syntax, message, at: offset) }

    /// All tokens, the end among them. Throws at what begins none.
    mutating func tokenize() throws(CELError) -> [Token] {
        while let next = scalar() {
            let start = at
            switch next {
            case " ", "\t", "\n", "\r", "\u{C}": at += 1
            case "/" where scalar(1) == "/": while let next = scalar(), next != "\n" { at += 1 }
            case "0"..."9": add(try number(), start)
            case "." where scalar(1).map(isDigit) ?? false: add(try number(), start)
            case "\"", "'": add(try text(isRaw: false, isBytes: false), start)
            case "`": add(try quotedName(), start)
            case _ where isLetter(next):
                if let prefix = stringPrefix() {
                    at += prefix.length
                    add(try text(isRaw: prefix.isRaw, isBytes: prefix.isBytes), start)
                } else {
                    while let next = scalar(), isLetter(next) || isDigit(next) { at += 1 }
                    let name = slice(from: start)
                    add(name == "in" ? .symbol(.in) : .identifier(name), start)
                }
            default: add(try symbol(next), start)
            }
        }
        add(.end, at)
        return tokens
    }

    private mutating func add(_ kind: Token.Kind, _ offset: Int) { tokens.append(Token(kind: kind, offset: offset)) }

    private func slice(from start: Int) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: source.scalars[start..<at])
        return String(view)
    }

    private mutating func symbol(_ first: Unicode.Scalar) throws(CELError) -> Token.Kind {
        if let second = scalar(1), let symbol = Symbol(rawValue: "\(first)\(second)") {
            at += 2
            return .symbol(symbol)
        }
        guard let symbol = Symbol(rawValue: String(first)) else {
            let hint =
                switch first {
                case "=": ": equality is written '=='"
                case "&": ": a conjunction is written '&&'"
                case "|": ": a disjunction is written '||'"
                case "$": ": variables are named without it"
                default: ""
                }
            let shown = first.value < 32 ? "U+\(String(first.value, radix: 16))" : "'\(first)'"
            throw syntax("the character \(shown) has no meaning here\(hint)", at: at)
        }
        at += 1
        return .symbol(symbol)
    }

    private mutating func quotedName() throws(CELError) -> Token.Kind {
        let start = at
        at += 1
        while let next = scalar(), next != "`", next != "\n" { at += 1 }
        guard scalar() == "`", at > start + 1 else { throw syntax("a name in backquotes is not closed", at: start) }
        at += 1
        return .quotedName(String(slice(from: start).unicodeScalars.dropFirst().dropLast()))
    }

    private mutating func digits(_ isWanted: (Unicode.Scalar) -> Bool) -> Int {
        let start = at
        while let next = scalar(), isWanted(next) { at += 1 }
        return at - start
    }

    private mutating func number() throws(CELError) -> Token.Kind {
        let start = at
        var isDouble = false
        var magnitude: UInt64?
        if scalar() == "0", scalar(1) == "x" || scalar(1) == "X" {
            at += 2
            guard digits({ $0.properties.isASCIIHexDigit }) > 0 else {
                throw syntax("a hexadecimal number has no digits", at: start)
            }
            magnitude = UInt64(slice(from: start).dropFirst(2), radix: 16)
        } else {
            _ = digits(isDigit)
            if scalar() == ".", scalar(1).map(isDigit) ?? false {
                isDouble = true
                at += 1
                _ = digits(isDigit)
            }
            if scalar() == "e" || scalar() == "E" {
                isDouble = true
                at += 1
                if scalar() == "+" || scalar() == "-" { at += 1 }
                guard digits(isDigit) > 0 else { throw syntax("the exponent of a number has no digits", at: start) }
            }
            if !isDouble { magnitude = UInt64(slice(from: start)) }
        }
        let written = slice(from: start)
        let isUnsigned = !isDouble && (scalar() == "u" || scalar() == "U")
        if isUnsigned { at += 1 }
        if let next = scalar(), isLetter(next) || isDigit(next) {
            throw syntax("a number is followed by '\(next)': expected an operator or a space", at: at)
        }
        if isDouble {
            guard let value = Double(written), value.isFinite else {
                throw syntax("the number \(excerpt(written)) is out of range", at: start)
            }
            return .double(value)
        }
        // The sign comes before; -2^63 has a magnitude of its own.
        guard let magnitude, isUnsigned || magnitude <= 1 << 63 else {
            throw syntax("the number \(excerpt(written)) is out of range: expected 64 bits at most", at: start)
        }
        return isUnsigned ? .uint(magnitude) : .int(magnitude)
    }

    /// The letters before the quote of a text; nil when a name begins here.
    private func stringPrefix() -> (length: Int, isRaw: Bool, isBytes: Bool)? {
        var length = 0
        var (isRaw, isBytes) = (false, false)
        while let next = scalar(length) {
            switch next {
            case "b", "B": if isBytes { return nil } else { isBytes = true }
            case "r", "R": if isRaw { return nil } else { isRaw = true }
            case "\"", "'": return (length, isRaw, isBytes)
            default: return nil
            }
            length += 1
        }
        return nil
    }

    private mutating func text(isRaw: Bool, isBytes: Bool) throws(CELError) -> Token.Kind {
        let start = at
        guard let quote = scalar() else { throw syntax("a text is not closed", at: start) }
        let isTriple = scalar(1) == quote && scalar(2) == quote
        at += isTriple ? 3 : 1
        var bytes: [UInt8] = []
        var string = String.UnicodeScalarView()
        while true {
            guard let next = scalar(), isTriple || (next != "\n" && next != "\r") else {
                throw syntax("a text is not closed: expected \(isTriple ? "three quotes" : "a quote")", at: start)
            }
            if next == quote, !isTriple || (scalar(1) == quote && scalar(2) == quote) {
                at += isTriple ? 3 : 1
                return isBytes ? .bytes(bytes) : .string(String(string))
            }
            at += 1
            var meant = next
            if next == "\\", !isRaw {
                meant = try escape(isBytes: isBytes)
                if isBytes {
                    bytes.append(UInt8(truncatingIfNeeded: meant.value))
                    continue
                }
            }
            if isBytes { bytes += Array(String(meant).utf8) } else { string.append(meant) }
        }
    }

    /// What an escape stands for, after its backslash; in bytes it is one byte.
    private mutating func escape(isBytes: Bool) throws(CELError) -> Unicode.Scalar {
        let start = at - 1
        guard let letter = scalar() else { throw syntax("a text is not closed", at: start) }
        at += 1
        switch letter {
        case "a": return "\u{7}"
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "v": return "\u{B}"
        case "\\", "?", "\"", "'", "`": return letter
        case "x", "X": return try code(digits: 2, radix: 16, from: start)
        case "u" where !isBytes: return try code(digits: 4, radix: 16, from: start)
        case "U" where !isBytes: return try code(digits: 8, radix: 16, from: start)
        case "0"..."3":
            at -= 1
            return try code(digits: 3, radix: 8, from: start)
        default:
            throw syntax(
                "the escape '\\\(letter)' is not known: a backslash itself is written '\\\\', or the text as r'…'",
                at: start)
        }
    }

    private mutating func code(digits: Int, radix: Int, from start: Int) throws(CELError) -> Unicode.Scalar {
        let first = at
        at = min(at + digits, source.scalars.count)
        let written = slice(from: first)
        guard written.unicodeScalars.count == digits, !written.hasPrefix("+"), !written.hasPrefix("-"),
            let value = UInt32(written, radix: radix), let scalar = Unicode.Scalar(value)
        else {
            at = first
            throw syntax("an escape is no character: expected \(digits) digits of base \(radix)", at: start)
        }
        return scalar
    }
}

private func isDigit(_ scalar: Unicode.Scalar) -> Bool { (48...57).contains(scalar.value) }

private func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "_": true
    default: false
    }
}
