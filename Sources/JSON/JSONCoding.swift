/// A type that can be read from JSON with a ``JSONReader``.
public protocol JSONReadable {
    /// Reads one value and skips unknown fields. Throws ``JSONError`` when the text does not have the expected form.
    init(from reader: inout JSONReader) throws
}

/// A type that can be written as JSON.
public protocol JSONWritable {
    /// The value as a tree.
    var json: JSONValue { get }
}

extension JSONReadable {
    /// Reads a whole JSON text. Throws ``JSONError`` when it is malformed or does not have the expected form. O(bytes).
    public init(parsing bytes: some Collection<UInt8>) throws {
        self = try JSONReader.withReader(bytes) { reader in try Self(from: &reader) }
    }

    /// Reads a whole JSON text. Throws ``JSONError`` when it is malformed or does not have the expected form. O(text).
    public init(parsing text: String) throws { try self.init(parsing: Array(text.utf8)) }

    /// Reads the value from a tree, by writing it as text and parsing that. Throws ``JSONError`` when the tree does not
    /// have the expected form.
    public init(_ json: JSONValue) throws { try self.init(parsing: json.bytes) }
}

extension JSONValue: JSONReadable, JSONWritable {
    public init(from reader: inout JSONReader) throws { self = try reader.readValue() }
    public init(_ json: JSONValue) throws { self = json }
    public var json: JSONValue { self }
}

extension JSONValue {
    /// The compact text, with fields ordered by name. Equal values give equal bytes.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }

    /// The compact text, with fields ordered by name.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The text on several lines, indented by two spaces a level.
    public var prettyText: String {
        var writer = JSONWriter()
        writer.write(self, indentation: 0)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The value as it appears inside another text (rule E3): a string without quotes, anything else as compact JSON.
    public var rendered: String { string ?? text }
}

/// Builds JSON text.
public struct JSONWriter: Sendable {
    /// What has been written.
    public private(set) var bytes: [UInt8] = []

    /// Creates a writer that has written nothing.
    public init() {}

    /// Appends bytes that are JSON already; they are not checked.
    public mutating func writeRaw(_ raw: some Sequence<UInt8>) { bytes.append(contentsOf: raw) }

    /// Appends a string with its quotes and escapes.
    public mutating func write(_ string: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: [0x5C, 0x22])
            case UInt8(ascii: "\\"): bytes.append(contentsOf: [0x5C, 0x5C])
            case 0x0A: bytes.append(contentsOf: [0x5C, UInt8(ascii: "n")])
            case 0x0D: bytes.append(contentsOf: [0x5C, UInt8(ascii: "r")])
            case 0x09: bytes.append(contentsOf: [0x5C, UInt8(ascii: "t")])
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: [0x5C, UInt8(ascii: "u"), 0x30, 0x30])
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a value. With `indentation`, the level of nesting around it, it is written on several lines.
    public mutating func write(_ value: JSONValue, indentation: Int? = nil) {
        switch value {
        case .null: writeRaw("null".utf8)
        case .bool(let flag): writeRaw((flag ? "true" : "false").utf8)
        case .int(let number): writeRaw(String(number).utf8)
        case .double(let number):
            // JSON has no infinities. An integral double is written without a fraction, as Go does.
            if let integer = Int64(exactly: number) {
                writeRaw(String(integer).utf8)
            } else {
                writeRaw((number.isFinite ? "\(number)" : "null").utf8)
            }
        case .string(let string): write(string)
        case .array(let elements):
            writeList(elements, "[", "]", indentation) { writer, element, inner in
                writer.write(element, indentation: inner)
            }
        case .object(let fields):
            writeList(fields, "{", "}", indentation) { writer, field, inner in
                writer.write(field.key)
                writer.writeRaw((inner == nil ? ":" : ": ").utf8)
                writer.write(field.value, indentation: inner)
            }
        }
    }

    private mutating func writeList<Elements: Collection>(
        _ elements: Elements, _ open: String, _ close: String, _ indentation: Int?,
        _ body: (inout JSONWriter, Elements.Element, Int?) -> Void
    ) {
        writeRaw(open.utf8)
        var isFirst = true
        for element in elements {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            if let indentation { newLine(indentation + 1) }
            body(&self, element, indentation.map { $0 + 1 })
        }
        if let indentation, !isFirst { newLine(indentation) }
        writeRaw(close.utf8)
    }

    private mutating func newLine(_ level: Int) {
        bytes.append(0x0A)
        bytes.append(contentsOf: repeatElement(0x20, count: 2 * level))
    }
}
