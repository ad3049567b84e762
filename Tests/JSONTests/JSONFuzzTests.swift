import Foundation
import JSON
import SeededRandom
import Testing

/// JSONReader against Foundation's JSONSerialization as the oracle.
struct JSONFuzzTests {
    /// RFC 8259 allows these differences: Foundation refuses a lone surrogate in an escape, and accepts a
    /// byte order mark, UTF-16 and a comma before the end of a list, which JSONReader refuses.
    private static func isKnownDifference(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        let dense = text.filter { !$0.isWhitespace }
        return dense.contains(",]") || dense.contains(",}") || text.contains("\\ud") || text.contains("\\uD")
            || bytes.starts(with: [0xEF, 0xBB, 0xBF])
            || bytes.contains(0)
    }

    private static func oracle(_ bytes: [UInt8]) -> Any? {
        try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
    }

    private static func read(_ bytes: [UInt8]) -> JSONValue? { try? JSONValue(parsing: bytes) }

    private static func isSame(_ value: JSONValue, _ other: Any) -> Bool {
        switch (value, other) {
        case (.null, is NSNull): return true
        case (.bool(let flag), let number as NSNumber): return number.boolValue == flag
        case (.int(let integer), let number as NSNumber): return number.int64Value == integer
        case (.double(let double), let number as NSNumber):
            return abs(number.doubleValue - double) <= abs(double) * 1e-14
        case (.string(let string), let text as String): return Array(string.utf8) == Array(text.utf8)
        case (.array(let elements), let list as [Any]):
            return elements.count == list.count && zip(elements, list).allSatisfy { isSame($0, $1) }
        case (.object(let fields), let map as [String: Any]):
            // Go and JSONReader distinguish names that Foundation treats as equal (canonical equivalence).
            return fields.allSatisfy { field in map[field.key].map { isSame(field.value, $0) } ?? false }
        default: return false
        }
    }

    private static let seeds: [String] = [
        #"{"a":[1,-2.5e3,true,false,null,"x\"\\\/\b\f\n\r\té😀"],"b":{"c":{}},"":[[]]}"#,
        #"[0,-0,1.0,1e10,1E-5,9223372036854775807,-9223372036854775808,123456789012345678]"#,
        #"  { "k" : "\u0041\u00e9\uD83D\uDE00" , "l" : [ ] }  "#, #""plain""#, "12", "null", "[[[[[[]]]]]]",
        "{\"ключ\":\"значение\",\"漢\":\"字\",\"e\":\"\u{10FFFF}\"}",
    ]

    @Test
    func `Valid JSON gives the tree that Foundation gives`() throws {
        for text in Self.seeds {
            let bytes = Array(text.utf8)
            let value = try JSONValue(parsing: bytes)
            #expect(Self.isSame(value, try #require(Self.oracle(bytes))), "\(text)")
            // Compared as text, since an integral double is written and read back as an integer.
            #expect(try JSONValue(parsing: value.bytes).text == value.text)
            #expect(try JSONValue(parsing: value.prettyText).text == value.text)
        }
    }

