/// A pull parser over the bytes of one JSON text. The caller asks for the values it expects and skips the others; no
/// tree is built.
///
/// Strict as RFC 8259: UTF-8 without overlong forms or surrogates, no leading zeros, no trailing commas, nesting of what
/// is read of at most ``maximumDepth``. Skipped values must be well formed as well, and may be nested as deep as they
/// like. The reader borrows the bytes and must not outlive
/// the closure of ``withReader(_:_:)``. All reading methods throw ``JSONError`` when the text is malformed or the next
/// value is of another kind.
public struct JSONReader {
    /// The deepest nesting of arrays and objects that is read.
    public static let maximumDepth = 512

    /// The kind of the next value.
    public enum Kind: Sendable { case null, bool, number, string, array, object }

    let bytes: UnsafeBufferPointer<UInt8>
    /// The byte offset at which reading continues.
    public private(set) var offset = 0
    var depth = 0
    /// Whether no element of the innermost container has been read yet.
    var isFirst = false

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Reads one JSON text completely. Throws ``JSONError`` when anything but white space follows the value that `body`
    /// reads, and what `body` throws.
    public static func withReader<Result>(
        _ bytes: some Collection<UInt8>, _ body: (inout JSONReader) throws -> Result
    ) throws -> Result {
        func run(_ buffer: UnsafeBufferPointer<UInt8>) throws -> Result {
            var reader = JSONReader(buffer)
            let result = try body(&reader)
            reader.skipWhitespace()
            guard reader.offset == buffer.count else { throw reader.error("unexpected text after the value") }
            return result
        }
        if let result = try bytes.withContiguousStorageIfAvailable(run) { return result }
        return try Array(bytes).withUnsafeBufferPointer(run)
    }

    func error(_ message: String) -> JSONError { JSONError(message, offset: offset) }

