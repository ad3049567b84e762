import JSON
import KubernetesModel
import SeededRandom
import Testing
import YAML

struct YAMLReaderTests {
    private func value(_ text: String) throws -> JSONValue { try #require(try YAMLReader.parse(text).first).value }

    @Test(arguments: [
        ("yes", "true"), ("No", "false"), ("on", "true"), ("OFF", "false"), ("y", "true"), ("n", "false"),
        ("true", "true"), ("tRUE", #""tRUE""#), ("'yes'", #""yes""#), ("~", "null"), ("Null", "null"), ("", "null"),
        ("0777", "511"), ("0o17", "15"), ("0x1F", "31"), ("0b101", "5"), ("08", "8"), ("1_000", "1000"), ("+5", "5"),
        ("-0x10", "-16"), ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551615", "1.8446744073709552e+19"),
        ("123456789012345678901234567890", "1.2345678901234568e+29"),
        ("1.0", "1"), ("1e3", "1000"), ("1.5", "1.5"), (".5", "0.5"), ("5.", "5"), ("1e-2", "0.01"),
        ("1:30", #""1:30""#),
        ("2026-01-01T00:00:00Z", #""2026-01-01T00:00:00Z""#), ("2026-01-01", #""2026-01-01""#), ("1.2.3", #""1.2.3""#),
        ("-", #"[null]"#), ("--x", #""--x""#), ("0x", #""0x""#), ("1e", #""1e""#), ("!!str 5", #""5""#),
        ("!!int '5'", "5"), ("! 5", #""5""#), ("a: |\n  x\n  y\n", #"{"a":"x\ny\n"}"#),
        ("{1: a, true: b, 1.5: c}", #"{"1":"a","1.5":"c","true":"b"}"#),
        ("{\"a\": [1, \"x\\u00e9\"]}", #"{"a":[1,"xé"]}"#), ("a: &x {b: 1}\nc: *x", #"{"a":{"b":1},"c":{"b":1}}"#),
        ("x: &x {b: 1, c: 2}\nw: {<<: *x, c: 3}", #"{"w":{"b":1,"c":3},"x":{"b":1,"c":2}}"#),
        ("x: &x {b: 1}\nz: &z {b: 2, d: 4}\nw: {<<: [*x, *z]}", #"{"w":{"b":1,"d":4},"x":{"b":1},"z":{"b":2,"d":4}}"#),
        ("y: 1", #"{"true":1}"#), ("1e999", #""1e999""#), ("{a: 0, <<: {a: 1}}", #"{"a":1}"#),
        ("a: '<<'\n'<<': 1", #"{"<<":1,"a":"<<"}"#),
    ])
    func `Scalars mean what they mean to kubectl`(text: String, json: String) throws {
        if text == "~" || text == "Null" || text.isEmpty {
            #expect(try YAMLReader.parse(text).isEmpty)
        } else {
            let read = try value(text).text
            #expect(read == json)
        }
    }

    @Test(arguments: [
        ("a: .inf", "line 1, column 4: .inf is not a number that JSON can represent"),
        ("a: 1\nb: 2\na: 3", #"line 1, column 1: the key "a" is given twice in one mapping"#),
        ("yes: 1\n'true': 2", #"line 2, column 1: the key "true" is given twice in one mapping"#),
        ("a:\n\tb: 1", "line 2, column 1: a tab cannot indent YAML, use spaces"),
        ("a: @x", "line 1, column 4: a character that cannot begin a value; quote the text"),
        ("[a]: 1", "line 1, column 1: a key must be a scalar"), ("~: 1", "line 1, column 1: a key must not be null"),
        ("a: !foo 1", "line 1, column 4: the tag !foo is not supported"),
        ("a: !!binary aGk=", "line 1, column 4: the tag tag:yaml.org,2002:binary is not supported"),
        ("a: !!int x", #"line 1, column 4: "x" is not a valid int"#),
        ("a: *b", "line 1, column 4: an alias of an anchor that is not defined before"),
        (
            "a: b: c",
            "line 1, column 5: a mapping is not allowed here: check the indentation, or quote the text if \": \" is part of it"
        ),
        ("a: [1, 2", "line 1, column 9: expected \",\" or \"]\""),
        ("a: 'x", "line 1, column 6: the text ends inside of a quoted string"),
        (
            "'a' b",
            "line 1, column 5: this does not belong to the document above: check the indentation, or divide documents by ---"
        ),
        ("<<: 5", "line 1, column 5: << takes a mapping or a list of mappings"),
        ("a: 1\nb: \u{1}", "line 2, column 4: a control character is not allowed"),
    ])
    func `What is wrong is said in one sentence with its place`(text: String, message: String) throws {
        do {
            _ = try YAMLReader.parse(text)
            Issue.record("accepted: \(text)")
        } catch let error as YAMLError {
            #expect(error.description == message)
        }
    }

    @Test
    func `Documents are read one by one, empty ones are skipped, and every value has its place`() throws {
        let text = """
            # a comment
            ---
            a: 1
            ---
            ---
            spec:
              tasks:
              - name: x
                retry: {limit: 3}
              - name: "y"
            """
        let documents = try YAMLReader.parse(text, file: "f.yaml")
        try #require(documents.count == 2)
        let document = documents[1]
        func place(_ path: FieldPath) -> [Int] {
            let position = document.position(of: path)
            return [position.line, position.column]
        }
        #expect(place("spec") == [6, 1])
        #expect(place("spec.tasks") == [7, 3])
        #expect(place("spec.tasks[0]") == [8, 5])
        #expect(place("spec.tasks[0].retry.limit") == [9, 13])
        #expect(place("spec.tasks[1].name") == [10, 5])
        #expect(place("spec.tasks[1].missing.field") == [10, 5])
        #expect(place("spec.tasks[7]") == [7, 3])
        #expect(place("nothing") == [6, 1])
        #expect(documents[0].file == "f.yaml")
    }

    @Test
    func `Text that blows up is refused in bounded time`() throws {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            bomb +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
                + "]\n"
        }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(bomb) }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(bomb + "? *a12\n: 1\n") }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(bomb + "?\n  *a12\n: 1\n") }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(bomb + "*a12 : 1\n") }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(bomb + "{*a12: 1}\n") }
        var merges = "m0: &m0 {k0: 1}\n"
        for level in 1...30 { merges += "m\(level): &m\(level) {<<: [*m\(level - 1), *m\(level - 1)]}\n" }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(merges) }
        for opening in ["[", "{a: ", "- ", "{", "[{"] {
            #expect(throws: YAMLError.self) { try YAMLReader.parse(String(repeating: opening, count: 100_000)) }
        }
        let deep = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
        #expect(try YAMLReader.parse(deep).count == 1)
        #expect(throws: YAMLError.self) { try YAMLReader.parse("[\(deep)]") }
    }

    @Test
    func `A merged key that only looks the same is another key`() throws {
        // Written side by side Yams itself refuses them, with line and column.
        let object = try YAMLReader.parse("<<: {caf\u{e9}: 1}\ncafe\u{301}: 2\n")[0].value
        #expect(object["caf\u{e9}"] == 1 && object["cafe\u{301}"] == 2)
    }

    @Test
    func `Ten megabytes of junk are refused at once`() throws {
        var generator = SeededGenerator(seed: 5)
        let bytes = (0..<(10 << 20)).map { _ in UInt8(truncatingIfNeeded: generator.next() % 96 + 32) }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(bytes: bytes) }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(bytes: Array(bytes.prefix(4 << 20))) }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(bytes: [0x61, 0x0A, 0xFF, 0xFE]) }
        #expect(throws: YAMLError.self) { try YAMLReader.parse(bytes: [0x61, 0x3A, 0x00]) }
    }

    @Test
    func `No text crashes the reader`() throws {
        let seeds = [
            "a: {b: [1, &x 'y', *x]}\n", "- |\n  x\n- >-\n  y\n", "? a\n: b\n", "<<: *x\n", "%YAML 1.1\n---\n...\n",
            "a: !!set {x}\n",
        ]
        let pieces = Array(":-?[]{},#&*!|>'\"%@` \n\t\r~ab01.\u{FEFF}é".unicodeScalars.map(String.init))
        for seed in 0..<3000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var text = seeds[seed % seeds.count]
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let at = text.index(text.startIndex, offsetBy: Int.random(in: 0...text.count, using: &generator))
                text.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &generator)], at: at)
            }
            do {
                for document in try YAMLReader.parse(text) { #expect(document.start.line >= 1) }
            } catch let error as YAMLError {
                #expect(error.line >= 1 && error.column >= 1 && !error.message.isEmpty, "seed \(seed)")
            }
        }
    }
}

struct YAMLWriterTests {
    @Test
    func `Objects are written in block style with apiVersion first`() {
        let value: JSONValue = [
            "kind": "K", "apiVersion": "v1", "metadata": ["name": "x"],
            "spec": ["list": [["b": 1, "a": "yes"], "0x1"], "empty": [:]],
            "data": ["text": "a\n b\n", "quoted": "a: b", "number": 1.5],
        ]
        #expect(
            YAMLWriter.text(value) == """
                apiVersion: v1
                kind: K
                metadata:
                  name: x
                spec:
                  empty: {}
                  list:
                  - a: "yes"
                    b: 1
                  - "0x1"
                data:
                  number: 1.5
                  quoted: "a: b"
                  text: |
                    a
                     b

                """)
    }