    @Test
    func `Mutated text is taken and refused as by Foundation, and skipping takes what reading takes`() throws {
        let alphabet =
            Array("{}[]\",:\\/ubfnrt0123456789.eE+-truefalsn \t\n\r".utf8) + [
                0x00, 0x1F, 0x7F, 0x80, 0xC0, 0xC3, 0xE0, 0xED, 0xF4, 0xFF,
            ]
        var taken = 0
        for seed in 0..<30_000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var bytes = Array(Self.seeds[seed % Self.seeds.count].utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes.remove(at: at)
                case 1: bytes.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &generator)], at: at)
                case 2: bytes[at] = alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
                default: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...8, using: &generator)))
                }
            }
            let value = Self.read(bytes)
            let skipped: Void? = try? JSONReader.withReader(bytes) { try $0.skip() }
            // Numbers beyond a double are noticed only when they are read, not when they are skipped.
            if value != nil { #expect(skipped != nil, "seed \(seed)") }
            guard !Self.isKnownDifference(bytes) else { continue }
            let other = Self.oracle(bytes)
            let text = String(decoding: bytes, as: UTF8.self)
            #expect((value == nil) == (other == nil), "seed \(seed): \(text)")
            if let value, let other {
                taken += 1
                #expect(Self.isSame(value, other), "seed \(seed): \(text)")
                #expect(skipped != nil)
            }
        }
        #expect(taken > 1000)
    }

    @Test
    func `Skipping a value leaves the reader where reading it does`() throws {
        for seed in 0..<2000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let value = generator.json(depth: 5)
            let bytes = Array("[".utf8) + value.bytes + Array(",7]".utf8)
            func rest(_ pass: (inout JSONReader) throws -> Void) throws -> Int64 {
                try JSONReader.withReader(bytes) { reader in
                    try reader.beginArray()
                    _ = try reader.nextElement()
                    try pass(&reader)
                    _ = try reader.nextElement()
                    let last = try reader.readInt64()
                    #expect(try !reader.nextElement())
                    return last
                }
            }
            #expect(try rest { try $0.skip() } == 7, "seed \(seed)")
            var read: JSONValue?
            let afterValue = try rest { read = try $0.readValue() }
            #expect(afterValue == 7 && read == value, "seed \(seed)")
            var raw: [UInt8] = []
            let afterRaw = try rest { raw = Array(try $0.readRaw()) }
            #expect(afterRaw == 7 && raw == value.bytes, "seed \(seed)")
        }
    }

    @Test
    func `Nesting is read to 512 levels and refused beyond, and skipped at any depth`() throws {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            func text(_ depth: Int) -> String {
                String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
            }
            #expect(try JSONValue(parsing: text(512)) == JSONValue(parsing: JSONValue(parsing: text(512)).bytes))
            for depth in [513, 100_000] {
                #expect(throws: JSONError.self) { try JSONValue(parsing: text(depth)) }
                try JSONReader.withReader(Array(text(depth).utf8)) { try $0.skip() }
                let raw = try JSONReader.withReader(Array(text(depth).utf8)) { Array(try $0.readRaw()) }
                #expect(raw == Array(text(depth).utf8))
                let broken = Array(text(depth).utf8.dropLast())
                #expect(throws: JSONError.self) { try JSONReader.withReader(broken) { try $0.skip() } }
            }
        }
    }

    @Test
    func `Names and strings that only look the same are different ones`() throws {
        let (one, two) = ("caf\u{e9}", "cafe\u{301}")
        let value = try JSONValue(parsing: #"{"cafe\u0301":2,"caf\u00e9":1,"z":3}"#)
        #expect(value.object?.count == 3)
        #expect(value[one] == 1 && value[two] == 2)
        #expect(try JSONValue(parsing: value.bytes) == value)
        #expect(JSONValue.string(one) != .string(two))
        #expect(
            value.object?.keys.map { Array($0.utf8) }
                == [two, one, "z"].map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) })
        var changed = value
        changed[two] = nil
        #expect(changed[one] == 1 && changed.object?.count == 2)
        // The sign of kelvin looks like a K.
        let isKind = try JSONReader.withReader(Array(#"{"\u212Aind":1}"#.utf8)) { reader in
            try reader.beginObject()
            let key = try reader.nextKey()
            let found = if case "Kind"? = key { true } else { false }
            try reader.skip()
            _ = try reader.nextKey()
            return found
        }
        #expect(!isKind)
    }

    @Test(
        arguments: [
            [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0x80], [0xC3], [0xE2, 0x82], [0xFF], [0xE2, 0x28, 0xA1],
        ] as [[UInt8]])
    func `Strings that are not UTF-8 are refused`(bytes: [UInt8]) {
        let text = [0x22] + bytes + [0x22]
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(throws: JSONError.self) { try JSONReader.withReader(text) { try $0.skip() } }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x7B] + text + Array(":1}".utf8)) }
    }

    @Test(arguments: [
        "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "1e999", "-1e999", "--1", "1 2", "00",
        "-01",
    ])
    func `Malformed numbers are refused`(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test
    func `Integers are exact to 64 bits and doubles beyond`() throws {
        #expect(try JSONValue(parsing: "9223372036854775807") == .int(.max))
        #expect(try JSONValue(parsing: "-9223372036854775808") == .int(.min))
        #expect(try JSONValue(parsing: "9223372036854775808") == .double(9_223_372_036_854_775_808))
        #expect(try JSONValue(parsing: "1.0") == .double(1))
        #expect(try JSONValue(parsing: "-0") == .int(0))
        #expect(try JSONValue(parsing: #"{"a":1,"b":2,"a":3}"#) == ["a": 3, "b": 2])
    }

    @Test
    func `What is written is read back, numbers of any size too`() throws {
        for seed in 0..<5000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let value = generator.json(depth: 4)
            #expect(try JSONValue(parsing: value.bytes).text == value.text, "seed \(seed)")
            #expect(try JSONValue(parsing: value.prettyText).text == value.text, "seed \(seed)")
        }
        for bits in 0..<20_000 {
            var generator = SeededGenerator(seed: UInt64(bits))
            let double = Double(bitPattern: generator.next())
            guard double.isFinite else { continue }
            #expect(try JSONValue(parsing: JSONValue.double(double).text).double == double)
        }
    }
}

extension SeededGenerator {
    mutating func string() -> String {
        var scalars = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...6, using: &self) {
            let limit: UInt32 = [0x20, 0x80, 0x800, 0x11_0000][Int.random(in: 0..<4, using: &self)]
            if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &self)) { scalars.append(scalar) }
        }
        return String(scalars)
    }

    mutating func json(depth: Int) -> JSONValue {
        switch Int.random(in: 0...(depth > 0 ? 8 : 5), using: &self) {
        case 0: return .null
        case 1: return .bool(.random(using: &self))
        case 2: return .int(Int64(bitPattern: next()))
        case 3: return .double(Double.random(in: -1e6...1e6, using: &self) + 0.5)
        case 4, 5: return .string(string())
        case 6: return .array((0..<Int.random(in: 0...3, using: &self)).map { _ in json(depth: depth - 1) })
        default:
            return .object(
                JSONObject((0..<Int.random(in: 0...4, using: &self)).map { _ in (string(), json(depth: depth - 1)) }))
        }
    }
}