    @inline(__always)
    mutating func skipWhitespace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    /// Returns the kind of the next value without reading it. Throws ``JSONError`` when no value begins here.
    public mutating func peek() throws -> Kind {
        skipWhitespace()
        guard offset < bytes.count else { throw error("unexpected end of the text") }
        switch bytes[offset] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw error("expected a value")
        }
    }

    private mutating func expect(_ byte: UInt8, _ what: String) throws {
        skipWhitespace()
        guard offset < bytes.count, bytes[offset] == byte else { throw error("expected \(what)") }
        offset += 1
    }

    private mutating func enter() throws {
        depth += 1
        guard depth <= Self.maximumDepth else { throw error("nested deeper than \(Self.maximumDepth) levels") }
        isFirst = true
    }

    /// Enters an object; call ``nextKey()`` for its fields. Throws ``JSONError`` when the next value is not an object
    /// or the nesting is too deep.
    public mutating func beginObject() throws {
        try expect(UInt8(ascii: "{"), "an object")
        try enter()
    }

    /// Enters an array; call ``nextElement()`` for its elements. Throws ``JSONError`` when the next value is not an
    /// array or the nesting is too deep.
    public mutating func beginArray() throws {
        try expect(UInt8(ascii: "["), "an array")
        try enter()
    }

    private mutating func step(to end: UInt8) throws -> Bool {
        skipWhitespace()
        guard offset < bytes.count else { throw error("unexpected end of the text") }
        if bytes[offset] == end {
            offset += 1
            depth -= 1
            isFirst = false
            return false
        }
        if !isFirst {
            guard bytes[offset] == UInt8(ascii: ",") else { throw error("expected a comma or the end") }
            offset += 1
            skipWhitespace()
        }
        isFirst = false
        return true
    }

    /// Steps to the next element of the innermost array; returns false at its end. Each element must be read or
    /// skipped. Throws ``JSONError`` at a syntax error.
    public mutating func nextElement() throws -> Bool { try step(to: UInt8(ascii: "]")) }

    /// Returns the name of the next field of the innermost object, or nil at its end. Each value must be read or
    /// skipped. Throws ``JSONError`` at a syntax error.
    public mutating func nextKey() throws -> Key? {
        guard try step(to: UInt8(ascii: "}")) else { return nil }
        let start = offset
        let (content, isPlain) = try scanString()
        try expect(UInt8(ascii: ":"), "a colon")
        if isPlain { return Key(bytes: UnsafeBufferPointer(rebasing: bytes[content]), unescaped: nil) }
        var again = self
        again.offset = start
        return Key(bytes: bytes, unescaped: try again.readString())
    }

    /// The name of a field. Comparing it with literals creates no `String`.
    public struct Key {
        let bytes: UnsafeBufferPointer<UInt8>
        let unescaped: String?

        /// The name as a string.
        public var string: String { unescaped ?? String(decoding: bytes, as: UTF8.self) }

        /// Whether the name equals a literal, so that `switch` works on keys.
        public static func ~= (pattern: StaticString, key: Key) -> Bool {
            let other = UnsafeBufferPointer(start: pattern.utf8Start, count: pattern.utf8CodeUnitCount)
            // Not as strings: those are equal when they look the same.
            if let unescaped = key.unescaped { return unescaped.utf8.elementsEqual(other) }
            guard key.bytes.count == pattern.utf8CodeUnitCount else { return false }
            for index in key.bytes.indices where key.bytes[index] != other[index] { return false }
            return true
        }
    }

    // MARK: Scalars

    /// Reads a `null` if one comes next, and returns whether it did. Throws ``JSONError`` at a syntax error.
    public mutating func readNull() throws -> Bool {
        guard try peek() == .null else { return false }
        try expectWord("null")
        return true
    }

    private mutating func expectWord(_ word: StaticString) throws {
        guard bytes.count - offset >= word.utf8CodeUnitCount else { throw error("expected \(word)") }
        for index in 0..<word.utf8CodeUnitCount where bytes[offset + index] != word.utf8Start[index] {
            throw error("expected \(word)")
        }
        offset += word.utf8CodeUnitCount
    }

    /// Reads `true` or `false`. Throws ``JSONError`` for any other value.
    public mutating func readBool() throws -> Bool {
        guard try peek() == .bool else { throw error("expected a boolean") }
        if bytes[offset] == UInt8(ascii: "t") {
            try expectWord("true")
            return true
        }
        try expectWord("false")
        return false
    }

    /// Scans a number by JSON's grammar. Returns the range of its bytes and whether it has neither fraction nor
    /// exponent.
    private mutating func scanNumber() throws -> (Range<Int>, isInteger: Bool) {
        guard try peek() == .number else { throw error("expected a number") }
        let start = offset
        func isDigit(_ at: Int) -> Bool {
            at < bytes.count && bytes[at] >= UInt8(ascii: "0") && bytes[at] <= UInt8(ascii: "9")
        }
        if bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        guard isDigit(offset) else { throw error("expected a digit") }
        if bytes[offset] == UInt8(ascii: "0") {
            offset += 1
            if isDigit(offset) { throw error("a number must not begin with 0") }
        } else {
            while isDigit(offset) { offset += 1 }
        }
        var isInteger = true
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            guard isDigit(offset) else { throw error("expected a digit") }
            while isDigit(offset) { offset += 1 }
        }
        if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            offset += 1
            if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") {
                offset += 1
            }
            guard isDigit(offset) else { throw error("expected a digit") }
            while isDigit(offset) { offset += 1 }
        }
        return (start..<offset, isInteger)
    }

    private func integer(in range: Range<Int>) -> Int64? {
        var index = range.lowerBound
        let isNegative = bytes[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        var value: Int64 = 0
        while index < range.upperBound {
            let digit = Int64(bytes[index] - UInt8(ascii: "0"))
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) =
                isNegative
                ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if overflow || overflow2 { return nil }
            value = sum
            index += 1
        }
        return value
    }

    private func double(in range: Range<Int>) throws -> Double {
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            throw JSONError("the number is too large", offset: range.lowerBound)
        }
        return value
    }

    /// Reads a 64-bit integer. Throws ``JSONError`` for a fraction, an exponent, an overflow or any other value.
    public mutating func readInt64() throws -> Int64 {
        let (range, isInteger) = try scanNumber()
        guard isInteger, let value = integer(in: range) else {
            throw JSONError("expected an integer of 64 bits", offset: range.lowerBound)
        }
        return value
    }

    /// Reads a 64-bit integer as an `Int`. Throws ``JSONError`` as ``readInt64()`` does.
    public mutating func readInt() throws -> Int { Int(try readInt64()) }

    /// Reads any finite number. Throws ``JSONError`` when it is too large or the value is not a number.
    public mutating func readDouble() throws -> Double { try double(in: scanNumber().0) }

    /// Scans a string. Returns the range between its quotes and whether it has no escapes.
    private mutating func scanString() throws -> (Range<Int>, isPlain: Bool) {
        try expect(UInt8(ascii: "\""), "a string")
        let start = offset
        var isPlain = true
        while true {
            guard offset < bytes.count else { throw error("a string with no end") }
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") {
                offset += 1
                return (start..<(offset - 1), isPlain)
            } else if byte == UInt8(ascii: "\\") {
                isPlain = false
                try scanEscape()
            } else if byte < 0x20 {
                throw error("a control character in a string")
            } else if byte < 0x80 {
                offset += 1
            } else {
                try scanMultibyte()
            }
        }
    }

    private mutating func scanEscape() throws {
        guard offset + 1 < bytes.count else { throw error("a string with no end") }
        switch bytes[offset + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            offset += 2
        case UInt8(ascii: "u"):
            _ = try hex4(at: offset + 2)
            offset += 6
        default: throw error("an unknown escape")
        }
    }

    private func hex4(at position: Int) throws -> UInt32 {
        guard position + 4 <= bytes.count else { throw JSONError("expected four hexadecimal digits", offset: position) }
        var value: UInt32 = 0
        for byte in bytes[position..<(position + 4)] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw JSONError("expected four hexadecimal digits", offset: position)
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// Scans one character of two to four bytes, by the table of well-formed sequences in the Unicode standard (3-7).
    private mutating func scanMultibyte() throws {
        let lead = bytes[offset]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        case 0xF1...0xF3: length = 4
        default: throw error("not UTF-8")
        }
        guard offset + length <= bytes.count, second.contains(bytes[offset + 1]) else { throw error("not UTF-8") }
        for index in 2..<max(2, length) where bytes[offset + index] & 0xC0 != 0x80 { throw error("not UTF-8") }
        offset += length
    }

    /// Reads a string. A lone surrogate in a `\u` escape becomes U+FFFD, as in Go. Throws ``JSONError`` for any other
    /// value.
    public mutating func readString() throws -> String {
        let (content, isPlain) = try scanString()
        if isPlain { return String(decoding: UnsafeBufferPointer(rebasing: bytes[content]), as: UTF8.self) }
        var result: [UInt8] = []
        result.reserveCapacity(content.count)
        var index = content.lowerBound
        while index < content.upperBound {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                index += 1
                continue
            }
            let escape = bytes[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                var code = try hex4(at: index)
                index += 4
                if (0xD800..<0xDC00).contains(code), index + 6 <= content.upperBound,
                    bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
                {
                    let low = try hex4(at: index + 2)
                    if (0xDC00..<0xE000).contains(low) {
                        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                        index += 6
                    }
                }
                let scalar = Unicode.Scalar(code) ?? "\u{FFFD}"
                result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            default: result.append(escape)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    // MARK: Whole values

    /// Skips the next value, whatever its kind and depth, without recursion. Throws ``JSONError`` at a syntax error.
    public mutating func skip() throws {
        let outer = depth
        // One bit per level would suffice; an array of closing bytes is simpler and no longer than the text.
        var open: [UInt8] = []
        var expectsValue = true
        repeat {
            if expectsValue {
                switch try peek() {
                case .object:
                    skipOpening()
                    open.append(UInt8(ascii: "}"))
                case .array:
                    skipOpening()
                    open.append(UInt8(ascii: "]"))
                case .string: _ = try scanString()
                case .number: _ = try scanNumber()
                case .bool: _ = try readBool()
                case .null: _ = try readNull()
                }
            }
            guard let closing = open.last else { break }
            expectsValue = try step(to: closing)
            if expectsValue {
                if closing == UInt8(ascii: "}") {
                    _ = try scanString()
                    try expect(UInt8(ascii: ":"), "a colon")
                }
            } else {
                open.removeLast()
            }
        } while depth > outer || expectsValue
        isFirst = false
    }

    /// Enters a container that is skipped. There is no limit: nothing recurses, and a text that the server has stored
    /// must not hide what stands beside it.
    private mutating func skipOpening() {
        offset += 1
        depth += 1
        isFirst = true
    }

    /// Skips the next value and returns its bytes. They are valid only as long as the reader. Throws ``JSONError`` at a
    /// syntax error.
    public mutating func readRaw() throws -> UnsafeBufferPointer<UInt8> {
        skipWhitespace()
        let start = offset
        try skip()
        return UnsafeBufferPointer(rebasing: bytes[start..<offset])
    }

    /// Reads the next value as a tree. Throws ``JSONError`` at a syntax error.
    public mutating func readValue() throws -> JSONValue {
        switch try peek() {
        case .null:
            try expectWord("null")
            return .null
        case .bool: return .bool(try readBool())
        case .string: return .string(try readString())
        case .number:
            let (range, isInteger) = try scanNumber()
            if isInteger, let value = integer(in: range) { return .int(value) }
            return .double(try double(in: range))
        case .array:
            try beginArray()
            var elements: [JSONValue] = []
            while try nextElement() { elements.append(try readValue()) }
            return .array(elements)
        case .object:
            try beginObject()
            var fields: [JSONObject.Field] = []
            while let key = try nextKey() { fields.append(.init(key: key.string, value: try readValue())) }
            return .object(JSONObject(unordered: fields))
        }
    }
}