    @Test
    func `What is written is read back as it was`() throws {
        for seed in 0..<2000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let value: JSONValue = ["root": generator.json(depth: 4)]
            let text = YAMLWriter.text(value)
            let documents = try YAMLReader.parse(text)
            #expect(documents.first?.value.text == value.text, "seed \(seed):\n\(text)")
        }
    }
}

/// Strings contain what YAML treats specially, except a byte order mark: Yams drops it at the start of a scalar.
extension SeededGenerator {
    mutating func string() -> String {
        let pieces = [
            "a", "B", "0", "yes", "no", "null", "~", ": ", ":", " #", "#", "\n", "\t", "\r", " ", "-", "- ", "'", "\"",
            "\\",
            "é", "😀", "\u{7F}", "\u{85}", "\u{2028}", "\u{0}", "\u{1B}", "{", "[", "&", "*", "!", "|", ">", "%",
            "@", "`", "1.5", "0x1", "---", "...", "<<", "$(params.x)", "=", "\u{FFFF}",
        ]
        var text = ""
        for _ in 0..<Int.random(in: 0...5, using: &self) {
            text += pieces[Int.random(in: 0..<pieces.count, using: &self)]
        }
        return text
    }

    mutating func json(depth: Int) -> JSONValue {
        switch Int.random(in: 0...(depth > 0 ? 8 : 5), using: &self) {
        case 0: return .null
        case 1: return .bool(.random(using: &self))
        case 2: return .int(Int64(bitPattern: next()) >> Int64.random(in: 0...62, using: &self))
        case 3: return .double(Double.random(in: -1e6...1e6, using: &self))
        case 4, 5: return .string(string())
        case 6: return .array((0..<Int.random(in: 0...3, using: &self)).map { _ in json(depth: depth - 1) })
        default:
            return .object(
                JSONObject((0..<Int.random(in: 0...4, using: &self)).map { _ in (string(), json(depth: depth - 1)) }))
        }
    }
}
